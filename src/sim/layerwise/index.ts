export { simDiagnostics } from "../diagnostics.js";
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
export { createStepped, type Machine, type RunOptions } from "./stepped.js";
