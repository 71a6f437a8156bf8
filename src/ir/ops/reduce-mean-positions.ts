import { defineOp, instant, only } from "../op.js";
import { channelsOf, positionsOf } from "../types.js";
import { MEAN_ATTRS, meanNumber } from "./mean.js";

export const meanPositions = defineOp({
  name: "reduce.mean-positions",
  summary: "mean over all positions, per channel",
  doc: `y[c] = fl32((sum over p of x[p, c]) / P): a double sum in ascending p, a double division, one rounding
result = int: the integer sum in units of 2^exp / n, the exact mean of n = 2^k integers.
The global average pooling in front of a head. A reduction over the whole layer.`,
  operands: [{ name: "x", accepts: "any", doc: "positions x channels" }],
  symbols: [],
  attrs: MEAN_ATTRS,
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    const number = meanNumber(view, positionsOf(x));
    return "code" in number ? number : { number, time: x.time, shape: [channelsOf(x)] };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const { number } = view.operand(0);
    const channels = channelsOf(type);
    const sums = new Float64Array(channels);
    for (let i = 0; i < input.length; i++) sums[i % channels]! += input[i]!;
    const unit = number.kind === "int" ? 2 ** number.exp : 1;
    if (type.number.kind === "int") return [Int32Array.from(sums)];
    return [Float32Array.from(sums, (s) => (s * unit) / positionsOf(view.operand(0)))];
  },
  examples: [
    {
      text: `net @example(%x: real<1t, 2x2>) -> real<1t, 2> {
  %y = reduce.mean-positions %x : real<1t, 2>
  return %y
}`,
      inputs: { x: [1, 2, 4, 6] },
      outputs: { y: [2.5, 4] },
    },
    {
      text: `net @example(%x: int<1t, 2x2, -8..7, 2^-1>) -> int<1t, 2, -16..14, 2^-2> {
  %y = reduce.mean-positions %x {result = int} : int<1t, 2, -16..14, 2^-2>
  return %y
}`,
      inputs: { x: [1, 2, 4, -6] },
      outputs: { y: [5, -4] },
    },
  ],
});
