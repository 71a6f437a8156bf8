import { DiagnosticError } from "../../diagnostics/index.js";
import { irDiagnostics } from "../diagnostics.js";
import { defineOp, instant, newSlot, only, problem, type OpView, type Problem } from "../op.js";
import { printType, slotSize, SPIKE, type ValueType } from "../types.js";

/** Tokens in falling order of score; equal scores in rising order of token. */
function ranking(scores: ArrayLike<number>): readonly number[] {
  const order = Array.from({ length: scores.length }, (_, n) => n);
  return order.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

/** A mask over scored tokens, or the violated rule; `tokens` numbers of the op must be between 1 and the number of tokens. */
function inferMask(view: OpView, tokens: readonly string[]): ValueType | Problem {
  const x = view.operand(0);
  if (x.shape.length !== 1) {
    return problem("shape-mismatch", `\`${view.op.name}\` needs one score per token, got ${printType(x)}`);
  }
  for (const name of tokens) {
    const n = view.number(name);
    if (n <= slotSize(x)) continue;
    return problem(
      "attribute",
      `${name} = ${n}, but there are ${slotSize(x)} tokens`,
      `use ${name} = 1 to ${slotSize(x)}`,
    );
  }
  return { number: SPIKE, time: x.time, shape: x.shape };
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
  infer: (view) => inferMask(view, ["k"]),
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

/** Tokens that reach `share` of the way from the smallest score to the largest. */
function reaching(scores: ArrayLike<number>, share: number): number {
  const all = Array.from(scores);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return all.filter((x) => x - least >= share * (most - least)).length;
}

export const topShare = defineOp({
  name: "tokens.top-share",
  summary: "as many tokens as the input has important ones, as a mask",
  doc: `q    = number of tokens n with x[n] - min x >= share (max x - min x), in doubles
K    = min(capacity, max(floor, q))
y[n] = 1 if fewer than K tokens come before n, else 0; m comes before n where x[m] > x[n], or x[m] = x[n] and m < n
The number of ones depends on the input. With fewer than \`floor\` qualified tokens the best of the others fill up. More than
\`capacity\` are an error of the run (overflow = error), or the best \`capacity\` stay (overflow = keep-best). Distances from the
smallest score make the rule the same for scores that are negative. With floor = capacity = k it is \`tokens.top-k\`, but for the error.`,
  operands: [{ name: "x", accepts: "real", doc: "one score per token" }],
  symbols: [],
  attrs: {
    share: {
      type: "number",
      doc: "how far from the smallest to the largest score a token must reach, 0 to 1; 0: all do",
    },
    floor: { type: "int", min: 1, default: 1, doc: "fewest tokens kept" },
    capacity: { type: "int", min: 1, doc: "most tokens kept" },
    overflow: {
      type: "word",
      oneOf: ["error", "keep-best"],
      default: "error",
      doc: "what more than `capacity` qualified tokens are",
    },
  },
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const [share, floor, capacity] = [view.number("share"), view.number("floor"), view.number("capacity")];
    if (share < 0 || share > 1) {
      return problem("attribute", `share = ${share} is no share`, "use 0.5 for half of the way to the largest score");
    }
    if (floor > capacity) {
      return problem("attribute", `floor = ${floor} is above capacity = ${capacity}`, `use floor = 1 to ${capacity}`);
    }
    return inferMask(view, ["capacity"]);
  },
  step({ view, type }, _state, [x]) {
    const scores = only(x);
    const [share, floor, capacity] = [view.number("share"), view.number("floor"), view.number("capacity")];
    const qualified = reaching(scores, share);
    if (qualified > capacity && view.word("overflow") === "error") {
      const message = `${qualified} of ${scores.length} tokens reach share = ${share}, the capacity is ${capacity}`;
      const hint = "use a larger capacity or share, or overflow = keep-best";
      throw new DiagnosticError(irDiagnostics.make("capacity", message, { hint }));
    }
    const y = newSlot(type);
    for (const n of ranking(scores).slice(0, Math.min(capacity, Math.max(floor, qualified)))) y[n] = 1;
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: real<2t, 4>) -> spike<2t, 4> {
  %y = tokens.top-share %x {share = 0.5, capacity = 3} : spike<2t, 4>
  return %y
}`,
      inputs: { x: [1, 5, 3, 2, 0, 0, 8, 3] },
      outputs: { y: [0, 1, 1, 0, 0, 0, 1, 0] },
    },
    {
      text: `net @example(%x: real<2t, 4>) -> spike<2t, 4> {
  %y = tokens.top-share %x {share = 1, floor = 2, capacity = 3, overflow = keep-best} : spike<2t, 4>
  return %y
}`,
      inputs: { x: [-1, -5, -3, -2, 7, 7, 7, 7] },
      outputs: { y: [1, 0, 0, 1, 1, 1, 1, 0] },
    },
  ],
});
