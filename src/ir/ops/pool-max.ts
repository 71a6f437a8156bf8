import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf } from "../types.js";
import { windowOutput, WINDOW_ATTRS } from "./window.js";

export const maxPool = defineOp({
  name: "pool.max",
  summary: "maximum of real values over a window",
  doc: `y[p, c] = max over the window of x[p * stride - padding + (ky, kx), c]; positions outside the map do not count.
On spikes use pool.or, which is the same function without comparisons of reals.`,
  operands: [{ name: "x", accepts: "real", doc: "feature map, HxWxC" }],
  symbols: [],
  attrs: WINDOW_ATTRS,
  temporal: instant,
  spatial: "window",
  infer(view) {
    const x = view.operand(0);
    if (x.shape.length !== 3)
      return problem("shape-mismatch", `\`pool.max\` expects a map HxWxC, got ${x.shape.join("x")}`);
    const shape = windowOutput(x.shape, view.window(), channelsOf(x));
    return "code" in shape ? shape : { number: x.number, time: x.time, shape };
  },
  step({ view, kernels }, _state, [x]) {
    return [kernels.maxPool(Float32Array.from(only(x)), view.operand(0), view.window())];
  },
  examples: [
    {
      text: `net @example(%x: real<1t, 2x2x1>) -> real<1t, 1x1x1> {
  %y = pool.max %x {kernel = 3, stride = 2, padding = 1} : real<1t, 1x1x1>
  return %y
}`,
      inputs: { x: [-1, -2, -0.5, -3] },
      outputs: { y: [-0.5] },
    },
  ],
});
