import { describe, expect, it } from "vitest";
import { ENGINES } from "../../../src/backends/program/instruction.js";
import type { Program } from "../../../src/backends/program/program.js";
import { DiagnosticError } from "../../../src/diagnostics/index.js";
import { SIMULATORS, type SimulatorName } from "../../../src/sim/layerwise/index.js";
import { instruction, serialProgram, SMALL } from "../support.js";

/** Adds an input to itself through the memories: load, add, store. */
function doubling(): Program {
  const base = serialProgram({ instructions: [] });
  const port = { slotStride: 96, slots: 2, shape: [3, 5], format: "real" } as const;
  return {
    ...base,
    inputs: [{ ...port, name: "x", dram: 0 }],
    outputs: [{ ...port, name: "y", dram: 192 }],
    tokens: 2,
    dramBytes: 384,
    instructions: [
      instruction("load", { memory: 2, words: 3, chunks: 2, stride: 4, dramStride: 96 }, { signals: [0] }),
      instruction(
        "add",
        { aStepStride: 4, bStepStride: 4, words: 3, output: 8, outputStepStride: 3, steps: 2 },
        { waits: [0], signals: [1] },
      ),
      instruction(
        "store",
        { memory: 2, address: 8, words: 3, chunks: 2, stride: 3, dram: 192, dramStride: 96 },
        { waits: [1] },
      ),
    ],
  };
}

function thrown(run: () => unknown): DiagnosticError {
  try {
    run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe.each(Object.keys(SIMULATORS) as SimulatorName[])("a machine of %s", (simulator) => {
  const create = SIMULATORS[simulator];
  const x = Float32Array.from({ length: 30 }, (_, i) => i + 0.5);

  it("runs sample after sample, each from the same state", () => {
    const machine = create(doubling());
    const first = machine.run(new Map([["x", x]]));
    const other = machine.run(new Map([["x", x.map((v) => -v)]]));
    const again = machine.run(new Map([["x", x]]));
    expect([...first.outputs.get("y")!]).toEqual([...x].map((v) => 2 * v));
    expect([...other.outputs.get("y")!]).toEqual([...x].map((v) => -2 * v));
    expect(again).toEqual(first);
  });

  it("moves whole bursts, and six states per engine add up to the cycles", () => {
    const { engines, cycles, layers } = create(doubling()).run(new Map([["x", x]]));
    for (const engine of ENGINES) {
      expect(Object.values(engines[engine]).reduce((a, b) => a + b)).toBe(cycles);
    }
    expect(layers[0]!.dramReadBytes).toBe(192);
    expect(layers[0]!.dramWriteBytes).toBe(192);
    expect(layers[0]!.accesses.data).toEqual({ reads: 12 + 6, writes: 6 + 6 });
  });

  it("takes at least the cycles that the bandwidth allows", () => {
    const slow = { ...SMALL, dram: { ...SMALL.dram, bandwidth: { bytes: 4, cycles: 3 } } };
    const { cycles, outputs } = create({ ...doubling(), chip: slow }).run(new Map([["x", x]]));
    expect([...outputs.get("y")!]).toEqual([...x].map((v) => 2 * v));
    // 12 bursts of 32 bytes at 4 bytes in 3 cycles.
    expect(cycles).toBeGreaterThanOrEqual(12 * 24);
  });

  it("stores chunks that are no whole number of bursts", () => {
    const chip = { ...SMALL, dram: { ...SMALL.dram, burstBytes: 96, bandwidth: { bytes: 96, cycles: 1 } } };
    const program = { ...doubling(), chip };
    const { outputs, layers } = create(program).run(new Map([["x", x]]));
    expect([...outputs.get("y")!]).toEqual([...x].map((v) => 2 * v));
    expect(layers[0]!.dramReadBytes).toBe(192);
  });

  it("names what each engine waits for in a deadlock", () => {
    const program = {
      ...serialProgram({ instructions: [] }),
      tokens: 2,
      instructions: [
        instruction("add", {}, { waits: [0], signals: [1] }),
        instruction("fire", { lanesUsed: 1 }, { waits: [1], signals: [0] }),
      ],
    };
    const { diagnostic } = thrown(() => create(program).run(new Map()));
    expect(diagnostic.code).toBe("sim/deadlock");
    const notes = diagnostic.notes.map((note) => note.message);
    expect(notes).toContain("vector: instruction 0 (add, layer `layer`) waits for token 0 (needs 1, has 0)");
    expect(notes).toContain("fire: instruction 1 (fire, layer `layer`) waits for token 1 (needs 1, has 0)");
    expect(notes).toContain("load: nothing to do");
  });

  it("gives up after maxCycles, and refuses inputs that do not fit", () => {
    const machine = create(doubling());
    expect(thrown(() => machine.run(new Map([["x", x]]), { maxCycles: 5 })).diagnostic.code).toBe("sim/cycle-limit");
    expect(thrown(() => machine.run(new Map())).diagnostic.message).toContain("needs 30 real values, got nothing");
    expect(thrown(() => machine.run(new Map([["x", new Int32Array(30)]]))).diagnostic.code).toBe("sim/input");
    expect(machine.run(new Map([["x", x]])).outputs.get("y")![1]).toBe(3);
  });

  it("ends at once without instructions", () => {
    expect(create(serialProgram({ instructions: [] })).run(new Map()).cycles).toBe(0);
  });
});
