import { roundHalfEven } from "../math/grid.js";
import { outputsOf, type Weights } from "../ir/index.js";

/** How weights are rounded to few bits. */
export interface WeightRounding {
  /** Bits of a weight, sign included; the largest mantissa is 2^(bits - 1) - 1 on both sides. */
  readonly bits: number;
  readonly per: "channel" | "tensor";
  readonly clip: "min-max" | "percentile" | "mse";
  readonly percentile: number;
}

export interface RoundedWeights {
  readonly weights: Weights;
  /** What one unit of the mantissas of each channel is worth. */
  readonly unit: Float64Array;
  /** Weights that were clipped. */
  readonly saturated: number;
}

/** A bias may count this many units at most; where weights are tinier, the unit grows. */
const MOST_BIAS = 2 ** 16;

/** Makes a unit larger, where what reads the currents asks for it. Of channel 0, where one unit serves the tensor. */
export type UnitRule = (unit: number, channel: number) => number;

/** Fractions of the largest weight that `clip = mse` tries. */
const MSE_STEPS = 32;

/** Real weights in columns: one list per output channel, or all of them where one unit serves the tensor. */
interface Columns {
  readonly values: Float64Array;
  readonly bias: Float64Array;
  readonly out: number;
}

/** Weights as doubles, each row multiplied by what the operand's integers are worth. */
export function realColumns(weights: Weights, rowScale: (channel: number) => number, channels: number): Columns {
  const out = outputsOf(weights);
  const { mantissa, exponent } = weights;
  const steps = Float64Array.from(exponent, (e) => 2 ** -e);
  const values = new Float64Array(mantissa.length);
  for (let row = 0, i = 0; i < values.length; row++) {
    const scale = rowScale(row % channels);
    for (let o = 0; o < out; o++, i++) values[i] = mantissa[i]! * steps[o]! * scale;
  }
  return { values, bias: weights.bias.map((b, o) => b * steps[o]!), out };
}

/** The magnitude that the largest mantissa stands for, before it is put on a grid. */
function clipOf(magnitudes: Float64Array, rounding: WeightRounding, unitFor: (clip: number) => number): number {
  let largest = 0;
  for (const m of magnitudes) largest = Math.max(largest, m);
  if (largest === 0 || rounding.clip === "min-max") return largest;
  if (rounding.clip === "percentile") {
    const sorted = magnitudes.toSorted();
    const index = Math.ceil((rounding.percentile / 100) * sorted.length) - 1;
    const value = sorted[Math.min(sorted.length - 1, Math.max(0, index))] ?? largest;
    return value === 0 ? largest : value;
  }
  const most = 2 ** (rounding.bits - 1) - 1;
  let best = { clip: largest, error: Infinity };
  for (let step = 0; step < MSE_STEPS; step++) {
    const clip = (largest * (2 * MSE_STEPS - step)) / (2 * MSE_STEPS);
    const unit = unitFor(clip);
    let error = 0;
    for (const m of magnitudes) error += (Math.min(most, roundHalfEven(m / unit)) * unit - m) ** 2;
    if (error < best.error) best = { clip, error };
  }
  return best.clip;
}

/** The unit of a clip value: any real number, or a power of two. */
function unitOf(clip: number, most: number, dyadic: boolean): number {
  if (!dyadic) return clip / most;
  let e = Math.ceil(Math.log2(clip / most));
  while (roundHalfEven(clip / 2 ** (e - 1)) <= most) e--;
  while (roundHalfEven(clip / 2 ** e) > most) e++;
  return 2 ** e;
}

/** One unit per channel, or one for all. */
function unitsOf(columns: Columns, rounding: WeightRounding, dyadic: boolean, adjust: UnitRule): Float64Array {
  const { values, bias, out } = columns;
  const most = 2 ** (rounding.bits - 1) - 1;
  const unit = (magnitudes: Float64Array, largestBias: number, channel: number): number => {
    const clip = clipOf(magnitudes, rounding, (c) => unitOf(c, most, dyadic));
    const floor = largestBias / MOST_BIAS;
    const units = clip === 0 ? floor : Math.max(floor, unitOf(clip, most, dyadic));
    return adjust(units === 0 ? 1 : dyadic ? 2 ** Math.ceil(Math.log2(units)) : units, channel);
  };
  if (rounding.per === "tensor") {
    const largestBias = bias.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    return new Float64Array(out).fill(unit(values.map(Math.abs), largestBias, 0));
  }
  return Float64Array.from({ length: out }, (_, o) => {
    const column = new Float64Array(values.length / out);
    for (let row = 0; row < column.length; row++) column[row] = Math.abs(values[row * out + o]!);
    return unit(column, Math.abs(bias[o]!), o);
  });
}

/**
 * Rounds weights to `bits`. With `dyadic` units the exponents say what they are; otherwise mantissas stand alone (exponent 0)
 * and `unit` goes into whatever reads the currents. What `adjust` makes of a dyadic unit must be dyadic.
 */
export function roundWeights(
  shape: readonly number[],
  columns: Columns,
  rounding: WeightRounding,
  dyadic: boolean,
  adjust: UnitRule = (unit) => unit,
): RoundedWeights {
  const { values, bias, out } = columns;
  const most = 2 ** (rounding.bits - 1) - 1;
  const unit = unitsOf(columns, rounding, dyadic, adjust);
  let saturated = 0;
  const mantissa = new Int32Array(values.length);
  for (let i = 0; i < values.length;) {
    for (let o = 0; o < out; o++, i++) {
      const m = roundHalfEven(values[i]! / unit[o]!);
      if (Math.abs(m) > most) saturated++;
      mantissa[i] = Math.max(-most, Math.min(most, m));
    }
  }
  const weights: Weights = {
    kind: "weights",
    shape,
    mantissa,
    exponent: Int32Array.from(unit, (u) => (dyadic ? -Math.round(Math.log2(u)) : 0)),
    bias: bias.map((b, o) => roundHalfEven(b / unit[o]!) + 0),
  };
  return { weights, unit, saturated };
}
