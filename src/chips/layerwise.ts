import { z } from "zod";

/** The description of a layer-by-layer chip: every number that its simulator and compiler use. */

const positive = z.number().int().positive();

/** A mantissa is an integer of 32 bits. */
const MAX_WEIGHT_BITS = 32;

const memory = z.strictObject({
  /** Capacity. */
  bytes: positive.max(2 ** 30),
  /** Bank of a word: word address mod banks. */
  banks: positive.max(4096),
  /** Accesses per bank and cycle, reads and writes together. */
  ports: positive.max(64),
});

export const layerwiseChipSchema = z
  .strictObject({
    name: z.string().min(1),
    target: z.literal("layerwise"),
    description: z.string(),
    /** Hz. */
    clockHz: z.number().positive(),
    /** Adders: output channels per weight row, and channels per spike word. A multiple of 8. */
    lanes: positive.max(512).refine((n) => n % 8 === 0, { message: "must be a multiple of 8" }),
    /** Timesteps that share a weight fetch (P); bits per channel of a spike word. */
    parallelTimesteps: positive.max(8),
    /** Instructions that wait in front of each engine. */
    queueDepth: positive.max(1024),
    /** Words between scanner and adder of the accumulate engine. */
    fifoDepth: positive.max(1024),
    /** Bits of a weight, sign included. Any width gives words of whole bytes, as `lanes` is a multiple of 8. */
    weightBits: positive.max(MAX_WEIGHT_BITS),
    /** Bits of an accumulator, sign included. */
    accumulatorBits: positive.max(54),
    memories: z.strictObject({ spike: memory, weight: memory, data: memory }),
    dram: z.strictObject({
      burstBytes: positive.max(65_536),
      /** Cycles from the grant of a read burst to its data. */
      latencyCycles: z.number().int().nonnegative().max(100_000),
      /** Bandwidth as an integer ratio: `bytes` per `cycles`; at most one burst per cycle. */
      bandwidth: z.strictObject({ bytes: positive.max(2 ** 31), cycles: positive.max(2 ** 31) }),
      /** Read bursts that may be under way. */
      outstanding: positive.max(4096),
    }),
    attention: z.strictObject({
      /** Counters of K^T V, in registers: at least headDim^2. */
      counters: positive.max(2 ** 22),
      counterBits: positive.max(32),
    }),
    /** Real input values that the accumulate engine holds for one position of a first layer. */
    patchValues: positive.max(2 ** 22),
    /** Port arbitration: engines in falling priority. */
    priority: z
      .array(z.enum(["load", "accumulate", "fire", "attend", "vector", "store"]))
      .length(6)
      .refine((names) => new Set(names).size === 6, { message: "must name every engine once" }),
    /** Where each number comes from, by field; `assumed` where it is our choice. */
    sources: z.record(z.string(), z.string()),
  })
  .superRefine((chip, context) => {
    if (chip.accumulatorBits < chip.weightBits) {
      context.addIssue({
        code: "custom",
        path: ["accumulatorBits"],
        message: `must be at least ${chip.weightBits}, the \`weightBits\`: a sum of one row is that row`,
      });
    }
    const { lanes, parallelTimesteps, weightBits, dram } = chip;
    // Reported above; the checks below would only repeat it.
    if (lanes <= 0 || lanes % 8 !== 0 || parallelTimesteps <= 0 || dram.burstBytes <= 0 || dram.bandwidth.cycles <= 0) {
      return;
    }
    if (weightBits <= 0 || weightBits > MAX_WEIGHT_BITS) return;
    if (dram.bandwidth.bytes > dram.burstBytes * dram.bandwidth.cycles) {
      context.addIssue({ code: "custom", path: ["dram", "bandwidth"], message: "must not exceed one burst per cycle" });
    }
    for (const name of ["spike", "weight", "data"] as const) {
      const word = wordBytes(chip, name);
      const bursts = burstsOfWord(word, dram.burstBytes);
      if (dram.outstanding < bursts) {
        context.addIssue({
          code: "custom",
          path: ["dram", "outstanding"],
          message: `must be at least ${bursts}: a ${name} word of ${word} bytes can lie in ${bursts} bursts`,
        });
      }
      if (chip.memories[name].bytes % (word * chip.memories[name].banks) !== 0) {
        context.addIssue({
          code: "custom",
          path: ["memories", name, "bytes"],
          message: `must be a multiple of banks x ${word} bytes (one word)`,
        });
      }
    }
  });

export type LayerwiseChip = z.infer<typeof layerwiseChipSchema>;

/** Most bursts that one word of a chunk can touch; a load must have them all under way before it can write the word. */
function burstsOfWord(word: number, burst: number): number {
  if (burst % word === 0) return 1;
  return word % burst === 0 ? word / burst : Math.ceil(word / burst) + 1;
}

/** Bytes of one word: lanes x P bits for spikes, lanes x `weightBits` for weights, lanes x 32 bits for data. */
export function wordBytes(
  chip: Pick<LayerwiseChip, "lanes" | "parallelTimesteps" | "weightBits">,
  memory: "spike" | "weight" | "data",
): number {
  const { lanes, parallelTimesteps, weightBits } = chip;
  const bits = memory === "spike" ? parallelTimesteps : memory === "weight" ? weightBits : 32;
  return (lanes * bits) / 8;
}

/** Words of the weight memory that one parameter of `bits` bits per lane takes (docs/layerwise-chip.md, section 1). */
export function parameterWords({ weightBits }: Pick<LayerwiseChip, "weightBits">, bits: number): number {
  return Math.ceil(bits / weightBits);
}
