import type { Program } from "../../../../src/backends/program/program.js";
import { instruction, serialProgram } from "../../support.js";

/** Store and load of one word each, which ask for the first burst of all in the same cycle. */
export function firstBurstProgram(): Program {
  return {
    ...serialProgram({ instructions: [] }),
    dramBytes: 64,
    tokens: 0,
    instructions: [
      instruction("store", { memory: 2, words: 1, chunks: 1, dram: 32 }),
      instruction("load", { memory: 2, address: 1, words: 1, chunks: 1, dram: 0 }),
    ],
  };
}
