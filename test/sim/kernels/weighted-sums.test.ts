import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packedRowBytes, type Kernels, type SpikeWindow } from "../../../src/sim/kernels/index.js";
import { both, makeWindow, placeSpikes, tapsOf, uniform, type Bits } from "./support.js";

/** Weights by row; the extremes are those that overflow first. */
const WEIGHTS: Readonly<Record<string, (largest: number, row: number, u: () => number) => number>> = {
  random: (largest, _, u) => Math.round((2 * u() - 1) * largest),
  largest: (largest) => largest,
  smallest: (largest) => -largest,
  alternating: (largest, row) => (row % 2 === 0 ? largest : -largest),
};

const shapes = fc.record({
  seed: fc.nat(),
  lanes: fc.constantFrom(8, 16, 24, 40, 64, 72, 104, 128),
  spikeLanes: fc.constantFrom(8, 24, 32, 64, 72, 128),
  steps: fc.integer({ min: 1, max: 8 }),
  spare: fc.integer({ min: 0, max: 2 }),
  height: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 4 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 2 }),
  channels: fc.integer({ min: 1, max: 140 }),
  planes: fc.integer({ min: 1, max: 3 }),
  activity: fc.constantFrom(0, 0.04, 0.3, 1),
  weights: fc.constantFrom(...Object.keys(WEIGHTS)),
  format: fc.constantFrom("real", "int"),
  limit: fc.constantFrom(127, 2 ** 15 - 1, 2 ** 31 - 1, Infinity),
  exponent: fc.integer({ min: -2, max: 24 }),
});
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

/** A dense layer on one position, all of its inputs spiking. */
const ONE_POSITION: Shape = {
  seed: 1,
  lanes: 8,
  spikeLanes: 8,
  steps: 2,
  spare: 0,
  height: 1,
  width: 1,
  kernel: 1,
  stride: 1,
  channels: 1,
  planes: 1,
  activity: 1,
  weights: "random",
  format: "int",
  limit: Infinity,
  exponent: 8,
};

interface Case {
  readonly bits: Bits;
  readonly window: Omit<SpikeWindow, "input" | "planes" | "planeBytes">;
  /** [row][lane] */
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

function makeCase(s: Shape, largest: number): Case {
  const u = uniform(s.seed);
  const repeat = (n: number, f: () => number): number[] => Array.from({ length: n }, f);
  const bits = Array.from({ length: s.planes }, () =>
    Array.from({ length: s.height * s.width }, () =>
      Array.from({ length: s.channels }, () => repeat(s.steps, () => Number(u() < s.activity))),
    ),
  );
  return {
    bits,
    window: {
      ...makeWindow({ ...s, cut: s.seed, lanes: s.spikeLanes, blocks: Math.ceil(s.channels / s.spikeLanes) }),
      timesteps: s.steps + s.spare,
      steps: s.steps,
      channels: s.channels,
    },
    weights: Array.from({ length: s.kernel ** 2 * s.channels }, (_, row) =>
      repeat(s.lanes, () => WEIGHTS[s.weights]!(largest, row, u)),
    ),
    bias: repeat(s.lanes, () => Math.floor((u() - 0.5) * 2 ** 40)),
  };
}

/** Rows and values of the inputs of one output position, tap by tap: [row, value by timestep]. */
function inputsOf({ bits, window: w }: Case, position: number): readonly (readonly [number, readonly number[]])[] {
  return tapsOf(w, position).flatMap(({ tap, at }) =>
    Array.from({ length: w.channels }, (_c, c) => {
      const planes = bits.map((plane) => plane[w.firstRow * w.width + at]![c]!);
      const values = Array.from({ length: w.steps }, (_t, t) => planes.reduce((sum, p, i) => sum + p[t]! * 2 ** i, 0));
      return [tap * w.channels + c, values] as const;
    }),
  );
}

/** Half to even, by the decimal of an exact halfway point. */
function roundEven(x: number): number {
  const near = Math.round(x);
  return Math.abs(near - x) === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** Outputs [position][timestep][lane] by the definition: doubles in the scanner's order, exact integers below 2^53. */
function expected(c: Case, s: Shape): readonly (readonly (readonly number[])[])[] {
  return Array.from({ length: c.window.outRows * c.window.outWidth }, (_, position) => {
    const planes = c.bits.map((plane) => inputsOf({ ...c, bits: [plane] }, position));
    return Array.from({ length: s.steps }, (_t, t) =>
      c.bias.map((bias, lane) => {
        let sum = 0;
        for (const [plane, inputs] of planes.entries()) {
          for (const [row, bits] of inputs) sum += bits[t]! * c.weights[row]![lane]! * 2 ** plane;
        }
        const value = (sum + bias) * 2 ** -s.exponent;
        if (s.format === "real") return Math.fround(value);
        return Math.min(s.limit, Math.max(-s.limit, roundEven(value))) | 0;
      }),
    );
  });
}

/** Outputs of the kernels; rows of weights and outputs have room between them. */
function computed(kernels: Kernels, c: Case, s: Shape, bits: 8 | 32): readonly (readonly (readonly number[])[])[] {
  const { memory } = kernels;
  const start = memory.mark;
  const window = placeSpikes(kernels, c.bits, c.window, uniform(s.seed + 1));
  const rows = c.weights.length;
  const rowBytes = s.lanes * 4 + 32;
  let weights = memory.take(rows * rowBytes, "weights");
  c.weights.forEach((row, r) => memory.i32.set(row, (weights + r * rowBytes) / 4));
  const bias = memory.take(s.lanes * 8, "bias");
  memory.f64.set(c.bias, bias / 8);
  const scales = memory.take(s.lanes * 8, "scales");
  memory.f64.fill(2 ** -s.exponent, scales / 8, scales / 8 + s.lanes);
  const lists = kernels.buildLists(window);
  const { positions, steps } = lists;
  const positionBytes = s.lanes * 4 + 32;
  const stepBytes = positions * positionBytes + 16;
  const output = memory.take(steps * stepBytes, "outputs");
  memory.i32.fill(-7, output / 4, (output + steps * stepBytes) / 4);
  const magnitude = kernels.magnitude(weights, rows, rowBytes, s.lanes);
  expect(magnitude).toBe(c.weights.flat().reduce((most, w) => Math.max(most, Math.abs(w)), 0));
  let width = rowBytes;
  if (bits === 8) {
    width = packedRowBytes(s.lanes);
    const packed = memory.take(rows * width, "packed weights");
    kernels.pack8(weights, rows, rowBytes, s.lanes, packed);
    weights = packed;
  }
  const job = {
    lists,
    lanes: s.lanes,
    weights,
    rowBytes: width,
    rows,
    magnitude,
    bias,
    scales,
    positionBytes,
    stepBytes,
  };
  const format = s.format === "real" ? "real" : "int";
  // In two parts, as workers share the positions of a tile.
  const half = Math.floor(positions / 2);
  for (const [firstPosition, end] of [
    [0, half],
    [half, positions],
  ] as const) {
    const part = { firstPosition, positions: end - firstPosition, output: output + firstPosition * positionBytes };
    const full = { ...job, ...part, format, limit: s.limit } as const;
    if (bits === 8) kernels.sum8(full);
    else kernels.sum32(full);
  }
  const values = s.format === "real" ? memory.f32 : memory.i32;
  const read = (at: number, n: number): number[] => [...values.subarray(at / 4, at / 4 + n)];
  const result = Array.from({ length: positions }, (_, p) =>
    Array.from({ length: steps }, (_t, t) => read(output + p * positionBytes + t * stepBytes, s.lanes)),
  );
  // Nothing is written between the outputs.
  for (let p = 0; p < positions; p++) {
    const gap = (output + p * positionBytes) / 4 + s.lanes;
    expect([...memory.i32.subarray(gap, gap + 8)]).toEqual(Array.from({ length: 8 }, () => -7));
  }
  memory.release(start);
  return result;
}

describe.each([32, 8] as const)("weighted sums of %i-bit weights", (bits) => {
  const kernels = both();
  const largest = bits === 8 ? 127 : 2 ** 24 - 1;

  it("are those of the definition, for any shape and whichever the kernels", () => {
    fc.assert(
      fc.property(shapes, (s) => {
        const c = makeCase(s, largest);
        const sums = expected(c, s);
        for (const k of kernels) expect(computed(k, c, s, bits), k.name).toEqual(sums);
      }),
      { numRuns: 80 },
    );
  });

  it.each(Object.keys(WEIGHTS))("never overflow: %s weights, all of 1000 inputs at once", (weights) => {
    const planes = bits === 8 ? 3 : 2;
    const s: Shape = { ...ONE_POSITION, lanes: 72, spikeLanes: 64, steps: 4, channels: 1000, planes, weights };
    const c = makeCase(s, largest);
    const sums = expected(c, s);
    for (const k of kernels) expect(computed(k, c, s, bits), k.name).toEqual(sums);
  });
});

it("takes weights that leave room for a single addition only", () => {
  const s: Shape = { ...ONE_POSITION, channels: 50, weights: "random", format: "real", exponent: 0 };
  const c = makeCase(s, 2 ** 31 - 1);
  const sums = expected(c, s);
  for (const k of both()) expect(computed(k, c, s, 32), k.name).toEqual(sums);
});

it("refuses packed weights whose sums could leave 32 bits", () => {
  for (const k of both()) {
    const lists = { headers: 64, positions: 0, steps: 4, planes: 1, rows: 0 };
    const job = {
      lists,
      firstPosition: 0,
      positions: 0,
      lanes: 64,
      weights: 64,
      rowBytes: 256,
      format: "real" as const,
    };
    const rest = { bias: 64, scales: 64, output: 64, positionBytes: 0, stepBytes: 0, limit: Infinity };
    k.sum8({ ...job, ...rest, rows: 2 ** 24 - 1, magnitude: 127 });
    expect(() => k.sum8({ ...job, ...rest, rows: 2 ** 24, magnitude: 127 })).toThrow("accumulators");
    expect(() => k.sum8({ ...job, ...rest, rows: 1, magnitude: 128 })).toThrow("eight bits");
  }
});

describe("sums that could leave the fast accumulators", () => {
  // Two rows of 20 planes: 2 * (2^30 + 2^10) * (2^20 - 1) = 2^51 - 2^11.
  const below = 2 ** 30 + 2 ** 10;

  it.each([
    ["just below 2^51", below, 20],
    ["just above 2^51", below + 1, 20],
    ["just below 2^53", 2 ** 28, 24],
  ])("are exact %s", (_, largest, planes) => {
    for (const weights of Object.keys(WEIGHTS)) {
      for (const format of ["real", "int"] as const) {
        const s: Shape = { ...ONE_POSITION, channels: 2, planes, weights, format, exponent: 22 };
        const c = { ...makeCase(s, largest), bias: [0, 1, -1, 2, -2, 3, -3, 5] };
        const sums = expected(c, s);
        const exact = c.bias.map((bias, lane) => {
          const rows = c.weights.reduce((total, row) => total + BigInt(row[lane]!), 0n);
          return Number(rows * (2n ** BigInt(planes) - 1n) + BigInt(bias)) * 2 ** -22;
        });
        if (format === "real") expect(sums[0]![0]).toEqual(exact.map(Math.fround));
        for (const k of both()) expect(computed(k, c, s, 32), `${k.name} ${weights}`).toEqual(sums);
      }
    }
  });

  it("have the scanner's order where doubles round them, for any shape and whichever the kernels", () => {
    const kernels = both();
    fc.assert(
      fc.property(shapes, fc.integer({ min: 18, max: 24 }), (shape, planes) => {
        const s: Shape = { ...shape, height: Math.min(shape.height, 2), lanes: 8, planes };
        const c = makeCase(s, 2 ** 31 - 1);
        const sums = expected(c, s);
        for (const k of kernels) expect(computed(k, c, s, 32), k.name).toEqual(sums);
      }),
      { numRuns: 25 },
    );
  });
});

describe("scan", () => {
  it("counts what the scanner and the adders see, for any window", () => {
    const kernels = both();
    fc.assert(
      fc.property(shapes, (s) => {
        const c = makeCase(s, 1);
        const words: number[] = [];
        const spikes = Array.from({ length: s.steps }, () => 0);
        for (let p = 0; p < c.window.outRows * c.window.outWidth; p++) {
          for (const plane of c.bits) {
            // One plane at a time; the scan words of a tap are its channel blocks.
            const inputs = inputsOf({ ...c, bits: [plane] }, p);
            for (let i = 0; i < inputs.length; i += c.window.channels) {
              for (let b = 0; b < c.window.blocks; b++) {
                const from = b * s.spikeLanes;
                const word = inputs.slice(i + from, i + Math.min(from + s.spikeLanes, c.window.channels));
                words.push(word.filter(([, values]) => values.some((v) => v !== 0)).length);
                word.forEach(([, values]) => values.forEach((v, t) => (spikes[t]! += v)));
              }
            }
          }
        }
        for (const k of kernels) {
          const start = k.memory.mark;
          const scan = k.scan(placeSpikes(k, c.bits, c.window, uniform(s.seed)));
          expect([...scan.words], k.name).toEqual(words);
          expect([...scan.spikes], k.name).toEqual(spikes);
          k.memory.release(start);
        }
      }),
      { numRuns: 60 },
    );
  });
});
