import { MEMORIES, type InstructionFor } from "../../../../backends/program/instruction.js";
import type { Chip } from "./chip.js";

/** `load` and `store`: chunks of words between DRAM and a memory. */
export function transfer({ op, fields: f }: InstructionFor<"load" | "store">, { memories, dram }: Chip): void {
  const { u8, wordBytes } = memories[MEMORIES[f.memory] ?? "data"];
  const bytes = f.words * wordBytes;
  for (let chunk = 0; chunk < f.chunks; chunk++) {
    const inMemory = (f.address + chunk * f.stride) * wordBytes;
    const inDram = f.dram + chunk * f.dramStride;
    if (op === "load") u8.set(dram.subarray(inDram, inDram + bytes), inMemory);
    else dram.set(u8.subarray(inMemory, inMemory + bytes), inDram);
  }
}
