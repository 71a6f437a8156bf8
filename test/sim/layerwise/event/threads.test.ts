import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Instruction } from "../../../../src/backends/program/instruction.js";
import type { Program } from "../../../../src/backends/program/program.js";
import { DiagnosticError } from "../../../../src/diagnostics/index.js";
import { Bell } from "../../../../src/sim/bell.js";
import { ClockThread } from "../../../../src/sim/layerwise/event/clock-thread.js";
import { readClock } from "../../../../src/sim/layerwise/event/clock.js";
import { Executor } from "../../../../src/sim/layerwise/event/execute/index.js";
import { createEvent, type EventOptions, type RunOptions } from "../../../../src/sim/layerwise/index.js";
import { Random } from "../../../backends/layerwise/nets.js";
import { instruction, serialProgram } from "../../support.js";
import { differences, logged } from "./equality.js";
import { randomMachine } from "./random-chip.js";
import { randomProgram } from "./random-program.js";

/* What a machine of several threads says, against one of a single thread. */

const NO_INPUTS = new Map();

function programOf(seed: number, least = 10): Program {
  const random = new Random(seed * 7919);
  return randomProgram(random, randomMachine(random), random.int(least, 40));
}

/** What a run returned, or the diagnostic or the message that it threw. */
function outcome(run: () => unknown): unknown {
  try {
    return { returned: run() };
  } catch (error) {
    return { thrown: error instanceof DiagnosticError ? error.diagnostic : (error as Error).message };
  }
}

const open: { close(): void }[] = [];
afterEach(() => open.splice(0).forEach((one) => one.close()));

function machineOf(program: Program, options: EventOptions) {
  const machine = createEvent(program, { grain: 0, ...options });
  open.push(machine);
  return machine;
}

/** The program without the signals of one instruction: whoever waits for one of them waits for ever. */
function withoutSignals(program: Program, index: number): Program {
  const instructions = program.instructions.map((one, i) => (i === index ? { ...one, signals: [] } : one));
  return { ...program, instructions: instructions as Instruction[] };
}

describe("several threads", () => {
  it.each([
    [2, "simd", 4],
    [4, "simd", 2],
    [2, "plain", 1],
  ] as const)("%d workers with %s kernels say what one says", (workers, kernels, seeds) => {
    for (let seed = 1; seed <= seeds; seed++) {
      const program = programOf(seed, 30);
      const one = createEvent(program);
      const many = machineOf(program, { workers, kernels });
      const expected = one.run(NO_INPUTS, { record: true });
      // The threads come up during the first run.
      for (let i = 0; i < 3; i++) expect(many.run(NO_INPUTS, { record: true }), `seed ${seed}`).toEqual(expected);
      const log = logged(one, NO_INPUTS, { record: true });
      expect(differences(logged(many, NO_INPUTS, { record: true }), log, program), `seed ${seed}`).toEqual([]);
    }
  });

  it("fail alike: too few cycles, deadlocks, and a run behind them is as if nothing had been", () => {
    for (let seed = 21; seed <= 23; seed++) {
      const program = programOf(seed);
      const one = createEvent(program);
      const many = machineOf(program, { workers: 2 });
      const expected = one.run(NO_INPUTS);
      const both = (options: RunOptions): unknown => {
        const single = outcome(() => one.run(NO_INPUTS, options));
        expect(outcome(() => many.run(NO_INPUTS, options))).toEqual(single);
        return single;
      };
      expect(both({ maxCycles: expected.cycles - 1 })).toMatchObject({ thrown: { code: "sim/cycle-limit" } });
      expect(both({ maxCycles: expected.cycles })).toEqual({ returned: expected });
      const limits = fc.integer({ min: 0, max: expected.cycles });
      fc.assert(
        fc.property(limits, (maxCycles) => void both({ maxCycles })),
        { numRuns: 10 },
      );
      expect(many.run(NO_INPUTS)).toEqual(expected);
    }
  });

  it("name the same engines in a deadlock", () => {
    let deadlocks = 0;
    for (let seed = 31; seed <= 34; seed++) {
      const program = programOf(seed);
      const stuck = withoutSignals(program, seed % program.instructions.length);
      const single = outcome(() => createEvent(stuck).run(NO_INPUTS));
      const machine = machineOf(stuck, { workers: 2 });
      expect(outcome(() => machine.run(NO_INPUTS))).toEqual(single);
      expect(outcome(() => machine.run(NO_INPUTS))).toEqual(single);
      if (JSON.stringify(single).includes("sim/deadlock")) deadlocks++;
    }
    expect(deadlocks).toBeGreaterThan(1);
  });

  it("raise the fault of an instruction, unless something else ends the run before", () => {
    // All scores are alike: every token reaches the share, and one may stay.
    const full = instruction("top-k", { tokens: 5, keep: 1, floor: 1, share: 0.5, strict: 1, timesteps: 1 });
    const program = serialProgram({ instructions: [instruction("convert", { words: 9, steps: 1 }), full] });
    const [one, many] = [createEvent(program), machineOf(program, { workers: 2 })];
    for (const maxCycles of [1, 2, 5, Infinity]) {
      const single = outcome(() => one.run(NO_INPUTS, { maxCycles }));
      expect(outcome(() => many.run(NO_INPUTS, { maxCycles }))).toEqual(single);
    }
    expect(outcome(() => many.run(NO_INPUTS))).toMatchObject({ thrown: { code: "sim/capacity" } });
    const late = { ...program, instructions: [instruction("convert", { words: 1 }, { waits: [0] }), full, full] };
    const waiting = machineOf({ ...late, chip: { ...program.chip, queueDepth: 1 } }, { workers: 2 });
    expect(outcome(() => waiting.run(NO_INPUTS))).toMatchObject({ thrown: { code: "sim/deadlock" } });
  });

  it("run nothing behind close", () => {
    const machine = machineOf(programOf(1), { workers: 2 });
    machine.run(NO_INPUTS);
    machine.close();
    expect(() => machine.run(NO_INPUTS)).toThrow("closed");
  });
});

describe("the thread of the clock", () => {
  function clockOf(program: Program, ringBytes?: number, patience?: number): ClockThread {
    const clock = new ClockThread(program, new Bell(), undefined, ringBytes, patience);
    open.push(clock);
    return clock;
  }

  /** The instructions of a program; that number `fault` throws. */
  function executeOf(program: Program, fault: number) {
    const executor = new Executor(program);
    executor.clear(false);
    let next = 0;
    return (one: Instruction) => {
      if (next++ === fault) throw new Error(`fault ${fault}`);
      return executor.run(one);
    };
  }

  it.each([8, 64, 2 ** 16])("reads the same through a ring of %d bytes, faults included", (ringBytes) => {
    for (const seed of [41, 42]) {
      const program = programOf(seed);
      const clock = clockOf(program, ringBytes);
      const { cycles } = readClock(program, executeOf(program, -1), {});
      const cases = fc.record({
        fault: fc.integer({ min: -1, max: program.instructions.length - 1 }),
        maxCycles: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: cycles })),
      });
      const same = fc.property(cases, ({ fault, maxCycles }) => {
        const expected = outcome(() => readClock(program, executeOf(program, fault), { maxCycles }));
        expect(outcome(() => clock.run(executeOf(program, fault), maxCycles))).toEqual(expected);
      });
      fc.assert(same, { numRuns: 15 });
    }
  });

  it("that dies is found out, between runs and within one", async () => {
    const program = programOf(1);
    const idle = clockOf(program);
    idle.run(executeOf(program, -1), Infinity);
    await idle.kill();
    expect(() => idle.run(executeOf(program, -1), Infinity)).toThrow("the clock's thread died");

    const busy = clockOf(program, 8, 200);
    void busy.kill();
    expect(() => busy.run(executeOf(program, -1), Infinity)).toThrow("the clock's thread died");
    expect(() => busy.run(executeOf(program, -1), Infinity)).toThrow("the clock's thread died");
  });
});
