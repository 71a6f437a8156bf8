import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { int, joinTime, printType, sameShape, type ValueType } from "../types.js";

/** What one unit of an operand counts in units of 2^exp. */
function unitOf({ number }: ValueType, exp: number): number {
  return number.kind === "int" ? 2 ** (number.exp - exp) : 1;
}

export const streamAdd = defineOp({
  name: "stream.add",
  summary: "sum of two values of one shape",
  doc: `y = fl(a + b) on reals; on integers the exact sum in the finer of the two units, saturated where bits < 32
The addition of a residual stream, in the order of the graph.`,
  operands: [
    { name: "a", accepts: "any", doc: "first summand" },
    { name: "b", accepts: "any", doc: "second summand" },
  ],
  symbols: [],
  attrs: {
    bits: {
      type: "int",
      min: 2,
      max: 32,
      default: 32,
      doc: "integers: width at which the sum saturates; 32: it never does",
    },
  },
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
    if (a.number.kind === "int" && b.number.kind === "int") {
      const exp = Math.min(a.number.exp, b.number.exp);
      const [left, right] = [2 ** (a.number.exp - exp), 2 ** (b.number.exp - exp)];
      const sum = { lo: a.number.lo * left + b.number.lo * right, hi: a.number.hi * left + b.number.hi * right };
      const bits = view.number("bits");
      const limit = bits === 32 ? Infinity : 2 ** (bits - 1) - 1;
      const clamp = (v: number): number => Math.min(limit, Math.max(-limit, v));
      return { number: int(clamp(sum.lo), clamp(sum.hi), exp), time, shape: a.shape };
    }
    return problem(
      "type-mismatch",
      `\`stream.add\` needs two reals or two integers, got ${printType(a)} and ${printType(b)}`,
    );
  },
  step({ view, type }, _state, [a, b]) {
    const left = only(a);
    const right = only(b);
    const y = newSlot(type);
    if (type.number.kind === "int") {
      const { lo, hi, exp } = type.number;
      const [m, n] = [unitOf(view.operand(0), exp), unitOf(view.operand(1), exp)];
      for (let i = 0; i < y.length; i++) y[i] = Math.min(hi, Math.max(lo, left[i]! * m + right[i]! * n));
      return [y];
    }
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
    {
      text: `net @example(%a: int<1t, 2, -4..3>, %b: int<1t, 2, -4..3, 2^-1>) -> int<1t, 2, -12..9, 2^-1> {
  %y = stream.add %a, %b : int<1t, 2, -12..9, 2^-1>
  return %y
}`,
      inputs: { a: [1, -4], b: [3, -4] },
      outputs: { y: [5, -12] },
    },
  ],
});
