import { MEMORIES, type InstructionFor } from "../../../../backends/program/instruction.js";
import type { Chip } from "./chip.js";

/** `load` and `store`: chunks of words between DRAM and a memory. */
export function transfer({ op, fields: f }: InstructionFor<"load" | "store">, chip: Chip): void {
  const { weights, memories, dram } = chip;
  const memory = MEMORIES[f.memory] ?? "data";
  const { u8, wordBytes } = memories[memory];
  const bytes = f.words * wordBytes;
  for (let chunk = 0; chunk < f.chunks; chunk++) {
    const word = f.address + chunk * f.stride;
    const inMemory = word * wordBytes;
    const inDram = f.dram + chunk * f.dramStride;
    if (op === "load") {
      if (memory === "weight") weights.load(word, f.words, inDram);
      else u8.set(dram.read(inDram, bytes), inMemory);
    } else {
      if (memory === "weight") weights.fetch(word, f.words);
      dram.write(inDram, u8.subarray(inMemory, inMemory + bytes));
    }
  }
}
