import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { LoihiRunResult, LoihiSimulatorName, LoihiStepTimes } from "../sim/loihi/index.js";
import type { LoihiProbe } from "../sim/loihi/probes.js";
import type { ProbeTarget } from "../sim/probes.js";
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
  readonly probes: readonly ProbeTarget[];
  /** Whether to note when cores work. */
  readonly timeline: boolean;
}

export interface LoihiThreadResult {
  /** Of the states there is what probes ask for. */
  readonly result: Omit<LoihiRunResult, "states">;
  readonly probes: readonly LoihiProbe[];
  /** The first steps, as many as a trace can show. */
  readonly timeline: readonly LoihiStepTimes[] | undefined;
}

export type LoihiThread = ChipThread<LoihiThreadStart, LoihiThreadRequest, LoihiThreadResult>;

export function startLoihiThread(start: LoihiThreadStart): LoihiThread {
  return new ChipThread(start, "./chip-thread-loihi-worker");
}
