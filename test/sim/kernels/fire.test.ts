import fc from "fast-check";
import { expect, it } from "vitest";
import { CHARGE_RULES, type FieldsOf } from "../../../src/backends/program/instruction.js";
import type { FireJob, Kernels, NeuronRule } from "../../../src/sim/kernels/index.js";
import { packBits } from "../../../src/sim/layerwise/stepped/bits.js";
import { Neurons } from "../../../src/sim/layerwise/stepped/neurons.js";
import { both, uniform } from "./support.js";

const REAL = ["divide", "multiply", "decay-then-add", "integrate", "cuba"] as const;
const INT = ["integrate", "decay", "shift", "cuba"] as const;
const LIMIT = 2 ** 31;

const shapes = fc.record({
  seed: fc.nat(),
  lanes: fc.constantFrom(8, 16, 24, 64, 72),
  unused: fc.integer({ min: 0, max: 9 }),
  positions: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 8 }),
  spare: fc.integer({ min: 0, max: 2 }),
  holds: fc.boolean(),
  read: fc.boolean(),
  write: fc.boolean(),
  gains: fc.boolean(),
  thresholds: fc.boolean(),
  /** Coarse numbers meet thresholds exactly. */
  coarse: fc.boolean(),
  huge: fc.boolean(),
  /** Integers lie around the ends of the width, of multiples of it, and of 32 bits; potentials also outside their width. */
  edges: fc.boolean(),
});
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

const flags = { gt: fc.constantFrom(0, 1), soft: fc.constantFrom(0, 1) };
const realRules: fc.Arbitrary<NeuronRule> = fc.record({
  ...flags,
  format: fc.constant(0),
  rule: fc.constantFrom(...REAL).map((name) => CHARGE_RULES.indexOf(name)),
  a: fc.constantFrom(0.25, 2, 1.5, 0.1),
  b: fc.constantFrom(0.5, 0.3),
  vTh: fc.constantFrom(1, 0.5, 0.7),
  vReset: fc.constantFrom(0, -0.5, 0.1),
  v0: fc.constantFrom(0, 0.25, 0.1),
  stateBits: fc.constant(2),
  fractionBits: fc.constant(0),
  wrap: fc.constant(0),
});
const intRules: fc.Arbitrary<NeuronRule> = fc.record({
  ...flags,
  format: fc.constant(1),
  rule: fc.constantFrom(...INT).map((name) => CHARGE_RULES.indexOf(name)),
  a: fc.constantFrom(0, 1, 2, 3, 30, 31, 32, 2048, 4095, 4096),
  b: fc.constantFrom(1, 100),
  vTh: fc.constantFrom(1, 100, -5, 2.5, LIMIT - 1, -LIMIT, LIMIT),
  vReset: fc.constantFrom(0, -7, 2 ** 28, -LIMIT),
  v0: fc.constantFrom(0, 9),
  stateBits: fc.constantFrom(2, 8, 24, 29, 30, 31, 32),
  fractionBits: fc.constantFrom(0, 3),
  wrap: fc.constantFrom(0, 0, 0, 1),
});

/** Currents, potentials and constants of a case, as the words of the format. */
interface Numbers {
  /** [step][position][lane] */
  readonly currents: readonly (readonly (readonly number[])[])[];
  /** [position][lane] */
  readonly v: readonly (readonly number[])[];
  readonly u: readonly (readonly number[])[];
  readonly gains: readonly number[];
  readonly thresholds: readonly number[];
}

/** An integer of 32 bits, by a few off a multiple of `limit`, or off the end of 32 bits. */
function edge(draw: () => number, limit: number): number {
  const near = (Math.floor(4 * draw()) * limit - 2 + Math.floor(5 * draw())) * (draw() < 0.5 ? -1 : 1);
  const end = draw() < 0.5 ? -LIMIT + Math.floor(3 * draw()) : LIMIT - 1 - Math.floor(3 * draw());
  return Math.abs(near) < LIMIT && draw() < 0.8 ? near : end;
}

function makeNumbers(s: Shape, { format, stateBits, fractionBits, rule }: NeuronRule): Numbers {
  const draw = uniform(s.seed);
  const number = (size: number): number => {
    const x = (2 * draw() - 1) * size;
    if (format === 1) return Math.max(-LIMIT, Math.min(LIMIT - 1, Math.round(x)));
    return s.coarse ? Math.round(4 * x) / 4 : Math.fround(x);
  };
  const list = <T>(n: number, of: () => T): T[] => Array.from({ length: n }, of);
  const limit = 2 ** (stateBits - 1);
  const size = format === 0 ? 2 : s.huge ? LIMIT : s.coarse ? 4 : 3 * limit;
  const int = format === 1;
  const edges = int && s.edges;
  const state = (): number => {
    if (!int) return number(1);
    const v = edges ? edge(draw, limit) : number(limit);
    // Few lie outside, such that they have neighbours inside.
    return edges && draw() < 0.1 ? v : Math.max(-limit, Math.min(limit - 1, v));
  };
  const current = (): number => (edges ? Math.trunc(edge(draw, limit) / 2 ** fractionBits) : number(size));
  const ruleArguments = CHARGE_RULES[rule] === "decay" ? 4097 : 40;
  const threshold = (): number => (edges ? edge(draw, limit) : int ? Math.round(draw() * limit) : number(1));
  return {
    currents: list(s.holds ? 1 : s.steps, () => list(s.positions, () => list(s.lanes, current))),
    v: list(s.positions, () => list(s.lanes, state)),
    u: list(s.positions, () => list(s.lanes, state)),
    gains: list(s.lanes, () => (int ? Math.floor(draw() * ruleArguments) : 0.25 + Math.floor(draw() * 8) / 4)),
    thresholds: list(s.lanes, threshold),
  };
}

/** What is left in memory: spike words, potentials, and the number of spikes per timestep. */
interface Outcome {
  readonly words: readonly (readonly number[])[];
  readonly v: readonly (readonly number[])[];
  readonly u: readonly (readonly number[])[];
  readonly counts: readonly number[];
}

const isCuba = (rule: NeuronRule): boolean => CHARGE_RULES[rule.rule] === "cuba";

/** The registers of the stepped simulator's fire engine, position by position. */
function expected(s: Shape, rule: NeuronRule, numbers: Numbers): Outcome {
  const used = Math.max(1, s.lanes - s.unused);
  const neurons = new Neurons(s.lanes);
  const Words = rule.format === 1 ? Int32Array : Float32Array;
  const bits = (values: readonly number[]): Int32Array => new Int32Array(Words.from(values).buffer);
  const numbersOf = (words: Int32Array): readonly number[] => [...new Words(words.buffer as ArrayBuffer)];
  neurons.start({ ...rule, lanesUsed: used } as FieldsOf<"fire">);
  const thresholds = bits(numbers.thresholds);
  if (s.thresholds) neurons.setThresholds(thresholds, new Float32Array(thresholds.buffer));
  if (s.gains) neurons.setGains(Float32Array.from(numbers.gains));
  const counts = Array.from({ length: s.steps }, () => 0);
  const all = numbers.v.map((v, p) => {
    const spikes = new Uint8Array(s.lanes * (s.steps + s.spare));
    neurons.reset();
    if (s.read) neurons.loadV(bits(v), 0);
    if (s.read && isCuba(rule)) neurons.loadU(bits(numbers.u[p]!), 0);
    for (let t = 0; t < s.steps; t++) {
      neurons.loadCurrent(bits(numbers.currents[s.holds ? 0 : t]![p]!), 0);
      neurons.charge(used);
      counts[t] = counts[t]! + neurons.fire(used, spikes, t * s.lanes);
    }
    const after = [bits(v), bits(numbers.u[p]!)] as const;
    if (s.write) neurons.storeV(after[0], 0);
    if (s.write && isCuba(rule)) neurons.storeU(after[1], 0);
    const word = new Uint8Array(spikes.length / 8);
    packBits(spikes, word.length, word, 0);
    return { word: [...word], v: numbersOf(after[0]), u: numbersOf(after[1]) };
  });
  return { words: all.map((a) => a.word), v: all.map((a) => a.v), u: all.map((a) => a.u), counts };
}

function computed(kernels: Kernels, s: Shape, neuron: NeuronRule, numbers: Numbers): Outcome {
  const { memory } = kernels;
  const start = memory.mark;
  const words = neuron.format === 1 ? memory.i32 : memory.f32;
  const positionBytes = s.lanes * 4 + 32;
  const place = (rows: readonly (readonly number[])[]): number => {
    const at = memory.take(rows.length * positionBytes, "words");
    rows.forEach((row, i) => words.set(row, (at + i * positionBytes) / 4));
    return at;
  };
  const read = (at: number): number[][] =>
    numbers.v.map((_, p) => [...words.subarray((at + p * positionBytes) / 4, (at + p * positionBytes) / 4 + s.lanes)]);
  const gains = memory.take(4 * s.lanes, "gains");
  memory.f32.set(numbers.gains, gains / 4);
  const [v, u] = [place(numbers.v), place(numbers.u)];
  const wordBytes = (s.lanes * (s.steps + s.spare)) / 8;
  const output = memory.take(s.positions * (wordBytes + 1), "spikes");
  memory.u8.fill(0xa5, output, output + s.positions * (wordBytes + 1));
  const job: FireJob = {
    neuron,
    positions: s.positions,
    lanes: s.lanes,
    used: Math.max(1, s.lanes - s.unused),
    timesteps: s.steps + s.spare,
    steps: s.steps,
    current: place(numbers.currents.flat()),
    currentPositionBytes: positionBytes,
    currentStepBytes: s.holds ? 0 : s.positions * positionBytes,
    state: s.read || s.write ? v : -1,
    uState: (s.read || s.write) && isCuba(neuron) ? u : -1,
    statePositionBytes: positionBytes,
    read: s.read,
    write: s.write,
    gains: s.gains ? gains : -1,
    thresholds: s.thresholds ? place([numbers.thresholds]) : -1,
    output,
    outputPositionBytes: wordBytes + 1,
  };
  const counts = [...kernels.fire(job)];
  const spikes = numbers.v.map((_, p) => {
    const at = output + p * (wordBytes + 1);
    expect(memory.u8[at + wordBytes]).toBe(0xa5);
    return [...memory.u8.subarray(at, at + wordBytes)];
  });
  const outcome = { words: spikes, v: read(v), u: read(u), counts };
  memory.release(start);
  return outcome;
}

it.each([
  ["real", realRules],
  ["integer", intRules],
])("%s neurons behave as those of the stepped simulator", (_, rules) => {
  const kernels = both();
  fc.assert(
    fc.property(shapes, rules, (s, rule) => {
      const numbers = makeNumbers(s, rule);
      const outcome = expected(s, rule, numbers);
      for (const k of kernels) expect(computed(k, s, rule, numbers), k.name).toEqual(outcome);
    }),
    { numRuns: 1000 },
  );
});
