import { gridExponent, roundHalfEven, EXACT_LIMIT } from "../math/grid.js";
import { elements } from "../math/tensor.js";

/**
 * Weights of one weighted op, on the grid of spikec: weight[i, o] = mantissa[i * out + o] * 2^-exponent[o].
 * Row i is one input (for a convolution: (ky * kw + kx) * Cin + c), column o one output channel.
 */
export interface Weights {
  readonly kind: "weights";
  /** [out] for a depthwise layout is not used; [in, out] for dense, [kh, kw, Cin, Cout] for conv. */
  readonly shape: readonly number[];
  /** Signed mantissas, |m| <= 2^24 - 1, input-major: one row of `out` per input. */
  readonly mantissa: Int32Array;
  /** Grid exponent of each output channel. */
  readonly exponent: Int32Array;
  /** Bias mantissas on the same grid, integers held in doubles; all zero where there is no bias. */
  readonly bias: Float64Array;
}

/** Real parameters, such as batch-norm statistics or per-channel thresholds. */
export interface RealTensor {
  readonly kind: "real";
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Constant = Weights | RealTensor;

export function realTensor(shape: readonly number[], data: Float32Array): RealTensor {
  return { kind: "real", shape, data };
}

/**
 * Puts real weights on the grid. `values` is [..., out] in the order of {@link Weights.mantissa}; any precision up to
 * double. Each channel's grid comes from its largest |w| alone (an all-zero channel takes its bias's grid, or 0).
 */
export function toWeights(shape: readonly number[], values: ArrayLike<number>, bias?: ArrayLike<number>): Weights {
  const out = shape[shape.length - 1] ?? 1;
  const rows = elements(shape) / out;
  const mantissa = new Int32Array(rows * out);
  const exponent = new Int32Array(out);
  const biasMantissa = new Float64Array(out);
  for (let o = 0; o < out; o++) {
    let largest = 0;
    for (let i = 0; i < rows; i++) largest = Math.max(largest, Math.abs(values[i * out + o] ?? 0));
    const b = bias?.[o] ?? 0;
    const e = gridExponent(largest === 0 ? b : largest);
    exponent[o] = e;
    const scale = 2 ** e;
    for (let i = 0; i < rows; i++) mantissa[i * out + o] = roundHalfEven((values[i * out + o] ?? 0) * scale);
    biasMantissa[o] = roundHalfEven(b * scale);
  }
  return { kind: "weights", shape, mantissa, exponent, bias: biasMantissa };
}

/** Weights on a given grid: values that are no multiples of 2^-exponent are rounded to one. One exponent stands for all. */
export function onGrid(
  shape: readonly number[],
  values: ArrayLike<number>,
  bias: ArrayLike<number>,
  exponents: readonly number[],
): Weights {
  const out = shape[shape.length - 1] ?? 1;
  const exponent = Int32Array.from({ length: out }, (_, o) => exponents[o] ?? exponents[0] ?? 0);
  const mantissa = (value: number, i: number): number => roundHalfEven(value * 2 ** exponent[i % out]!);
  return {
    kind: "weights",
    shape,
    mantissa: Int32Array.from(values, mantissa),
    exponent,
    bias: Float64Array.from(bias, mantissa),
  };
}

/** Number of output channels. */
export function outputsOf(weights: Weights): number {
  return weights.shape[weights.shape.length - 1] ?? 1;
}

/** Σ|m| per channel. Constants never change, so it is computed once: every verification of a net asks for it. */
const COLUMN_SUMS = new WeakMap<Weights, Float64Array>();

function columnSums(weights: Weights): Float64Array {
  const known = COLUMN_SUMS.get(weights);
  if (known !== undefined) return known;
  const out = outputsOf(weights);
  const sums = new Float64Array(out);
  for (let i = 0; i < weights.mantissa.length; i++) sums[i % out]! += Math.abs(weights.mantissa[i]!);
  COLUMN_SUMS.set(weights, sums);
  return sums;
}

/** The proved bound of the sums of each channel; see {@link sumBound}. */
export function sumBounds(weights: Weights, largestInput: number, biasUnit = 1): Float64Array {
  return columnSums(weights).map((sum, o) => sum * largestInput + Math.abs(weights.bias[o]!) * biasUnit);
}

/**
 * The proved bound of every sum of channel o: Σ|m| * largest input + |bias|, for inputs of magnitude up to `largestInput`.
 * Returns the worst channel and its bound; sums are exact while it stays below 2^53. `biasUnit` is what one unit of bias
 * counts where inputs are fractions (integers times 2^-n): 2^n.
 */
export function sumBound(weights: Weights, largestInput: number, biasUnit = 1): { channel: number; bound: number } {
  const out = outputsOf(weights);
  const bounds = columnSums(weights);
  let worst = { channel: 0, bound: 0 };
  for (let o = 0; o < out; o++) {
    const bound = bounds[o]! * largestInput + Math.abs(weights.bias[o]!) * biasUnit;
    if (bound > worst.bound) worst = { channel: o, bound };
  }
  return worst;
}

export function sumsAreExact(weights: Weights, largestInput: number): boolean {
  return sumBound(weights, largestInput).bound < EXACT_LIMIT;
}
