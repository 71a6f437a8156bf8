import type { InstructionFor } from "../../../../backends/program/instruction.js";
import { roundHalfEven } from "../../../../math/grid.js";
import { Window } from "../window.js";
import type { Chip } from "./chip.js";
import { currentLimit } from "./parameters.js";

/* Vector instructions on data words. An instruction may write what it reads later: words are done in the order of the machine. */

export function add({ layer, fields: f }: InstructionFor<"add">, { lanes, memories, counters }: Chip): void {
  const { f32, i32 } = memories.data;
  const [left, right] = [2 ** f.aShift, 2 ** f.bShift];
  const limit = currentLimit(f.resultBits);
  const values = f.words * lanes;
  for (let s = 0; s < f.steps; s++) {
    const a = (f.a + s * f.aStepStride) * lanes;
    const b = (f.b + s * f.bStepStride) * lanes;
    const to = (f.output + s * f.outputStepStride) * lanes;
    if (f.format === 1) {
      for (let i = 0; i < values; i++) i32[to + i] = clamp(i32[a + i]! * left + i32[b + i]! * right, limit);
    } else for (let i = 0; i < values; i++) f32[to + i] = f32[a + i]! + f32[b + i]!;
  }
  counters.addSteps(layer, "add", f, values);
}

function clamp(value: number, limit: number): number {
  return value > limit ? limit : value < -limit ? -limit : value;
}

export function poolMax({ layer, fields: f }: InstructionFor<"pool-max">, { lanes, memories, counters }: Chip): void {
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const window = new Window(f);
  const positions = f.outRows * f.outWidth;
  const largest = new Float64Array(lanes);
  for (let s = 0; s < f.steps; s++) {
    for (let p = 0; p < positions; p++) {
      window.place(p);
      for (let b = 0; b < f.blocks; b++) {
        largest.fill(-Infinity);
        for (let ky = window.kyFrom; ky < window.kyTo; ky++) {
          for (let kx = window.kxFrom; kx < window.kxTo; kx++) {
            const from = (window.word(ky, kx) + s * f.inputStepStride + b) * lanes;
            for (let l = 0; l < lanes; l++) largest[l] = Math.max(largest[l]!, values[from + l]!);
          }
        }
        values.set(largest, (f.output + p * f.outputStride + s * f.outputStepStride + b) * lanes);
      }
      counters.add(layer, "compare", f.firstStep + s, (window.taps - 1) * f.blocks * lanes);
    }
  }
}

export function meanPositions(
  { layer, fields: f }: InstructionFor<"mean-positions">,
  { lanes, memories, counters }: Chip,
): void {
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const divisor = f.format === 1 ? 1 : f.positions;
  const sums = new Float64Array(lanes);
  for (let s = 0; s < f.steps; s++) {
    for (let b = 0; b < f.blocks; b++) {
      sums.fill(0);
      for (let p = 0; p < f.positions; p++) {
        const from = (f.input + s * f.inputStepStride + p * f.blocks + b) * lanes;
        for (let l = 0; l < lanes; l++) sums[l] = sums[l]! + values[from + l]!;
      }
      const to = (f.output + s * f.outputStepStride + b) * lanes;
      for (let l = 0; l < lanes; l++) values[to + l] = sums[l]! / divisor;
    }
  }
  counters.addSteps(layer, "add", f, f.positions * f.blocks * lanes);
}

export function meanSteps(
  { layer, fields: f }: InstructionFor<"mean-steps">,
  { lanes, memories, counters }: Chip,
): void {
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const divisor = f.format === 1 ? 1 : f.meanOf;
  const width = f.words * lanes;
  for (let i = 0; i < width; i++) {
    let sum = 0;
    for (let s = 0; s < f.meanOf; s++) sum += values[(f.input + s * f.inputStepStride) * lanes + i]!;
    values[f.output * lanes + i] = sum / divisor;
  }
  counters.add(layer, "add", f.firstStep, f.meanOf * width);
}

export function convert({ fields: f }: InstructionFor<"convert">, { lanes, memories }: Chip): void {
  const { f32, i32 } = memories.data;
  const unit = 2 ** (f.format === 1 ? -f.exp : f.exp);
  const values = f.words * lanes;
  for (let s = 0; s < f.steps; s++) {
    const from = (f.input + s * f.inputStepStride) * lanes;
    const to = (f.output + s * f.outputStepStride) * lanes;
    if (f.format === 1) {
      for (let i = 0; i < values; i++) {
        i32[to + i] = Math.min(f.hi, Math.max(f.lo, roundHalfEven(f32[from + i]! * unit)));
      }
    } else for (let i = 0; i < values; i++) f32[to + i] = i32[from + i]! * unit;
  }
}
