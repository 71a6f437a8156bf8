import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { channelsOf, printType, slotSize, type NumberKind } from "../types.js";

/** The numbers of the operand, and 0. */
function withZero(number: NumberKind): NumberKind {
  return number.kind === "real" ? number : { ...number, lo: Math.min(0, number.lo), hi: Math.max(0, number.hi) };
}

export const maskTokens = defineOp({
  name: "mask.tokens",
  summary: "values of the kept tokens, zero elsewhere",
  doc: `y[n, c] = a[n, c] if m[n] = 1, else 0
On keys and values: a token that is left out adds nothing to K^T V. On the result of a branch: its residual stream passes
unchanged. A mask of a chunk or of the sample holds for all its timesteps. (\`mask.and\` masks channels.)`,
  operands: [
    { name: "a", accepts: "any", doc: "values, positions x channels" },
    { name: "mask", accepts: "spike", doc: "one per position" },
  ],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "token",
  infer(view) {
    const a = view.operand(0);
    const mask = view.operand(1);
    const slower = mask.time.period % a.time.period === 0;
    const sameLength = a.time.count * a.time.period === mask.time.count * mask.time.period;
    if (a.shape.length < 2 || mask.shape.length !== 1 || mask.shape[0] !== slotSize(a) / channelsOf(a)) {
      return problem("shape-mismatch", `a token mask ${printType(mask)} does not fit ${printType(a)}`);
    }
    if (!slower || !sameLength) {
      return problem("type-mismatch", `${printType(a)} and ${printType(mask)} have unrelated time axes`);
    }
    return { number: withZero(a.number), time: a.time, shape: a.shape };
  },
  step({ type }, _state, [a, mask]) {
    const channels = channelsOf(type);
    const [values, kept] = [only(a), only(mask)];
    const y = newSlot(type);
    for (let i = 0; i < y.length; i++) y[i] = kept[Math.floor(i / channels)] === 1 ? values[i]! : 0;
    return [y];
  },
  examples: [
    {
      text: `net @example(%a: spike<2t, 2x2>, %m: spike<1t/2, 2>) -> spike<2t, 2x2> {
  %y = mask.tokens %a, %m : spike<2t, 2x2>
  return %y
}`,
      inputs: { a: [1, 0, 1, 1, 0, 1, 1, 0], m: [1, 0] },
      outputs: { y: [1, 0, 0, 0, 0, 1, 0, 0] },
    },
    {
      text: `net @example(%a: real<1t, 2x2>, %m: spike<1t, 2>) -> real<1t, 2x2> {
  %y = mask.tokens %a, %m : real<1t, 2x2>
  return %y
}`,
      inputs: { a: [0.5, -1, 2, 0.25], m: [0, 1] },
      outputs: { y: [0, 0, 2, 0.25] },
    },
  ],
});
