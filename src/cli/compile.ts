import type { Command } from "commander";
import { BACKENDS } from "../backends/index.js";
import { encodeProgram, type Program } from "../backends/program/index.js";
import { readChip } from "../chips/index.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { positiveInteger, runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { loadNet } from "./load-net.js";
import { writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";
import { count } from "./text.js";

interface CompileOptions extends ModelOptions, PassOptions {
  readonly target: string;
  readonly chip: string;
  readonly timeBlock?: number;
  readonly output: string;
  readonly explain?: boolean;
}

/** Compiles a net for a target and chip by name. */
export function compileNet(
  net: Net,
  {
    target,
    chip,
    timeBlock,
  }: { readonly target: string; readonly chip: string; readonly timeBlock?: number | undefined },
  report: Report,
): Program | undefined {
  const backend = BACKENDS.find((b) => b.name === target);
  if (backend === undefined) {
    const hint = didYouMean(
      target,
      BACKENDS.map((b) => b.name),
    );
    return report.add(cliDiagnostics.make("unknown-name", `no target \`${target}\``, { hint }));
  }
  const description = readChip(chip, report);
  if (description === undefined) return undefined;
  return backend.compile(net, description, timeBlock === undefined ? {} : { timeBlock }, report);
}

export function registerCompile(program: Command, io: Io): void {
  const command = program
    .command("compile")
    .description("compile a checkpoint or IR text into a program for a chip")
    .argument("<model>", "checkpoint (with --arch) or net.snn")
    .option("--target <name>", "kind of chip; `spikec targets` lists them", "layerwise")
    .option("--chip <name>", "chip description, built in or a JSON file", "layerwise-default")
    .option(
      "--time-block <timesteps>",
      "timesteps a layer runs before the next one starts; default all",
      positiveInteger,
    )
    .requiredOption("-o, --output <file>", "program file to write")
    .option("--explain", "print what the passes found out and how the net was laid out on the chip");
  withPassOptions(withModelOptions(command)).action((file: string, options: CompileOptions) =>
    runCommand(io, async (report) => {
      const net = loadNet(file, options, report);
      if (net === undefined) return;
      const lowered = runPasses(net, { ...options, passes: options.passes ?? "import" }, report, io, (text) =>
        io.out(text),
      );
      if (lowered === undefined) return;
      const compiled = compileNet(lowered, options, report);
      if (compiled === undefined || report.failed) return;
      const bytes = encodeProgram(compiled);
      await writeFileAtomically(options.output, bytes);
      if (options.explain === true) for (const note of compiled.notes) io.out(note);
      io.out(
        `${options.output}: ${count(compiled.instructions.length)} instructions, ${compiled.layers.length} layers, ${count(bytes.length)} bytes for ${compiled.chip.name}`,
      );
    }),
  );
}
