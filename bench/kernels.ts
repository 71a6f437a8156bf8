/*
 * The kernels of the fast simulator on one core, from spike words in memory to outputs written: G synaptic operations per
 * second (SOP: active inputs times true fan-out), and as multiples of the plain kernels and of a dense loop, in one process
 * with interleaved rounds (medians of processor time, which other processes disturb least). Weights do not fit the L2 cache.
 * `plain` and `dense` compute a part of the outputs only, `dense` of one timestep.
 */
import { createKernels, KERNELS, type FireJob } from "../src/sim/kernels/index.js";
import { CHARGE_RULES } from "../src/backends/program/instruction.js";
import {
  inputEvents,
  LANES,
  placeLayer,
  runLayer,
  TIMESTEPS,
  type LayerShape,
  type PlacedLayer,
  type WeightBits,
} from "./layer-kernel.js";
import { race } from "./race.js";
import { popcount, readVectors, recordedPatterns, SHARED } from "./recorded-spikes.js";

const ROUNDS = 7;
const ACTIVITIES = [0.04, 0.1, 0.2, 0.35];
/** Outputs that the slow contenders compute. */
const FEW = 64;
const MEMORY = 2 ** 28;
/** Calls per measurement of a short kernel. */
const REPEATS = 50;

/** A layer: kernel 1 is dense over size * size tokens. */
interface Shape {
  readonly name: string;
  readonly kernel: number;
  readonly size: number;
  readonly channels: number;
  readonly outputs: number;
}

const DENSE: readonly Shape[] = [
  { name: "768 -> 3072", kernel: 1, size: 14, channels: 768, outputs: 3072 },
  { name: "3072 -> 768", kernel: 1, size: 14, channels: 3072, outputs: 768 },
];
const CONVOLUTIONS: readonly Shape[] = [
  { name: "conv 3x3, 128 -> 512", kernel: 3, size: 14, channels: 128, outputs: 512 },
  { name: "conv 3x3, 384 -> 768", kernel: 3, size: 14, channels: 384, outputs: 768 },
];

let seed = 1;
/** Uniform in [0, 1), seeded. */
function uniform(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
}

/** The loop of a dense simulator in 32-bit floats, one timestep: every input of every window times every weight. */
function denseLoop(shape: Shape, patterns: Uint8Array, outputs: number): () => void {
  const { size, channels, kernel } = shape;
  const weights = Float32Array.from({ length: kernel ** 2 * channels * outputs }, () => uniform() - 0.5);
  const x = Float32Array.from(patterns, (pattern) => pattern & 1);
  const sums = new Float32Array(outputs);
  const reach = (kernel - 1) / 2;
  return () => {
    for (let p = 0; p < size * size; p++) {
      sums.fill(0);
      const [y, column] = [Math.floor(p / size), p % size];
      for (let tap = 0; tap < kernel ** 2; tap++) {
        const [iy, ix] = [y + Math.floor(tap / kernel) - reach, column + (tap % kernel) - reach];
        if (iy < 0 || ix < 0 || iy >= size || ix >= size) continue;
        for (let c = 0; c < channels; c++) {
          const value = x[(iy * size + ix) * channels + c]!;
          const row = (tap * channels + c) * outputs;
          for (let o = 0; o < outputs; o++) sums[o] = sums[o]! + value * weights[row + o]!;
        }
      }
    }
  };
}

/** Spikes times the windows that they lie in. */
function expectedEvents({ size, channels, kernel }: Shape, patterns: Uint8Array): number {
  const reach = (kernel - 1) / 2;
  const inside = (i: number): number => Math.min(size - 1, i + reach) - Math.max(0, i - reach) + 1;
  return patterns.reduce((sum, pattern, i) => {
    const position = Math.floor(i / channels);
    return sum + popcount(pattern) * inside(Math.floor(position / size)) * inside(position % size);
  }, 0);
}

/** Random i32 mantissas of 24 bits and sign; i8 weights are all 127, which overflow first. */
const weightOf = (bits: WeightBits): number => (bits === 32 ? Math.floor((uniform() - 0.5) * 2 ** 25) : 127);

/** The layer with so many of its outputs, in kernels of its own. */
function placed(
  kernels: (typeof KERNELS)[number],
  { kernel, size, channels }: Shape,
  patterns: Uint8Array,
  outputs: number,
  bits: WeightBits,
): PlacedLayer {
  const padding = (kernel - 1) / 2;
  const shape: LayerShape = { kernel, stride: 1, padding, height: size, width: size, channels, outputs };
  return placeLayer(createKernels(MEMORY, kernels), shape, patterns, bits, () => weightOf(bits));
}

const cell = (value: number, digits: number): string => value.toFixed(digits).padStart(8);

function report(shape: Shape, source: string, patterns: Uint8Array): void {
  const events = expectedEvents(shape, patterns);
  const inputs = patterns.length * TIMESTEPS;
  const active = patterns.reduce((sum, pattern) => sum + popcount(pattern), 0);
  const rows = patterns.filter((pattern) => pattern !== 0).length;
  const contenders: Record<string, () => void> = { dense: denseLoop(shape, patterns, FEW) };
  for (const bits of [32, 8] as const) {
    const fast = placed("simd", shape, patterns, shape.outputs, bits);
    contenders[`simd ${bits}`] = () => runLayer(fast);
  }
  const slow = placed("plain", shape, patterns, FEW, 32);
  contenders["plain"] = () => runLayer(slow);
  const scanned = inputEvents(slow);
  if (scanned !== events) throw new Error(`${scanned} spikes lie in memory, ${events} were meant`);
  const times = race(contenders, ROUNDS);
  const rate = (name: string, outputs: number): number => (events * outputs) / times[name]! / 1e9;
  const [wide, narrow] = [rate("simd 32", shape.outputs), rate("simd 8", shape.outputs)];
  const [plain, dense] = [rate("plain", FEW), rate("dense", FEW / TIMESTEPS)];
  console.log(
    [
      shape.name.padEnd(22),
      source.padEnd(9),
      cell((100 * active) / inputs, 1),
      cell(active / rows, 2),
      ...[wide, narrow].map((r) => cell(r, 1)),
      ...[plain, dense].map((r) => cell(r, 2)),
      ...[wide / plain, narrow / plain, wide / dense, narrow / dense].map((r) => cell(r, 0)),
    ].join(""),
  );
}

const recorded = readVectors();
if (recorded === undefined) {
  console.log(`### NO RECORDED SPIKES: there is no folder ${SHARED}/golden; the rows \`recorded\` are missing ###\n`);
}
console.log(
  `G SOP/s, T = ${TIMESTEPS}, medians of ${ROUNDS} rounds; weights: random 24-bit mantissas, and all 127 in 8 bits`,
);
console.log(
  `${"layer".padEnd(22)}${"spikes".padEnd(9)}${["active %", "SOP/row", "simd i32", "simd i8", "plain", "dense"]
    .concat(["i32/plain", "i8/plain", "i32/dense", "i8/dense"])
    .map((title) => title.padStart(8))
    .join(" ")}`,
);
for (const shape of [...DENSE, ...CONVOLUTIONS]) {
  const count = shape.size ** 2 * shape.channels;
  for (const activity of shape.kernel === 1 ? ACTIVITIES : ACTIVITIES.slice(2)) {
    const independent = Uint8Array.from({ length: count }, () => {
      let pattern = 0;
      for (let t = 0; t < TIMESTEPS; t++) pattern |= Number(uniform() < activity) << t;
      return pattern;
    });
    report(shape, "i.i.d.", independent);
    const alike = recorded && recordedPatterns(recorded, activity, count, uniform);
    if (alike !== undefined) report(shape, "recorded", alike);
  }
}

type Rule = FireJob["neuron"];
const COMMON = { b: 0, vReset: 0, v0: 0, gt: 0, soft: 0, wrap: 0 };
const REAL: Rule = {
  ...COMMON,
  rule: CHARGE_RULES.indexOf("divide"),
  a: 2,
  vTh: 1,
  format: 0,
  stateBits: 2,
  fractionBits: 0,
};
/** What `quantize` makes of divide(2), at its default width. */
const INTEGER: Rule = {
  ...COMMON,
  rule: CHARGE_RULES.indexOf("shift"),
  a: 1,
  vTh: 2 ** 13,
  format: 1,
  stateBits: 24,
  fractionBits: 3,
};

/** Updates of LIF neurons per second: 196 positions of one block, potentials in memory only before and after the group. */
function reportNeurons(title: string, neuron: Rule): void {
  const positions = 196;
  const wordBytes = 4 * LANES;
  const contenders: Record<string, () => void> = {};
  for (const name of KERNELS) {
    const kernels = createKernels(MEMORY, name);
    const { memory } = kernels;
    const current = memory.take(positions * wordBytes * TIMESTEPS, "currents");
    const words = (positions * wordBytes * TIMESTEPS) / 4;
    const numbers = neuron.format === 1 ? memory.i32 : memory.f32;
    const most = (2 * neuron.vTh) / 2 ** neuron.fractionBits;
    for (let i = 0; i < words; i++) numbers[current / 4 + i] = most * uniform();
    const state = memory.take(positions * wordBytes, "potentials");
    const output = memory.take((positions * LANES * TIMESTEPS) / 8, "spikes");
    const job: FireJob = {
      neuron,
      positions,
      lanes: LANES,
      used: LANES,
      timesteps: TIMESTEPS,
      steps: TIMESTEPS,
      current,
      currentPositionBytes: wordBytes,
      currentStepBytes: positions * wordBytes,
      state,
      uState: -1,
      statePositionBytes: wordBytes,
      read: true,
      write: true,
      gains: -1,
      thresholds: -1,
      output,
      outputPositionBytes: (LANES * TIMESTEPS) / 8,
    };
    contenders[name] = () => {
      for (let i = 0; i < REPEATS; i++) kernels.fire(job);
    };
  }
  const times = race(contenders, ROUNDS);
  const rates = KERNELS.map((name) => (REPEATS * positions * LANES * TIMESTEPS) / times[name]! / 1e9);
  console.log(`${title}, G updates/s: ${KERNELS.map((name, i) => `${name} ${rates[i]!.toFixed(2)}`).join(", ")}`);
}

reportNeurons("LIF neurons", REAL);
reportNeurons("integer LIF neurons, shift(1)", INTEGER);
reportNeurons("integer LIF neurons, shift(1), 32 bits", { ...INTEGER, stateBits: 32 });
reportNeurons("integer LIF neurons, decay(2000)", { ...INTEGER, rule: CHARGE_RULES.indexOf("decay"), a: 2000 });
