import { createEvent } from "./event/index.js";
import { createStepped } from "./stepped/index.js";

export { simDiagnostics } from "../diagnostics.js";
export type { Firing, Machine, Probe, RunOptions } from "./machine.js";
export type { PortValues } from "./ports.js";
export {
  ENGINE_STATES,
  EVENTS,
  type Accesses,
  type EngineState,
  type EventName,
  type LayerCounts,
  type RunResult,
} from "./result.js";
export type { SteppedOptions } from "./stepped/index.js";

export { createEvent, createStepped };
export type { EventOptions } from "./event/options.js";
export { KERNELS, type KernelsName } from "../kernels/index.js";

/** The simulators of the layer-by-layer chip by name: each says the same about every program free of hazards. */
export const SIMULATORS = { event: createEvent, stepped: createStepped } as const;
export type SimulatorName = keyof typeof SIMULATORS;
