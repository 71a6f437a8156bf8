/*
 * Sums of weight rows for the stepped simulator, row by row. Weights are i32 mantissas, one row per input; sums are exact
 * integers below 2^53 in doubles, so the order of additions does not matter.
 */

import { roundHalfEven } from "../../math/grid.js";

/**
 * Adds `scale` times the row of `lanes` weights at `row` to the accumulators of each timestep whose bit is set in `gates`.
 * `sums` is [timesteps, lanes].
 */
export function addRow(
  sums: Float64Array,
  weights: Int32Array,
  row: number,
  lanes: number,
  gates: number,
  scale: number,
): void {
  for (let base = 0; gates !== 0; gates >>>= 1, base += lanes) {
    if ((gates & 1) === 0) continue;
    if (scale === 1) for (let l = 0; l < lanes; l++) sums[base + l] = sums[base + l]! + weights[row + l]!;
    else for (let l = 0; l < lanes; l++) sums[base + l] = sums[base + l]! + weights[row + l]! * scale;
  }
}

/** Adds `x` times the row of weights at `row`: one rounding per product and per sum, as the order of real sums demands. */
export function addScaledRow(sums: Float64Array, weights: Int32Array, row: number, lanes: number, x: number): void {
  for (let l = 0; l < lanes; l++) sums[l] = sums[l]! + x * weights[row + l]!;
}

/** `(sum + bias) * scale`, rounded once to f32, at `to`. */
export function writeReal(
  sums: Float64Array,
  from: number,
  bias: Float64Array,
  scales: Float64Array,
  lanes: number,
  out: Float32Array,
  to: number,
): void {
  for (let l = 0; l < lanes; l++) out[to + l] = (sums[from + l]! + bias[l]!) * scales[l]!;
}

/** `(sum + bias) * scale` rounded half to even and clamped to -limit..limit, as i32, at `to`. */
export function writeInt(
  sums: Float64Array,
  from: number,
  bias: Float64Array,
  scales: Float64Array,
  lanes: number,
  out: Int32Array,
  to: number,
  limit: number,
): void {
  for (let l = 0; l < lanes; l++) {
    const value = roundHalfEven((sums[from + l]! + bias[l]!) * scales[l]!);
    out[to + l] = value > limit ? limit : value < -limit ? -limit : value;
  }
}
