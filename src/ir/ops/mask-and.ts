import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { channelsOf, joinTime, printType, sameShape, slotSize, SPIKE } from "../types.js";

export const maskAnd = defineOp({
  name: "mask.and",
  summary: "AND of spikes with a mask, broadcast over positions",
  doc: `y[p, c] = a[p, c] AND m[p, c], or a[p, c] AND m[c] where the mask has channels only
The element-wise product of spikes: k AND v, and the channel mask of SDSA (Spike-driven Transformer, Yao et al., NeurIPS 2023).`,
  operands: [
    { name: "a", accepts: "spike", doc: "spikes, positions x channels" },
    { name: "mask", accepts: "spike", doc: "same shape, or channels only" },
  ],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const a = view.operand(0);
    const mask = view.operand(1);
    const time = joinTime([a.time, mask.time]);
    const fits = sameShape(a.shape, mask.shape) || (mask.shape.length === 1 && mask.shape[0] === channelsOf(a));
    if (!fits || time === undefined) {
      return problem("shape-mismatch", `a mask ${printType(mask)} does not fit ${printType(a)}`);
    }
    return { number: SPIKE, time, shape: a.shape };
  },
  step({ type }, _state, [a, mask]) {
    const left = only(a);
    const right = only(mask);
    const y = newSlot(type);
    for (let i = 0; i < slotSize(type); i++) y[i] = left[i]! & right[i % right.length]!;
    return [y];
  },
  examples: [
    {
      text: `net @example(%a: spike<1t, 2x2>, %m: spike<1t, 2>) -> spike<1t, 2x2> {
  %y = mask.and %a, %m : spike<1t, 2x2>
  return %y
}`,
      inputs: { a: [1, 1, 0, 1], m: [1, 0] },
      outputs: { y: [1, 0, 0, 0] },
    },
  ],
});
