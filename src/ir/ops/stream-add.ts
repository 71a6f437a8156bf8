import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { int, joinTime, printType, sameShape } from "../types.js";

export const streamAdd = defineOp({
  name: "stream.add",
  summary: "sum of two values of one shape",
  doc: `y = fl(a + b) on reals, a + b on integers of one exponent
The addition of a residual stream, in the order of the graph.`,
  operands: [
    { name: "a", accepts: "any", doc: "first summand" },
    { name: "b", accepts: "any", doc: "second summand" },
  ],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const a = view.operand(0);
    const b = view.operand(1);
    if (!sameShape(a.shape, b.shape)) {
      return problem("shape-mismatch", `\`stream.add\` needs equal shapes, got ${printType(a)} and ${printType(b)}`);
    }
    const time = joinTime([a.time, b.time]);
    if (time === undefined)
      return problem("type-mismatch", `${printType(a)} and ${printType(b)} have unrelated time axes`);
    if (a.number.kind === "real" && b.number.kind === "real") return { number: a.number, time, shape: a.shape };
    if (a.number.kind === "int" && b.number.kind === "int" && a.number.exp === b.number.exp) {
      return { number: int(a.number.lo + b.number.lo, a.number.hi + b.number.hi, a.number.exp), time, shape: a.shape };
    }
    return problem(
      "type-mismatch",
      `\`stream.add\` needs two reals or two integers of one exponent, got ${printType(a)} and ${printType(b)}`,
    );
  },
  step({ type }, _state, [a, b]) {
    const left = only(a);
    const right = only(b);
    const y = newSlot(type);
    for (let i = 0; i < y.length; i++) y[i] = left[i]! + right[i]!;
    return [y];
  },
  examples: [
    {
      text: `net @example(%a: real<2t, 2>, %b: real<1t/2, 2>) -> real<2t, 2> {
  %y = stream.add %a, %b : real<2t, 2>
  return %y
}`,
      inputs: { a: [1, 2, 3, 4], b: [0.5, -1] },
      outputs: { y: [1.5, 1, 3.5, 3] },
    },
  ],
});
