import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { channelsOf, positionsOf } from "../types.js";
import { sumNumber } from "./pool-sum.js";

export const sumPlane = defineOp({
  name: "pool.sum-plane",
  summary: "integer sum over the (token, channel-in-head) plane of each head, stride 1",
  doc: `y[n, h*d + j] = sum over |n' - n| <= r, |j' - j| <= r of x[n', h*d + j'], r = (kernel - 1) / 2, inside the head and the tokens
The sum whose sign is pool.plane: that op in front of a neuron that fires above 0.`,
  operands: [{ name: "x", accepts: "int", doc: "tokens x channels, channel = head * d + j" }],
  symbols: [],
  attrs: {
    heads: { type: "int", min: 1, doc: "number of heads; must divide the channels" },
    kernel: { type: "int", min: 1, default: 3, doc: "odd side of the window" },
  },
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    if (channelsOf(x) % view.number("heads") !== 0)
      return problem("attribute", `${view.number("heads")} heads do not divide ${channelsOf(x)} channels`);
    if (view.number("kernel") % 2 === 0) return problem("attribute", "the kernel must be odd");
    return { ...x, number: sumNumber(x.number, view.number("kernel") ** 2) };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const channels = channelsOf(type);
    const tokens = positionsOf(type);
    const d = channels / view.number("heads");
    const r = (view.number("kernel") - 1) / 2;
    const y = newSlot(type);
    for (let i = 0; i < y.length; i++) {
      const [n, c] = [Math.floor(i / channels), i % channels];
      const head = Math.floor(c / d) * d;
      for (let m = Math.max(0, n - r); m <= Math.min(tokens - 1, n + r); m++) {
        for (let e = Math.max(head, c - r); e <= Math.min(head + d - 1, c + r); e++) y[i]! += input[m * channels + e]!;
      }
    }
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
