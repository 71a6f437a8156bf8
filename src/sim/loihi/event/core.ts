import type { Messages } from "./messages.js";

/** What may be counted when something arrives at a core. */
export type Arrival = "message" | "hostInput";

/** A core of either kind, with its state. */
export interface RunningCore {
  /**
   * Takes messages order[from]..order[to - 1] as sent in step `sent`, counts their events in `step`, and sets their `synapseTime`.
   * The host's values count as such, too, and act as if they had been sent in the step before.
   */
  receive(messages: Messages, from: number, to: number, step: number, kind: Arrival): void;
  /** Its neuron phase, from `begin` on, which is behind the host's values; returns its end. Times in ps from the beginning of the step. */
  phase(step: number, begin: number): number;
  /** A new sample: everything is as it was before the first step. */
  begin(): void;
}
