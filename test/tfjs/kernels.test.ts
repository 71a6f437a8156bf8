import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  everyStep,
  int,
  outputsOf,
  plainKernels,
  REAL,
  SPIKE,
  toWeights,
  type LinearKernels,
  type NumberKind,
  type Slot,
  type ValueType,
  type Weights,
  type Window,
} from "../../src/ir/index.js";
import { elements } from "../../src/math/tensor.js";
import { loadTfjsKernels } from "../../src/tfjs/index.js";

let kernels: LinearKernels;
beforeAll(async () => {
  ({ kernels } = await loadTfjsKernels());
});

/** Half a unit in the last place of float32. */
const ROUNDING = 2 ** -24;

const typeOf = (shape: readonly number[], number: NumberKind): ValueType => ({ number, time: everyStep(1), shape });

/** Far from the smallest float32, which TensorFlow may flush to zero. */
const REALS = { min: -(2 ** 22), max: 2 ** 22 };
const REAL_UNIT = 2 ** -20;

const slot = (type: ValueType): fc.Arbitrary<Slot> => {
  const n = elements(type.shape);
  const { number } = type;
  const range = number.kind === "real" ? REALS : { min: number.lo, max: number.hi };
  const integers = fc.int32Array({ minLength: n, maxLength: n, ...range });
  return number.kind === "real" ? integers.map((x) => Float32Array.from(x, (v) => v * REAL_UNIT)) : integers;
};

/** Weights of tenths: all 24 bits of a mantissa are in use. */
const numbers = (n: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer(REALS), { minLength: n, maxLength: n }).map((list) => list.map((v) => (v * REAL_UNIT) / 10));

const smallIntegers = (n: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -7, max: 7 }), { minLength: n, maxLength: n });

const weightsOf = (shape: readonly number[], values: typeof numbers): fc.Arbitrary<Weights> =>
  fc
    .tuple(values(elements(shape)), values(shape[shape.length - 1] ?? 1))
    .map(([weights, bias]) => toWeights(shape, weights, bias));

interface Case {
  readonly x: Slot;
  readonly type: ValueType;
  readonly weights: Weights;
  readonly window: Window;
}

const windows = fc
  .record({
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.nat({ max: 2 }),
  })
  .filter(({ kernel, padding }) => padding < kernel);

const sides = fc.tuple(fc.integer({ min: 3, max: 7 }), fc.integer({ min: 3, max: 7 }));
const channels = fc.integer({ min: 1, max: 5 });
const anyNumber = fc.constantFrom<NumberKind>(REAL, SPIKE, int(0, 4), int(-3, 3), int(-9, 9, -2));

const convCases = (number: fc.Arbitrary<NumberKind>, values: typeof numbers): fc.Arbitrary<Case> =>
  fc.tuple(windows, sides, channels, channels, number).chain(([window, [h, w], cin, out, kind]) => {
    const type = typeOf([h, w, cin], kind);
    const shape = [window.kernel, window.kernel, cin, out];
    return fc.record({
      x: slot(type),
      weights: weightsOf(shape, values),
      type: fc.constant(type),
      window: fc.constant(window),
    });
  });

const denseCases = (number: fc.Arbitrary<NumberKind>, values: typeof numbers): fc.Arbitrary<Case> =>
  fc.tuple(fc.integer({ min: 1, max: 6 }), channels, channels, number).chain(([positions, cin, out, kind]) => {
    const type = typeOf([positions, cin], kind);
    return fc.record({
      x: slot(type),
      weights: weightsOf([cin, out], values),
      type: fc.constant(type),
      window: fc.constant({ kernel: 1, stride: 1, padding: 0 }),
    });
  });

const magnitude = (weights: Weights): Weights => ({
  ...weights,
  mantissa: weights.mantissa.map(Math.abs),
  bias: weights.bias.map(Math.abs),
});

/** A float32 sum of n products is off by at most n + 1 roundings of the sum of magnitudes. */
function expectClose(got: Float64Array, plain: Float64Array, magnitudes: Float64Array, terms: number): void {
  expect(got.length).toBe(plain.length);
  for (const [i, sum] of plain.entries()) {
    expect(Math.abs((got[i] ?? NaN) - sum)).toBeLessThanOrEqual((terms + 1) * ROUNDING * (magnitudes[i] ?? 0));
  }
}

describe("synapse.conv through TensorFlow.js", () => {
  it("equals the exact sums within float32 rounding", () => {
    fc.assert(
      fc.property(convCases(anyNumber, numbers), ({ x, type, weights, window }) => {
        const bound = plainKernels.conv(x.map(Math.abs), type, magnitude(weights), window);
        const terms = weights.mantissa.length / outputsOf(weights);
        const plain = plainKernels.conv(x, type, weights, window);
        expectClose(kernels.conv(x, type, weights, window), plain, bound, terms);
      }),
    );
  });

  it("is exact on small integers", () => {
    fc.assert(
      fc.property(convCases(fc.constantFrom(SPIKE, int(-3, 3)), smallIntegers), ({ x, type, weights, window }) => {
        const plain = plainKernels.conv(x, type, weights, window);
        expect([...kernels.conv(x, type, weights, window)].map(unsigned)).toEqual([...plain].map(unsigned));
      }),
    );
  });
});

/** The sign of a zero sum means nothing: potentials start at +0. */
const unsigned = (value: number): number => (value === 0 ? 0 : value);

describe("synapse.dense through TensorFlow.js", () => {
  it("equals the exact sums within float32 rounding", () => {
    fc.assert(
      fc.property(denseCases(anyNumber, numbers), ({ x, type, weights }) => {
        const bound = plainKernels.dense(x.map(Math.abs), type, magnitude(weights));
        const plain = plainKernels.dense(x, type, weights);
        expectClose(kernels.dense(x, type, weights), plain, bound, type.shape[1] ?? 1);
      }),
    );
  });

  it("is exact on small integers", () => {
    fc.assert(
      fc.property(denseCases(fc.constantFrom(SPIKE, int(-3, 3)), smallIntegers), ({ x, type, weights }) => {
        const plain = plainKernels.dense(x, type, weights);
        expect([...kernels.dense(x, type, weights)].map(unsigned)).toEqual([...plain].map(unsigned));
      }),
    );
  });

  it("treats a vector as one position", () => {
    const weights = toWeights([2, 1], [2, 3], [0.5]);
    expect([...kernels.dense(Int32Array.of(1, 1), typeOf([2], SPIKE), weights)]).toEqual([5.5]);
  });

  it("reads integers in their unit", () => {
    const weights = toWeights([1, 1], [3]);
    expect([...kernels.dense(Int32Array.of(5), typeOf([1, 1], int(0, 8, -2)), weights)]).toEqual([3.75]);
  });
});

describe("pool.max through TensorFlow.js", () => {
  it("equals the plain kernel", () => {
    const cases = fc.tuple(windows, sides, channels).chain(([window, [h, w], c]) => {
      const type = typeOf([h, w, c], REAL);
      return fc.record({ x: slot(type), type: fc.constant(type), window: fc.constant(window) });
    });
    fc.assert(
      fc.property(cases, ({ x, type, window }) => {
        const map = Float32Array.from(x);
        const plain = plainKernels.maxPool(map, type, window);
        expect([...kernels.maxPool(map, type, window)].map(unsigned)).toEqual([...plain].map(unsigned));
      }),
    );
  });

  it("does not count positions outside the map, even among negative values", () => {
    const pooled = kernels.maxPool(Float32Array.of(-1, -2, -0.5, -3), typeOf([2, 2, 1], REAL), {
      kernel: 3,
      stride: 2,
      padding: 1,
    });
    expect([...pooled]).toEqual([-0.5]);
  });
});
