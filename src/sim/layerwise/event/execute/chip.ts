import { MEMORIES, type MemoryName } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import { wordBytes, type LayerwiseChip } from "../../../../chips/layerwise.js";
import { createKernels, KernelMemory, THREAD_BYTES, type Kernels, type Threading } from "../../../kernels/index.js";
import type { EventOptions } from "../options.js";
import { Counters } from "./counters.js";
import { Dram } from "./dram.js";
import { REGISTER_BYTES, takeRegisters, type Registers } from "./parameters.js";
import { Recorder } from "./recorder.js";
import { counterRoom, packedRoom, rowRoom, scratchRoom } from "./room.js";
import { WeightMemory } from "./weights.js";

/** One memory: views of the same words. Indices of `u8` are bytes, those of the others 32-bit values. */
export interface Image {
  /** Address of word 0 for the kernels. */
  readonly from: number;
  readonly wordBytes: number;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

/** What instructions work on: the contents of memories and DRAM, and what is counted and recorded on the way. */
export interface Chip {
  readonly description: LayerwiseChip;
  readonly lanes: number;
  /** P: timesteps in a spike word. */
  readonly parallel: number;
  readonly kernels: Kernels;
  readonly memories: Readonly<Record<MemoryName, Image>>;
  /** Must be asked for the words of the weight memory before they are read. */
  readonly weights: WeightMemory;
  readonly dram: Dram;
  readonly registers: Registers;
  /** Address of the counters of an attention head. */
  readonly attention: number;
  readonly counters: Counters;
  readonly recorder: Recorder;
}

/** Alignment of everything in a kernel memory; kernels may read a few bytes behind the words of a map. */
const LINE = 64;
/** Room for what the kernels themselves need, and for alignment. */
const OWN = 65_536;

/** All memories lie in the one memory of the kernels; scratch room for instructions comes last. */
export function createChip(
  program: Program,
  { kernels: name, workers = 1, grain }: EventOptions,
  threading: Threading = {},
): Chip {
  const { chip } = program;
  const { lanes } = chip;
  const images = MEMORIES.reduce((sum, memory) => sum + chip.memories[memory].bytes + 2 * LINE, 0);
  const packed = packedRoom(program);
  const rowBytes = rowRoom(program);
  const own = OWN + workers * THREAD_BYTES + REGISTER_BYTES * lanes;
  const bytes = own + images + rowBytes + packed + counterRoom(program) + scratchRoom(program);
  const kernels = createKernels(bytes, name, { ...threading, threads: workers, grain });
  const { memory } = kernels;
  const image = (which: MemoryName): Image => {
    const { bytes } = chip.memories[which];
    const from = memory.take(bytes + LINE, `the ${which} memory`);
    return {
      from,
      wordBytes: wordBytes(chip, which),
      u8: memory.u8.subarray(from, from + bytes),
      i32: memory.i32.subarray(from / 4, (from + bytes) / 4),
      f32: memory.f32.subarray(from / 4, (from + bytes) / 4),
    };
  };
  const memories = { spike: image("spike"), weight: image("weight"), data: image("data") };
  const dram = new Dram(program.weights, program.dramBytes);
  const room = new KernelMemory(memory.split(packed));
  const { from } = memories.weight;
  const place = {
    lanes,
    bits: chip.weightBits,
    words: from,
    rows: rowBytes === 0 ? from : memory.take(rowBytes, "rows of weights"),
    rowRoom: rowBytes,
  };
  return {
    description: chip,
    lanes,
    parallel: chip.parallelTimesteps,
    kernels,
    memories,
    weights: new WeightMemory(kernels, dram, place, room),
    dram,
    registers: takeRegisters(memory, lanes),
    attention: memory.take(counterRoom(program), "counters of attention"),
    counters: new Counters(program),
    recorder: new Recorder(program),
  };
}
