import { defineOp, instant, newSlot, only, type Slot, type Window } from "../op.js";
import type { ValueType } from "../types.js";
import { forPooled, pooledType, WINDOW_ATTRS } from "./window.js";

/** Integers of 32 bits do not fit the kernels' f32. */
function maxOfInts(x: Slot, { shape }: ValueType, type: ValueType, window: Window): Slot {
  const y = newSlot(type).fill(-(2 ** 31));
  forPooled(shape, window, type, (i, j) => (y[i] = Math.max(y[i]!, x[j]!)));
  return y;
}

export const maxPool = defineOp({
  name: "pool.max",
  summary: "maximum over a window",
  doc: `y[p, c] = max over the window of x[p * stride - padding + (ky, kx), c]; positions outside the map do not count.
On integers the range and unit stay. On spikes use pool.or, which is the same function without comparisons.`,
  operands: [{ name: "x", accepts: "any", doc: "feature map, HxWxC" }],
  symbols: [],
  attrs: WINDOW_ATTRS,
  temporal: instant,
  spatial: "window",
  infer(view) {
    const x = view.operand(0);
    return pooledType("pool.max", x, view.window(), x.number);
  },
  step({ view, type, kernels }, _state, [x]) {
    if (type.number.kind === "int") return [maxOfInts(only(x), view.operand(0), type, view.window())];
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
    {
      text: `net @example(%x: int<1t, 2x2x1, -8..7, 2^-1>) -> int<1t, 1x1x1, -8..7, 2^-1> {
  %y = pool.max %x {kernel = 2} : int<1t, 1x1x1, -8..7, 2^-1>
  return %y
}`,
      inputs: { x: [-1, -2, -5, -3] },
      outputs: { y: [-1] },
    },
  ],
});
