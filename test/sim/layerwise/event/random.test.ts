import { describe, expect, it } from "vitest";
import { checkHazards } from "../../../../src/backends/layerwise/index.js";
import { ENGINES, MEMORIES, OPCODES } from "../../../../src/backends/program/instruction.js";
import type { Program } from "../../../../src/backends/program/program.js";
import type { LayerwiseChip } from "../../../../src/chips/layerwise.js";
import { KERNELS } from "../../../../src/sim/kernels/index.js";
import { createEvent, createStepped, ENGINE_STATES, type RunResult } from "../../../../src/sim/layerwise/index.js";
import { Random } from "../../../backends/layerwise/nets.js";
import { differences, logged, programText } from "./equality.js";
import { randomMachine } from "./random-chip.js";
import { randomProgram } from "./random-program.js";

const SEEDS = 300;
const NO_INPUTS = new Map();

/** What happened in all runs together. */
class Coverage {
  readonly states = new Map<string, number>();
  readonly denied = new Map<string, number>();
  readonly scarce = new Map<string, number>();

  private static count(map: Map<string, number>, what: string, n: number): void {
    map.set(what, (map.get(what) ?? 0) + n);
  }

  add({ engines, conflicts }: RunResult): void {
    for (const engine of ENGINES) {
      for (const state of ENGINE_STATES) Coverage.count(this.states, `${engine} ${state}`, engines[engine][state]);
      for (const memory of MEMORIES) Coverage.count(this.denied, `${engine} ${memory}`, conflicts[engine][memory]);
    }
  }

  /** Notes of what there was too little: with much more of it alone the run is another one. */
  addScarce(program: Program, { cycles }: RunResult): void {
    const { chip } = program;
    const ample: Readonly<Record<string, Partial<LayerwiseChip>>> = {
      "full FIFO": { fifoDepth: 1000 },
      "full queue": { queueDepth: 1000 },
      "no DRAM credit": { dram: { ...chip.dram, bandwidth: { bytes: chip.dram.burstBytes, cycles: 1 } } },
      "all bursts under way": { dram: { ...chip.dram, outstanding: 4096 } },
    };
    for (const [what, change] of Object.entries(ample)) {
      const other = createEvent({ ...program, chip: { ...chip, ...change } }).run(NO_INPUTS);
      Coverage.count(this.scarce, what, other.cycles === cycles ? 0 : 1);
    }
  }

  toString(): string {
    const list = (map: ReadonlyMap<string, number>): string => [...map].map(([name, n]) => `${name} ${n}`).join(", ");
    return `cycles: ${list(this.states)}\ndenied: ${list(this.denied)}\nruns with: ${list(this.scarce)}`;
  }
}

/** The memories that the instructions of an engine touch. */
const USES: Readonly<Record<string, readonly string[]>> = {
  load: MEMORIES,
  accumulate: MEMORIES,
  fire: MEMORIES,
  attend: ["spike", "data"],
  vector: ["spike", "data"],
  store: MEMORIES,
};

describe("random programs on random chips", () => {
  const coverage = new Coverage();
  const ops = new Set<string>();

  it(`run alike on event and stepped, ${SEEDS} seeds`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new Random(seed * 7919);
      const chip = randomMachine(random);
      const program = randomProgram(random, chip, random.int(10, 40));
      const expected = logged(createStepped(program), NO_INPUTS, { record: true });
      for (const kernels of KERNELS) {
        const event = createEvent(program, { kernels });
        const found = differences(logged(event, NO_INPUTS, { record: true }), expected, program);
        if (found.length > 0) throw new Error(`seed ${seed}, ${kernels}: ${found.join("\n")}\n${programText(program)}`);
      }
      for (const { op } of program.instructions) ops.add(op);
      coverage.add(expected.result);
      if (seed % 5 === 0) coverage.addScarce(program, expected.result);
    }
  }, 240_000);

  it("make every engine stall for every reason", () => {
    process.stdout.write(`${coverage.toString()}\n`);
    expect([...ops].sort()).toEqual([...OPCODES].sort());
    for (const engine of ENGINES) {
      for (const state of ENGINE_STATES) {
        const transfers = engine === "load" || engine === "store";
        const cycles = coverage.states.get(`${engine} ${state}`)!;
        if (state === "dram" && !transfers) expect(cycles).toBe(0);
        else expect(cycles, `${engine} ${state}`).toBeGreaterThan(0);
      }
      for (const memory of MEMORIES) {
        const denied = coverage.denied.get(`${engine} ${memory}`)!;
        if (USES[engine]!.includes(memory)) expect(denied, `${engine} ${memory}`).toBeGreaterThan(0);
        else expect(denied).toBe(0);
      }
    }
    for (const [what, runs] of coverage.scarce) expect(runs, what).toBeGreaterThan(SEEDS / 100);
  });

  it("are free of hazards", () => {
    // Tokens beside those of the backend may be used by several engines; they order nothing that must be ordered.
    for (let seed = 1; seed <= 40; seed++) {
      const random = new Random(seed * 7919);
      const program = randomProgram(random, randomMachine(random), random.int(10, 40));
      const problems = checkHazards(program, 1000).filter(
        (problem) => !/^token \d+ is (awaited|signalled) by two engines$/.test(problem),
      );
      expect(problems).toEqual([]);
    }
  });
});
