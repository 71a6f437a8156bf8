import { defineOp, instant, newSlot, only } from "../op.js";
import { int, type NumberKind } from "../types.js";
import { forPooled, pooledType, WINDOW_ATTRS } from "./window.js";

/** The range of a sum of up to `terms` numbers, of which some may be missing. */
export function sumNumber(number: NumberKind, terms: number): NumberKind {
  if (number.kind === "real") return number;
  return int(Math.min(0, number.lo * terms), Math.max(0, number.hi * terms), number.exp);
}

export const sumPool = defineOp({
  name: "pool.sum",
  summary: "integer sum over a window",
  doc: `y[p, c] = sum over the window of x[p * stride - padding + (ky, kx), c]; zero outside the map
Average pooling without its factor, which belongs to the weights or thresholds behind it. In front of a neuron that fires above 0 it is an OR over the window.`,
  operands: [{ name: "x", accepts: "int", doc: "feature map, HxWxC" }],
  symbols: [],
  attrs: WINDOW_ATTRS,
  temporal: instant,
  spatial: "window",
  infer(view) {
    const x = view.operand(0);
    return pooledType("pool.sum", x, view.window(), sumNumber(x.number, view.number("kernel") ** 2));
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const y = newSlot(type);
    forPooled(view.operand(0).shape, view.window(), type, (i, j) => (y[i]! += input[j]!));
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 2x2x1>) -> count<1t, 3x3x1, max 4> {
  %y = pool.sum %x {kernel = 2, padding = 1} : count<1t, 3x3x1, max 4>
  return %y
}`,
      inputs: { x: [1, 0, 1, 1] },
      outputs: { y: [1, 1, 0, 2, 3, 1, 1, 2, 1] },
    },
  ],
});
