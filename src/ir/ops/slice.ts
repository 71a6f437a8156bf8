import { defineOp, instant, only, problem, type Slot } from "../op.js";
import { channelsOf } from "../types.js";

/** Channels `from`..`from + count` of every position. */
function sliced(x: Slot, channels: number, from: number, count: number): Slot {
  const n = (x.length / channels) * count;
  const y = x instanceof Float32Array ? new Float32Array(n) : new Int32Array(n);
  for (let i = 0; i < n; i++) y[i] = x[Math.floor(i / count) * channels + from + (i % count)]!;
  return y;
}

export const slice = defineOp({
  name: "channels.slice",
  summary: "a run of channels of every position",
  doc: `y[p, c] = x[p, from + c], 0 <= c < count
Takes the results of a merged weighted op apart again (merge-projections). Moves nothing where channels lie in blocks
and the slice starts at one.`,
  operands: [{ name: "x", accepts: "any", doc: "positions x channels" }],
  symbols: [],
  attrs: {
    from: { type: "int", min: 0, doc: "first channel" },
    count: { type: "int", min: 1, doc: "number of channels" },
  },
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    const [from, count] = [view.number("from"), view.number("count")];
    if (from + count > channelsOf(x)) {
      return problem(
        "attribute",
        `channels ${from}..${from + count - 1} are asked for, the operand has ${channelsOf(x)}`,
      );
    }
    return { number: x.number, time: x.time, shape: [...x.shape.slice(0, -1), count] };
  },
  step({ view }, _state, [x]) {
    return [sliced(only(x), channelsOf(view.operand(0)), view.number("from"), view.number("count"))];
  },
  examples: [
    {
      text: `net @example(%x: real<1t, 2x3>) -> real<1t, 2x2> {
  %y = channels.slice %x {from = 1, count = 2} : real<1t, 2x2>
  return %y
}`,
      inputs: { x: [1, 2, 3, 4, 5, 6] },
      outputs: { y: [2, 3, 5, 6] },
    },
  ],
});
