import { problem, type AttrDefinition, type OpView, type Problem } from "../op.js";
import { int, REAL, type NumberKind } from "../types.js";

/** Attributes of the means. */
export const MEAN_ATTRS = {
  result: {
    type: "word",
    oneOf: ["real", "int"],
    default: "real",
    doc: "int: the integer sum, whose unit is 2^exp / n: the exact mean of n = 2^k integers",
  },
} satisfies Readonly<Record<string, AttrDefinition>>;

/** The numbers of a mean of `n` values. */
export function meanNumber(view: OpView, n: number): NumberKind | Problem {
  if (view.word("result") === "real") return REAL;
  const { number } = view.operand(0);
  if (number.kind === "real") return problem("type-mismatch", "an integer mean needs integer operands, got real");
  const shift = Math.log2(n);
  if (!Number.isInteger(shift)) {
    const hint = "use reduce.sum-positions and move 1/n into weights or thresholds, or result = real";
    return problem("attribute", `an integer mean divides by a power of two, got ${n} values`, hint);
  }
  return int(number.lo * n, number.hi * n, number.exp - shift);
}
