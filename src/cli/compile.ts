import { InvalidArgumentError, type Command } from "commander";
import { MAP_OBJECTIVES } from "../backends/loihi/index.js";
import { programPieces } from "../backends/program/index.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { Report } from "../diagnostics/index.js";
import { readEnergyTable, type EnergyTable } from "../energy/index.js";
import type { Net } from "../ir/index.js";
import { runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { findChip } from "./compile-net.js";
import { compileForLoihi, refuseOnSteps, withLoihiOptions, type LoihiOptions } from "./compile-loihi.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead } from "./files.js";
import { loadNet } from "./load-net.js";
import { onlyWith } from "./no-effect.js";
import { withChip, withInputFor, withModelArgument, withTable, withTarget } from "./options.js";
import { writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";
import { Progress } from "./progress.js";
import { readLabelledInputs, withInputOptions, type InputSetOptions } from "./inputs.js";
import { compileScheduled, LAYERWISE_OBJECTIVES, withScheduleOptions, type ScheduleOptions } from "./schedule.js";
import { count, percent } from "./text.js";
import {
  amountText,
  largestWithin,
  SELECTION_FLAGS,
  withSelectionOptions,
  type SelectionOptions,
} from "./token-sweep.js";

interface CompileOptions
  extends ModelOptions, PassOptions, Partial<InputSetOptions>, SelectionOptions, ScheduleOptions, LoihiOptions {
  readonly keepEnergy?: number;
  readonly table: string;
  readonly target?: string;
  readonly chip?: string;
  readonly output: string;
  readonly explain?: boolean;
}

/** The net with as many tokens as the energy allows, found by compiling and simulating. */
async function withinEnergy(
  net: Net,
  fraction: number,
  options: CompileOptions,
  table: EnergyTable,
  report: Report,
  io: Io,
): Promise<Net | undefined> {
  const { input } = options;
  if (input === undefined) {
    const hint = "add --input images.npy, and --limit for fewer of them";
    return report.add(cliDiagnostics.make("keep-energy", "--keep-energy simulates, so it needs inputs", { hint }));
  }
  const read = readLabelledInputs({ ...options, input }, report);
  if (read === undefined) return undefined;
  const setup = { ...read, options, table };
  const found = await largestWithin(net, fraction, setup, new Progress(io), report);
  if (found === undefined) return undefined;
  const { point, all } = found;
  const accuracy =
    point.accuracy === undefined ? "" : `, accuracy ${percent(point.accuracy)} (all: ${percent(all.accuracy ?? 0)})`;
  const energy = percent(point.energy.totals.all / all.energy.totals.all, 1);
  io.out(
    `${amountText(point.amount)}: ${energy} of the energy of all tokens on ${point.energy.samples} samples${accuracy}`,
  );
  return point.net;
}

function fractionOfOne(text: string): number {
  const n = Number(text);
  if (!(n > 0 && n <= 1)) throw new InvalidArgumentError("expected a fraction above 0, at most 1");
  return n;
}

/** Writes a program and says what it is. */
async function writeLoihi(
  { output, explain }: Pick<CompileOptions, "output" | "explain">,
  program: LoihiProgram,
  io: Io,
): Promise<void> {
  const pieces = programPieces(program);
  await writeFileAtomically(output, pieces);
  if (explain === true) for (const note of program.notes) io.out(note);
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const { cores, populations, steps, chip } = program;
  io.out(
    `${output}: ${count(cores.length)} cores, ${populations.length} populations, ${count(steps)} steps, ${count(bytes)} bytes for ${chip.name}`,
  );
}

export function registerCompile(program: Command, io: Io): void {
  const command = program
    .command("compile")
    .description("compile a checkpoint or IR text into a program for a chip")
    .requiredOption("-o, --output <file>", "program file to write")
    .option("--explain", "print what the passes found out and how the net was laid out on the chip")
    .option(
      "--keep-energy <fraction>",
      "keep as many tokens per attention as need at most this fraction of the simulated energy (arithmetic and memory)",
      fractionOfOne,
    );
  // Before what these need beside them, which a step-by-step chip would then refuse.
  refuseOnSteps(command, LAYERWISE_OBJECTIVES, `leave it out, or say --objective ${MAP_OBJECTIVES.join(" or ")}`);
  refuseOnSteps(command, ["--time-block", "--activity", "--keep-energy", "--table"]);
  withInputFor(withTable(withChip(withTarget(withModelArgument(command)))), "--keep-energy");
  withSelectionOptions(
    withInputOptions(withPassOptions(withModelOptions(withScheduleOptions(command, MAP_OBJECTIVES)))),
  );
  command.option(
    "--profile <run.json>",
    "step-by-step chips: a run of this network, whose messages decide places; with --record by neuron, else by population",
  );
  withLoihiOptions(command);
  onlyWith(command, ["--input", "--limit", ...SELECTION_FLAGS], ["--keep-energy"]);
  onlyWith(command, ["--table"], ["--keep-energy", "--time-block auto"]);
  onlyWith(command, ["--labels", "--normalise", "--pad"], ["--calibrate", "--keep-energy"]);
  command.action((file: string | undefined, options: CompileOptions) =>
    runCommand(io, async (report) => {
      checkOutput(options.output, pathsRead(file, options));
      const chip = findChip(options, report);
      const table = readEnergyTable(options.table, report);
      const net = table === undefined || chip === undefined ? undefined : await loadNet(file, options, report, io);
      if (table === undefined || chip === undefined || net === undefined) return;
      const explain = (text: string): void => (options.explain === true ? io.out(text) : undefined);
      if (chip.target === "loihi") {
        const deployed = compileForLoihi(net, chip, options, report, io, explain);
        if (deployed !== undefined && !report.failed) await writeLoihi(options, deployed.program, io);
        return;
      }
      const lowered = runPasses(net, { ...options, passes: options.passes ?? "import" }, report, io, (text) =>
        io.out(text),
      );
      if (lowered === undefined) return;
      const { keepEnergy } = options;
      const chosen =
        keepEnergy === undefined ? lowered : await withinEnergy(lowered, keepEnergy, options, table, report, io);
      if (chosen === undefined) return;
      const compiled = compileScheduled(chosen, options, table, report, options.explain === true ? explain : undefined);
      if (compiled === undefined || report.failed) return;
      const pieces = programPieces(compiled);
      await writeFileAtomically(options.output, pieces);
      if (options.explain === true) for (const note of compiled.notes) io.out(note);
      const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
      io.out(
        `${options.output}: ${count(compiled.instructions.length)} instructions, ${compiled.layers.length} layers, ${count(bytes)} bytes for ${compiled.chip.name}`,
      );
    }),
  );
}
