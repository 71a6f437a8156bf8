import { ENGINES, type Instruction } from "../../../backends/program/instruction.js";
import type { Program } from "../../../backends/program/program.js";
import { cycleLimit, deadlock } from "../../diagnostics.js";
import type { RunOptions } from "../machine.js";
import type { LayerCounts } from "../result.js";
import { TimingMachine } from "./timing/machine.js";
import type { Work } from "./work.js";

/** What the clock says about a whole run; plain data, so that it can come from another thread. */
export interface Reading {
  readonly cycles: number;
  /** Cycles by engine and state, denied accesses by engine and memory. */
  readonly states: Float64Array;
  readonly denied: Float64Array;
  /** By layer of the program. */
  readonly traffic: readonly Omit<LayerCounts, "events">[];
}

/**
 * Runs the clock to the end of the program. `execute` is called for each instruction in program order, when it is dispatched. Throws
 * what it throws, and a DiagnosticError where the program deadlocks or the cycles run out.
 */
export function readClock(
  program: Program,
  execute: (instruction: Instruction) => Work,
  { maxCycles = Infinity, onInstruction }: Pick<RunOptions, "maxCycles" | "onInstruction">,
): Reading {
  const timing = new TimingMachine(program, execute, onInstruction);
  const end = timing.run(maxCycles);
  if (end === "deadlock") throw stuck(program, timing);
  if (end === "limit") throw cycleLimit(program, maxCycles);
  return {
    cycles: timing.cycle,
    states: timing.states,
    denied: timing.ports.denied,
    traffic: program.layers.map((_, layer) => timing.traffic.of(layer)),
  };
}

/** Where every engine stands when none can go on. */
function stuck(program: Program, { queues, active, cycle }: TimingMachine) {
  const engines = ENGINES.map((name, e) => ({
    name,
    active: active[e]! >= 0 ? active[e]! : undefined,
    head: queues.head(e),
    has: (token: number) => queues.has(token),
  }));
  return deadlock(program, engines, cycle - 1, queues.left);
}
