import type { Command } from "commander";
import { writeSafetensors } from "../frontend/formats/index.js";
import { constantsToTensors, externalConstants, printNet } from "../ir/index.js";
import { runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { constantsPath, loadNet } from "./load-net.js";
import { writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";

interface OptOptions extends ModelOptions, PassOptions {
  readonly output?: string;
  readonly locations?: boolean;
}

export function registerOpt(program: Command, io: Io): void {
  const command = program
    .command("opt")
    .description("run passes and write the net as IR text, its constants beside it")
    .argument("<model>", "checkpoint (with --arch) or net.snn")
    .option(
      "-o, --output <file>",
      "net.snn to write, with net.safetensors beside it; without it, the text goes to stdout",
    )
    .option("--explain", "print what the passes found out, on stderr")
    .option("--locations", "print where each op came from");
  withPassOptions(withModelOptions(command)).action((file: string, options: OptOptions) =>
    runCommand(io, async (report) => {
      const net = loadNet(file, options, report);
      if (net === undefined) return;
      const result = runPasses(net, { ...options, passes: options.passes ?? "" }, report, io);
      if (result === undefined) return;
      const text = printNet(result, { locations: options.locations === true });
      if (options.output === undefined) return io.out(text.trimEnd());
      const { tensors, diagnostics } = constantsToTensors(externalConstants(result));
      for (const diagnostic of diagnostics) report.add(diagnostic);
      if (report.failed) return;
      // Constants first: text without constants is broken, constants without text are merely unused.
      await writeFileAtomically(constantsPath(options.output), writeSafetensors(tensors));
      await writeFileAtomically(options.output, text);
    }),
  );
}
