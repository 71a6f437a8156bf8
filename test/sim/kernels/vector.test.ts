import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { both, makeWindow, tapsOf, uniform, windowShapes } from "./support.js";

const formats = fc.constantFrom<"real" | "int">("real", "int");

describe("add", () => {
  const jobs = fc.record({
    seed: fc.nat(),
    values: fc.constantFrom(8, 24, 64, 136),
    format: formats,
    aShift: fc.integer({ min: 0, max: 21 }),
    bShift: fc.integer({ min: 0, max: 3 }),
    limit: fc.constantFrom(100, 2 ** 31 - 1, Infinity),
    size: fc.constantFrom(4, 1000, 2 ** 31),
  });

  it("adds word by word, clamps, or wraps", () => {
    const kernels = both();
    fc.assert(
      fc.property(jobs, ({ seed, size, ...job }) => {
        const draw = uniform(seed);
        const int = job.format === "int";
        const number = (): number => {
          const x = (2 * draw() - 1) * size;
          return int ? Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.floor(x))) : Math.fround(x);
        };
        const a = Array.from({ length: job.values }, number);
        const b = Array.from({ length: job.values }, number);
        const sums = a.map((x, i) => {
          if (!int) return Math.fround(x + b[i]!);
          const sum = (BigInt(x) << BigInt(job.aShift)) + (BigInt(b[i]!) << BigInt(job.bShift));
          if (job.limit === Infinity) return Number(BigInt.asIntN(32, sum));
          return Math.max(-job.limit, Math.min(job.limit, Number(sum)));
        });
        for (const k of kernels) {
          const { memory } = k;
          const start = memory.mark;
          const words = int ? memory.i32 : memory.f32;
          const [at, bt] = [memory.take(4 * job.values, "a"), memory.take(4 * job.values, "b")];
          words.set(a, at / 4);
          words.set(b, bt / 4);
          // In place, as streams are added.
          k.add({ ...job, a: at, b: bt, output: at });
          expect([...words.subarray(at / 4, at / 4 + job.values)], k.name).toEqual(sums);
          memory.release(start);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("convert", () => {
  /** Multiples of a quarter, so that ties are many, and what no integer can be. */
  const reals = fc.oneof(
    fc.integer({ min: -1000, max: 1000 }).map((n) => n / 4),
    fc.float(),
    fc.constantFrom(NaN, Infinity, -Infinity, -0),
  );
  const jobs = fc.record({
    exp: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -64, max: 64 })),
    range: fc.constantFrom([-128, 127], [0, 15], [-(2 ** 31), 2 ** 31 - 1], [5, -5]),
    // Output words behind the input: they are read when they have been written, or before the input.
    shift: fc.constantFrom(-2, 0, 1, 9),
  });
  const VALUES = 24;

  /** The nearest integer, the even one of two. */
  function nearest(x: number): number {
    if (!Number.isFinite(x)) return x;
    const [below, above] = [Math.floor(x), Math.ceil(x)];
    if (x - below !== above - x) return x - below < above - x ? below : above;
    return below % 2 === 0 ? below : above;
  }

  it.each(["int", "real"] as const)("to %s rounds once, in the order of the words", (format) => {
    const kernels = both();
    const values = format === "int" ? reals : fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const inputs = fc.array<number>(values, { minLength: VALUES, maxLength: VALUES });
    const check = fc.property(jobs, inputs, ({ exp, range: [lo, hi], shift }, numbers) => {
      const unit = 2 ** exp;
      for (const k of kernels) {
        const { memory } = k;
        const start = memory.mark;
        const input = memory.take(4 * VALUES * 5, "values") + 8 * VALUES;
        (format === "int" ? memory.f32 : memory.i32).set(numbers, input / 4);
        const wanted = new Uint8Array(memory.u8.slice(start, memory.mark));
        const [image, source] =
          format === "int"
            ? [new Int32Array(wanted.buffer), new Float32Array(wanted.buffer)]
            : [new Float32Array(wanted.buffer), new Int32Array(wanted.buffer)];
        const first = (input - start) / 4;
        for (let i = 0; i < VALUES; i++) {
          const x = source[first + i]!;
          const clamped = Math.min(hi!, Math.max(lo!, nearest(x / unit)));
          image[first + i + 8 * shift] = format === "int" ? clamped : x * unit;
        }
        k.convert({ input, output: input + 32 * shift, values: VALUES, format, unit, lo: lo!, hi: hi! });
        expect(memory.u8.slice(start, memory.mark), k.name).toEqual(wanted);
        memory.release(start);
      }
    });
    fc.assert(check, { numRuns: 200 });
  });
});

describe("poolOr", () => {
  it("is the OR of the bytes under the taps", () => {
    const kernels = both();
    fc.assert(
      fc.property(windowShapes, fc.nat(), fc.integer({ min: 1, max: 8 }), (shape, seed, timesteps) => {
        const window = makeWindow(shape);
        const draw = uniform(seed);
        const bytes = (window.blocks * window.lanes * timesteps) / 8;
        const map = Array.from({ length: window.height * window.width * bytes }, () =>
          Math.floor(draw() * draw() * 256),
        );
        const positions = window.outRows * window.outWidth;
        const pooled = Array.from({ length: positions * bytes }, (_, i) =>
          tapsOf(window, Math.floor(i / bytes)).reduce((or, { at }) => or | map[at * bytes + (i % bytes)]!, 0),
        );
        for (const k of kernels) {
          const { memory } = k;
          const start = memory.mark;
          const input = memory.take(map.length, "input");
          memory.u8.set(map, input);
          const output = memory.take(pooled.length + 1, "output");
          memory.u8[output + pooled.length] = 77;
          k.poolOr({ ...window, input, timesteps, output, positionBytes: bytes });
          expect([...memory.u8.subarray(output, output + pooled.length)], k.name).toEqual(pooled);
          expect(memory.u8[output + pooled.length]).toBe(77);
          memory.release(start);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("poolMax", () => {
  it("is the largest value under the taps, of each timestep", () => {
    const kernels = both();
    fc.assert(
      fc.property(windowShapes, fc.nat(), fc.integer({ min: 1, max: 3 }), formats, (shape, seed, steps, format) => {
        const window = makeWindow(shape);
        const draw = uniform(seed);
        const row = window.blocks * window.lanes;
        const size = window.height * window.width * row;
        // Zeros of both signs, and negative numbers only: a maximum that started at zero would be wrong.
        const number = (): number =>
          format === "int" ? Math.floor(draw() * -90) : draw() < 0.2 ? 0 : -Math.floor(draw() * 4) / 4;
        const map = Array.from({ length: steps * size }, number);
        const positions = window.outRows * window.outWidth;
        const pooled = Array.from({ length: steps * positions * row }, (_, i) => {
          const [step, position] = [Math.floor(i / (positions * row)), Math.floor(i / row) % positions];
          return Math.max(...tapsOf(window, position).map(({ at }) => map[step * size + at * row + (i % row)]!));
        });
        for (const k of kernels) {
          const { memory } = k;
          const start = memory.mark;
          const words = format === "int" ? memory.i32 : memory.f32;
          const input = memory.take(4 * map.length, "input");
          words.set(map, input / 4);
          const output = memory.take(4 * pooled.length, "output");
          const strides = { inputStepBytes: 4 * size, positionBytes: 4 * row, stepBytes: 4 * positions * row };
          k.poolMax({ ...window, ...strides, input, output, format, steps });
          const found = [...words.subarray(output / 4, output / 4 + pooled.length)];
          expect(found, k.name).toEqual(format === "int" ? pooled.map((x) => x + 0) : pooled);
          memory.release(start);
        }
      }),
      { numRuns: 150 },
    );
  });
});
