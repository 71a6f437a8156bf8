import { afterEach, describe, expect, it, vi } from "vitest";
import { engineOf, OPCODES, type Instruction } from "../../../../src/backends/program/instruction.js";
import type { Program } from "../../../../src/backends/program/program.js";
import { createStepped } from "../../../../src/sim/layerwise/index.js";
import { Executor } from "../../../../src/sim/layerwise/event/execute/index.js";
import { accessOf, Script } from "../../../../src/sim/layerwise/event/timing/script.js";
import { writeScript } from "../../../../src/sim/layerwise/event/timing/scripts.js";
import { Memory } from "../../../../src/sim/layerwise/stepped/memory.js";
import { Random } from "../../../backends/layerwise/nets.js";
import { randomMachine } from "./random-chip.js";
import { randomProgram } from "./random-program.js";

/* The words that a script asks for, in order, against those that stepped asks for when each instruction runs alone. */

/** No two words share a bank, so that an access says its address. */
const BANKS = [1 << 20, 1 << 20, 1 << 20];

/** The instructions of a program one after the other, on a chip with a port for everybody. */
function alone(program: Program): Program {
  const { memories } = program.chip;
  const ports = {
    spike: { ...memories.spike, ports: 64 },
    weight: { ...memories.weight, ports: 64 },
    data: { ...memories.data, ports: 64 },
  };
  const instructions = program.instructions.map((one, i) => ({
    ...one,
    waits: i === 0 ? [] : [{ token: i - 1, count: 1 }],
    signals: [{ token: i, count: 1 }],
  })) as Instruction[];
  return { ...program, chip: { ...program.chip, memories: ports }, tokens: instructions.length, instructions };
}

/** What stepped asks for, instruction by instruction. */
function asked(program: Program): readonly (readonly number[])[] {
  const lists: number[][] = [[]];
  // A run begins by clearing the memories in the order of MEMORIES: that tells which is which. They are new, hence clear.
  const made: Memory[] = [];
  const clear = vi.spyOn(Memory.prototype, "clear").mockImplementation(function (this: Memory) {
    made.push(this);
  });
  const note = function (this: Memory, address: number): boolean {
    lists.at(-1)!.push(accessOf(made.indexOf(this), address));
    return true;
  };
  const [read, write] = [vi.spyOn(Memory.prototype, "askRead"), vi.spyOn(Memory.prototype, "askWrite")];
  read.mockImplementation(note);
  write.mockImplementation(note);
  createStepped(program).run(new Map(), { onInstruction: () => lists.push([]) });
  for (const spy of [clear, read, write]) spy.mockRestore();
  return lists;
}

describe("scripts", () => {
  afterEach(() => vi.restoreAllMocks());

  it("ask for the words that stepped asks for, in its order", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 250; seed++) {
      const random = new Random(seed * 31);
      const program = alone(randomProgram(random, randomMachine(random), 25));
      const expected = asked(program);
      const executor = new Executor(program);
      executor.clear(false);
      const script = new Script(BANKS);
      for (const [i, instruction] of program.instructions.entries()) {
        const work = executor.run(instruction);
        if (["load", "store", "accumulate"].includes(instruction.op)) continue;
        writeScript(instruction, work, program.chip, script);
        const got = [...script.accesses.subarray(0, script.length)].filter((access) => access !== 0);
        expect(got, `seed ${seed}, instruction ${i}, ${instruction.op}`).toEqual(expected[i]);
        seen.add(instruction.op);
      }
    }
    const scripted = OPCODES.filter((op) => !["load", "store"].includes(engineOf(op)) && op !== "accumulate");
    expect([...seen].sort()).toEqual([...scripted].sort());
  });
});
