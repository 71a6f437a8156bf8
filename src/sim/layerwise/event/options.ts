import type { KernelsName } from "../../kernels/index.js";

/** How `event` computes. The results are the same, byte for byte. */
export interface EventOptions {
  /** Sums, neurons and pools; left out, the fastest that the host can run. */
  readonly kernels?: KernelsName | undefined;
  /** Threads that compute sums and neurons together, this one included; 1 by default. `plain` kernels compute on this one. */
  readonly workers?: number | undefined;
  /** Additions or updates of neurons from which on an instruction is divided among the workers. */
  readonly grain?: number | undefined;
}
