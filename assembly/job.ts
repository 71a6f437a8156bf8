/*
 * Records that the host writes into memory before a call: consecutive 32-bit numbers in the order of their fields, which
 * src/sim/kernels/simd.ts names in the same order. Addresses are bytes.
 */

/** The windows of a tile over a map, of which the rows from `firstRow` on lie at `input`. */
@unmanaged
export class Window {
  input!: usize;
  /** Bytes from one position of the map to the next. */
  inputBytes!: u32;
  height!: i32;
  width!: i32;
  firstRow!: i32;
  kernel!: i32;
  stride!: i32;
  padding!: i32;
  outRow!: i32;
  outRows!: i32;
  outWidth!: i32;

  @inline
  get positions(): i32 {
    return this.outRows * this.outWidth;
  }

  /** Input row and column under tap (0, 0) of a position of the tile; negative in the padding. */
  @inline
  top(position: i32): i32 {
    return (this.outRow + position / this.outWidth) * this.stride - this.padding;
  }

  @inline
  left(position: i32): i32 {
    return (position % this.outWidth) * this.stride - this.padding;
  }

  /** Taps inside the map, of a side that begins at `from`: up to but not `end`, in a map of `size`. */
  @inline
  end(from: i32, size: i32): i32 {
    return min(this.kernel, size - from);
  }

  /** Address of a position of the map. */
  @inline
  at(row: i32, column: i32): usize {
    return this.input + ((row - this.firstRow) * this.width + column) * this.inputBytes;
  }
}

/** Windows over a spike map (docs/layerwise-chip.md, "Words"). */
@unmanaged
export class SpikeWindow extends Window {
  blocks!: i32;
  /** Bytes of one spike word, and of one timestep of it. */
  wordBytes!: u32;
  stepBytes!: u32;
  lanes!: u32;
  steps!: u32;
  channels!: i32;
  planes!: i32;
  /** Bytes from one bit plane to the next. */
  planeBytes!: u32;
}

/** Where the lists of a tile go (lists.ts). */
@unmanaged
export class ListJob extends SpikeWindow {
  headers!: usize;
  rows!: usize;
}

/** Weighted sums of real or integer inputs, and where their parts lie while they are computed. */
@unmanaged
export class MultiplyJob extends Window {
  channels!: i32;
  intInput!: u32;
  /** Sums per position, and bytes from the inputs of one to those of the next. */
  slots!: u32;
  slotBytes!: u32;
  /** i32 weights: row (ky * kernel + kx) * channels + c. */
  weights!: usize;
  rowBytes!: u32;
  lanes!: u32;
  bias!: usize;
  scales!: usize;
  output!: usize;
  positionBytes!: u32;
  stepBytes!: u32;
  int!: u32;
  /** Here the numbers of non-zero inputs go, as i32 per position and slot. */
  counts!: usize;
  /** Room for 16 bytes per input of a window, and for all weights as f64, which convertWeights puts there. */
  patch!: usize;
  doubles!: usize;
  /** Here the weight rows of the non-zero inputs go, as u32 in the order of the sums. */
  rows!: usize;
}

/** A reduction over windows: `bytes` bytes per position, a timestep after the other. */
@unmanaged
export class PoolJob extends Window {
  bytes!: u32;
  steps!: u32;
  inputStepBytes!: u32;
  output!: usize;
  positionBytes!: u32;
  stepBytes!: u32;
}

/** K^T V or Q times counters, of one head. */
@unmanaged
export class AttendJob {
  /** Spike word of k or q at the first position, block 0, and of v. */
  first!: usize;
  values!: usize;
  positions!: u32;
  /** Bytes from one position to the next, of a word, of a timestep of it. */
  positionBytes!: u32;
  wordBytes!: u32;
  stepBytes!: u32;
  lanes!: u32;
  /** Channels `channel` to `channel + d` are the head's; timesteps `bit` to `bit + steps` of each word. */
  channel!: u32;
  d!: u32;
  bit!: u32;
  steps!: u32;
  /** Rows of i32 (or, sequential, f32) counters, rowBytes apart: d rounded up to 16 of them. */
  counters!: usize;
  rowBytes!: u32;
  /** Here the events go, as i32 per position and timestep. */
  events!: usize;
  /** kv: room for one byte per counter, and for a row of them; q: at `bytes` for four bytes per channel. */
  bytes!: usize;
  spread!: usize;
  /** q: where the results of the head's first channel go. */
  output!: usize;
  outputPositionBytes!: u32;
  outputStepBytes!: u32;
  /** 0: sum * scale as f32; 1: i32; 2: f32 sums of counters scaled before. */
  kind!: u32;
}

/** Weighted sums of one block of outputs over positions whose lists are ready. */
@unmanaged
export class SumJob {
  /** Lists of the first position: one header per quad and plane, see lists.ts. */
  headers!: usize;
  positions!: u32;
  planes!: u32;
  steps!: u32;
  /** Weights of row 0, number of rows, and bytes from one to the next. */
  weights!: usize;
  rows!: u32;
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

/** One channel block of neurons over the timesteps of a group. */
@unmanaged
export class FireJob {
  /** Current of lane 0 at the first position; bytes to the next position, and timestep (0 where the current holds). */
  current!: usize;
  currentPositionBytes!: u32;
  currentStepBytes!: u32;
  positions!: u32;
  lanes!: u32;
  /** Neurons of the block; lanes behind them hold no spike and keep their potential. */
  used!: u32;
  steps!: u32;
  /** A charge rule of fire.ts. */
  rule!: u32;
  /** Potentials of the first position; whether they are read and written. */
  state!: usize;
  statePositionBytes!: u32;
  read!: u32;
  write!: u32;
  /** One argument of the rule and one threshold per lane: f32, or i32 for integer neurons. */
  arguments!: usize;
  thresholds!: usize;
  /** 1: fires above the threshold only; 0: also at it. */
  gt!: u32;
  /** 1: the threshold is subtracted; 0: the potential becomes vReset. */
  soft!: u32;
  /** Spike words: the first, bytes to the next position, bytes of one. */
  output!: usize;
  outputPositionBytes!: u32;
  wordBytes!: u32;
  /** Spikes per timestep are added here, as i32. */
  counts!: usize;
  /** Integer neurons: currents are shifted left by this; potentials stay in -limit..limit - 1. */
  fractionBits!: u32;
  limit!: u32;
  vResetInt!: i32;
  v0Int!: i32;
  /** Real neurons. */
  vReset!: f32;
  v0!: f32;
}
