import { roundHalfEven } from "../../math/grid.js";
import { defineOp, instant, only, problem } from "../op.js";
import { int, REAL } from "../types.js";

export const toInt = defineOp({
  name: "to-int",
  summary: "real to fixed point, the only border into integers",
  doc: `y = clamp(round-half-even(x * 2^-exp), lo, hi), an integer times 2^exp`,
  operands: [{ name: "x", accepts: "real", doc: "any real value" }],
  symbols: [],
  attrs: {
    lo: { type: "int", min: -(2 ** 31), doc: "smallest integer" },
    hi: { type: "int", min: -(2 ** 31), max: 2 ** 31 - 1, doc: "largest integer" },
    exp: { type: "int", min: -64, max: 64, default: 0, doc: "unit: 2^exp" },
  },
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    if (view.number("lo") > view.number("hi")) return problem("attribute", "lo must not exceed hi");
    const x = view.operand(0);
    return { number: int(view.number("lo"), view.number("hi"), view.number("exp")), time: x.time, shape: x.shape };
  },
  step({ view }, _state, [x]) {
    const scale = 2 ** -view.number("exp");
    const [lo, hi] = [view.number("lo"), view.number("hi")];
    return [Int32Array.from(only(x), (value) => Math.min(hi, Math.max(lo, roundHalfEven(value * scale))))];
  },
  examples: [
    {
      text: `net @example(%x: real<1t, 4>) -> int<1t, 4, -8..7, 2^-1> {
  %y = to-int %x {lo = -8, hi = 7, exp = -1} : int<1t, 4, -8..7, 2^-1>
  return %y
}`,
      inputs: { x: [0.25, 0.75, -100, 1.5] },
      outputs: { y: [0, 2, -8, 3] },
    },
  ],
});

export const toReal = defineOp({
  name: "to-real",
  summary: "integers to f32, the only border out of integers",
  doc: `y = fl32(x * 2^exp) for an operand in units of 2^exp`,
  operands: [{ name: "x", accepts: "int", doc: "any integer value" }],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    return { number: REAL, time: x.time, shape: x.shape };
  },
  step({ view }, _state, [x]) {
    const { number } = view.operand(0);
    const unit = number.kind === "int" ? 2 ** number.exp : 1;
    return [Float32Array.from(only(x), (value) => value * unit)];
  },
  examples: [
    {
      text: `net @example(%x: int<1t, 2, -8..7, 2^-1>) -> real<1t, 2> {
  %y = to-real %x : real<1t, 2>
  return %y
}`,
      inputs: { x: [3, -8] },
      outputs: { y: [1.5, -4] },
    },
  ],
});
