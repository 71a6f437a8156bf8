import { MEMORIES, type FieldsOf, type Instruction } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import { wordBytes } from "../../../../chips/layerwise.js";
import { counterBytes, mostListBytes, mostScanWords, packedRowBytes } from "../../../kernels/index.js";
import { spikeWindow } from "./windows.js";

/* How much memory the instructions of a program need beside the chip's own. Room that nobody writes to costs nothing. */

/** What alignment adds to the few pieces of memory that a call takes. */
const ALIGNMENT = 16 * 64;

/**
 * Bytes of the words of the weight memory as rows of mantissas of 32 bits, up to the last word that the program loads or takes for a
 * row; none where weights have 32 bits on the chip.
 */
export function rowRoom({ chip, instructions }: Program): number {
  if (chip.weightBits === 32) return 0;
  const ends = instructions.map(({ op, fields: f }) => {
    if (op === "accumulate" || op === "multiply") return f.weights + f.kernel ** 2 * f.channels;
    if (op !== "load" || MEMORIES[f.memory] !== "weight") return 0;
    return f.address + (f.chunks - 1) * f.stride + f.words;
  });
  return 4 * chip.lanes * ends.reduce((a, b) => Math.max(a, b), 1);
}

/** Bytes of all weights packed, each block of outputs once. */
export function packedRoom({ chip, weights, instructions }: Program): number {
  const blocks = instructions.filter(({ op }) => op === "accumulate").length;
  return Math.ceil(weights.length / wordBytes(chip, "weight")) * packedRowBytes(chip.lanes) + 64 * (blocks + 2);
}

/** Bytes of the counters of the largest attention head. */
export function counterRoom({ instructions }: Program): number {
  return instructions.reduce(
    (most, { op, fields }) =>
      op === "attend-kv" || op === "attend-q" ? Math.max(most, counterBytes(fields.headDim)) : most,
    0,
  );
}

/** Bytes for the lists of two of the largest tiles, and for any call beside them. */
export function scratchRoom(program: Program): number {
  const tiles = program.instructions.map((one) => (one.op === "accumulate" ? tileBytes(one.fields, program) : 0));
  return 2 * tiles.reduce((a, b) => Math.max(a, b), 0) + callRoom(program);
}

/** Most bytes that the scan and the lists of a tile take. */
export function tileBytes(fields: FieldsOf<"accumulate">, { chip }: Pick<Program, "chip">): number {
  const window = spikeWindow(fields, 0, chip.lanes, chip.parallelTimesteps);
  return mostListBytes(window) + 4 * mostScanWords(window) + ALIGNMENT;
}

/** Most bytes that a call takes and gives back. */
export function callRoom({ instructions, chip }: Program): number {
  return instructions.reduce((most, one) => Math.max(most, callBytes(one, chip.lanes)), 0) + ALIGNMENT;
}

function callBytes({ op, fields: f }: Instruction, lanes: number): number {
  switch (op) {
    case "multiply": {
      const inputs = f.kernel ** 2 * f.channels;
      return 4 * f.outRows * f.outWidth * f.slots * (1 + inputs) + 16 * inputs + 8 * inputs * lanes;
    }
    case "fire":
      return 16 * lanes;
    case "attend-kv":
    case "attend-q":
      return 4 * f.positions * f.steps + 2 * counterBytes(f.headDim);
    default:
      return 0;
  }
}
