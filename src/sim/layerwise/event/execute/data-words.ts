import type { InstructionFor } from "../../../../backends/program/instruction.js";
import { tapsBehindTheFirst } from "../window.js";
import type { Chip } from "./chip.js";
import { currentLimit, formatOf } from "./parameters.js";
import { mapWindow } from "./windows.js";

/* Vector instructions on data words. An instruction may write what it reads later: words are done in the order of the machine. */

export function add({ layer, fields: f }: InstructionFor<"add">, { lanes, kernels, memories, counters }: Chip): void {
  const { from, wordBytes } = memories.data;
  const values = f.words * lanes;
  for (let s = 0; s < f.steps; s++) {
    kernels.add({
      a: from + (f.a + s * f.aStepStride) * wordBytes,
      b: from + (f.b + s * f.bStepStride) * wordBytes,
      output: from + (f.output + s * f.outputStepStride) * wordBytes,
      values,
      format: formatOf(f),
      aShift: f.aShift,
      bShift: f.bShift,
      limit: currentLimit(f.resultBits),
    });
  }
  counters.addSteps(layer, "add", f, values);
}

export function poolMax({ layer, fields: f }: InstructionFor<"pool-max">, chip: Chip): void {
  const { lanes, kernels, counters } = chip;
  const { from, wordBytes } = chip.memories.data;
  kernels.poolMax({
    ...mapWindow(f, from + f.input * wordBytes, lanes),
    format: formatOf(f),
    steps: f.steps,
    inputStepBytes: f.inputStepStride * wordBytes,
    output: from + f.output * wordBytes,
    positionBytes: f.outputStride * wordBytes,
    stepBytes: f.outputStepStride * wordBytes,
  });
  counters.addSteps(layer, "compare", f, tapsBehindTheFirst(f) * f.blocks * lanes);
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

export function convert({ fields: f }: InstructionFor<"convert">, { lanes, kernels, memories }: Chip): void {
  const { from, wordBytes } = memories.data;
  for (let s = 0; s < f.steps; s++) {
    kernels.convert({
      input: from + (f.input + s * f.inputStepStride) * wordBytes,
      output: from + (f.output + s * f.outputStepStride) * wordBytes,
      values: f.words * lanes,
      format: formatOf(f),
      unit: 2 ** f.exp,
      lo: f.lo,
      hi: f.hi,
    });
  }
}
