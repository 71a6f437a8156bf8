import { InvalidArgumentError, type Command } from "commander";
import { encodeProgram, type Program } from "../backends/program/index.js";
import type { Report } from "../diagnostics/index.js";
import { ENERGY_TABLES, readEnergyTable } from "../energy/index.js";
import type { Net } from "../ir/index.js";
import { runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { compileNet } from "./compile-net.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead } from "./files.js";
import { loadNet } from "./load-net.js";
import { isGiven, onlyWith, refuseWithoutEffect } from "./no-effect.js";
import { writeFileAtomically } from "./output.js";
import { readCalibration, runPasses, withPassOptions, type PassOptions } from "./pass-options.js";
import { Progress } from "./progress.js";
import { withInputOptions } from "./inputs.js";
import { findSchedule, withScheduleOptions, type ScheduleOptions } from "./schedule.js";
import { readLabelledInputs, type InputSetOptions } from "./simulate.js";
import { count, percent } from "./text.js";
import {
  amountText,
  largestWithin,
  SELECTION_FLAGS,
  withSelectionOptions,
  type SelectionOptions,
} from "./token-sweep.js";

interface CompileOptions
  extends ModelOptions, PassOptions, Partial<InputSetOptions>, SelectionOptions, ScheduleOptions {
  readonly keepEnergy?: number;
  readonly table: string;
  readonly target: string;
  readonly chip: string;
  readonly output: string;
  readonly explain?: boolean;
}

/** The net with as many tokens as the energy allows, found by compiling and simulating. */
async function withinEnergy(
  net: Net,
  fraction: number,
  options: CompileOptions,
  report: Report,
  io: Io,
): Promise<Net | undefined> {
  const { input } = options;
  if (input === undefined) {
    const hint = "add --input images.npy, and --limit for fewer of them";
    return report.add(cliDiagnostics.make("keep-energy", "--keep-energy simulates, so it needs inputs", { hint }));
  }
  const table = readEnergyTable(options.table, report);
  const read = table === undefined ? undefined : readLabelledInputs({ ...options, input }, report);
  if (table === undefined || read === undefined) return undefined;
  const setup = { ...options, ...read, table, selection: options, timeBlock: fixedBlock(options) };
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

/** The one time block of all layers, where it is given. */
function fixedBlock({ timeBlock }: ScheduleOptions): number | undefined {
  return timeBlock === "auto" ? undefined : timeBlock;
}

/** Compiles with the time blocks of the options; undefined with reports where that fails. */
function compileScheduled(net: Net, options: CompileOptions, report: Report, io: Io): Program | undefined {
  if (options.timeBlock !== "auto") return compileNet(net, { ...options, timeBlock: options.timeBlock }, report);
  const table = readEnergyTable(options.table, report);
  const calibration = readCalibration(net, options, report);
  if (table === undefined || report.failed) return undefined;
  const explain = (text: string): void => (options.explain === true ? io.out(text) : undefined);
  const schedule = findSchedule(net, options, table, calibration, report, explain);
  return schedule && compileNet(net, { target: options.target, chip: options.chip, schedule }, report);
}

function fractionOfOne(text: string): number {
  const n = Number(text);
  if (!(n > 0 && n <= 1)) throw new InvalidArgumentError("expected a fraction above 0, at most 1");
  return n;
}

export function registerCompile(program: Command, io: Io): void {
  const command = program
    .command("compile")
    .description("compile a checkpoint or IR text into a program for a chip")
    .argument("[model]", "checkpoint (with --arch) or net.snn; none with --random-init")
    .option("--target <name>", "kind of chip; `spikec targets` lists them", "layerwise")
    .option("--chip <name>", "chip description: one that `spikec targets` lists, or a JSON file", "layerwise-default")
    .requiredOption("-o, --output <file>", "program file to write")
    .option("--explain", "print what the passes found out and how the net was laid out on the chip")
    .option(
      "--keep-energy <fraction>",
      "keep as many tokens per attention as need at most this fraction of the simulated energy (arithmetic and memory)",
      fractionOfOne,
    )
    .option("--input <path>", "inputs for --keep-energy: .npy, .npz, PNG, JPEG, a folder, MNIST IDX, CIFAR binary")
    .option(
      "--table <name>",
      `energy table: ${ENERGY_TABLES.map((t) => t.name).join(", ")}, or a JSON file`,
      "horowitz-45nm",
    );
  withSelectionOptions(withInputOptions(withPassOptions(withModelOptions(withScheduleOptions(command)))));
  onlyWith(command, ["--input", "--limit", ...SELECTION_FLAGS], ["--keep-energy"]);
  onlyWith(command, ["--table"], ["--keep-energy", "--time-block auto"]);
  onlyWith(command, ["--labels", "--normalise", "--pad"], ["--calibrate", "--keep-energy"]);
  refuseWithoutEffect(command, ["--keep-energy"], (called) =>
    isGiven(called, "--time-block auto")
      ? {
          why: "beside --time-block auto: energy would be measured on another schedule than the one that is compiled",
          hint: "give --time-block a number, or find the number of tokens first and compile with -p import,sparsify-top-k{k=…}",
        }
      : undefined,
  );
  command.action((file: string | undefined, options: CompileOptions) =>
    runCommand(io, async (report) => {
      checkOutput(options.output, pathsRead(file, options));
      const net = await loadNet(file, options, report, io);
      if (net === undefined) return;
      const lowered = runPasses(net, { ...options, passes: options.passes ?? "import" }, report, io, (text) =>
        io.out(text),
      );
      if (lowered === undefined) return;
      const { keepEnergy } = options;
      const chosen = keepEnergy === undefined ? lowered : await withinEnergy(lowered, keepEnergy, options, report, io);
      if (chosen === undefined) return;
      const compiled = compileScheduled(chosen, options, report, io);
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
