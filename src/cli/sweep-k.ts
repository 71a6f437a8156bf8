import { InvalidArgumentError, type Command } from "commander";
import { ENERGY_TABLES, readEnergyTable } from "../energy/index.js";
import type { EventName } from "../sim/layerwise/index.js";
import { positiveInteger, runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead } from "./files.js";
import { selectableTokens } from "../passes/index.js";
import { loadNet } from "./load-net.js";
import { writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";
import { Progress } from "./progress.js";
import { withInputOptions } from "./inputs.js";
import { readLabelledInputs, type InputSetOptions } from "./simulate.js";
import { count, percent, si, table } from "./text.js";
import { measurePoint, withSelectionOptions, type SelectionOptions, type SweepPoint } from "./token-sweep.js";

interface SweepOptions extends ModelOptions, Omit<PassOptions, "input">, InputSetOptions, SelectionOptions {
  readonly k: readonly number[];
  readonly target: string;
  readonly chip: string;
  readonly timeBlock?: number;
  readonly table: string;
  readonly output?: string;
}

function positiveIntegers(text: string): readonly number[] {
  const list = text.split(",").map(positiveInteger);
  if (new Set(list).size !== list.length) throw new InvalidArgumentError("a number is given twice");
  return list;
}

/** Events of a run, per sample. */
function perSample({ run }: SweepPoint, events: readonly EventName[]): number {
  const all = run.layers.flatMap((layer) => events.flatMap((event) => layer.events[event]));
  return all.reduce((a, b) => a + b, 0) / run.samples.length;
}

/** Samples with the same prediction as with all tokens, as a fraction. */
function agreement(point: SweepPoint, all: SweepPoint): number {
  const same = point.run.samples.filter((sample, i) => sample.predicted === all.run.samples[i]?.predicted);
  return same.length / point.run.samples.length;
}

const HEADER = ["k", "accuracy", "as all", "AC", "attention", "cycles", "arithmetic", "memory", "energy", "of all"];

function sweepRow(point: SweepPoint, all: SweepPoint): readonly string[] {
  const { totals, samples } = point.energy;
  return [
    point.k === undefined ? "all" : String(point.k),
    point.accuracy === undefined ? "-" : percent(point.accuracy),
    percent(agreement(point, all)),
    count(Math.round(perSample(point, ["ac"]))),
    count(Math.round(perSample(point, ["kv", "qa"]))),
    count(Math.round(point.run.cycles / samples)),
    si(totals.arithmetic / samples, "J"),
    si((totals.sram + totals.dram) / samples, "J"),
    si(totals.all / samples, "J"),
    percent(totals.all / all.energy.totals.all, 1),
  ];
}

const CSV_HEADER =
  "k,samples,accuracy,same_as_all,cycles,ac,mac,attention_additions,energy_arithmetic_J,energy_sram_J,energy_dram_J,energy_J";

/** Per sample, numbers as they are; k is empty where all tokens stay. */
function csvRow(point: SweepPoint, all: SweepPoint): string {
  const { totals, samples } = point.energy;
  return [
    point.k ?? "",
    samples,
    point.accuracy ?? "",
    agreement(point, all),
    point.run.cycles / samples,
    perSample(point, ["ac"]),
    perSample(point, ["mac"]),
    perSample(point, ["kv", "qa"]),
    totals.arithmetic / samples,
    totals.sram / samples,
    totals.dram / samples,
    totals.all / samples,
  ].join(",");
}

export function registerSweepK(program: Command, io: Io): void {
  const command = program
    .command("sweep-k")
    .description("what keeping k tokens per attention costs and saves: compiles and simulates each k")
    .argument("[model]", "checkpoint (with --arch) or net.snn; none with --random-init")
    .requiredOption("--k <list>", "tokens to keep, for example 64,48,32,16; all tokens come first", positiveIntegers)
    .requiredOption("--input <path>", "inputs: .npy, .npz, PNG, JPEG, a folder of pictures, MNIST IDX, CIFAR binary")
    .option("--target <name>", "kind of chip; `spikec targets` lists them", "layerwise")
    .option("--chip <name>", "chip description: one that `spikec targets` lists, or a JSON file", "layerwise-default")
    .option(
      "--time-block <timesteps>",
      "timesteps a layer runs before the next one starts; default all",
      positiveInteger,
    )
    .option(
      "--table <name>",
      `energy table: ${ENERGY_TABLES.map((t) => t.name).join(", ")}, or a JSON file`,
      "horowitz-45nm",
    )
    .option("-o, --output <file>", "write the table as CSV, one row per k, per sample");
  withSelectionOptions(withInputOptions(withPassOptions(withModelOptions(command)))).action(
    (file: string | undefined, options: SweepOptions) =>
      runCommand(io, async (report) => {
        if (options.output !== undefined) checkOutput(options.output, pathsRead(file, options));
        const prices = readEnergyTable(options.table, report);
        const net = prices === undefined ? undefined : loadNet(file, options, report, io);
        if (prices === undefined || net === undefined) return;
        const lowered = runPasses(net, { ...options, passes: options.passes ?? "import" }, report, io);
        if (lowered !== undefined && selectableTokens(lowered, options.layers) === undefined) {
          const hint = "an attention whose tokens are selected already keeps its selection; leave `sparse` out of -p";
          report.add(
            cliDiagnostics.make("no-selection", "the net has no attention whose tokens can be selected", { hint }),
          );
          return;
        }
        const read = lowered === undefined ? undefined : readLabelledInputs(options, report);
        if (lowered === undefined || read === undefined) return;
        const setup = { ...options, ...read, table: prices, selection: options };
        const progress = new Progress(io);
        const points: SweepPoint[] = [];
        for (const k of [undefined, ...options.k]) {
          const point = measurePoint(lowered, k, setup, progress, report);
          if (point === undefined || report.failed) return;
          points.push(point);
          progress.say(k === undefined ? "all tokens simulated" : `k = ${k} simulated`);
        }
        const [all] = points;
        if (all === undefined) return;
        if (options.output !== undefined) {
          await writeFileAtomically(
            options.output,
            `${[CSV_HEADER, ...points.map((p) => csvRow(p, all))].join("\n")}\n`,
          );
        }
        io.out(
          `${all.run.samples.length} samples on ${all.run.chip.name}, cue ${options.cue}; events and energy per sample`,
        );
        io.out(`energy: table ${prices.name} (covers ${prices.covers.join(", ")}; not clock, control or leakage)\n`);
        io.out(table([HEADER, ...points.map((point) => sweepRow(point, all))]));
      }),
  );
}
