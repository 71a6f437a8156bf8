import { CHARGE_RULES, type FieldsOf, type Instruction } from "../../../../backends/program/instruction.js";
import type { LayerwiseChip } from "../../../../chips/layerwise.js";
import { internalError } from "../../../../diagnostics/index.js";
import type { AttendWork, ValueWork, Work } from "../work.js";
import { neuronWords, weightedWords } from "../parameter-words.js";
import { planeWindow } from "../plane-window.js";
import { Window } from "../window.js";
import { DATA, SPIKE, WEIGHT, type Script } from "./script.js";
import { writeTokenScript } from "./token-scripts.js";

const CUBA = CHARGE_RULES.indexOf("cuba");

/** What a script depends on beside its instruction. */
type ScriptChip = Pick<LayerwiseChip, "lanes" | "parallelTimesteps" | "weightBits">;

/** Writes the steps of an instruction of an engine with one unit (docs/layerwise-chip.md, section 3). */
export function writeScript(instruction: Instruction, work: Work, chip: ScriptChip, to: Script): void {
  const { lanes, parallelTimesteps: parallel } = chip;
  to.clear();
  switch (instruction.op) {
    case "multiply":
      return multiply(instruction.fields, work as ValueWork, chip, to);
    case "fire":
      return fire(instruction.fields, chip, to);
    case "attend-kv":
      return attendKv(instruction.fields, work as AttendWork, lanes, to);
    case "attend-q":
      return attendQ(instruction.fields, work as AttendWork, lanes, to);
    case "add":
      return add(instruction.fields, to);
    case "pool-max":
      return poolMax(instruction.fields, to);
    case "pool-or":
      return poolOr(instruction.fields, to);
    case "pool-plane":
      return poolPlane(instruction.fields, lanes, to);
    case "and":
      return and(instruction.fields, to);
    case "add-planes":
      return addPlanes(instruction.fields, to);
    case "sum-positions":
      return sumPositions(instruction.fields, to);
    case "mean-positions":
      return meanPositions(instruction.fields, to);
    case "mean-steps":
      return meanSteps(instruction.fields, to);
    case "convert":
      return convert(instruction.fields, to);
    case "score-tokens":
    case "score-kv":
    case "top-k":
    case "mask-tokens":
    case "mask-data":
      return writeTokenScript(instruction, work, lanes, parallel, to);
    case "load":
    case "store":
    case "accumulate":
      throw internalError(`${instruction.op} has two units`);
  }
}

function multiply(f: FieldsOf<"multiply">, { counts, rows }: ValueWork, chip: ScriptChip, to: Script): void {
  to.readRun(WEIGHT, f.parameters, 1, weightedWords(chip));
  const window = new Window(f);
  const positions = f.outRows * f.outWidth;
  let row = 0;
  for (let p = 0; p < positions; p++) {
    window.place(p);
    for (let s = 0; s < f.slots; s++) {
      for (let ky = window.kyFrom; ky < window.kyTo; ky++) {
        const words = (window.kxTo - window.kxFrom) * f.blocks;
        to.readRun(DATA, window.word(ky, window.kxFrom) + s * f.inputStepStride, 1, words);
      }
      const end = row + counts[p * f.slots + s]!;
      to.readAt(WEIGHT, f.weights, rows, row, end);
      row = end;
      to.write(DATA, f.output + p * f.outputStride + s * f.outputStepStride);
    }
  }
}

function fire(f: FieldsOf<"fire">, chip: ScriptChip, to: Script): void {
  const words = f.rule === CUBA ? [f.state, f.state + f.positions * f.outputStride] : [f.state];
  if (f.thresholds >= 0) to.readRun(WEIGHT, f.thresholds, 1, neuronWords(chip));
  if (f.gains >= 0) to.readRun(WEIGHT, f.gains, 1, neuronWords(chip));
  for (let p = 0; p < f.positions; p++) {
    const at = p * f.outputStride;
    if (f.stateRead === 1) for (const word of words) to.read(DATA, word + at);
    const current = f.current + p * f.currentStride;
    if (f.slots === 1) {
      to.read(DATA, current);
      to.compute(f.steps - 1);
    } else to.readRun(DATA, current, f.currentStepStride, f.steps);
    if (f.stateWrite === 1) for (const word of words) to.write(DATA, word + at);
    to.write(SPIKE, f.output + at);
  }
}

/** The channel blocks of a head: from `first` to before `end`. */
function headBlocks(f: { head: number; headDim: number }, lanes: number): { first: number; end: number } {
  const channel = f.head * f.headDim;
  return { first: Math.floor(channel / lanes), end: Math.floor((channel + f.headDim - 1) / lanes) + 1 };
}

function attendKv(f: FieldsOf<"attend-kv">, { events }: AttendWork, lanes: number, to: Script): void {
  const { first, end } = headBlocks(f, lanes);
  const cyclesPerEvent = Math.ceil(f.headDim / lanes);
  if (f.clear === 1) to.compute(Math.ceil(f.headDim ** 2 / lanes));
  for (let p = 0; p < f.positions; p++) {
    for (let b = first; b < end; b++) to.read(SPIKE, f.keys + p * f.blocks + b);
    for (let b = first; b < end; b++) to.read(SPIKE, f.values + p * f.blocks + b);
    for (let s = 0; s < f.steps; s++) to.compute(events[p * f.steps + s]! * cyclesPerEvent);
  }
}

function attendQ(f: FieldsOf<"attend-q">, { events }: AttendWork, lanes: number, to: Script): void {
  const { first, end } = headBlocks(f, lanes);
  const cyclesPerEvent = Math.ceil(f.headDim / lanes);
  if (f.sequential === 1) to.compute(Math.ceil(f.headDim ** 2 / lanes));
  for (let p = 0; p < f.positions; p++) {
    for (let b = first; b < end; b++) to.read(SPIKE, f.queries + p * f.blocks + b);
    for (let s = 0; s < f.steps; s++) {
      to.compute(events[p * f.steps + s]! * cyclesPerEvent);
      const word = f.output + p * f.outputStride + s * f.outputStepStride;
      for (let b = first; b < end; b++) to.write(DATA, word + b);
    }
  }
}

function add(f: FieldsOf<"add">, to: Script): void {
  for (let s = 0; s < f.steps; s++) {
    for (let w = 0; w < f.words; w++) {
      to.read(DATA, f.a + s * f.aStepStride + w);
      to.read(DATA, f.b + s * f.bStepStride + w);
      to.write(DATA, f.output + s * f.outputStepStride + w);
    }
  }
}

function readTaps(window: Window, memory: number, offset: number, to: Script): void {
  for (let ky = window.kyFrom; ky < window.kyTo; ky++) {
    for (let kx = window.kxFrom; kx < window.kxTo; kx++) to.read(memory, window.word(ky, kx) + offset);
  }
}

function poolMax(f: FieldsOf<"pool-max">, to: Script): void {
  const window = new Window(f);
  const positions = f.outRows * f.outWidth;
  for (let s = 0; s < f.steps; s++) {
    for (let p = 0; p < positions; p++) {
      window.place(p);
      for (let b = 0; b < f.blocks; b++) {
        readTaps(window, DATA, b + s * f.inputStepStride, to);
        to.write(DATA, f.output + p * f.outputStride + s * f.outputStepStride + b);
      }
    }
  }
}

function poolOr(f: FieldsOf<"pool-or">, to: Script): void {
  const window = new Window(f);
  const positions = f.outRows * f.outWidth;
  for (let p = 0; p < positions; p++) {
    window.place(p);
    for (let b = 0; b < f.blocks; b++) {
      readTaps(window, SPIKE, b, to);
      to.write(SPIKE, f.output + p * f.outputStride + b);
    }
  }
}

function poolPlane(f: FieldsOf<"pool-plane">, lanes: number, to: Script): void {
  for (let p = 0; p < f.positions; p++) {
    for (let b = 0; b < f.blocks; b++) {
      const { firstRow, endRow, firstBlock, endBlock } = planeWindow(f, p, b, lanes);
      for (let row = firstRow; row < endRow; row++) {
        for (let from = firstBlock; from < endBlock; from++) to.read(SPIKE, f.input + row * f.blocks + from);
      }
      to.write(SPIKE, f.output + p * f.blocks + b);
    }
  }
}

function and(f: FieldsOf<"and">, to: Script): void {
  for (let p = 0; p < f.positions; p++) {
    for (let b = 0; b < f.blocks; b++) {
      to.read(SPIKE, f.a + p * f.blocks + b);
      to.read(SPIKE, f.b + p * f.bStride + b);
      to.write(SPIKE, f.output + p * f.blocks + b);
    }
  }
}

function addPlanes(f: FieldsOf<"add-planes">, to: Script): void {
  const planes = Math.max(f.aPlanes, f.bPlanes) + 1;
  for (let w = 0; w < f.words; w++) {
    for (let i = 0; i < f.aPlanes; i++) to.read(SPIKE, f.a + i * f.aPlaneStride + w);
    for (let i = 0; i < f.bPlanes; i++) to.read(SPIKE, f.b + i * f.bPlaneStride + w);
    for (let i = 0; i < planes; i++) to.write(SPIKE, f.output + i * f.outputPlaneStride + w);
  }
}

function sumPositions(f: FieldsOf<"sum-positions">, to: Script): void {
  for (let b = 0; b < f.blocks; b++) {
    for (let p = 0; p < f.positions; p++) to.read(SPIKE, f.input + p * f.blocks + b);
    for (let s = 0; s < f.steps; s++) to.write(DATA, f.output + s * f.outputStepStride + b);
  }
}

function meanPositions(f: FieldsOf<"mean-positions">, to: Script): void {
  for (let s = 0; s < f.steps; s++) {
    for (let b = 0; b < f.blocks; b++) {
      for (let p = 0; p < f.positions; p++) to.read(DATA, f.input + s * f.inputStepStride + p * f.blocks + b);
      to.write(DATA, f.output + s * f.outputStepStride + b);
    }
  }
}

function meanSteps(f: FieldsOf<"mean-steps">, to: Script): void {
  for (let w = 0; w < f.words; w++) {
    for (let s = 0; s < f.meanOf; s++) to.read(DATA, f.input + s * f.inputStepStride + w);
    to.write(DATA, f.output + w);
  }
}

function convert(f: FieldsOf<"convert">, to: Script): void {
  for (let s = 0; s < f.steps; s++) {
    for (let w = 0; w < f.words; w++) {
      to.read(DATA, f.input + s * f.inputStepStride + w);
      to.write(DATA, f.output + s * f.outputStepStride + w);
    }
  }
}
