import { expect } from "vitest";
import type { LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import { DiagnosticError } from "../../../src/diagnostics/index.js";
import { createEvent } from "../../../src/sim/loihi/event/index.js";
import type { LoihiMachine } from "../../../src/sim/loihi/result.js";
import { createStepped } from "../../../src/sim/loihi/stepped/index.js";
import { watched, type Watched } from "./watched.js";

/** Both simulators as one: what is expected of `stepped` is expected of `event`, results, times of steps and faults. */
export function createBoth(program: LoihiProgram): LoihiMachine {
  const stepped = outcomeOf(() => createStepped(program));
  const event = outcomeOf(() => createEvent(program));
  if (stepped instanceof DiagnosticError || event instanceof DiagnosticError) {
    expect(event).toEqual(stepped);
    throw stepped;
  }
  return {
    run: (inputs, options) => {
      const [expected, got] = [stepped, event].map((machine) => outcomeOf(() => watched(machine, inputs, options))) as [
        Watched | DiagnosticError,
        Watched | DiagnosticError,
      ];
      expect(got).toEqual(expected);
      if (expected instanceof DiagnosticError) throw expected;
      return expected.result;
    },
  };
}

function outcomeOf<T>(work: () => T): T | DiagnosticError {
  try {
    return work();
  } catch (error) {
    if (error instanceof DiagnosticError) return error;
    throw error;
  }
}
