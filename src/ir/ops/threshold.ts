import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf, SPIKE } from "../types.js";

export const threshold = defineOp({
  name: "neuron.threshold",
  summary: "neuron without memory: fires where an integer reaches the threshold",
  doc: `s = x >= v_th (ge) or x > v_th (gt), x the integers of the operand whatever their unit
What is left of a neuron whose potential is 0 before each timestep: a counter of spikes that fires at 1 is an OR.
Made by fold-thresholds; keeps the layer of the neuron it replaces.`,
  operands: [{ name: "x", accepts: "int", doc: "counts or other integers" }],
  symbols: [],
  attrs: {
    v_th: { type: "number-or-symbol", default: 1, doc: "threshold, per channel if a constant" },
    fire: { type: "word", oneOf: ["ge", "gt"], default: "ge", doc: "comparison with the threshold" },
  },
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    const n = view.perChannel("v_th", channelsOf(x)).length;
    if (n !== channelsOf(x)) {
      return problem("shape-mismatch", `\`v_th\` has ${n} values, the operand ${channelsOf(x)} channels`);
    }
    return { number: SPIKE, time: x.time, shape: x.shape };
  },
  step({ view }, _state, [x]) {
    const channels = channelsOf(view.operand(0));
    const vTh = view.perChannel("v_th", channels);
    const ge = view.word("fire") === "ge";
    const fires = (value: number, i: number): number => {
      const limit = vTh[i % channels]!;
      return (ge ? value >= limit : value > limit) ? 1 : 0;
    };
    return [Int32Array.from(only(x), fires)];
  },
  examples: [
    {
      text: `net @example(%x: count<2t, 2, max 9>) -> spike<2t, 2> {
  %s = neuron.threshold %x {v_th = 1, fire = ge} : spike<2t, 2>
  return %s
}`,
      inputs: { x: [0, 1, 9, 0] },
      outputs: { s: [0, 1, 1, 0] },
    },
  ],
});
