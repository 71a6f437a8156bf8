/** Additions of mantissas below 2^24 that an i32 holds: 127 * (2^24 - 1) < 2^31. */
const SAFE_ADDITIONS = 127;

/** Reused memory of {@link accumulateGroups}. */
export interface RowScratch {
  readonly starts: Int32Array;
  readonly sorted: Int32Array;
  readonly partial: Int32Array;
  readonly group: Float64Array;
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

/** Adds lists of weight rows, each pattern of timesteps summed once. `sums` is [timesteps, lanes]. */
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
