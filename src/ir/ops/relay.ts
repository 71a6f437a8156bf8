import { defineOp, instant, newSlot, only } from "../op.js";

export const relay = defineOp({
  name: "stream.relay",
  summary: "the same integers, passed on by compartments of their own",
  doc: `y = x
Changes no number. On a step-by-step chip its elements are compartments that send what they receive as the payload of a message,
one step later: readers of a stream then share one sum instead of each adding up what was written to it.`,
  operands: [{ name: "x", accepts: "int", doc: "any integers" }],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "pointwise",
  infer: (view) => view.operand(0),
  step({ type }, _state, [x]) {
    const y = newSlot(type);
    y.set(only(x));
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: int<1t, 2, -4..4>) -> int<1t, 2, -4..4> {
  %y = stream.relay %x : int<1t, 2, -4..4>
  return %y
}`,
      inputs: { x: [3, -1] },
      outputs: { y: [3, -1] },
    },
  ],
});
