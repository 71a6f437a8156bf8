/*
 * How much of the speed of its kernels `event` keeps end to end: each weighted layer of a network on the kernels alone, on the
 * layer's own spikes and weights, beside a whole picture with timing, counters and energy, in one process with interleaved rounds.
 */
import type { Program } from "../src/backends/program/index.js";
import { builtInTable, estimateEnergy } from "../src/energy/index.js";
import { evaluate, isSpike, valueTypes, viewOf, type Net, type Op, type Value, type Weights } from "../src/ir/index.js";
import { createKernels, type Kernels } from "../src/sim/kernels/index.js";
import { createEvent, type Machine, type RunResult } from "../src/sim/layerwise/index.js";
import { RunTotals } from "../src/sim/run-file.js";
import { inputEvents, placeLayer, runLayer, TIMESTEPS, type LayerShape, type PlacedLayer } from "./layer-kernel.js";
import type { BenchNetwork } from "./networks.js";
import { best, race, wallSeconds } from "./race.js";
import { popcount, readVectors, recordedPatterns, SHARED } from "./recorded-spikes.js";

const ROUNDS = 9;
/** Pictures before times count: the engine compiles code in them. */
const WARM_UP = 10;
/** Bytes for one layer: spikes, lists, weights and outputs. */
const MEMORY = 2 ** 27;
const WORKERS = 2;

/** A weighted op that reads spikes. */
interface SpikingLayer {
  readonly name: string;
  readonly shape: LayerShape;
  readonly weights: Weights;
  /** Per position and channel, bit t says whether timestep t spikes. */
  readonly patterns: Uint8Array;
}

function weightsOf(net: Net, op: Op): Weights | undefined {
  const constants = op.symbols.map((symbol) => net.constants.get(symbol));
  return constants.find((constant) => constant?.kind === "weights");
}

/** Timesteps of spikes as patterns. */
function patternsOf(value: Value): Uint8Array {
  if (value.length !== TIMESTEPS) throw new Error(`spikes of ${value.length} timesteps, not ${TIMESTEPS}`);
  const patterns = new Uint8Array(value[0]?.length ?? 0);
  value.forEach((slot, t) => slot.forEach((spike, i) => (patterns[i] = patterns[i]! | (spike << t))));
  return patterns;
}

/** Every weighted op whose operand is spikes, with the spikes that it gets for the picture. */
function spikingLayers({ net, inputs }: BenchNetwork): readonly SpikingLayer[] {
  const { values } = evaluate(net, inputs);
  const types = valueTypes(net);
  return net.ops.flatMap((op) => {
    const weights = weightsOf(net, op);
    const [operand = ""] = op.operands;
    const type = types.get(operand);
    if (weights === undefined || type === undefined || !isSpike(type)) return [];
    const dense = weights.shape.length === 2;
    const window = dense ? { kernel: 1, stride: 1, padding: 0 } : viewOf(net, op, types).window();
    const channels = type.shape.at(-1) ?? 1;
    const [height = 1, width = 1] = dense ? [type.shape.slice(0, -1).reduce((a, b) => a * b, 1)] : type.shape;
    const outputs = weights.shape.at(-1) ?? 1;
    const shape = { ...window, height, width, channels, outputs };
    return [{ name: op.origin ?? op.symbols[0]!, shape, weights, patterns: patternsOf(values.get(operand) ?? []) }];
  });
}

function placed(kernels: Kernels, { shape, weights }: SpikingLayer, patterns: Uint8Array): PlacedLayer {
  return placeLayer(kernels, shape, patterns, 32, (row, output) => weights.mantissa[row * shape.outputs + output]!);
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

function acOf(result: RunResult): number {
  return sum(result.layers.map(({ events }) => sum(events.ac)));
}

/** One picture with everything on: timing, counters, and the price of its events. */
function simulate(program: Program, machine: Machine, inputs: BenchNetwork["inputs"]): number {
  const result = machine.run(inputs);
  const totals = new RunTotals(program);
  totals.add(result, { name: "0", label: undefined });
  const { all } = estimateEnergy(totals.finish(), builtInTable()).totals;
  if (!(all > 0)) throw new Error("a picture that costs nothing");
  return acOf(result);
}

/** Spikes per neuron that spikes at all: the operations that share a fetched row. */
function spikesPerRow(patterns: Uint8Array): number {
  return sum(patterns.map(popcount)) / patterns.filter((pattern) => pattern !== 0).length;
}

let seed = 1;
/** Uniform in [0, 1), seeded. */
function uniform(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
}

interface LayerFigures {
  readonly name: string;
  readonly sop: number;
  readonly activity: number;
  readonly perRow: number;
  /** Seconds that the kernel takes. */
  readonly seconds: number;
}

const giga = (rate: number): string => (rate / 1e9).toFixed(1);

/** Harmonic mean of the layers' rates, weighted by their operations: all operations by all seconds. */
function harmonic(layers: readonly LayerFigures[]): number {
  return sum(layers.map(({ sop }) => sop)) / sum(layers.map(({ seconds }) => seconds));
}

function endToEnd(rate: number, layers: readonly LayerFigures[]): string {
  const kernels = harmonic(layers);
  const ratio = (rate / kernels).toFixed(3);
  return `kernels ${giga(kernels)} (harmonic mean by operations), end to end ${giga(rate)}: ratio ${ratio}`;
}

/** The kernels on each layer, with the patterns that `choose` gives it; the whole picture runs in the same rounds. */
function measure(layers: readonly SpikingLayer[], choose: (layer: SpikingLayer) => Uint8Array, picture: () => unknown) {
  const places = layers.map((layer) => {
    const patterns = choose(layer);
    return { layer, patterns, placed: placed(createKernels(MEMORY, "simd"), layer, patterns) };
  });
  const contenders: Record<string, () => unknown> = { picture };
  for (const [i, { placed }] of places.entries()) contenders[i] = () => runLayer(placed);
  const times = race(contenders, ROUNDS);
  const figures = places.map(({ layer, patterns, placed }, i): LayerFigures => {
    const spikes = sum(patterns.map(popcount));
    return {
      name: layer.name,
      sop: inputEvents(placed) * layer.shape.outputs,
      activity: spikes / (patterns.length * TIMESTEPS),
      perRow: spikesPerRow(patterns),
      seconds: times[String(i)]!,
    };
  });
  return { figures, picture: times["picture"]! };
}

/** Prints the layers, and end to end as a ratio of their kernels; then the gain of a second thread. */
export function printKernelShare(title: string, network: BenchNetwork): void {
  const { program, inputs } = network;
  const layers = spikingLayers(network);
  const machine = createEvent(program);
  const picture = (): number => simulate(program, machine, inputs);
  for (let i = 0; i < WARM_UP; i++) picture();
  const own = measure(layers, ({ patterns }) => patterns, picture);
  const sop = sum(own.figures.map((layer) => layer.sop));
  const counted = picture();
  if (counted !== sop) throw new Error(`the chip counts ${counted} synaptic operations, the layers have ${sop}`);

  console.log(`${title}, one thread: G SOP/s of the kernel alone on each weighted layer that reads spikes`);
  console.log(`${"layer".padEnd(26)}${["M SOP", "active %", "SOP/row", "kernel"].map((t) => t.padStart(10)).join("")}`);
  for (const { name, sop: operations, activity, perRow, seconds } of own.figures) {
    const cells = [
      (operations / 1e6).toFixed(1),
      (100 * activity).toFixed(1),
      perRow.toFixed(2),
      giga(operations / seconds),
    ];
    console.log(`${name.padEnd(26)}${cells.map((cell) => cell.padStart(10)).join("")}`);
  }
  console.log(`  ${endToEnd(sop / own.picture, own.figures)}`);
  printRecorded(layers, own.figures, picture);
  machine.close();
  printThreads(network);
}

/**
 * The picture once more, beside kernels whose spikes come from trained networks: their timesteps resemble each other in another way
 * than those of random weights. Layers that fire more than any recorded one keep their own spikes.
 */
function printRecorded(layers: readonly SpikingLayer[], own: readonly LayerFigures[], picture: () => unknown): void {
  const recorded = readVectors();
  if (recorded === undefined) return console.log(`  recorded spikes: SKIPPED, no folder ${SHARED}/golden`);
  const alike = new Map(
    layers.flatMap((layer) => {
      const patterns = recordedPatterns(recorded, activityOf(layer.patterns), layer.patterns.length, uniform);
      return patterns === undefined ? [] : [[layer, patterns] as const];
    }),
  );
  const { figures, picture: seconds } = measure(layers, (layer) => alike.get(layer) ?? layer.patterns, picture);
  // Activities differ a little from the network's, so each layer counts with the operations that it has there.
  const sop = sum(own.map((layer) => layer.sop));
  const scaled = figures.map((layer, i) => {
    const times = own[i]!.sop / layer.sop;
    return { ...layer, sop: own[i]!.sop, seconds: times * layer.seconds };
  });
  const perRow = sum(scaled.map((layer) => (layer.perRow * layer.sop) / sop)).toFixed(2);
  console.log(`  recorded spikes for the kernels of ${alike.size} of ${layers.length} layers, ${perRow} SOP/row:`);
  console.log(`    ${endToEnd(sop / seconds, scaled)}`);
}

function activityOf(patterns: Uint8Array): number {
  return sum(patterns.map(popcount)) / (patterns.length * TIMESTEPS);
}

/** Wall time of a picture with one thread and with two. */
function printThreads({ program, inputs }: BenchNetwork): void {
  const machines = [1, WORKERS].map((workers) => createEvent(program, { workers }));
  const [one, more] = machines.map((machine) => () => simulate(program, machine, inputs));
  const wall = race({ one: one!, more: more! }, WARM_UP + ROUNDS, wallSeconds, best);
  machines.forEach((machine) => machine.close());
  const ms = (seconds: number): string => `${(1000 * seconds).toFixed(0)} ms`;
  console.log(
    `  wall time: one thread ${ms(wall.one)}, ${WORKERS} workers ${ms(wall.more)}: ${(wall.one / wall.more).toFixed(2)} times as fast`,
  );
}
