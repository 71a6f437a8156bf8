import type { EngineName } from "../../../../src/backends/program/instruction.js";
import { layerwiseChipSchema, type LayerwiseChip } from "../../../../src/chips/layerwise.js";
import type { Random } from "../../../backends/layerwise/nets.js";

/** Words of the memories of a chip for random programs: room for a few instructions that work at the same time. */
export const WORDS = { spike: 200, data: 240 } as const;

/** What lies in the weight memory for random programs, in words: rows of weights, sets of parameters of sums, and of neurons. */
export function weightPlan(chip: Pick<LayerwiseChip, "weightBits">) {
  const [single, double] = [32, 64].map((bits) => Math.ceil(bits / chip.weightBits)) as [number, number];
  const rows = 300;
  const sets = 20;
  return {
    rows,
    sets,
    /** Exponents and biases; the first word of a set, and how many words it takes. */
    exponentWords: single,
    set: (index: number): number => rows + index * (single + double),
    setWords: single + double,
    /** Thresholds, or gains. */
    neuron: (index: number): number => rows + sets * (single + double) + index * single,
    words: rows + sets * (single + double) + sets * single,
  };
}

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
  const weightBits = random.pick([5, 8, 8, 16, 16, 25, 32, 32]);
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
    weightBits,
    accumulatorBits: 54,
    memories: {
      spike: memory(WORDS.spike, (lanes * parallelTimesteps) / 8),
      weight: memory(weightPlan({ weightBits }).words, (lanes * weightBits) / 8),
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
