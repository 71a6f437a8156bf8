import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf, slotSize } from "../types.js";
import { forWindow, windowOutput, WINDOW_ATTRS } from "./window.js";

export const orPool = defineOp({
  name: "pool.or",
  summary: "max-pooling of spikes: OR over a window",
  doc: `y[p, c] = OR over the window of x[p * stride - padding + (ky, kx), c]
Max-pooling of a 0/1 map; padding behaves as 0.`,
  operands: [{ name: "x", accepts: "spike", doc: "spike map, HxWxC" }],
  symbols: [],
  attrs: WINDOW_ATTRS,
  temporal: instant,
  spatial: "window",
  infer(view) {
    const x = view.operand(0);
    if (x.shape.length !== 3)
      return problem("shape-mismatch", `\`pool.or\` expects a map HxWxC, got ${x.shape.join("x")}`);
    const shape = windowOutput(x.shape, view.window(), channelsOf(x));
    return "code" in shape ? shape : { number: x.number, time: x.time, shape };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const [oh = 0, ow = 0, channels = 0] = type.shape;
    const y = new Int32Array(slotSize(type));
    for (let p = 0; p < oh * ow; p++) {
      forWindow(view.operand(0).shape, view.window(), Math.floor(p / ow), p % ow, (q) => {
        for (let c = 0; c < channels; c++) y[p * channels + c]! |= input[q * channels + c]!;
      });
    }
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 2x2x1>) -> spike<1t, 2x2x1> {
  %y = pool.or %x {kernel = 2, padding = 1, stride = 1} : spike<1t, 3x3x1>
  %z = pool.or %y {kernel = 2} : spike<1t, 2x2x1>
  return %z
}`,
      inputs: { x: [1, 0, 0, 0] },
      outputs: { z: [1, 1, 1, 1] },
    },
  ],
});
