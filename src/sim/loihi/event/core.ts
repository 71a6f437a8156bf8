/** A core of either kind, with its state. */
export interface RunningCore {
  /** By axon: ps of the synaptic events that a message brings. */
  readonly synapseTime: Float64Array;
  /** Takes what was sent in a step. */
  receive(axon: number, payload: number, step: number): void;
  /** The layer that a host value at an axon is counted for. */
  layerOf(axon: number): number;
  /** Its neuron phase, from `begin` on, which is behind the host's values; returns its end. Times in ps from the beginning of the step. */
  phase(step: number, begin: number): number;
  /** A new sample: everything is as it was before the first step. */
  begin(): void;
}
