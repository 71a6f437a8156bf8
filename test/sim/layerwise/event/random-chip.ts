import type { EngineName } from "../../../../src/backends/program/instruction.js";
import { layerwiseChipSchema, type LayerwiseChip } from "../../../../src/chips/layerwise.js";
import type { Random } from "../../../backends/layerwise/nets.js";

/** Words of each memory of a chip for random programs: room for a few instructions that work at the same time. */
export const WORDS = { spike: 200, weight: 380, data: 240 } as const;

function shuffled<T>(random: Random, values: readonly T[]): T[] {
  const left = [...values];
  return values.map(() => left.splice(random.int(0, left.length - 1), 1)[0]!);
}

/** A chip on which everything is scarce at times: ports, FIFO, queues, bursts, bandwidth. */
export function randomMachine(random: Random): LayerwiseChip {
  const lanes = random.pick([8, 8, 16, 24, 32]);
  const parallelTimesteps = random.pick([1, 2, 3, 4, 8]);
  const burstBytes = random.pick([16, 32, 64, 96, 128]);
  const memory = (words: number, word: number) => {
    const banks = random.pick([1, 2, 3, 4, 8]);
    return { bytes: Math.ceil(words / banks) * banks * word, banks, ports: random.pick([1, 1, 1, 2, 3]) };
  };
  const word = 4 * lanes;
  const burstsOfWord = Math.ceil(word / burstBytes) + 1;
  return layerwiseChipSchema.parse({
    name: "random",
    target: "layerwise",
    description: "a random chip",
    clockHz: 1e9,
    lanes,
    parallelTimesteps,
    queueDepth: random.pick([1, 1, 2, 3, 6]),
    fifoDepth: random.pick([1, 1, 2, 3, 5]),
    weightBits: 25,
    accumulatorBits: 54,
    memories: {
      spike: memory(WORDS.spike, (lanes * parallelTimesteps) / 8),
      weight: memory(WORDS.weight, word),
      data: memory(WORDS.data, word),
    },
    dram: {
      burstBytes,
      latencyCycles: random.pick([0, 1, 5, 20]),
      bandwidth: { bytes: random.int(burstBytes / 4, burstBytes), cycles: random.pick([1, 1, 2]) },
      outstanding: burstsOfWord + random.pick([0, 0, 1, 3, 10]),
    },
    attention: { counters: 256, counterBits: 16 },
    patchValues: 256,
    priority: shuffled<EngineName>(random, ["load", "accumulate", "fire", "attend", "vector", "store"]),
    sources: {},
  });
}
