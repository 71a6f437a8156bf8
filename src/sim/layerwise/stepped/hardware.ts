import type { Program } from "../../../backends/program/program.js";
import { wordBytes } from "../../../chips/layerwise.js";
import { Counts } from "./counts.js";
import { Dram } from "./dram.js";
import { Memory } from "./memory.js";
import { Recorder } from "./recorder.js";

/** What the engines share. */
export interface Hardware {
  readonly lanes: number;
  /** P: timesteps in a spike word. */
  readonly parallelTimesteps: number;
  readonly weightBits: number;
  readonly memories: { readonly spike: Memory; readonly weight: Memory; readonly data: Memory };
  readonly dram: Dram;
  readonly counts: Counts;
  readonly recorder: Recorder;
}

export function createHardware(program: Program): Hardware {
  const { chip, layers } = program;
  const memory = (name: "spike" | "weight" | "data"): Memory => {
    const { bytes, banks, ports } = chip.memories[name];
    return new Memory(bytes, wordBytes(chip, name), banks, ports, layers.length);
  };
  return {
    lanes: chip.lanes,
    parallelTimesteps: chip.parallelTimesteps,
    weightBits: chip.weightBits,
    memories: { spike: memory("spike"), weight: memory("weight"), data: memory("data") },
    dram: new Dram(program.dramBytes, layers.length, chip),
    counts: new Counts(program),
    recorder: new Recorder(program),
  };
}

/** What an engine with an active instruction did in the first phase of a cycle: the first three engine states. */
export const BUSY = 0;
export const PORT = 1;
export const WAIT_DRAM = 2;
