import { outputsOf, type Weights } from "./constant.js";
import type { LinearKernels, Slot, Window } from "./op.js";
import { forWindow, windowOutput } from "./ops/window.js";
import { channelsOf, positionsOf, type ValueType } from "./types.js";

/** Sums in real units: (Σ * 2^x.exp + bias) * 2^-e per channel. Scaling by powers of two is exact. */
function scaled(sums: Float64Array, xType: ValueType, weights: Weights): Float64Array {
  const out = outputsOf(weights);
  const unit = xType.number.kind === "int" ? 2 ** xType.number.exp : 1;
  for (let i = 0; i < sums.length; i++)
    sums[i] = (sums[i]! * unit + weights.bias[i % out]!) * 2 ** -weights.exponent[i % out]!;
  return sums;
}

/** Adds x * (row of mantissas) to `out` sums at `base`. Zero operands are skipped: weights and inputs are finite. */
function addRow(sums: Float64Array, base: number, x: number, weights: Weights, row: number, out: number): void {
  if (x === 0) return;
  for (let o = 0; o < out; o++) sums[base + o]! += x * weights.mantissa[row * out + o]!;
}

function dense(x: Slot, xType: ValueType, weights: Weights): Float64Array {
  const out = outputsOf(weights);
  const channels = channelsOf(xType);
  const positions = positionsOf(xType);
  const sums = new Float64Array(positions * out);
  for (let p = 0; p < positions; p++) {
    for (let c = 0; c < channels; c++) addRow(sums, p * out, x[p * channels + c]!, weights, c, out);
  }
  return scaled(sums, xType, weights);
}

/** The loop order (c, ky, kx) is the declared order of sums over real operands; on integers every order agrees. */
function conv(x: Slot, xType: ValueType, weights: Weights, { kernel, stride, padding }: Window): Float64Array {
  const [h = 0, w = 0, channels = 0] = xType.shape;
  const out = outputsOf(weights);
  const [oh, ow] = [0, 1].map((axis) => Math.floor(((xType.shape[axis] ?? 0) + 2 * padding - kernel) / stride) + 1);
  const sums = new Float64Array((oh ?? 0) * (ow ?? 0) * out);
  for (let p = 0; p < sums.length / out; p++) {
    const y0 = Math.floor(p / (ow ?? 1)) * stride - padding;
    const x0 = (p % (ow ?? 1)) * stride - padding;
    for (let c = 0; c < channels; c++) {
      for (let ky = Math.max(0, -y0); ky < kernel && y0 + ky < h; ky++) {
        for (let kx = Math.max(0, -x0); kx < kernel && x0 + kx < w; kx++) {
          const value = x[((y0 + ky) * w + x0 + kx) * channels + c]!;
          addRow(sums, p * out, value, weights, (ky * kernel + kx) * channels + c, out);
        }
      }
    }
  }
  return scaled(sums, xType, weights);
}

function maxPool(x: Float32Array, xType: ValueType, window: Window): Float32Array {
  const channels = channelsOf(xType);
  const shape = windowOutput(xType.shape, window, channels);
  if ("code" in shape) return new Float32Array(0);
  const [oh = 0, ow = 0] = shape;
  const y = new Float32Array(oh * ow * channels).fill(-Infinity);
  for (let p = 0; p < oh * ow; p++) {
    forWindow(xType.shape, window, Math.floor(p / ow), p % ow, (q) => {
      for (let c = 0; c < channels; c++) y[p * channels + c] = Math.max(y[p * channels + c]!, x[q * channels + c]!);
    });
  }
  return y;
}

/** The reference kernels: exact sums on integers, ascending double sums on reals. */
export const plainKernels: LinearKernels = { name: "plain", conv, dense, maxPool };
