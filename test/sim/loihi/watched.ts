import type { LoihiMachine, LoihiRunOptions, LoihiRunResult, LoihiStepTimes } from "../../../src/sim/loihi/result.js";

/** A run with the times of its steps. */
export interface Watched {
  readonly result: LoihiRunResult;
  readonly steps: readonly LoihiStepTimes[];
}

export function watched(
  machine: LoihiMachine,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
  options: LoihiRunOptions = {},
): Watched {
  const steps: LoihiStepTimes[] = [];
  const result = machine.run(inputs, { ...options, onStep: (times) => steps.push(times) });
  return { result, steps };
}
