import { MEMORIES, type MemoryName } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import { wordBytes } from "../../../../chips/layerwise.js";
import { Counters } from "./counters.js";
import { Recorder } from "./recorder.js";

/** One memory: views of the same words. Addresses of `u8` are bytes, those of the others 32-bit values. */
export interface Image {
  readonly wordBytes: number;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

/** What instructions work on: the contents of memories and DRAM, and what is counted and recorded on the way. */
export interface Chip {
  readonly lanes: number;
  /** P: timesteps in a spike word. */
  readonly parallel: number;
  readonly memories: Readonly<Record<MemoryName, Image>>;
  readonly dram: Uint8Array;
  readonly counters: Counters;
  readonly recorder: Recorder;
}

const ALIGNMENT = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** All memories lie in one buffer, so that kernels with a linear memory of their own can work on it. */
export function createChip(program: Program, allocate = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes)): Chip {
  const { chip } = program;
  const total = MEMORIES.reduce((sum, name) => sum + align(chip.memories[name].bytes), 0);
  const buffer = allocate(total);
  let offset = 0;
  const image = (name: MemoryName): Image => {
    const { bytes } = chip.memories[name];
    const from = offset;
    offset += align(bytes);
    return {
      wordBytes: wordBytes(chip, name),
      u8: new Uint8Array(buffer, from, align(bytes)),
      i32: new Int32Array(buffer, from, align(bytes) / 4),
      f32: new Float32Array(buffer, from, align(bytes) / 4),
    };
  };
  return {
    lanes: chip.lanes,
    parallel: chip.parallelTimesteps,
    memories: { spike: image("spike"), weight: image("weight"), data: image("data") },
    dram: new Uint8Array(Math.ceil(program.dramBytes / 4) * 4),
    counters: new Counters(program),
    recorder: new Recorder(program),
  };
}
