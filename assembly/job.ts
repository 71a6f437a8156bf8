/*
 * Records that the host writes into memory before a call: consecutive 32-bit numbers in the order of their fields, which
 * src/sim/kernels/simd.ts names in the same order. Addresses are bytes.
 */

/** A window over a spike map, of which the rows from `firstRow` on lie at `spikes` (docs/layerwise-chip.md, "Words"). */
@unmanaged
export class SpikeWindow {
  spikes!: usize;
  /** Bytes of one spike word, and of one timestep of it. */
  wordBytes!: u32;
  stepBytes!: u32;
  lanes!: u32;
  steps!: u32;
  height!: i32;
  width!: i32;
  firstRow!: i32;
  blocks!: i32;
  kernel!: i32;
  stride!: i32;
  padding!: i32;
  outRow!: i32;
  outRows!: i32;
  outWidth!: i32;
  channels!: i32;
  planes!: i32;
  /** Bytes from one bit plane to the next. */
  planeBytes!: u32;
}

/** Weighted sums of one block of outputs over positions whose lists are ready. */
@unmanaged
export class SumJob {
  /** Lists of the first position: one header per quad and plane, see lists.ts. */
  headers!: usize;
  positions!: u32;
  planes!: u32;
  steps!: u32;
  /** Weights of row 0, and bytes from one row to the next. */
  weights!: usize;
  rowBytes!: u32;
  lanes!: u32;
  /** Additions that a narrow lane holds: at least 1; 255 for i8. */
  safeRows!: u32;
  /** One f64 per lane. */
  bias!: usize;
  scales!: usize;
  output!: usize;
  positionBytes!: u32;
  stepBytes!: u32;
  /** 1: results are rounded half to even to i32; 0: to f32. */
  int!: u32;
  /** Room for the sums of all patterns of one chunk of lanes: 4 KiB. */
  scratch!: usize;
}
