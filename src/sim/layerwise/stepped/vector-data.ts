import type { FieldsOf, InstructionFor } from "../../../backends/program/instruction.js";
import { roundHalfEven } from "../../../math/grid.js";
import { ADD, COMPARE } from "./counts.js";
import type { Hardware } from "./hardware.js";
import type { VectorOp } from "./vector.js";
import { Window } from "./window.js";

/** Vector instructions on data words. */
export type DataInstruction = InstructionFor<"add" | "pool-max" | "mean-positions" | "mean-steps" | "convert">;

export function dataOp(instruction: DataInstruction, hardware: Hardware): VectorOp {
  switch (instruction.op) {
    case "add":
      return instruction.fields.format === 1
        ? addInts(instruction.fields, instruction.layer, hardware)
        : addReals(instruction.fields, instruction.layer, hardware);
    case "pool-max":
      return poolMax(instruction.fields, instruction.layer, hardware);
    case "mean-positions":
      return meanPositions(instruction.fields, instruction.layer, hardware);
    case "mean-steps":
      return meanSteps(instruction.fields, instruction.layer, hardware);
    case "convert":
      return convert(instruction.fields, hardware);
  }
}

/** Addresses and counts of `add`, whatever the format: items are the words of the timesteps. */
function addWords(f: FieldsOf<"add">, layer: number, { lanes, counts }: Hardware) {
  let step = 0;
  let word = 0;
  return {
    from: "data",
    to: "data",
    items: f.steps * f.words,
    reads: 2,
    writes: 1,
    begin(item: number): void {
      step = Math.floor(item / f.words);
      word = item - step * f.words;
    },
    readWord: (i: number) => (i === 0 ? f.a + step * f.aStepStride : f.b + step * f.bStepStride) + word,
    writeWord: () => f.output + step * f.outputStepStride + word,
    /** The addition happens when b is read. */
    count: (i: number): void => {
      if (i === 1) counts.add(layer, ADD, f.firstStep + step, lanes);
    },
  } as const;
}

function addReals(f: FieldsOf<"add">, layer: number, hardware: Hardware): VectorOp {
  const { lanes } = hardware;
  const { f32 } = hardware.memories.data;
  const { count, ...words } = addWords(f, layer, hardware);
  const sums = new Float32Array(lanes);
  return {
    ...words,
    take(i, word) {
      const at = word * lanes;
      for (let l = 0; l < lanes; l++) sums[l] = i === 0 ? f32[at + l]! : sums[l]! + f32[at + l]!;
      count(i);
    },
    give: (_, word) => f32.set(sums, word * lanes),
  };
}

function addInts(f: FieldsOf<"add">, layer: number, hardware: Hardware): VectorOp {
  const { lanes } = hardware;
  const { i32 } = hardware.memories.data;
  const { count, ...words } = addWords(f, layer, hardware);
  const sums = new Float64Array(lanes);
  const [left, right] = [2 ** f.aShift, 2 ** f.bShift];
  const limit = f.resultBits === 0 ? Infinity : 2 ** (f.resultBits - 1) - 1;
  return {
    ...words,
    take(i, word) {
      const at = word * lanes;
      if (i === 0) for (let l = 0; l < lanes; l++) sums[l] = i32[at + l]! * left;
      else for (let l = 0; l < lanes; l++) sums[l] = clamp(sums[l]! + i32[at + l]! * right, limit);
      count(i);
    },
    give: (_, word) => i32.set(sums, word * lanes),
  };
}

function clamp(value: number, limit: number): number {
  return value > limit ? limit : value < -limit ? -limit : value;
}

function poolMax(f: FieldsOf<"pool-max">, layer: number, { lanes, memories, counts }: Hardware): VectorOp {
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const window = new Window();
  window.start(f);
  const largest = new Float64Array(lanes);
  const positions = f.outRows * f.outWidth;
  let [step, position, block] = [0, 0, 0];
  return {
    from: "data",
    to: "data",
    items: f.steps * positions * f.blocks,
    reads: 0,
    writes: 1,
    begin(item) {
      block = item % f.blocks;
      position = Math.floor(item / f.blocks) % positions;
      step = Math.floor(item / (f.blocks * positions));
      window.place(position);
      this.reads = window.taps();
      largest.fill(-Infinity);
    },
    readWord: (i) => window.tapWord(i) + block + step * f.inputStepStride,
    take(i, word) {
      const at = word * lanes;
      for (let l = 0; l < lanes; l++) largest[l] = Math.max(largest[l]!, values[at + l]!);
      if (i > 0) counts.add(layer, COMPARE, f.firstStep + step, lanes);
    },
    writeWord: () => f.output + position * f.outputStride + step * f.outputStepStride + block,
    give: (_, word) => values.set(largest, word * lanes),
  };
}

function meanPositions(f: FieldsOf<"mean-positions">, layer: number, { lanes, memories, counts }: Hardware): VectorOp {
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const divisor = f.format === 1 ? 1 : f.positions;
  const sums = new Float64Array(lanes);
  let [step, block] = [0, 0];
  return {
    from: "data",
    to: "data",
    items: f.steps * f.blocks,
    reads: f.positions,
    writes: 1,
    begin(item) {
      step = Math.floor(item / f.blocks);
      block = item - step * f.blocks;
      sums.fill(0);
    },
    readWord: (i) => f.input + step * f.inputStepStride + i * f.blocks + block,
    take(_, word) {
      const at = word * lanes;
      for (let l = 0; l < lanes; l++) sums[l] = sums[l]! + values[at + l]!;
      counts.add(layer, ADD, f.firstStep + step, lanes);
    },
    writeWord: () => f.output + step * f.outputStepStride + block,
    give(_, word) {
      for (let l = 0; l < lanes; l++) values[word * lanes + l] = sums[l]! / divisor;
    },
  };
}

function meanSteps(f: FieldsOf<"mean-steps">, layer: number, { lanes, memories, counts }: Hardware): VectorOp {
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const divisor = f.format === 1 ? 1 : f.meanOf;
  const sums = new Float64Array(lanes);
  let word = 0;
  return {
    from: "data",
    to: "data",
    items: f.words,
    reads: f.meanOf,
    writes: 1,
    begin(item) {
      word = item;
      sums.fill(0);
    },
    readWord: (i) => f.input + i * f.inputStepStride + word,
    take(_, from) {
      const at = from * lanes;
      for (let l = 0; l < lanes; l++) sums[l] = sums[l]! + values[at + l]!;
      counts.add(layer, ADD, f.firstStep, lanes);
    },
    writeWord: () => f.output + word,
    give(_, to) {
      for (let l = 0; l < lanes; l++) values[to * lanes + l] = sums[l]! / divisor;
    },
  };
}

function convert(f: FieldsOf<"convert">, { lanes, memories }: Hardware): VectorOp {
  const { i32, f32 } = memories.data;
  const toInt = f.format === 1;
  const unit = 2 ** (toInt ? -f.exp : f.exp);
  const values = new Float64Array(lanes);
  let [step, word] = [0, 0];
  return {
    from: "data",
    to: "data",
    items: f.steps * f.words,
    reads: 1,
    writes: 1,
    begin(item) {
      step = Math.floor(item / f.words);
      word = item - step * f.words;
    },
    readWord: () => f.input + step * f.inputStepStride + word,
    take(_, from) {
      const at = from * lanes;
      for (let l = 0; l < lanes; l++) {
        values[l] = toInt ? Math.min(f.hi, Math.max(f.lo, roundHalfEven(f32[at + l]! * unit))) : i32[at + l]! * unit;
      }
    },
    writeWord: () => f.output + step * f.outputStepStride + word,
    give: (_, to) => (toInt ? i32 : f32).set(values, to * lanes),
  };
}
