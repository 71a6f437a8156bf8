/*
 * Event-driven kernels against a plain dense loop on the sums of one STAtten 512 block: q, k, v, proj (512 x 512) and fc1
 * (512 x 2048), 64 tokens, T = 4, 20 % of the inputs spike, independently. Medians over interleaved rounds in one process.
 */
import { accumulateGroups, accumulateRows, addRow, createRowScratch } from "../src/sim/kernels/accumulate.js";
import { chargeDivide, fireReal } from "../src/sim/kernels/neuron.js";
import { everyStep, plainKernels, SPIKE } from "../src/ir/index.js";

const TOKENS = 64;
const INPUTS = 512;
const TIMESTEPS = 4;
const ACTIVITY = 0.2;
const LANES = 64;
const ROUNDS = 7;
const LAYERS = [
  ["q", 512],
  ["k", 512],
  ["v", 512],
  ["proj", 512],
  ["fc1", 2048],
] as const;

let seed = 1;
/** Uniform in [0, 1), seeded. */
function uniform(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
}

/** One layer: weights [INPUTS, outputs], spikes [TIMESTEPS][TOKENS, INPUTS], and per token the rows with a spike and when. */
interface Layer {
  readonly name: string;
  readonly outputs: number;
  readonly weights: Int32Array;
  readonly spikes: readonly Uint8Array[];
  readonly rows: readonly Int32Array[];
  readonly gates: readonly Uint8Array[];
  readonly operations: number;
}

function makeLayer(name: string, outputs: number): Layer {
  const weights = Int32Array.from({ length: INPUTS * outputs }, () => Math.floor((uniform() - 0.5) * 2 ** 25));
  const spikes = Array.from({ length: TIMESTEPS }, () =>
    Uint8Array.from({ length: TOKENS * INPUTS }, () => Number(uniform() < ACTIVITY)),
  );
  const gateOf = (i: number): number => spikes.reduce((gate, spike, t) => gate | (spike[i]! << t), 0);
  const tokens = Array.from({ length: TOKENS }, (_, n) => {
    const rows = Array.from({ length: INPUTS }, (_row, c) => c).filter((c) => gateOf(n * INPUTS + c) !== 0);
    return { rows: Int32Array.from(rows), gates: Uint8Array.from(rows, (c) => gateOf(n * INPUTS + c)) };
  });
  const operations = spikes.reduce((sum, spike) => sum + spike.reduce((s, b) => s + b, 0), 0) * outputs;
  return {
    name,
    outputs,
    weights,
    spikes,
    operations,
    rows: tokens.map((t) => t.rows),
    gates: tokens.map((t) => t.gates),
  };
}

/** The loop of a dense simulator: every input times every weight, in 32-bit floats. */
function denseLoop(
  x: Float32Array,
  w: Float32Array,
  out: Float32Array,
  from: number,
  to: number,
  outputs: number,
): void {
  for (let c = 0; c < INPUTS; c++) {
    const value = x[from + c]!;
    const row = c * outputs;
    for (let o = 0; o < outputs; o++) out[to + o] = out[to + o]! + value * w[row + o]!;
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Median time of each contender in ns, rounds interleaved, after one round of warming up. */
function race(contenders: Readonly<Record<string, () => void>>): Record<string, number> {
  const times: Record<string, number[]> = {};
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const start = process.hrtime.bigint();
      run();
      if (round >= 0) (times[name] ??= []).push(Number(process.hrtime.bigint() - start));
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

const layers = LAYERS.map(([name, outputs]) => makeLayer(name, outputs));
const operations = layers.reduce((sum, layer) => sum + layer.operations, 0);
const scratch = createRowScratch(INPUTS, LANES, TIMESTEPS);

/** All sums of a layer, [tokens][blocks][timesteps][lanes], by pattern groups. */
function grouped(layer: Layer, sums: Float64Array): void {
  const { weights, outputs, rows, gates } = layer;
  const block = sums.subarray(0, TIMESTEPS * LANES);
  for (let n = 0; n < TOKENS; n++) {
    for (let offset = 0; offset < outputs; offset += LANES) {
      block.fill(0);
      const [list, gate] = [rows[n]!, gates[n]!];
      if (offset === 0) accumulateRows(block, weights, outputs, 0, LANES, list, gate, list.length, TIMESTEPS, scratch);
      else accumulateGroups(block, weights, outputs, offset, LANES, TIMESTEPS, scratch);
    }
  }
}

/** The same row by row, as the adder of the chip. */
function rowByRow(layer: Layer, sums: Float64Array): void {
  const { weights, outputs, rows, gates } = layer;
  const block = sums.subarray(0, TIMESTEPS * LANES);
  for (let n = 0; n < TOKENS; n++) {
    const [list, gate] = [rows[n]!, gates[n]!];
    for (let offset = 0; offset < outputs; offset += LANES) {
      block.fill(0);
      for (let i = 0; i < list.length; i++) addRow(block, weights, list[i]! * outputs + offset, LANES, gate[i]!, 1);
    }
  }
}

const sums = new Float64Array(TIMESTEPS * LANES);
const real = layers.map(({ weights, spikes, outputs }) => ({
  outputs,
  weights: Float32Array.from(weights),
  spikes: spikes.map((spike) => Float32Array.from(spike)),
  out: new Float32Array(TOKENS * outputs),
}));

const synapses = race({
  "grouped by pattern (lists of rows)": () => layers.forEach((layer) => grouped(layer, sums)),
  "row by row (stepped)": () => layers.forEach((layer) => rowByRow(layer, sums)),
  "dense loop": () => {
    for (const { outputs, weights, spikes, out } of real) {
      for (const spike of spikes) {
        out.fill(0);
        for (let n = 0; n < TOKENS; n++) denseLoop(spike, weights, out, n * INPUTS, n * outputs, outputs);
      }
    }
  },
  "plain reference": () => {
    for (const { weights, spikes, outputs } of layers) {
      const type = { number: SPIKE, time: everyStep(1), shape: [TOKENS, INPUTS] };
      const constant = {
        kind: "weights",
        shape: [INPUTS, outputs],
        mantissa: weights,
        exponent: new Int32Array(outputs),
        bias: new Float64Array(outputs),
      } as const;
      for (const spike of spikes) plainKernels.dense(Int32Array.from(spike), type, constant);
    }
  },
});

const NEURONS = TOKENS * 512;
const currents = Float32Array.from({ length: NEURONS }, () => uniform() * 2);
const potentials = new Float32Array(NEURONS);
const fired = new Uint8Array(NEURONS);
const tau = new Float64Array(LANES).fill(2);
const threshold = new Float32Array(LANES).fill(1);
const [v, x] = [new Float32Array(LANES), new Float32Array(LANES)];
const neurons = race({
  kernel: () => {
    for (let t = 0; t < TIMESTEPS; t++) {
      for (let i = 0; i < NEURONS; i += LANES) {
        for (let l = 0; l < LANES; l++) {
          v[l] = potentials[i + l]!;
          x[l] = currents[i + l]!;
        }
        chargeDivide(v, x, LANES, tau, 0);
        fireReal(v, LANES, threshold, false, false, 0, fired, i);
        for (let l = 0; l < LANES; l++) potentials[i + l] = v[l]!;
      }
    }
  },
  "dense loop": () => {
    for (let t = 0; t < TIMESTEPS; t++) {
      for (let i = 0; i < NEURONS; i++) {
        const before = potentials[i]!;
        const h = Math.fround(before + Math.fround(Math.fround(currents[i]! - before) / 2));
        const spike = h >= 1;
        fired[i] = spike ? 1 : 0;
        potentials[i] = spike ? 0 : h;
      }
    }
  },
});

const ns = (time: number, count: number): string => (time / count).toFixed(3).padStart(8);
console.log(
  `STAtten 512 block, ${operations.toLocaleString("en-US")} synaptic operations at ${ACTIVITY * 100} % activity`,
);
for (const [name, time] of Object.entries(synapses)) {
  const ratio = synapses["dense loop"]! / time;
  console.log(
    `  ${name.padEnd(20)}${ns(time, operations)} ns per operation  ${ratio.toFixed(2).padStart(6)} x the dense loop`,
  );
}
console.log(`LIF neurons, ${(NEURONS * TIMESTEPS).toLocaleString("en-US")} updates`);
for (const [name, time] of Object.entries(neurons))
  console.log(`  ${name.padEnd(20)}${ns(time, NEURONS * TIMESTEPS)} ns per update`);
