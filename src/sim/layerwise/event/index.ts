import { ENGINES, MEMORIES } from "../../../backends/program/instruction.js";
import type { Program } from "../../../backends/program/program.js";
import { Bell } from "../../bell.js";
import { GRAIN } from "../../kernels/index.js";
import type { Machine, RunOptions } from "../machine.js";
import { readOutputs, writeInputs, type PortValues } from "../ports.js";
import { ENGINE_STATES, type RunResult } from "../result.js";
import { ClockThread } from "./clock-thread.js";
import { readClock } from "./clock.js";
import { Executor } from "./execute/index.js";
import type { EventOptions } from "./options.js";

/**
 * The fast simulator: its results are those of `stepped`, for programs that are free of hazards (`checkHazards`, which every
 * compiled program passes). Instructions do their work at once, when they are
 * dispatched; a clock that jumps over cycles finds out when each of them runs. Allocates all memory of the chip once.
 *
 * With more than one worker the clock is the second of them: it follows the executor in a thread of its own (clock-thread.ts), and
 * helps it while it has caught up.
 */
export function createEvent(program: Program, options: EventOptions = {}): EventMachine {
  return new EventMachine(program, options);
}

export class EventMachine implements Machine {
  private readonly executor: Executor;
  private readonly bell = new Bell();
  /** Whether the clock has a thread of its own, which starts with the first run. */
  private readonly isThreaded: boolean;
  private clock: ClockThread | undefined;

  constructor(
    private readonly program: Program,
    options: EventOptions,
  ) {
    const { workers = 1, grain = GRAIN } = options;
    this.isThreaded = workers > 1 && costOfSums(program) >= WORTH_A_THREAD * grain;
    this.executor = new Executor(program, options, { guests: this.isThreaded ? 1 : 0, bell: this.bell });
  }

  /** Ends the worker threads; the machine runs nothing afterwards. */
  close(): void {
    this.clock?.close();
    this.executor.chip.kernels.close();
  }

  run(inputs: ReadonlyMap<string, PortValues>, options: RunOptions = {}): RunResult {
    const { program, executor } = this;
    const { dram, counters, recorder, kernels } = executor.chip;
    const { record = false, onInstruction, maxCycles = Infinity } = options;
    executor.clear(record);
    writeInputs(program, inputs, dram.rest, dram.first);
    if (this.isThreaded) this.clock ??= new ClockThread(program, this.bell, kernels.invite(0));
    const execute = executor.run.bind(executor);
    // Whoever wants to hear of each instruction hears it from a clock in this thread; the other one helps all the same.
    const { cycles, states, denied, traffic } =
      this.clock === undefined || onInstruction !== undefined
        ? readClock(program, execute, options)
        : this.clock.run(execute, maxCycles);
    return {
      cycles,
      engines: named(ENGINES, (e) => named(ENGINE_STATES, (s) => states[e * ENGINE_STATES.length + s]!)),
      conflicts: named(ENGINES, (e) => named(MEMORIES, (m) => denied[e * MEMORIES.length + m]!)),
      layers: traffic.map((moved, layer) => ({ events: counters.of(layer), ...moved })),
      outputs: readOutputs(program, dram.rest, dram.first),
      spikes: record ? recorder.result() : undefined,
    };
  }
}

/** Pieces (EventOptions.grain) of a run that are worth starting a thread, which takes as long as about a thousand of them. */
const WORTH_A_THREAD = 1000;
/** Nanoseconds per weight and position, if a fifth of the inputs spike in some timestep (src/sim/kernels/divide.ts). */
const PRODUCT = 0.02;

/** Nanoseconds that the sums of a program take, about: most of its run. */
function costOfSums({ chip, instructions }: Program): number {
  return instructions.reduce((cost, { op, fields: f }) => {
    if (op !== "accumulate") return cost;
    return cost + f.outRows * f.outWidth * f.kernel ** 2 * f.channels * chip.lanes * PRODUCT;
  }, 0);
}

/** A record of one value per name. */
function named<K extends string, V>(names: readonly K[], value: (index: number) => V): Record<K, V> {
  return Object.fromEntries(names.map((name, i) => [name, value(i)])) as Record<K, V>;
}
