import { EXACT_LIMIT, roundHalfEven } from "../../math/grid.js";
import { sumBound, sumBounds } from "../constant.js";
import { problem, type AttrDefinition, type OpView, type Problem, type Slot } from "../op.js";
import { int, REAL, type ValueType } from "../types.js";

/** Whether an op is one of these. */
export function isWeighted({ name }: { readonly name: string }): boolean {
  return name === "synapse.conv" || name === "synapse.dense";
}

const INT32_LIMIT = 2 ** 31;

/** Attributes of every weighted op: what becomes of the exact sum. */
export const RESULT_ATTRS = {
  result: {
    type: "word",
    oneOf: ["real", "int", "fixed"],
    default: "real",
    doc: "f32 current, the exact integer, or fixed point in units of 2^exp",
  },
  exp: { type: "int", min: -64, max: 64, default: 0, doc: "fixed: unit of the result, 2^exp, for all channels" },
  bits: {
    type: "int",
    min: 2,
    max: 32,
    default: 32,
    doc: "fixed: width at which the result saturates; 32: it never does",
  },
} satisfies Readonly<Record<string, AttrDefinition>>;

/** What the documentation of weighted ops says about results. */
export const RESULT_DOC = `result = int needs one weight exponent for all channels. result = fixed takes an exponent per channel and rounds the exact sum
half to even to a multiple of 2^exp (exact where the sum already is one), so that all writers of a stream share their unit;
below 32 bits it then saturates at -(2^(bits-1) - 1)..2^(bits-1) - 1.`;

/** Result type of a weighted op: the exactness and range rules shared by dense and conv. */
export function weightedResult(view: OpView, shape: readonly number[]): ValueType | Problem {
  const x = view.operand(0);
  const weights = view.weights();
  const result = view.word("result");
  if (x.number.kind === "real") {
    if (result !== "real") return problem("type-mismatch", "an integer current needs integer operands, got real");
    return { number: REAL, time: x.time, shape };
  }
  // The sum is an integer in the finer of the units of the operand's integers (2^exp) and of the bias (1).
  const unit = Math.min(0, x.number.exp);
  const largest = Math.max(Math.abs(x.number.lo), Math.abs(x.number.hi)) * 2 ** (x.number.exp - unit);
  const { channel, bound } = sumBound(weights, largest, 2 ** -unit);
  if (bound >= EXACT_LIMIT) {
    return problem(
      "overflow",
      `sums of output channel ${channel} can reach ${bound.toExponential(3)}, exact sums end at 2^53`,
      "split the input channels, or quantise the weights to fewer bits",
    );
  }
  if (result === "real") return { number: REAL, time: x.time, shape };
  if (result === "fixed") return fixedResult(view, shape, sumBounds(weights, largest, 2 ** -unit), unit);
  const exponent = weights.exponent[0] ?? 0;
  if (weights.exponent.some((e) => e !== exponent)) {
    return problem(
      "type-mismatch",
      "an integer current needs one exponent for all output channels",
      "quantize per tensor, or use result = fixed",
    );
  }
  if (bound >= INT32_LIMIT) {
    return problem("overflow", `integer currents can reach ${bound}, a value holds 32 bits`, "quantise to fewer bits");
  }
  return { number: int(-bound, bound, unit - exponent), time: x.time, shape };
}

/** Sums in units of 2^(unit - exponent), rounded to units of 2^exp and saturated where that is declared. */
function fixedResult(view: OpView, shape: readonly number[], bounds: Float64Array, unit: number): ValueType | Problem {
  const weights = view.weights();
  const exp = view.number("exp");
  let bound = 0;
  for (const [o, sum] of bounds.entries()) {
    bound = Math.max(bound, roundHalfEven(sum * 2 ** (unit - (weights.exponent[o] ?? 0) - exp)));
  }
  const limit = fixedLimit(view);
  if (bound > limit && view.number("bits") === 32) {
    return problem(
      "overflow",
      `currents in units of 2^${exp} can reach ${bound}, a value holds 32 bits`,
      "use a larger exp, or declare fewer bits to saturate",
    );
  }
  const range = Math.min(bound, limit);
  return { number: int(-range, range, exp), time: view.operand(0).time, shape };
}

function fixedLimit(view: OpView): number {
  return 2 ** (view.number("bits") - 1) - 1;
}

/** Rounds exact sums in real units once: to f32, or to the integers of an integer result. */
export function roundSums(sums: Float64Array, type: ValueType): Slot {
  if (type.number.kind === "real") return Float32Array.from(sums);
  const { lo, hi, exp } = type.number;
  const unit = 2 ** -exp;
  return Int32Array.from(sums, (s) => Math.min(hi, Math.max(lo, roundHalfEven(s * unit))));
}
