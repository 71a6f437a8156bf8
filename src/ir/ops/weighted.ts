import { EXACT_LIMIT } from "../../math/grid.js";
import { sumBound, type Weights } from "../constant.js";
import { problem, type Problem, type Slot } from "../op.js";
import { int, REAL, type ValueType } from "../types.js";

const INT32_LIMIT = 2 ** 31;

/** Result type of a weighted op: the exactness and range rules shared by dense and conv. */
export function weightedResult(
  x: ValueType,
  shape: readonly number[],
  weights: Weights,
  result: string,
): ValueType | Problem {
  if (x.number.kind === "real") {
    if (result === "int") return problem("type-mismatch", "an integer current needs integer operands, got real");
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
  const exponent = weights.exponent[0] ?? 0;
  if (weights.exponent.some((e) => e !== exponent)) {
    return problem(
      "type-mismatch",
      "an integer current needs one exponent for all output channels",
      "quantize per tensor",
    );
  }
  if (bound >= INT32_LIMIT) {
    return problem("overflow", `integer currents can reach ${bound}, a value holds 32 bits`, "quantise to fewer bits");
  }
  return { number: int(-bound, bound, unit - exponent), time: x.time, shape };
}

/** Rounds exact sums in real units once: to f32, or to the integers of an integer result. */
export function roundSums(sums: Float64Array, type: ValueType): Slot {
  if (type.number.kind === "real") return Float32Array.from(sums);
  const unit = 2 ** -type.number.exp;
  return Int32Array.from(sums, (s) => s * unit);
}
