import { ENGINES, MEMORIES } from "../../../backends/program/instruction.js";
import type { Program } from "../../../backends/program/program.js";
import { cycleLimit, deadlock } from "../../diagnostics.js";
import type { Machine, RunOptions } from "../machine.js";
import { readOutputs, writeInputs, type PortValues } from "../ports.js";
import { ENGINE_STATES, type RunResult } from "../result.js";
import { Executor } from "./execute/index.js";
import type { EventOptions } from "./options.js";
import { TimingMachine } from "./timing/machine.js";

/**
 * The fast simulator: its results are those of `stepped`, for programs that are free of hazards (`checkHazards`, which every
 * compiled program passes). Instructions do their work at once, when they are
 * dispatched; a clock that jumps over cycles finds out when each of them runs. Allocates all memory of the chip once.
 */
export function createEvent(program: Program, options: EventOptions = {}): EventMachine {
  return new EventMachine(program, options);
}

export class EventMachine implements Machine {
  private readonly executor: Executor;

  constructor(
    private readonly program: Program,
    options: EventOptions,
  ) {
    this.executor = new Executor(program, options);
  }

  /** Ends the worker threads; the machine runs nothing afterwards. */
  close(): void {
    this.executor.chip.kernels.close();
  }

  run(inputs: ReadonlyMap<string, PortValues>, options: RunOptions = {}): RunResult {
    const { program, executor } = this;
    const { dram, counters, recorder } = executor.chip;
    const record = options.record === true;
    executor.clear(record);
    writeInputs(program, inputs, dram.rest, dram.first);
    const timing = new TimingMachine(program, (instruction) => executor.run(instruction), options.onInstruction);
    const limit = options.maxCycles ?? Infinity;
    const end = timing.run(limit);
    if (end === "deadlock") throw stuck(program, timing);
    if (end === "limit") throw cycleLimit(program, limit);
    return {
      cycles: timing.cycle,
      engines: named(ENGINES, (e) => named(ENGINE_STATES, (s) => timing.states[e * ENGINE_STATES.length + s]!)),
      conflicts: named(ENGINES, (e) => named(MEMORIES, (m) => timing.ports.denied[e * MEMORIES.length + m]!)),
      layers: program.layers.map((_, layer) => ({ events: counters.of(layer), ...timing.traffic.of(layer) })),
      outputs: readOutputs(program, dram.rest, dram.first),
      spikes: record ? recorder.result() : undefined,
    };
  }
}

/** A record of one value per name. */
function named<K extends string, V>(names: readonly K[], value: (index: number) => V): Record<K, V> {
  return Object.fromEntries(names.map((name, i) => [name, value(i)])) as Record<K, V>;
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
