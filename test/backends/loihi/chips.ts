import type { LoihiChip } from "../../../src/chips/loihi.js";
import { chip, DENSE } from "../../sim/loihi/build.js";

/** A chip of the second generation's kind with graded messages; only what legalisation reads is meant. */
export function testChip(change: Partial<LoihiChip["numerics"]> = {}, attention?: LoihiChip["attention"]): LoihiChip {
  const generous = chip({
    mesh: { tilesX: 8, chipsX: 4, queueMessages: 64 },
    synapseFormats: [{ ...DENSE, weightBits: 8, headerBits: 10 }],
    numerics: { mixedSignDropsLowBit: true, maxDelay: 62, biasMantissaBits: 12, maxRefractory: 63, ...change },
    ...(attention === undefined ? {} : { attention }),
  });
  return { ...generous, core: { ...generous.core, thresholdConfigs: 16 } };
}

export const ATTENTION: NonNullable<LoihiChip["attention"]> = {
  cores: 8,
  inputAxons: 2 ** 18,
  outputAxons: 2 ** 18,
  counters: 4096,
  counterBits: 16,
  sets: 2,
  queryBits: 2 ** 20,
  lanes: 16,
  mode: "pipelined",
};
