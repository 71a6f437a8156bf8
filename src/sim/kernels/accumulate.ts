/*
 * Sums of weight rows. Weights are i32 mantissas, one row per input; sums are exact integers below 2^53 in doubles, so the
 * order of additions, their grouping and the width of partial sums do not matter.
 */

import { roundHalfEven } from "../../math/grid.js";

/** Additions of mantissas below 2^24 that an i32 holds: 127 * (2^24 - 1) < 2^31. */
const SAFE_ADDITIONS = 127;

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

/** Reused memory of {@link accumulateRows}. */
export interface RowScratch {
  readonly starts: Int32Array;
  readonly sorted: Int32Array;
  readonly partial: Int32Array;
  readonly group: Float64Array;
}

export function createRowScratch(rows: number, lanes: number, timesteps: number): RowScratch {
  return {
    starts: new Int32Array((1 << timesteps) + 1),
    sorted: new Int32Array(rows),
    partial: new Int32Array(lanes),
    group: new Float64Array(lanes),
  };
}

/** Sorts rows by their pattern of timesteps: pattern g has sorted[starts[g]] to sorted[starts[g + 1] - 1]. */
function groupRows(rows: Int32Array, gates: Uint8Array, count: number, patterns: number, scratch: RowScratch): void {
  const { starts, sorted } = scratch;
  starts.fill(0);
  for (let i = 0; i < count; i++) starts[gates[i]! + 1] = starts[gates[i]! + 1]! + 1;
  for (let g = 1; g <= patterns; g++) starts[g] = starts[g]! + starts[g - 1]!;
  for (let i = 0; i < count; i++) {
    const g = gates[i]!;
    const to = starts[g]!;
    starts[g] = to + 1;
    sorted[to] = rows[i]!;
  }
  for (let g = patterns; g > 0; g--) starts[g] = starts[g - 1]!;
  starts[0] = 0;
}

/** Adds rows sorted[from..to) to `partial`, four at a time; at most SAFE_ADDITIONS of them. */
function addRows(
  partial: Int32Array,
  weights: Int32Array,
  sorted: Int32Array,
  from: number,
  to: number,
  stride: number,
  offset: number,
  lanes: number,
): void {
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const a = sorted[i]! * stride + offset;
    const b = sorted[i + 1]! * stride + offset;
    const c = sorted[i + 2]! * stride + offset;
    const d = sorted[i + 3]! * stride + offset;
    for (let l = 0; l < lanes; l++) {
      partial[l] = (partial[l]! + weights[a + l]! + weights[b + l]! + weights[c + l]! + weights[d + l]!) | 0;
    }
  }
  for (; i < to; i++) {
    const a = sorted[i]! * stride + offset;
    for (let l = 0; l < lanes; l++) partial[l] = (partial[l]! + weights[a + l]!) | 0;
  }
}

/**
 * Adds a list of weight rows: row `rows[i]` in the timesteps whose bit is set in `gates[i]`. Rows of one pattern are summed
 * once, in i32 lanes that are widened before they can overflow, and then added to each timestep of the pattern.
 * `weights` has `stride` mantissas per row, of which `lanes` from `offset` on are taken; all below 2^24. `sums` is
 * [timesteps, lanes]. Bit-equal to one addRow per list entry.
 */
export function accumulateRows(
  sums: Float64Array,
  weights: Int32Array,
  stride: number,
  offset: number,
  lanes: number,
  rows: Int32Array,
  gates: Uint8Array,
  count: number,
  timesteps: number,
  scratch: RowScratch,
): void {
  const patterns = 1 << timesteps;
  groupRows(rows, gates, count, patterns, scratch);
  accumulateGroups(sums, weights, stride, offset, lanes, timesteps, scratch);
}

/** The second half of accumulateRows, for further blocks of outputs of the same list. */
export function accumulateGroups(
  sums: Float64Array,
  weights: Int32Array,
  stride: number,
  offset: number,
  lanes: number,
  timesteps: number,
  scratch: RowScratch,
): void {
  const { starts, sorted, partial, group } = scratch;
  const patterns = 1 << timesteps;
  for (let g = 1; g < patterns; g++) {
    const end = starts[g + 1]!;
    let from = starts[g]!;
    if (from === end) continue;
    for (let l = 0; l < lanes; l++) group[l] = 0;
    while (from < end) {
      const to = from + SAFE_ADDITIONS < end ? from + SAFE_ADDITIONS : end;
      for (let l = 0; l < lanes; l++) partial[l] = 0;
      addRows(partial, weights, sorted, from, to, stride, offset, lanes);
      for (let l = 0; l < lanes; l++) group[l] = group[l]! + partial[l]!;
      from = to;
    }
    for (let t = 0; t < timesteps; t++) {
      if (((g >> t) & 1) === 0) continue;
      const base = t * lanes;
      for (let l = 0; l < lanes; l++) sums[base + l] = sums[base + l]! + group[l]!;
    }
  }
}
