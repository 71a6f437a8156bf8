import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { channelsOf, printType, slotSize, SPIKE } from "../types.js";

/** Tokens in falling order of score; equal scores in rising order of token. */
function ranking(scores: ArrayLike<number>): readonly number[] {
  const order = Array.from({ length: scores.length }, (_, n) => n);
  return order.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

export const topK = defineOp({
  name: "tokens.top-k",
  summary: "the k tokens with the largest scores, as a mask",
  doc: `y[n] = 1 if fewer than k tokens come before n, else 0; m comes before n where x[m] > x[n], or x[m] = x[n] and m < n
Exactly k ones: equal scores are decided for the lower token. Every token is compared with every other.`,
  operands: [{ name: "x", accepts: "real", doc: "one score per token" }],
  symbols: [],
  attrs: { k: { type: "int", min: 1, doc: "how many tokens are kept" } },
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    const k = view.number("k");
    if (x.shape.length !== 1) {
      return problem("shape-mismatch", `\`tokens.top-k\` needs one score per token, got ${printType(x)}`);
    }
    if (k > slotSize(x)) {
      return problem("attribute", `k = ${k}, but there are ${slotSize(x)} tokens`, `use k = 1 to ${slotSize(x)}`);
    }
    return { number: SPIKE, time: x.time, shape: x.shape };
  },
  step({ view, type }, _state, [x]) {
    const y = newSlot(type);
    for (const n of ranking(only(x)).slice(0, view.number("k"))) y[n] = 1;
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: real<1t, 4>) -> spike<1t, 4> {
  %y = tokens.top-k %x {k = 2} : spike<1t, 4>
  return %y
}`,
      inputs: { x: [1, 3, 2, 2] },
      outputs: { y: [0, 1, 1, 0] },
    },
  ],
});

export const maskTokens = defineOp({
  name: "mask.tokens",
  summary: "spikes of the kept tokens, zero elsewhere",
  doc: `y[n, c] = a[n, c] AND m[n]
A token that is left out adds nothing to K^T V; its residual stream is not touched. A mask of a chunk or of the sample holds
for all its timesteps. (\`mask.and\` masks channels.)`,
  operands: [
    { name: "a", accepts: "spike", doc: "spikes, positions x channels" },
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
    return { number: SPIKE, time: a.time, shape: a.shape };
  },
  step({ type }, _state, [a, mask]) {
    const channels = channelsOf(type);
    const [spikes, kept] = [only(a), only(mask)];
    const y = newSlot(type);
    for (let i = 0; i < y.length; i++) y[i] = spikes[i]! & kept[Math.floor(i / channels)]!;
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
  ],
});
