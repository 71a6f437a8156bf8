import type { KernelsName } from "../../kernels/index.js";

/** How `event` computes. The results are the same, byte for byte. */
export interface EventOptions {
  /** Sums, neurons and pools; left out, the fastest that the host can run. */
  readonly kernels?: KernelsName | undefined;
  /**
   * Threads that compute together, this one included; 1 by default. This one does the instructions; the second is the clock, and helps
   * while that has nothing to do; all others help. Programs that take less than some tens of milliseconds run in this one. `plain` kernels are not divided, so more than two are of no use to them.
   */
  readonly workers?: number | undefined;
  /** Nanoseconds that a piece takes, about, of an instruction that is divided among the workers. */
  readonly grain?: number | undefined;
}
