import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { LoihiRunResult, LoihiSimulatorName } from "../sim/loihi/index.js";
import { ChipThread } from "./chip-thread.js";

/** A simulated step-by-step chip in a thread of its own; it loads no IR, what the host computes stays outside. */

export interface LoihiThreadStart {
  readonly program: LoihiProgram;
  readonly simulator: LoihiSimulatorName;
}

export interface LoihiThreadRequest {
  /** By input of the chip: [timesteps, elements]. */
  readonly inputs: ReadonlyMap<string, Int32Array>;
  readonly record: boolean;
}

export type LoihiThread = ChipThread<LoihiThreadStart, LoihiThreadRequest, LoihiRunResult>;

export function startLoihiThread(start: LoihiThreadStart): LoihiThread {
  return new ChipThread(start, "./chip-thread-loihi-worker");
}
