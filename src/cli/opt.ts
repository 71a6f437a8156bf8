import type { Command } from "commander";
import { existsSync } from "node:fs";
import { DiagnosticError, Report } from "../diagnostics/index.js";
import { readSafetensors, writeSafetensors } from "../frontend/formats/index.js";
import { constantsToTensors, externalConstants, printNet } from "../ir/index.js";
import { runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, constantsPath, readFileOrThrow } from "./files.js";
import { withReadingOptions } from "./inputs.js";
import { loadNet } from "./load-net.js";
import { onlyWith } from "./no-effect.js";
import { withModelArgument } from "./options.js";
import { writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";

interface OptOptions extends ModelOptions, PassOptions {
  readonly output?: string;
  readonly locations?: boolean;
}

/** Metadata of the files of constants that `opt` writes, so that it replaces no other file. */
const MARK = { spikec: "constants" };

/** Refuses outputs that are not IR text, that replace the input, or that would replace a foreign file of constants. */
function checkOptOutput(output: string, input: string | undefined): void {
  const inputs = input === undefined ? [] : [input];
  const fail = (code: "overwrites" | "not-ir-text", message: string, hint: string): never => {
    throw new DiagnosticError(cliDiagnostics.make(code, message, { hint }));
  };
  if (!output.endsWith(".snn"))
    fail("not-ir-text", `\`${output}\` is no name for IR text`, "name it *.snn, so that other commands know it");
  const constants = constantsPath(output);
  if (input?.endsWith(".snn") !== true) checkOutput(output, inputs);
  checkOutput(constants, inputs);
  if (!existsSync(constants)) return;
  const metadata = readSafetensors(readFileOrThrow(constants), constants, new Report())?.metadata;
  if (metadata?.get("spikec") !== MARK.spikec) {
    const message = `\`${constants}\` was not written by \`spikec opt\` and would be replaced`;
    fail("overwrites", message, "name another output");
  }
}

export function registerOpt(program: Command, io: Io): void {
  const command = program
    .command("opt")
    .description("run passes and write the net as IR text, its constants beside it")
    .option(
      "-o, --output <file>",
      "net.snn to write, with net.safetensors beside it; without it, the text goes to stdout",
    )
    .option("--explain", "print what the passes found out, on stderr")
    .option("--locations", "print where each op came from");
  withReadingOptions(withPassOptions(withModelOptions(withModelArgument(command))));
  onlyWith(command, ["--labels", "--normalise", "--pad"], ["--calibrate"]);
  command.action((file: string | undefined, options: OptOptions) =>
    runCommand(io, async (report) => {
      if (options.output !== undefined) checkOptOutput(options.output, file);
      const net = await loadNet(file, options, report, io);
      if (net === undefined) return;
      const result = runPasses(net, { ...options, passes: options.passes ?? "" }, report, io);
      if (result === undefined) return;
      const text = printNet(result, { locations: options.locations === true });
      if (options.output === undefined) {
        io.out(text.trimEnd());
        const external = externalConstants(result).size;
        if (external > 0) io.err(`${external} constants are not in the text; -o net.snn writes them beside it`);
        return;
      }
      const { tensors, diagnostics } = constantsToTensors(externalConstants(result));
      for (const diagnostic of diagnostics) report.add(diagnostic);
      if (report.failed) return;
      // Two files cannot be replaced at once; the digests in the text tell when they do not belong together.
      await writeFileAtomically(constantsPath(options.output), writeSafetensors(tensors, MARK));
      await writeFileAtomically(options.output, text);
    }),
  );
}
