import { defineOp, instant, only } from "../op.js";
import { slotSize } from "../types.js";
import { forPlane, PLANE_ATTRS, planeProblem } from "./plane.js";

export const planePool = defineOp({
  name: "pool.plane",
  summary: "OR over the (token, channel-in-head) plane of each head, stride 1",
  doc: `y[n, h*d + j] = OR over |n' - n| <= r, |j' - j| <= r of x[n', h*d + j'], r = (kernel - 1) / 2, inside the head and the tokens
What the official SDT code computes in DVS mode: its max-pool sees a [T, B, heads, N, d] tensor and so pools over token index
and channel, not over space (BICLab/Spike-Driven-Transformer, dvs_mode). Spikes only.`,
  operands: [{ name: "x", accepts: "spike", doc: "tokens x channels, channel = head * d + j" }],
  symbols: [],
  attrs: PLANE_ATTRS,
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    return planeProblem(view) ?? x;
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const y = new Int32Array(slotSize(type));
    forPlane(view, type, (i, j) => (y[i]! |= input[j]!));
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 3x4>) -> spike<1t, 3x4> {
  %y = pool.plane %x {heads = 2} : spike<1t, 3x4>
  return %y
}`,
      inputs: { x: [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
      outputs: { y: [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0] },
    },
  ],
});
