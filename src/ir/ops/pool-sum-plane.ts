import { defineOp, instant, newSlot, only } from "../op.js";
import { forPlane, PLANE_ATTRS, planeProblem } from "./plane.js";
import { sumNumber } from "./pool-sum.js";

export const sumPlane = defineOp({
  name: "pool.sum-plane",
  summary: "integer sum over the (token, channel-in-head) plane of each head, stride 1",
  doc: `y[n, h*d + j] = sum over |n' - n| <= r, |j' - j| <= r of x[n', h*d + j'], r = (kernel - 1) / 2, inside the head and the tokens
The sum whose sign is pool.plane: that op in front of a neuron that fires above 0.`,
  operands: [{ name: "x", accepts: "int", doc: "tokens x channels, channel = head * d + j" }],
  symbols: [],
  attrs: PLANE_ATTRS,
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    return planeProblem(view) ?? { ...x, number: sumNumber(x.number, view.number("kernel") ** 2) };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const y = newSlot(type);
    forPlane(view, type, (i, j) => (y[i]! += input[j]!));
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 3x4>) -> count<1t, 3x4, max 9> {
  %y = pool.sum-plane %x {heads = 2} : count<1t, 3x4, max 9>
  return %y
}`,
      inputs: { x: [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1] },
      outputs: { y: [2, 2, 0, 0, 2, 2, 1, 1, 1, 1, 1, 1] },
    },
  ],
});
