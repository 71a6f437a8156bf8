import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { Chip, LayerwiseChip, LoihiChip } from "../chips/index.js";
import { Report } from "../diagnostics/index.js";
import {
  commonEnergy,
  estimateEnergy,
  loihiCounts,
  ownTable,
  type EnergyEstimate,
  type EnergyTable,
} from "../energy/index.js";
import { Host } from "../host/index.js";
import type { Net } from "../ir/index.js";
import { sum } from "../math/numbers.js";
import { bottleneck } from "../report/bottleneck.js";
import { loihiTime } from "../report/loihi-time.js";
import { pipelineFor } from "../validate/chip-rungs.js";
import { printDiagnostics, type Io, type Outcome } from "./command.js";
import { compileForLoihi, type LoihiOptions } from "./compile-loihi.js";
import type { LabelledInputs } from "./inputs.js";
import type { OnSignal } from "./interrupt.js";
import { joulesFields, joulesText } from "./energy-text.js";
import { synapticEvents } from "./loihi-text.js";
import { runPasses, type PassOptions } from "./pass-options.js";
import type { Progress } from "./progress.js";
import { compileScheduled, type ScheduleOptions } from "./schedule.js";
import { accuracyOf, simulateInThread } from "./simulation.js";
import { simulateLoihi } from "./simulation-loihi.js";
import { count, percent, si, table } from "./text.js";

/** Chips of different targets side by side: what the same trained network costs on each, per sample. */

export interface TargetPoint {
  readonly chip: string;
  readonly target: Chip["target"];
  readonly seconds: number;
  readonly accuracy: number | undefined;
  /** J by the chip's own figures, static power included; layer-by-layer chips have none, their energy is that of the table. */
  readonly energy: Pick<EnergyEstimate, "totals" | "ranges" | "samples">;
  /** J: additions of neurons' inputs and of attention, by the table, for both targets. */
  readonly arithmetic: number | undefined;
  readonly additions: number;
  /** Bits of memory on the chip: all buffers of a layer-by-layer chip, the memories of the cores in use of a step-by-step chip. */
  readonly memoryBits: number;
  readonly messages: number | undefined;
  /** Mean over engines, or cores, of the fraction of the time in which they work. */
  readonly busy: number;
  /** Where the time goes, fractions by name. */
  readonly time: Readonly<Record<string, number>>;
}

export type TargetOutcome = TargetPoint | { readonly chip: string; readonly error: string };

export interface TargetSetup extends LabelledInputs {
  readonly options: PassOptions & ScheduleOptions & LoihiOptions & { readonly input: string };
  readonly prices: EnergyTable;
}

/** Calibration inputs where none are named: the first of those that are compared. */
const CALIBRATION_SAMPLES = 16;

/** Bits of the memories of a program's cores: synapses of neuro-cores, counters and queries of attention cores; not states. */
function memoryBits({ chip, cores }: LoihiProgram): number {
  const { attention, core } = chip;
  const ofAttention =
    attention === undefined ? 0 : attention.sets * attention.counters * attention.counterBits + attention.queryBits;
  return sum(cores.map(({ kind }) => (kind === "neuro" ? core.synapseBits : ofAttention)));
}

interface Measured {
  readonly point: TargetOutcome;
  readonly exit?: number | undefined;
  readonly bug?: unknown;
}

async function onLoihi(
  net: Net,
  chip: LoihiChip,
  setup: TargetSetup,
  report: Report,
  io: Io,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Measured> {
  const failed = (error: string): Measured => ({ point: { chip: chip.name, error } });
  const { inputs, labels } = setup;
  const deployed = compileForLoihi(net, chip, calibrated(setup), report, io, () => undefined);
  if (deployed === undefined) return failed(report.errors[0]?.message ?? "it cannot be compiled");
  const { program } = deployed;
  const simulation = { program, host: new Host(program), inputs, labels };
  const { run, stopped, warnings, exit, bug } = await simulateLoihi(simulation, progress, onSignal);
  for (const warning of warnings) report.add(warning);
  if (stopped !== undefined) {
    report.add(stopped);
    return { ...failed(stopped.message), exit, bug };
  }
  const samples = run.samples.length;
  const counts = loihiCounts(run);
  const arithmetic = commonEnergy(counts, setup.prices);
  const point: TargetPoint = {
    chip: chip.name,
    target: "loihi",
    seconds: run.seconds / samples,
    accuracy: accuracyOf(run),
    energy: estimateEnergy(run, ownTable(run)),
    arithmetic: arithmetic === undefined ? undefined : arithmetic / samples,
    additions: sum(run.layers.map(synapticEvents)) / samples,
    memoryBits: memoryBits(program),
    messages: sum(run.layers.map(({ events }) => sum(events.message))) / samples,
    busy: sum(run.cores.map(({ neuronTime }) => neuronTime)) / (run.cores.length * sum(run.stepTimes)),
    time: loihiTime(run, program),
  };
  return { point, exit };
}

/** The inputs that are compared calibrate where no others are named. */
function calibrated({ options }: TargetSetup) {
  const { calibrate = options.input, samples = CALIBRATION_SAMPLES } = options;
  return { ...options, calibrate, samples };
}

async function onLayerwise(
  net: Net,
  chip: LayerwiseChip,
  setup: TargetSetup,
  report: Report,
  io: Io,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Measured> {
  const failed = (error: string): Measured => ({ point: { chip: chip.name, error } });
  const { options, prices, inputs, labels } = setup;
  const imported = runPasses(net, { ...calibrated(setup), passes: "import" }, report, io);
  const passes = options.passes ?? (imported && pipelineFor(chip, imported).text);
  const lowered = passes === undefined ? undefined : runPasses(net, { ...calibrated(setup), passes }, report, io);
  const program = lowered && compileScheduled(lowered, { ...options, chip }, prices, report);
  if (program === undefined || report.failed) return failed(report.errors[0]?.message ?? "it cannot be compiled");
  const simulation = { program, inputs, labels };
  const { run, stopped, exit, bug } = await simulateInThread(simulation, progress, onSignal);
  if (stopped !== undefined) {
    report.add(stopped);
    return { ...failed(stopped.message), exit, bug };
  }
  const samples = run.samples.length;
  const of = (...events: readonly ("ac" | "kv" | "qa")[]): number =>
    sum(run.layers.map((layer) => sum(events.map((event) => sum(layer.events[event])))));
  const arithmetic = commonEnergy({ additions: of("ac"), attention: of("kv", "qa") }, prices);
  const { engine, occupied } = bottleneck(run);
  const engines = Object.values(run.engines);
  const { spike, weight, data } = chip.memories;
  const point: TargetPoint = {
    chip: chip.name,
    target: "layerwise",
    seconds: run.seconds / samples,
    accuracy: accuracyOf(run),
    energy: estimateEnergy(run, prices),
    arithmetic: arithmetic === undefined ? undefined : arithmetic / samples,
    additions: of("ac") / samples,
    memoryBits: 8 * (spike.bytes + weight.bytes + data.bytes),
    messages: undefined,
    busy: sum(engines.map(({ busy }) => busy)) / (engines.length * run.cycles),
    time: { [engine]: occupied, "without it": 1 - occupied },
  };
  return { point, exit };
}

function rowOf(point: TargetOutcome): readonly string[] {
  if ("error" in point) return [point.chip, ...Array.from({ length: 8 }, () => "-"), `does not run: ${point.error}`];
  return [
    point.chip,
    si(point.seconds, "s"),
    point.accuracy === undefined ? "-" : percent(point.accuracy),
    joulesText(point.energy.totals.all, point.energy.ranges.all, point.energy.samples),
    point.arithmetic === undefined ? "-" : si(point.arithmetic, "J"),
    count(Math.round(point.additions)),
    count(point.memoryBits),
    point.messages === undefined ? "-" : count(Math.round(point.messages)),
    percent(point.busy, 1),
    Object.entries(point.time)
      .map(([what, share]) => `${what} ${percent(share, 1)}`)
      .join(", "),
  ];
}

const HEADER = [
  "chip",
  "time",
  "accuracy",
  "energy",
  "additions' energy",
  "additions",
  "memory bits",
  "messages",
  "busy",
  "where the time goes",
];

/** One point as plain numbers for CSV and JSON, per sample. */
export function plainTargetPoint(point: TargetOutcome): Readonly<Record<string, string | number | undefined>> {
  if ("error" in point) return { chip: point.chip, error: point.error };
  const { energy, arithmetic, memoryBits: bits, time, ...rest } = point;
  const shares = Object.fromEntries(
    Object.entries(time).map(([what, share]) => [`time_${what.replaceAll(" ", "_")}`, share]),
  );
  const { totals, ranges, samples } = energy;
  const joules = joulesFields("energy_J", totals.all, ranges.all, samples);
  return { ...rest, ...joules, additions_J: arithmetic, memory_bits: bits, ...shares };
}

export function targetsText(points: readonly TargetOutcome[], samples: number, prices: EnergyTable): string {
  return [
    `per sample, ${count(samples)} simulated on each chip`,
    `energy: a step-by-step chip's own figures with its static power; on layer-by-layer chips arithmetic and memories by table ${prices.name}`,
    `additions' energy: additions of neurons' inputs and of attention alone, by table ${prices.name}; what the host computes in front of a step-by-step chip is not in it`,
    "",
    table([HEADER, ...points.map(rowOf)]),
  ].join("\n");
}

/** Measures each chip; a chip that does not run the network is a point with its error. */
export async function compareTargets(
  net: Net,
  chips: readonly Chip[],
  setup: TargetSetup,
  io: Io,
  progress: Progress,
  onSignal: OnSignal,
): Promise<{ readonly points: readonly TargetOutcome[]; readonly exit: Outcome; readonly bug: unknown }> {
  const points: TargetOutcome[] = [];
  for (const chip of chips) {
    const about = new Report();
    const { point, exit, bug } =
      chip.target === "loihi"
        ? await onLoihi(net, chip, setup, about, io, progress, onSignal)
        : await onLayerwise(net, chip, setup, about, io, progress, onSignal);
    points.push(point);
    progress.say(`${points.length} of ${chips.length}, ${chip.name}: ${"error" in point ? "does not run" : "done"}`);
    printDiagnostics(about, io);
    if (exit !== undefined) return { points, exit: { exit }, bug };
    if (bug !== undefined) return { points, exit: false, bug };
  }
  return { points, exit: points.some((point) => !("error" in point)), bug: undefined };
}
