import { defineOp, instant, only, problem } from "../op.js";
import { int } from "../types.js";

export const oneToOne = defineOp({
  name: "synapse.one-to-one",
  summary: "one synapse per element, all of one integer weight",
  doc: `y = weight * x, in the unit of x
What a neuron of its own reads: a chain of neurons, the AND of two spikes (two of them, added), or a current in the finer units
of a potential.`,
  operands: [{ name: "x", accepts: "int", doc: "spikes or other integers" }],
  symbols: [],
  attrs: { weight: { type: "int", min: -(2 ** 30), max: 2 ** 30, doc: "weight of every synapse" } },
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const { number, time, shape } = view.operand(0);
    if (number.kind !== "int") return problem("type-mismatch", "`synapse.one-to-one` needs integers");
    const [a, b] = [number.lo * view.number("weight") + 0, number.hi * view.number("weight") + 0];
    return { number: int(Math.min(a, b), Math.max(a, b), number.exp), time, shape };
  },
  step({ view }, _state, [x]) {
    const weight = view.number("weight");
    return [Int32Array.from(only(x), (value) => weight * value)];
  },
  examples: [
    {
      text: `net @example(%x: int<1t, 3, -1..2>) -> int<1t, 3, -8..4> {
  %y = synapse.one-to-one %x {weight = -4} : int<1t, 3, -8..4>
  return %y
}`,
      inputs: { x: [1, 2, -1] },
      outputs: { y: [-4, -8, 4] },
    },
  ],
});
