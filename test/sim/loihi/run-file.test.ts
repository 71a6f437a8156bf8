import { expect, it } from "vitest";
import type { AttentionCore, LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import { readChip } from "../../../src/chips/index.js";
import { Report } from "../../../src/diagnostics/index.js";
import { barriersOf } from "../../../src/sim/loihi/run-file.js";

/** Attention cores with these starts and chunks on an otherwise empty chip of 4 timesteps. */
function program(
  mode: "lockstep" | "pipelined",
  attentions: readonly { start: number; chunk: number }[],
): LoihiProgram {
  const chip = readChip("loihi1+attention", new Report(), "loihi")!;
  const cores = attentions.map(({ chunk }, population) => ({ kind: "attention", population, chunk }) as AttentionCore);
  return {
    name: "p",
    target: "loihi",
    chip: { ...chip, attention: { ...chip.attention!, mode } },
    timesteps: 4,
    steps: 20,
    layers: [],
    populations: attentions.map(({ start }) => ({ name: "a", layer: 0, neurons: 1, start })),
    cores,
    inputs: [],
    outputs: [],
    host: {},
    notes: [],
  };
}

it("a lockstep chip has a barrier more for each timestep that is worked off, once where attentions stop together", () => {
  expect(barriersOf(program("pipelined", [{ start: 3, chunk: 2 }]))).toBe(20);
  expect(barriersOf(program("lockstep", [{ start: 3, chunk: 2 }]))).toBe(24);
  // Chunks that end in the same step stop the chip once, for the longest of them.
  expect(
    barriersOf(
      program("lockstep", [
        { start: 3, chunk: 2 },
        { start: 3, chunk: 4 },
      ]),
    ),
  ).toBe(20 + 2 + 4);
  expect(
    barriersOf(
      program("lockstep", [
        { start: 3, chunk: 4 },
        { start: 4, chunk: 4 },
      ]),
    ),
  ).toBe(28);
});
