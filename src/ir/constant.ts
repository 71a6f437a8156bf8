import { gridExponent, roundHalfEven } from "../math/grid.js";
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

/** Integers, such as spikes and counts that no input changes. */
export interface IntTensor {
  readonly kind: "int";
  readonly shape: readonly number[];
  readonly data: Int32Array;
}

export type Constant = Weights | RealTensor | IntTensor;

export function realTensor(shape: readonly number[], data: Float32Array): RealTensor {
  return { kind: "real", shape, data };
}

export function intTensor(shape: readonly number[], data: Int32Array): IntTensor {
  return { kind: "int", shape, data };
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
  const scale = new Float64Array(out);
  // Row by row, as the memory lies.
  for (let i = 0, at = 0; i < rows; i++) {
    for (let o = 0; o < out; o++, at++) scale[o] = Math.max(scale[o]!, Math.abs(values[at] ?? 0));
  }
  for (let o = 0; o < out; o++) {
    const largest = scale[o]!;
    const b = bias?.[o] ?? 0;
    const e = gridExponent(largest === 0 ? b : largest);
    exponent[o] = e;
    scale[o] = 2 ** e;
    biasMantissa[o] = roundHalfEven(b * scale[o]!);
  }
  for (let i = 0, at = 0; i < rows; i++) {
    for (let o = 0; o < out; o++, at++) mantissa[at] = roundHalfEven((values[at] ?? 0) * scale[o]!);
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
  const { mantissa } = weights;
  for (let i = 0, o = 0; i < mantissa.length; i++) {
    sums[o]! += Math.abs(mantissa[i]!);
    if (++o === out) o = 0;
  }
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

const digests = new WeakMap<Constant, string>();

/** FNV-1a over 32-bit words, two lanes with different offsets: 16 hexadecimal digits that tell constants apart, not a signature. */
function fnv(words: Int32Array, state: Int32Array): void {
  let [a, b] = [state[0]!, state[1]!];
  for (let i = 0; i < words.length; i++) {
    a = Math.imul(a ^ words[i]!, 0x01000193);
    b = Math.imul(b ^ (words[i]! >>> 15) ^ words[i]!, 0x01000193) ^ a;
  }
  state[0] = a;
  state[1] = b;
}

/** A digest of a constant's shape and bits, so that text can say which values it was written with. */
export function digestOf(constant: Constant): string {
  const known = digests.get(constant);
  if (known !== undefined) return known;
  const state = Int32Array.of(0x811c9dc5, 0x1000193);
  const parts = constant.kind === "weights" ? [constant.mantissa, constant.exponent, constant.bias] : [constant.data];
  fnv(Int32Array.from(constant.shape), state);
  for (const part of parts) fnv(new Int32Array(part.buffer, part.byteOffset, part.byteLength / 4), state);
  const digest = Array.from(state, (half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  digests.set(constant, digest);
  return digest;
}
