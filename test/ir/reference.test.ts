import { describe, expect, it } from "vitest";
import { evaluate, everyStep, flatten, NetBuilder, REAL, SPIKE, toWeights, type Slot } from "../../src/ir/index.js";
import { Random } from "../support/random.js";

/**
 * The evaluator against formulas written out once more, as plainly as possible: nested arrays, exact integers as BigInt,
 * no grids, no kernels.
 */

const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);
const f = Math.fround;

/** The exact sum of bits times real weights, which are doubles: scaled to integers, added as BigInt, rounded once. */
function exactSum(terms: readonly number[]): number {
  const scale = 2 ** 60;
  const total = terms.reduce((sum, term) => sum + BigInt(term * scale), 0n);
  return f(Number(total) / scale);
}

/** A weight as the grid holds it. */
function gridWeights(random: Random, shape: readonly number[]): { values: number[]; bias: number[] } {
  const n = shape.reduce((a, b) => a * b, 1);
  const out = shape[shape.length - 1] ?? 1;
  // Multiples of 2^-20 below 1 lie on every grid that their channel can get.
  const one = (): number => random.int(-(2 ** 19), 2 ** 19) / 2 ** 20;
  return { values: Array.from({ length: n }, one), bias: Array.from({ length: out }, one) };
}

function run(builder: NetBuilder, y: string, x: readonly number[]): Slot {
  builder.output("out", y);
  return flatten(evaluate(builder.finish(), new Map([["x", x]])).outputs.get("out") ?? []);
}

describe.each(SEEDS)("seed %i", (seed) => {
  it("dense is the rounded exact sum", () => {
    const random = new Random(seed);
    const [positions, channels, out] = [random.int(1, 3), random.int(1, 6), random.int(1, 4)];
    const { values, bias } = gridWeights(random, [channels, out]);
    const x = Array.from({ length: positions * channels }, () => random.int(0, 1));
    const builder = new NetBuilder("dense");
    builder.input("x", { number: SPIKE, time: everyStep(1), shape: [positions, channels] });
    builder.constant("w", toWeights([channels, out], values, bias));
    const got = run(builder, builder.op("synapse.dense", ["x"], { symbols: ["w"] }), x);
    for (let p = 0; p < positions; p++) {
      for (let o = 0; o < out; o++) {
        const terms = [bias[o]!];
        for (let c = 0; c < channels; c++) if (x[p * channels + c] === 1) terms.push(values[c * out + o]!);
        expect(got[p * out + o]).toBe(exactSum(terms));
      }
    }
  });

  it("convolution is the rounded exact sum over the window, zero outside", () => {
    const random = new Random(seed);
    const [h, w, channels, out] = [random.int(3, 5), random.int(3, 5), random.int(1, 3), random.int(1, 3)];
    const kernel = random.int(1, 3);
    const [stride, padding] = [random.int(1, 2), random.int(0, kernel - 1)];
    const { values, bias } = gridWeights(random, [kernel, kernel, channels, out]);
    const x = Array.from({ length: h * w * channels }, () => random.int(0, 1));
    const builder = new NetBuilder("conv");
    builder.input("x", { number: SPIKE, time: everyStep(1), shape: [h, w, channels] });
    builder.constant("w", toWeights([kernel, kernel, channels, out], values, bias));
    const y = builder.op("synapse.conv", ["x"], { symbols: ["w"], attrs: { kernel, stride, padding } });
    const [oh = 0, ow = 0] = builder.typeOf(y).shape;
    expect([oh, ow]).toEqual([h, w].map((size) => Math.floor((size + 2 * padding - kernel) / stride) + 1));
    const got = run(builder, y, x);
    const spike = (yy: number, xx: number, c: number): boolean =>
      yy >= 0 && yy < h && xx >= 0 && xx < w && x[(yy * w + xx) * channels + c] === 1;
    for (let i = 0; i < oh * ow * out; i++) {
      const [oy, ox, o] = [Math.floor(i / (ow * out)), Math.floor(i / out) % ow, i % out];
      const terms = [bias[o]!];
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          for (let c = 0; c < channels; c++) {
            if (!spike(oy * stride - padding + ky, ox * stride - padding + kx, c)) continue;
            terms.push(values[((ky * kernel + kx) * channels + c) * out + o]!);
          }
        }
      }
      expect(got[i]).toBe(exactSum(terms));
    }
  });

  it.each(["hard", "soft"])("a neuron with %s reset follows its equation step by step", (reset) => {
    const random = new Random(seed);
    const timesteps = random.int(1, 8);
    const [tau, threshold] = [random.pick([2, 1.5, 3]), random.pick([0.5, 1, 0.7])];
    const fire = random.pick(["ge", "gt"]);
    const vReset = random.pick([0, 0.3]);
    const x = Array.from({ length: timesteps * 3 }, () => f(random.next() * 3 - 0.5));
    const builder = new NetBuilder("lif");
    builder.input("x", { number: REAL, time: everyStep(timesteps), shape: [3] });
    const attrs = { charge: { name: "divide", args: [tau] }, v_th: threshold, fire, reset, v_reset: vReset };
    const got = run(builder, builder.op("neuron.lif", ["x"], { attrs }), x);
    for (let n = 0; n < 3; n++) {
      let v = 0;
      for (let t = 0; t < timesteps; t++) {
        const difference = f(x[t * 3 + n]! - f(v - f(vReset)));
        const h = f(v + f(difference / tau));
        const spike = fire === "ge" ? h >= f(threshold) : h > f(threshold);
        expect(got[t * 3 + n]).toBe(spike ? 1 : 0);
        if (!spike) v = h;
        else v = reset === "hard" ? f(vReset) : f(h - f(threshold));
      }
    }
  });

  it("an integer operand in units of 2^e gives the same current as its real value", () => {
    const random = new Random(seed);
    const exp = random.int(-3, 2);
    const x = Array.from({ length: 4 }, () => random.int(-8, 8));
    const { values, bias } = gridWeights(random, [2, 2]);
    const weights = toWeights([2, 2], values, bias);
    const build = (integer: boolean): NetBuilder => {
      const builder = new NetBuilder("units");
      const number = integer ? ({ kind: "int", lo: -8, hi: 8, exp } as const) : REAL;
      builder.input("x", { number, time: everyStep(1), shape: [2, 2] });
      builder.constant("w", weights);
      builder.op("synapse.dense", ["x"], { symbols: ["w"], result: "y" });
      return builder;
    };
    const real = run(
      build(false),
      "y",
      x.map((v) => v * 2 ** exp),
    );
    expect(run(build(true), "y", x)).toEqual(real);
  });
});

describe("an integer current", () => {
  it.each([-2, 0, 3])("counts the bias in the operand's unit 2^%i", (exp) => {
    const builder = new NetBuilder("int");
    builder.input("x", { number: { kind: "int", lo: -3, hi: 3, exp }, time: everyStep(1), shape: [2] });
    const mantissa = Int32Array.of(2, -1);
    builder.constant("w", {
      kind: "weights",
      shape: [2, 1],
      mantissa,
      exponent: Int32Array.of(1),
      bias: Float64Array.of(5),
    });
    const y = builder.op("synapse.dense", ["x"], { symbols: ["w"], attrs: { result: "int" } });
    const { number } = builder.typeOf(y);
    const unit = number.kind === "int" ? 2 ** number.exp : 1;
    const [sum = 0] = run(builder, y, [3, -3]);
    expect(sum * unit).toBe((9 * 2 ** exp + 5) / 2);
    expect(number.kind === "int" && sum <= number.hi && sum >= number.lo).toBe(true);
  });
});
