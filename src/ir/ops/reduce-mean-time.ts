import { defineOp, only, problem, sequence } from "../op.js";
import { slotSize, timestepsOf } from "../types.js";
import { MEAN_ATTRS, meanNumber } from "./mean.js";

export const meanTime = defineOp({
  name: "reduce.mean-time",
  summary: "mean over all timesteps",
  doc: `y = fl32((sum over t of x[t]) / T): a double sum in ascending t, a double division, one rounding
result = int: the integer sum in units of 2^exp / n, the exact mean of n = 2^k integers.
The readout of a classifier. Needs the whole sample, so a net that ends in it cannot be resumed.`,
  operands: [{ name: "x", accepts: "any", doc: "any value", future: true }],
  symbols: [],
  attrs: MEAN_ATTRS,
  temporal: sequence,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    if (x.time.period !== 1) return problem("type-mismatch", "`reduce.mean-time` needs one value per timestep");
    const number = meanNumber(view, timestepsOf(x.time));
    return "code" in number ? number : { number, time: { count: 1, period: timestepsOf(x.time) }, shape: x.shape };
  },
  step({ view, type }, _state, [slots]) {
    const { number } = view.operand(0);
    const unit = number.kind === "int" ? 2 ** number.exp : 1;
    const sums = new Float64Array(slotSize(type));
    const moments = slots ?? [];
    for (const slot of moments) for (let i = 0; i < sums.length; i++) sums[i]! += slot[i]!;
    only(moments);
    if (type.number.kind === "int") return [Int32Array.from(sums)];
    return [Float32Array.from(sums, (s) => (s * unit) / moments.length)];
  },
  examples: [
    {
      text: `net @example(%x: spike<4t, 2>) -> real<1t/4, 2> {
  %y = reduce.mean-time %x : real<1t/4, 2>
  return %y
}`,
      inputs: { x: [1, 0, 1, 0, 0, 0, 1, 1] },
      outputs: { y: [0.75, 0.25] },
    },
    {
      text: `net @example(%x: spike<4t, 2>) -> count<1t/4, 2, max 4, 2^-2> {
  %y = reduce.mean-time %x {result = int} : count<1t/4, 2, max 4, 2^-2>
  return %y
}`,
      inputs: { x: [1, 0, 1, 0, 0, 0, 1, 1] },
      outputs: { y: [3, 1] },
    },
  ],
});
