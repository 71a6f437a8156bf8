import { outputsOf, plainKernels, type LinearKernels, type Weights } from "../../src/ir/index.js";
import type { Slot, ValueType, Window } from "../../src/ir/index.js";

/**
 * The reference kernels on integers, written for speed: sums are exact, so the order is free. Real operands go to the
 * reference itself. Checked against it in the test that uses them.
 */

/** Mantissas in doubles, once per constant: additions without conversion. */
const widened = new WeakMap<Weights, Float64Array>();

function mantissas(weights: Weights): Float64Array {
  const known = widened.get(weights) ?? Float64Array.from(weights.mantissa);
  widened.set(weights, known);
  return known;
}

/** Adds `n` weights from `row` on, times x, to the sums from `base` on. */
function addRow(sums: Float64Array, base: number, w: Float64Array, row: number, n: number, x: number): void {
  for (let o = 0; o < n; o++) sums[base + o] = (sums[base + o] ?? 0) + x * (w[row + o] ?? 0);
}

function scale(sums: Float64Array, unit: number, weights: Weights): Float64Array {
  const out = outputsOf(weights);
  const steps = Float64Array.from(weights.exponent, (e) => 2 ** -e);
  for (let i = 0; i < sums.length; i++) {
    const o = i % out;
    sums[i] = ((sums[i] ?? 0) * unit + (weights.bias[o] ?? 0)) * (steps[o] ?? 1);
  }
  return sums;
}

function dense(x: Slot, xType: ValueType, weights: Weights): Float64Array {
  if (xType.number.kind === "real") return plainKernels.dense(x, xType, weights);
  const out = outputsOf(weights);
  const channels = xType.shape[xType.shape.length - 1] ?? 1;
  const sums = new Float64Array((x.length / channels) * out);
  const w = mantissas(weights);
  for (let i = 0; i < x.length; i++) {
    const value = x[i] ?? 0;
    if (value === 0) continue;
    const c = i % channels;
    addRow(sums, ((i - c) / channels) * out, w, c * out, out, value);
  }
  return scale(sums, 2 ** xType.number.exp, weights);
}

function conv(x: Slot, xType: ValueType, weights: Weights, window: Window): Float64Array {
  if (xType.number.kind === "real") return plainKernels.conv(x, xType, weights, window);
  const { kernel, stride, padding } = window;
  const [h = 0, width = 0, channels = 0] = xType.shape;
  const out = outputsOf(weights);
  const size = (n: number): number => Math.floor((n + 2 * padding - kernel) / stride) + 1;
  const [oh, ow] = [size(h), size(width)];
  const sums = new Float64Array(oh * ow * out);
  const w = mantissas(weights);
  for (let i = 0; i < x.length; i++) {
    const value = x[i] ?? 0;
    if (value === 0) continue;
    const c = i % channels;
    const p = (i - c) / channels;
    const px = p % width;
    const py = (p - px) / width;
    for (let ky = 0; ky < kernel; ky++) {
      const oy = (py + padding - ky) / stride;
      if (oy < 0 || oy >= oh || !Number.isInteger(oy)) continue;
      for (let kx = 0; kx < kernel; kx++) {
        const ox = (px + padding - kx) / stride;
        if (ox < 0 || ox >= ow || !Number.isInteger(ox)) continue;
        addRow(sums, (oy * ow + ox) * out, w, ((ky * kernel + kx) * channels + c) * out, out, value);
      }
    }
  }
  return scale(sums, 2 ** xType.number.exp, weights);
}

export const fastKernels: LinearKernels = { name: "fast", conv, dense, maxPool: plainKernels.maxPool };
