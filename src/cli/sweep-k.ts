import { InvalidArgumentError, type Command } from "commander";
import type { Report } from "../diagnostics/index.js";
import { readEnergyTable, type EnergyTable } from "../energy/index.js";
import type { Net } from "../ir/index.js";
import type { EventName } from "../sim/layerwise/index.js";
import { positiveInteger, runCommand, withModelOptions, type Io, type ModelOptions, type Outcome } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead } from "./files.js";
import { interruptible, type OnSignal } from "./interrupt.js";
import { loadNet } from "./load-net.js";
import { withChip, withInput, withModelArgument, withTable, withTarget } from "./options.js";
import { SIGNALS, writeFileAtomically } from "./output.js";
import { runPasses, withPassOptions, type PassOptions } from "./pass-options.js";
import { Progress } from "./progress.js";
import { readLabelledInputs, withInputOptions, type InputSetOptions } from "./inputs.js";
import { withScheduleOptions, type ScheduleOptions } from "./schedule.js";
import { count, percent, si, table } from "./text.js";
import {
  amountText,
  measurePoint,
  selectTokens,
  tokensOf,
  withSelectionOptions,
  type Amount,
  type SelectionOptions,
  type SweepPoint,
} from "./token-sweep.js";

interface SweepOptions
  extends ModelOptions, Omit<PassOptions, "input">, InputSetOptions, SelectionOptions, ScheduleOptions {
  readonly k?: readonly number[];
  readonly share?: readonly number[];
  readonly target?: string;
  readonly chip?: string;
  readonly table: string;
  readonly output?: string;
}

function positiveIntegers(text: string): readonly number[] {
  const list = text.split(",").map(positiveInteger);
  if (new Set(list).size !== list.length) throw new InvalidArgumentError("a number is given twice");
  return list;
}

function shares(text: string): readonly number[] {
  const list = text.split(",").map(Number);
  if (!list.every((share) => share > 0 && share <= 1))
    throw new InvalidArgumentError("expected numbers above 0, at most 1");
  if (new Set(list).size !== list.length) throw new InvalidArgumentError("a number is given twice");
  return list;
}

/** The amounts to measure; nothing, with a report, where the options do not say one kind of them. */
function amountsOf({ k, share }: SweepOptions, report: Report): readonly Amount[] | undefined {
  if (k !== undefined && share === undefined) return k.map((n) => ({ k: n }));
  if (share !== undefined && k === undefined) return share.map((n) => ({ share: n }));
  const hint = "for example --k 48,32,16, or --share 0.25,0.5";
  return report.add(cliDiagnostics.make("amounts", "give --k or --share, one of them", { hint }));
}

/** The net for each amount, all of them made before any is simulated; the net as it is comes first. */
function netsOf(
  net: Net,
  amounts: readonly Amount[],
  options: SweepOptions,
  report: Report,
): readonly { readonly amount: Amount | undefined; readonly net: Net }[] | undefined {
  const points: { amount: Amount | undefined; net: Net }[] = [{ amount: undefined, net }];
  for (const amount of amounts) {
    const chosen = selectTokens(net, amount, options, report);
    if (chosen === undefined) return undefined;
    points.push({ amount, net: chosen });
  }
  return points;
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

const HEADER = [
  "tokens",
  "accuracy",
  "as all",
  "AC",
  "attention",
  "cycles",
  "arithmetic",
  "memory",
  "energy",
  "of all",
];

function sweepRow(point: SweepPoint, all: SweepPoint): readonly string[] {
  const { totals, samples } = point.energy;
  return [
    amountText(point.amount),
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
  "k,share,samples,accuracy,same_as_all,cycles,ac,mac,attention_additions,energy_arithmetic_J,energy_sram_J,energy_dram_J,energy_J";

/** Per sample, numbers as they are; k and share are empty where all tokens stay. */
function csvRow(point: SweepPoint, all: SweepPoint): string {
  const { totals, samples } = point.energy;
  const amount = { k: "", share: "", ...point.amount };
  return [
    amount.k,
    amount.share,
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

/** Measures one amount after the other; what was measured is printed and written where a later one fails or a signal comes. */
async function sweep(
  file: string | undefined,
  options: SweepOptions,
  report: Report,
  io: Io,
  onSignal: OnSignal,
): Promise<Outcome> {
  if (options.output !== undefined) checkOutput(options.output, pathsRead(file, options));
  const amounts = amountsOf(options, report);
  if (amounts === undefined) return;
  const prices = readEnergyTable(options.table, report);
  const net = prices === undefined ? undefined : await loadNet(file, options, report, io);
  if (prices === undefined || net === undefined) return;
  const lowered = runPasses(net, { ...options, passes: options.passes ?? "import" }, report, io);
  const nets = lowered === undefined ? undefined : netsOf(lowered, amounts, options, report);
  if (lowered === undefined || nets === undefined) return;
  if (tokensOf(lowered, options) === undefined) {
    const hint = "an attention whose tokens are selected already keeps its selection; leave `sparse` out of -p";
    report.add(cliDiagnostics.make("no-selection", "the net has no place where tokens can be selected", { hint }));
    return;
  }
  const read = readLabelledInputs(options, report);
  if (read === undefined) return;
  const setup = { ...read, options, table: prices };
  const progress = new Progress(io);
  const points: SweepPoint[] = [];
  let exit: number | undefined;
  const hearing: OnSignal = (stop) =>
    onSignal((signal) => {
      exit = SIGNALS[signal];
      stop(signal);
    });
  for (const { amount, net: chosen } of nets) {
    const point = await measurePoint(chosen, amount, setup, progress, report, hearing);
    if (point === undefined) break;
    points.push(point);
    progress.say(amount === undefined ? "all tokens simulated" : `${amountText(amount)} simulated`);
  }
  const [all] = points;
  if (all !== undefined) await publish(points, all, options, prices, io);
  return exit === undefined ? undefined : { exit };
}

/** Writes and prints the table of the points, beside that with all tokens. */
async function publish(
  points: readonly SweepPoint[],
  all: SweepPoint,
  { output, cue }: SweepOptions,
  prices: EnergyTable,
  io: Io,
): Promise<void> {
  if (output !== undefined) {
    const rows = points.map((point) => csvRow(point, all));
    await writeFileAtomically(output, `${[CSV_HEADER, ...rows].join("\n")}\n`);
  }
  io.out(`${all.run.samples.length} samples on ${all.run.chip.name}, cue ${cue}; events and energy per sample`);
  const { covers, uncovered } = all.energy;
  const rest = uncovered.length === 0 ? "" : `; not ${uncovered.join(", ")}`;
  io.out(`energy: table ${prices.name} (covers ${covers.join(", ")}${rest})\n`);
  io.out(table([HEADER, ...points.map((point) => sweepRow(point, all))]));
}

export function registerSweepK(program: Command, io: Io): void {
  const command = program
    .command("sweep-k")
    .description("what keeping fewer tokens costs and saves: compiles and simulates each number of them")
    .option("--k <list>", "tokens to keep, for example 64,48,32,16; all tokens come first", positiveIntegers)
    .option(
      "--share <list>",
      "instead: keep tokens at least this share of the way from the smallest score to the largest, for example 0.25,0.5",
      shares,
    )
    .option("--floor <n>", "with --share: fewest tokens to keep; default 1", positiveInteger)
    .option("--capacity <n>", "with --share: most tokens to keep; default all", positiveInteger)
    .option("--overflow <name>", "with --share: what more than the capacity are: error or keep-best")
    .option("-o, --output <file>", "write the table as CSV, one row per k, per sample");
  withInput(withTable(withChip(withTarget(withModelArgument(command)))));
  withSelectionOptions(withInputOptions(withPassOptions(withModelOptions(withScheduleOptions(command))))).action(
    (file: string | undefined, options: SweepOptions) =>
      runCommand(io, (report) => interruptible((onSignal) => sweep(file, options, report, io, onSignal))),
  );
}
