import { defineOp, instant, only, problem } from "../op.js";
import { channelsOf, int, positionsOf, slotSize } from "../types.js";

export const sumPositions = defineOp({
  name: "reduce.sum-positions",
  summary: "integer sum over all positions, per channel",
  doc: `y[c] = sum over p of x[p, c]
With a spike threshold behind it, the OR over tokens of SDSA (Spike-driven Transformer, Yao et al., NeurIPS 2023). A reduction over the whole layer.`,
  operands: [{ name: "x", accepts: "int", doc: "positions x channels" }],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    if (x.number.kind !== "int") return problem("type-mismatch", "`reduce.sum-positions` needs integers");
    const n = positionsOf(x);
    return { number: int(x.number.lo * n, x.number.hi * n, x.number.exp), time: x.time, shape: [channelsOf(x)] };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const channels = channelsOf(type);
    const y = new Int32Array(channels);
    for (let i = 0; i < slotSize(view.operand(0)); i++) y[i % channels]! += input[i]!;
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 3x2>) -> count<1t, 2, max 3> {
  %y = reduce.sum-positions %x : count<1t, 2, max 3>
  return %y
}`,
      inputs: { x: [1, 0, 1, 1, 1, 0] },
      outputs: { y: [3, 1] },
    },
  ],
});
