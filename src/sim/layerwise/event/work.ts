/*
 * What the function of an instruction tells its timing: the parts of its work that depend on data. Everything else about its
 * duration follows from its fields.
 */

/** The scan words of an `accumulate`: the same for every block of outputs that reads the same spikes. */
export interface ScanWork {
  /** Spike word of each scan word, in the order of scanning. */
  readonly addresses: Int32Array;
  /** Number of scan words that enter the FIFO: those with a bit, and the last one of each position. */
  readonly pushes: number;
  /** By pushed word: its place among the scan words. */
  readonly word: Int32Array;
  /** By pushed word: lanes with a bit in any timestep, that is, weight rows. */
  readonly bits: Int32Array;
  /** By pushed word: its position in the tile, and 1 for the last word of a position. */
  readonly position: Int32Array;
  readonly last: Uint8Array;
  /** By pushed word: its first entry in `rows`. */
  readonly firstRow: Int32Array;
  /** Weight row of each bit, in the order of the adder, counted from the row of tap 0 and channel 0. */
  readonly rows: Int32Array;
}

/** The values of a `multiply` that are not zero. */
export interface ValueWork {
  /** By position and slot. */
  readonly counts: Int32Array;
  /** Weight row of each value, in the order of the multiplications, counted from the row of tap 0 and channel 0. */
  readonly rows: Int32Array;
}

/** Events of k or q by token and timestep, [positions, steps]. */
export interface AttendWork {
  readonly events: Int32Array;
}

/** How often a `top-k` goes over all scores. */
export interface RoundWork {
  readonly rounds: number;
}

export type Work = ScanWork | ValueWork | AttendWork | RoundWork | undefined;
