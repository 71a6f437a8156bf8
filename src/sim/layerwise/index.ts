export { createEvent } from "./event/index.js";
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
export { createStepped, type SteppedOptions } from "./stepped/index.js";
