/*
 * What the function of an instruction tells its timing: the parts of its work that depend on data. Everything else about its
 * duration follows from its fields.
 */

/** The scan words of an `accumulate`: the same for every block of outputs that reads the same spikes. */
export interface ScanWork {
  /** Weight rows of each scan word in the order of scanning: channels with a bit in any timestep. */
  readonly words: Int32Array;
  /** Rows of all scan words. */
  readonly rows: number;
  /** The spike words from word `first` on as they were; hold all scan words. */
  readonly spikes: Uint8Array;
  readonly first: number;
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
