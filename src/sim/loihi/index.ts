import type { LoihiProgram } from "../../backends/program/loihi/program.js";
import { createEvent } from "./event/index.js";
import type { LoihiMachine } from "./result.js";
import { createStepped } from "./stepped/index.js";

export { longQueues } from "./queues.js";
export { saturations } from "./saturation.js";
export type { LoihiMachine, LoihiRunOptions, LoihiRunResult, LoihiStepTimes } from "./result.js";

/** The simulators of the step-by-step chip; their results are equal. */
export const LOIHI_SIMULATORS = { event: createEvent, stepped: createStepped } as const satisfies Record<
  string,
  (program: LoihiProgram) => LoihiMachine
>;
export type LoihiSimulatorName = keyof typeof LOIHI_SIMULATORS;
