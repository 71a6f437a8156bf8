import { outputsOf } from "../constant.js";
import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf } from "../types.js";
import { RESULT_ATTRS, RESULT_DOC, roundSums, weightedResult } from "./weighted.js";
import { windowOutput, WINDOW_ATTRS } from "./window.js";

export const conv = defineOp({
  name: "synapse.conv",
  summary: "two-dimensional convolution with trained weights",
  doc: `y[p, o] = sum over (ky, kx, c) of x[p * stride - padding + (ky, kx), c] * w[ky, kx, c, o] + b[o]; zero outside the map.
On integer operands the sum (bias included) is the exact integer on the channel's grid, converted once to f32. On real
operands it is a double sum in ascending (c, ky, kx) order started at +0, bias last, rounded once to f32.
Shapes: x is HxWxC, @weights is [kh, kw, C, O], y is H'xW'xO.
${RESULT_DOC}`,
  operands: [{ name: "x", accepts: "any", doc: "feature map, HxWxC" }],
  symbols: [{ name: "weights", kind: "weights", doc: "[kernel, kernel, C, O], with bias" }],
  attrs: {
    ...WINDOW_ATTRS,
    ...RESULT_ATTRS,
  },
  temporal: instant,
  spatial: "window",
  infer(view) {
    const x = view.operand(0);
    const weights = view.weights();
    const { kernel } = view.window();
    const [kh, kw, cin] = weights.shape;
    if (x.shape.length !== 3)
      return problem("shape-mismatch", `\`synapse.conv\` expects a map HxWxC, got ${x.shape.join("x")}`);
    if (weights.shape.length !== 4 || kh !== kernel || kw !== kernel) {
      return problem("shape-mismatch", `kernel ${kernel} does not fit weights of shape ${weights.shape.join("x")}`);
    }
    if (cin !== channelsOf(x)) {
      return problem("shape-mismatch", `\`synapse.conv\` expects ${cin} input channels, operand has ${channelsOf(x)}`);
    }
    const shape = windowOutput(x.shape, view.window(), outputsOf(weights));
    if ("code" in shape) return shape;
    return weightedResult(view, shape);
  },
  step({ view, type, kernels }, _state, [x]) {
    return [roundSums(kernels.conv(only(x), view.operand(0), view.weights(), view.window()), type)];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 2x2x1>) -> real<1t, 2x2x1> {
  const @w : weights<3x3x1x1> = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  %y = synapse.conv %x, @w {kernel = 3, padding = 1} : real<1t, 2x2x1>
  return %y
}`,
      inputs: { x: [1, 0, 0, 1] },
      outputs: { y: [14, 12, 8, 6] },
    },
  ],
});
