import { outputsOf } from "../constant.js";
import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf } from "../types.js";
import { RESULT_ATTRS, RESULT_DOC, roundSums, weightedResult } from "./weighted.js";

export const dense = defineOp({
  name: "synapse.dense",
  summary: "trained weights on the channels of every position",
  doc: `y[p, o] = sum over c of x[p, c] * w[c, o] + b[o]
Also a 1x1 convolution. Sums are exact and rounded once on integer operands, a double sum in ascending c order, bias last,
on real ones (see synapse.conv). Shapes: x is [...]xC, @weights is [C, O], y is [...]xO.
${RESULT_DOC}`,
  operands: [{ name: "x", accepts: "any", doc: "positions x channels" }],
  symbols: [{ name: "weights", kind: "weights", doc: "[C, O], with bias" }],
  attrs: {
    ...RESULT_ATTRS,
  },
  temporal: instant,
  spatial: "token",
  infer(view) {
    const x = view.operand(0);
    const weights = view.weights();
    if (weights.shape.length !== 2 || weights.shape[0] !== channelsOf(x)) {
      return problem(
        "shape-mismatch",
        `\`synapse.dense\` expects ${weights.shape[0]} input features, operand has ${channelsOf(x)}`,
      );
    }
    return weightedResult(view, [...x.shape.slice(0, -1), outputsOf(weights)]);
  },
  step({ view, type, kernels }, _state, [x]) {
    return [roundSums(kernels.dense(only(x), view.operand(0), view.weights()), type)];
  },
  examples: [
    {
      text: `net @example(%x: spike<2t, 1x2>) -> real<2t, 1x2> {
  const @w : weights<2x2> = [0.5, 1, 0.25, -1] + [0, 0.125]
  %y = synapse.dense %x, @w : real<2t, 1x2>
  return %y
}`,
      inputs: { x: [1, 0, 1, 1] },
      outputs: { y: [0.5, 1.125, 0.75, 0.125] },
    },
    {
      text: `net @example(%x: spike<2t, 1x2>) -> int<2t, 1x2, -7..7, 2^-1> {
  const @w : weights<2x2> = [0.75, 2.5, 1, -0.5] + [0, 0.5] grid [2, 1]
  %y = synapse.dense %x, @w {result = fixed, exp = -1} : int<2t, 1x2, -7..7, 2^-1>
  return %y
}`,
      inputs: { x: [1, 0, 1, 1] },
      outputs: { y: [2, 6, 4, 5] },
    },
  ],
});
