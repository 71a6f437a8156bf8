import { describe, expect, it } from "vitest";
import type { Instruction } from "../../../../src/backends/program/instruction.js";
import type { Program } from "../../../../src/backends/program/program.js";
import type { LayerwiseChip } from "../../../../src/chips/layerwise.js";
import { createEvent, createStepped } from "../../../../src/sim/layerwise/index.js";
import { Random } from "../../../backends/layerwise/nets.js";
import { instruction, serialProgram } from "../../support.js";
import { differences, logged, programText } from "./equality.js";
import { randomMachine, weightPlan, WORDS } from "./random-chip.js";

/*
 * Long loads and stores that share DRAM and banks, with each other and with sums of data words, on chips of any bandwidth: event
 * grants bursts ahead of time and many at once, and must take them back when somebody else comes.
 */

const SEEDS = 250;
const NO_INPUTS = new Map();
/** Of each memory, a third is loaded to, a third is stored from, and the last one is added up. */
function thirds(chip: LayerwiseChip): readonly number[] {
  return [WORDS.spike, weightPlan(chip).words, WORDS.data].map((words) => Math.floor(words / 3));
}
const KINDS = ["load", "store", "sum"] as const;
type Kind = (typeof KINDS)[number];
const DRAM_BYTES = 2 ** 17;

function randomDram(random: Random, { burstBytes, outstanding }: LayerwiseChip["dram"]): LayerwiseChip["dram"] {
  const cycles = random.int(1, 7);
  return {
    burstBytes,
    latencyCycles: random.pick([0, 1, 3, 17, 60]),
    bandwidth: { bytes: random.pick([burstBytes * cycles, random.int(burstBytes, burstBytes * cycles)]), cycles },
    outstanding: outstanding + random.int(0, 20),
  };
}

function transfer(random: Random, op: "load" | "store", chip: LayerwiseChip): Instruction {
  const memory = random.int(0, 2);
  const third = thirds(chip)[memory]!;
  const chunks = random.pick([1, 1, 2, 5]);
  const stride = Math.floor(third / chunks);
  const words = random.int(1, stride);
  // Loads read the first half of DRAM, stores write the other one.
  const [address, dram] = op === "load" ? [0, 0] : [third, DRAM_BYTES / 2];
  return instruction(op, {
    memory,
    address,
    words,
    chunks,
    stride,
    dram,
    dramStride: chip.dram.burstBytes * random.int(0, 3),
  });
}

function sum(random: Random): Instruction {
  const third = Math.floor(WORDS.data / 3);
  const a = 2 * third;
  const words = random.int(1, Math.floor(third / 3));
  const steps = { firstStep: 0, steps: 1, aStepStride: 0, bStepStride: 0, outputStepStride: 0 };
  return instruction("add", { a, b: a + words, output: a + 2 * words, words, format: 1, ...steps });
}

function randomTransfers(random: Random): Program {
  const machine = randomMachine(random);
  const chip = { ...machine, dram: randomDram(random, machine.dram) };
  const kinds = random.pick<readonly [Kind, ...Kind[]]>([["load"], ["store"], ["load", "store"], KINDS, KINDS, KINDS]);
  const instructions = Array.from({ length: random.int(2, 20) }, () => {
    const kind = random.pick(kinds);
    return kind === "sum" ? sum(random) : transfer(random, kind, chip);
  });
  return { ...serialProgram({ instructions: [] }), chip, dramBytes: DRAM_BYTES, tokens: 0, instructions };
}

describe("loads and stores", () => {
  it(`run alike on event and stepped, ${SEEDS} seeds`, () => {
    let [denied, both] = [0, 0];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const program = randomTransfers(new Random(seed * 104_729));
      const expected = logged(createStepped(program), NO_INPUTS);
      const found = differences(logged(createEvent(program), NO_INPUTS), expected, program);
      if (found.length > 0) throw new Error(`seed ${seed}: ${found.join("\n")}\n${programText(program)}`);
      const { load, store } = expected.result.conflicts;
      if (load.data + store.data > 0) denied++;
      const { engines, cycles } = expected.result;
      const [loads, stores] = [engines.load, engines.store].map(({ busy, port, dram }) => busy + port + dram);
      if (loads! + stores! > cycles) both++;
    }
    // Runs with the difficulties that this is about.
    expect(denied).toBeGreaterThan(SEEDS / 10);
    expect(both).toBeGreaterThan(SEEDS / 10);
  }, 60_000);
});
