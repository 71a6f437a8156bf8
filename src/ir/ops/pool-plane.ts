import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf, positionsOf, slotSize } from "../types.js";

export const planePool = defineOp({
  name: "pool.plane",
  summary: "OR over the (token, channel-in-head) plane of each head, stride 1",
  doc: `y[n, h*d + j] = OR over |n' - n| <= r, |j' - j| <= r of x[n', h*d + j'], r = (kernel - 1) / 2, inside the head and the tokens
What the official SDT code computes in DVS mode: its max-pool sees a [T, B, heads, N, d] tensor and so pools over token index
and channel, not over space (BICLab/Spike-Driven-Transformer, dvs_mode). Spikes only.`,
  operands: [{ name: "x", accepts: "spike", doc: "tokens x channels, channel = head * d + j" }],
  symbols: [],
  attrs: {
    heads: { type: "int", min: 1, doc: "number of heads; must divide the channels" },
    kernel: { type: "int", min: 1, default: 3, doc: "odd side of the window" },
  },
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    if (channelsOf(x) % view.number("heads") !== 0) {
      return problem("attribute", `${view.number("heads")} heads do not divide ${channelsOf(x)} channels`);
    }
    if (view.number("kernel") % 2 === 0) return problem("attribute", "the kernel must be odd");
    return x;
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const channels = channelsOf(type);
    const tokens = positionsOf(type);
    const d = channels / view.number("heads");
    const r = (view.number("kernel") - 1) / 2;
    const y = new Int32Array(slotSize(type));
    for (let n = 0; n < tokens; n++) {
      for (let c = 0; c < channels; c++) {
        const head = Math.floor(c / d);
        for (let m = Math.max(0, n - r); m <= Math.min(tokens - 1, n + r); m++) {
          for (let e = Math.max(head * d, c - r); e <= Math.min(head * d + d - 1, c + r); e++) {
            y[n * channels + c]! |= input[m * channels + e]!;
          }
        }
      }
    }
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
