/** Countable events; docs/loihi-chip.md, section 7. Synaptic events are counted by format beside these. */
export const LOIHI_EVENTS = [
  "access",
  "update",
  "spike",
  "message",
  "hopX",
  "hopY",
  "chipHop",
  "withinTile",
  "hostInput",
  "kv",
  "qa",
  "saturation",
] as const;
export type LoihiEvent = (typeof LOIHI_EVENTS)[number];

/** What one layer did. */
export interface LoihiLayerCounts {
  /** Number of events in each chip step. */
  readonly events: Readonly<Record<LoihiEvent, Float64Array>>;
  /** Synaptic events of each of the chip's formats, [formats][steps]. */
  readonly synapses: readonly Float64Array[];
}

/** What one core did. */
export interface LoihiCoreCounts {
  /** ps, over all steps: neuron phase, and service of the ingress. */
  readonly neuronTime: number;
  readonly ingressTime: number;
  readonly sent: number;
  readonly received: number;
  /** Longest queues of its injection port and ingress, messages. */
  readonly injectionPeak: number;
  readonly ingressPeak: number;
}

/** Longest queue of one directed link, from router to router, and messages that went over it. */
export interface LoihiLinkCounts {
  readonly from: number;
  readonly to: number;
  readonly messages: number;
  readonly peak: number;
}

/** One sample on the step-by-step chip. */
export interface LoihiRunResult {
  readonly steps: number;
  /** ps; the sum of `stepTimes`. */
  readonly time: number;
  /** Length of each step, barrier included, ps. */
  readonly stepTimes: Float64Array;
  /** Of it: until the last neuron phase ended, ps from the beginning of the step. */
  readonly neuronTimes: Float64Array;
  /** By index of the program's layers and cores. */
  readonly layers: readonly LoihiLayerCounts[];
  readonly cores: readonly LoihiCoreCounts[];
  /** Links that carried a message, by (from, to). */
  readonly links: readonly LoihiLinkCounts[];
  /** Spikes of output populations by name of the output, 0 or 1, [timesteps, neurons]. */
  readonly outputs: ReadonlyMap<string, Uint8Array>;
  /** Of recorded layers by layer name, 0 or 1, [timesteps, neurons]; undefined unless asked for. */
  readonly spikes: ReadonlyMap<string, Uint8Array> | undefined;
  /** By population name; undefined unless asked for. */
  readonly states: ReadonlyMap<string, LoihiStates> | undefined;
}

/** What the neurons of a population did, [timesteps, neurons]: u and v at the end of each timestep, spikes 0 or 1. */
export interface LoihiStates {
  readonly u: Int32Array;
  readonly v: Int32Array;
  readonly spikes: Uint8Array;
}

/** When the work of one step was done, ps from its beginning. Arrays are by core. */
export interface LoihiStepTimes {
  readonly step: number;
  /** End of the neuron phase, which begins at 0 with the host's values. */
  readonly neurons: Float64Array;
  /** From the first message that the ingress served to the end of the last; 0 without messages. Served for `busy` ps of it. */
  readonly ingress: {
    readonly begin: Float64Array;
    readonly end: Float64Array;
    readonly busy: Float64Array;
    readonly messages: Float64Array;
  };
  /** Beginning of the barrier: neuron phases and ingresses are done. */
  readonly delivered: number;
  /** Behind the barrier of a lockstep chip: by timestep that is worked off, its beginning and ps of work; a barrier follows each. */
  readonly rounds: readonly { readonly begin: number; readonly work: Float64Array }[];
  /** Length of the step, the last barrier included. */
  readonly end: number;
}

export interface LoihiRunOptions {
  /** Keep the spikes of recorded layers. */
  readonly record?: boolean;
  /** Keep u, v and spikes of all populations. */
  readonly states?: boolean;
  /** Called at the end of each step. */
  readonly onStep?: (times: LoihiStepTimes) => void;
}

/** A chip with a program in its cores: runs one sample after the other, each from the same state. */
export interface LoihiMachine {
  /**
   * Runs one sample. `inputs` by name: [timesteps, elements], integers. Throws a DiagnosticError where an input or a payload does
   * not fit.
   */
  run(inputs: ReadonlyMap<string, ArrayLike<number>>, options?: LoihiRunOptions): LoihiRunResult;
}
