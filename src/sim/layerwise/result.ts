import type { EngineName, MemoryName } from "../../backends/program/instruction.js";

/** What an engine does in a cycle, the first that applies (docs/layerwise-chip.md, section 2). */
export const ENGINE_STATES = ["busy", "port", "dram", "token", "queue", "idle"] as const;
export type EngineState = (typeof ENGINE_STATES)[number];

/** Countable events; docs/layerwise-chip.md, section 3, says what each engine counts. */
export const EVENTS = ["ac", "mac", "row", "update", "spike", "kv", "qa", "add", "compare", "bit"] as const;
export type EventName = (typeof EVENTS)[number];

/** Accesses of one memory. */
export interface Accesses {
  readonly reads: number;
  readonly writes: number;
}

/** What one layer did. */
export interface LayerCounts {
  /** Number of events in each timestep. */
  readonly events: Readonly<Record<EventName, Float64Array>>;
  readonly accesses: Readonly<Record<MemoryName, Accesses>>;
  /** Bytes moved to and from DRAM, whole bursts. */
  readonly dramReadBytes: number;
  readonly dramWriteBytes: number;
}

/** One sample on the layer-by-layer chip. */
export interface RunResult {
  readonly cycles: number;
  /** Cycles of each engine in each state; the six add up to `cycles`. */
  readonly engines: Readonly<Record<EngineName, Readonly<Record<EngineState, number>>>>;
  /** Accesses that were denied for want of a port, each time they were asked for, by engine and memory. */
  readonly conflicts: Readonly<Record<EngineName, Readonly<Record<MemoryName, number>>>>;
  /** By index of the program's layers. */
  readonly layers: readonly LayerCounts[];
  /** [slots, positions, channels] by name of the output. */
  readonly outputs: ReadonlyMap<string, Float32Array | Int32Array>;
  /** Spikes of recorded layers by name, 0 or 1, [timesteps, positions, channels]; undefined unless asked for. */
  readonly spikes: ReadonlyMap<string, Uint8Array> | undefined;
}
