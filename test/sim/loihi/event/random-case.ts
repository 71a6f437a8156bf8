import { randomLoihiCase, type LoihiCase } from "../random-programs.js";
import { randomBorderCase } from "./border-programs.js";
import { randomBusyProgram } from "./busy-programs.js";

/** Small programs of everything, programs full of messages, and arithmetic at its borders, in turn. */
export function randomCase(seed: number): LoihiCase {
  if (seed % 3 === 0) return randomLoihiCase(seed);
  return seed % 3 === 1 ? { program: randomBusyProgram(seed), inputs: new Map() } : randomBorderCase(seed);
}
