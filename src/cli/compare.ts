import type { Command } from "commander";
import { MAP_OBJECTIVES } from "../backends/loihi/index.js";
import { ENGINES } from "../backends/program/instruction.js";
import { readChip, type Chip, type LayerwiseChip } from "../chips/index.js";
import { combinations, parseVariation, varyChip, type Variation } from "../chips/vary.js";
import { Report, reporting } from "../diagnostics/index.js";
import {
  estimateEnergy,
  readEnergyTable,
  type EnergyEstimate,
  type EnergyGroup,
  type EnergyTable,
} from "../energy/index.js";
import type { Net } from "../ir/index.js";
import { bottleneck, type Bottleneck } from "../report/bottleneck.js";
import type { RunFile } from "../sim/run-file.js";
import {
  collectText,
  positiveInteger,
  printDiagnostics,
  runCommand,
  withModelOptions,
  type Io,
  type ModelOptions,
  type Outcome,
} from "./command.js";
import { compareTargets, plainTargetPoint, targetsText } from "./compare-targets.js";
import { withLoihiOptions, type LoihiOptions } from "./compile-loihi.js";
import { csvText } from "./csv.js";
import { cliDiagnostics } from "./diagnostics.js";
import { energyNotes, joulesFields, joulesText } from "./energy-text.js";
import { checkOutput, pathsRead } from "./files.js";
import { readLabelledInputs, withReadingOptions, type InputSetOptions, type LabelledInputs } from "./inputs.js";
import { interruptible, type OnSignal } from "./interrupt.js";
import { loadNet } from "./load-net.js";
import { chipsOf, withChips, withInput, withModelArgument, withTable, withTarget } from "./options.js";
import { writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";
import { Progress } from "./progress.js";
import { compileScheduled, withScheduleOptions, type ScheduleOptions } from "./schedule.js";
import { simulateInThread } from "./simulation.js";
import { count, percent, si, table } from "./text.js";

interface CompareOptions
  extends ModelOptions, Omit<PassOptions, "input">, InputSetOptions, ScheduleOptions, LoihiOptions {
  readonly chip: readonly string[];
  readonly vary: readonly string[];
  readonly target?: string;
  readonly table: string;
  readonly csv?: string;
  readonly json?: boolean;
}

/** A chip to measure, and the numbers in which it was varied. */
interface Candidate {
  readonly chip: LayerwiseChip;
  readonly numbers: ReadonlyMap<string, number>;
}

/** What a candidate needs for the net, or why that is not known: a fault of the candidate, or the end of the comparison. */
type Measured = Candidate &
  (
    | { readonly run: RunFile; readonly energy: EnergyEstimate }
    | { readonly why: string; readonly untold: "does not run" | "interrupted" | "not tried" }
  );

/** Every chip in every variation; faults are reported before anything runs. */
function candidates(options: CompareOptions, report: Report): readonly Candidate[] {
  const chips = chipsOf(options).flatMap((name) => readChip(name, report, "layerwise") ?? []);
  const variations = options.vary.flatMap((text): Variation[] => {
    const variation = reporting(report, () => parseVariation(text));
    return variation === undefined ? [] : [variation];
  });
  const twice = variations.find(({ field }, i) => variations.findIndex((other) => other.field === field) < i);
  if (twice !== undefined) {
    const hint = `--vary ${twice.field}=VALUE,VALUE,…`;
    report.add(cliDiagnostics.make("range", `\`${twice.field}\` is varied twice`, { hint }));
  }
  return chips.flatMap((chip) =>
    combinations(variations).flatMap((numbers) => {
      const varied = varyChip(chip, numbers, report);
      return varied === undefined ? [] : [{ chip: varied, numbers }];
    }),
  );
}

/** What is known of a candidate, and what must end the comparison: a signal's exit code, or a bug of spikec. */
interface Measurement {
  readonly measured: Measured;
  readonly exit?: number | undefined;
  readonly bug?: unknown;
}

/** Compiles and simulates one candidate; everything that there is to say about it goes to its own report. */
async function measure(
  net: Net,
  candidate: Candidate,
  setup: LabelledInputs & { readonly options: CompareOptions; readonly prices: EnergyTable },
  report: Report,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Measurement> {
  const { options, prices, inputs, labels } = setup;
  const failed = (why: string) => ({ measured: { ...candidate, why, untold: "does not run" as const } });
  const program = compileScheduled(net, { ...options, chip: candidate.chip }, prices, report);
  const [error] = report.errors;
  if (program === undefined || error !== undefined) return failed(error?.message ?? "it cannot be compiled");
  const simulation = { program, inputs, labels };
  const { run, stopped, exit, bug } = await simulateInThread(simulation, progress, onSignal);
  if (stopped !== undefined && exit !== undefined)
    return { measured: { ...candidate, why: "interrupted", untold: "interrupted" }, exit };
  if (stopped !== undefined) {
    report.add(stopped);
    return { ...failed(stopped.message), bug };
  }
  return { measured: { ...candidate, run, energy: estimateEnergy(run, prices) }, exit };
}

const STATE_TEXT = { busy: "works", port: "waits for ports", dram: "waits for DRAM" } as const;

function bottleneckText({ engine, state, share }: Bottleneck): string {
  return `${engine} ${STATE_TEXT[state]}: ${percent(share, 1)}`;
}

function outcomeText(point: Measured): string {
  if (!("why" in point)) return "done";
  return point.untold === "does not run" ? `does not run: ${point.why}` : point.untold;
}

const HEADER = ["chip", "cycles", "time", "energy", ...ENGINES, "bottleneck"];

function tableRow(point: Measured): readonly string[] {
  if ("why" in point) return [point.chip.name, ...HEADER.slice(2).map(() => "-"), outcomeText(point)];
  const { run, energy } = point;
  const samples = run.samples.length;
  return [
    point.chip.name,
    count(Math.round(run.cycles / samples)),
    si(run.seconds / samples, "s"),
    joulesText(energy.totals.all, energy.ranges.all, samples),
    ...ENGINES.map((engine) => percent(run.engines[engine].busy / run.cycles, 1)),
    bottleneckText(bottleneck(run)),
  ];
}

/** One point as plain numbers, per sample; `error` instead of them where there are none: the fault, `interrupted` or `not tried`. */
function plainPoint(point: Measured) {
  const about = { chip: point.chip.name, ...Object.fromEntries(point.numbers) };
  if ("why" in point) return { ...about, error: point.why };
  const { run, energy } = point;
  const samples = run.samples.length;
  const { engine, occupied, state, share } = bottleneck(run);
  const joules = (name: string, of: "all" | EnergyGroup) =>
    joulesFields(name, energy.totals[of], energy.ranges[of], samples);
  return {
    ...about,
    samples,
    cycles: run.cycles / samples,
    seconds: run.seconds / samples,
    ...joules("energy_J", "all"),
    ...joules("energy_arithmetic_J", "arithmetic"),
    ...joules("energy_sram_J", "sram"),
    ...joules("energy_dram_J", "dram"),
    ...(energy.totals.power > 0 && joules("energy_power_J", "power")),
    ...Object.fromEntries(ENGINES.map((name) => [`busy_${name}`, run.engines[name].busy / run.cycles])),
    bottleneck: engine,
    bottleneck_occupied: occupied,
    bottleneck_state: state,
    bottleneck_share: share,
  };
}

/** Step-by-step chips, and layer-by-layer ones beside them. */
async function acrossTargets(
  file: string | undefined,
  chips: readonly Chip[],
  options: CompareOptions,
  report: Report,
  io: Io,
  onSignal: OnSignal,
): Promise<Outcome> {
  if (options.vary.length > 0) {
    const message = "--vary is for layer-by-layer chips alone";
    const hint = "write variants of a step-by-step chip into JSON files, and name each with --chip";
    report.add(cliDiagnostics.make("range", message, { hint }));
    return;
  }
  const prices = readEnergyTable(options.table, report);
  const net = prices === undefined ? undefined : await loadNet(file, options, report, io);
  const read = net === undefined ? undefined : readLabelledInputs(options, report);
  if (prices === undefined || net === undefined || read === undefined) return;
  const setup = { ...read, options, prices };
  const { points, exit, bug } = await compareTargets(net, chips, setup, io, new Progress(io), onSignal);
  const plain = points.map(plainTargetPoint);
  if (options.csv !== undefined) await writeFileAtomically(options.csv, csvText(plain, ["error"]));
  if (options.json === true) io.out(JSON.stringify({ table: prices.name, points: plain }, null, 2));
  else io.out(targetsText(points, read.inputs.data.shape[0] ?? 0, prices));
  if (bug !== undefined) throw bug;
  return exit;
}

async function compare(
  file: string | undefined,
  options: CompareOptions,
  report: Report,
  io: Io,
  onSignal: OnSignal,
): Promise<Outcome> {
  if (options.csv !== undefined) checkOutput(options.csv, pathsRead(file, { ...options, csv: undefined }));
  const named = chipsOf(options).flatMap((name) => readChip(name, report) ?? []);
  if (report.failed) return;
  if (named.some(({ target }) => target === "loihi")) return acrossTargets(file, named, options, report, io, onSignal);
  const chips = candidates(options, report);
  const prices = readEnergyTable(options.table, report);
  if (prices === undefined || report.failed) return;
  const net = await loadNet(file, options, report, io);
  const lowered =
    net === undefined ? undefined : runPasses(net, { ...options, passes: options.passes ?? "import" }, report, io);
  const read = lowered === undefined ? undefined : readLabelledInputs(options, report);
  if (lowered === undefined || read === undefined) return;
  const samples = read.inputs.data.shape[0] ?? 0;
  const progress = new Progress(io);
  const points: Measured[] = [];
  let [exit, bug]: [number | undefined, unknown] = [undefined, undefined];
  for (const candidate of chips) {
    const about = new Report();
    const done = await measure(lowered, candidate, { ...read, options, prices }, about, progress, onSignal);
    points.push(done.measured);
    progress.say(`${points.length} of ${chips.length}, ${candidate.chip.name}: ${outcomeText(done.measured)}`);
    printDiagnostics(about, io);
    [exit, bug] = [done.exit, done.bug];
    if (exit !== undefined || bug !== undefined) break;
  }
  const untried = chips.slice(points.length);
  points.push(...untried.map((chip) => ({ ...chip, why: "not tried", untold: "not tried" }) as const));
  const notes = [...new Set(points.flatMap((point) => ("why" in point ? [] : energyNotes(point.run, prices))))];
  if (options.csv !== undefined) await writeFileAtomically(options.csv, csvText(points.map(plainPoint), ["error"]));
  if (options.json === true) {
    io.out(JSON.stringify({ table: prices.name, notes, points: points.map(plainPoint) }, null, 2));
  } else {
    io.out(
      `per sample, ${count(samples)} simulated on each chip; busy engines in percent of the cycles; energy: table ${prices.name}\n`,
    );
    io.out(table([HEADER, ...points.map(tableRow)]));
    for (const note of notes) io.out(`\nnote: ${note}`);
  }
  if (bug !== undefined) throw bug;
  if (exit !== undefined) return { exit };
  const failed = points.filter((point) => "why" in point).length;
  const every = failed === points.length;
  if (failed > 0) {
    io.err(
      every
        ? "no chip runs the network: exit code 1"
        : `${failed} of ${points.length} chips do not run the network; exit code 0, for the others do`,
    );
  }
  return !every;
}

export function registerCompare(program: Command, io: Io): void {
  const command = program
    .command("compare")
    .description("one network on several chips, or on one chip over ranges of its numbers: cycles, energy, bottleneck")
    .option(
      "--vary <field=values>",
      "numbers of the chip to try, for example lanes=64,128 or dram.latencyCycles=50,200; repeatable: every combination",
      collectText,
      [],
    )
    .option("--limit <n>", "how many samples to simulate on each chip", positiveInteger, 1)
    .option("--csv <file>", "write the table as CSV, numbers as they are, per sample")
    .option("--json", "print JSON");
  withLoihiOptions(command);
  withInput(withTable(withChips(withTarget(withModelArgument(command)))));
  withReadingOptions(withPassOptions(withModelOptions(withScheduleOptions(command, MAP_OBJECTIVES)))).action(
    (file: string | undefined, options: CompareOptions) =>
      runCommand(io, (report) => interruptible((onSignal) => compare(file, options, report, io, onSignal))),
  );
}
