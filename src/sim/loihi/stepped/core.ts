import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { Ticks, Work } from "./clock.js";
import type { Counts } from "./counts.js";
import type { HostValue } from "./host.js";
import type { Recorder } from "./recorder.js";

/** What surrounds a core. */
export interface Surroundings {
  /** Index of the core in the program. */
  readonly index: number;
  readonly program: LoihiProgram;
  readonly ticks: Ticks;
  readonly counts: Counts;
  readonly recorder: Recorder;
  /** Hands a message to the injection port, now. */
  readonly send: (target: number, axon: number, payload: number, layer: number) => void;
}

/** A core of either kind. */
export interface RunningCore {
  /** Its neuron phase; `values` are the host's. */
  phase(step: number, values: readonly HostValue[]): Work;
  /** What its ingress does with a message of this step, behind `messageIn`: ticks that it takes piece by piece. */
  receive(axon: number, payload: number, step: number): Iterable<number>;
}
