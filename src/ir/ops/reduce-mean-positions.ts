import { defineOp, instant, only } from "../op.js";
import { channelsOf, positionsOf, REAL } from "../types.js";

export const meanPositions = defineOp({
  name: "reduce.mean-positions",
  summary: "mean over all positions, per channel",
  doc: `y[c] = fl32((sum over p of x[p, c]) / P): a double sum in ascending p, a double division, one rounding
The global average pooling in front of a head. A reduction over the whole layer.`,
  operands: [{ name: "x", accepts: "any", doc: "positions x channels" }],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    return { number: REAL, time: x.time, shape: [channelsOf(x)] };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const { number } = view.operand(0);
    const channels = channelsOf(type);
    const sums = new Float64Array(channels);
    for (let i = 0; i < input.length; i++) sums[i % channels]! += input[i]!;
    const unit = number.kind === "int" ? 2 ** number.exp : 1;
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
  ],
});
