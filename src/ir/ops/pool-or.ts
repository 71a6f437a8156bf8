import { defineOp, instant, only } from "../op.js";
import { slotSize } from "../types.js";
import { forPooled, pooledType, WINDOW_ATTRS } from "./window.js";

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
    return pooledType("pool.or", x, view.window(), x.number);
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const y = new Int32Array(slotSize(type));
    forPooled(view.operand(0).shape, view.window(), type, (i, j) => (y[i]! |= input[j]!));
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
