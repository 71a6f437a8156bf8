import type { InstructionFor } from "../../../../backends/program/instruction.js";
import { writeInt, writeReal } from "../../../kernels/accumulate.js";
import type { Chip } from "./chip.js";
import { accumulateGroups } from "./grouped-rows.js";
import { currentLimit, readParameters } from "./parameters.js";
import type { SpikeLists } from "./scan.js";

/** Sums of the weight rows of a tile's lists, for one block of outputs. Weights are mantissas below 2^24. */
export function accumulate({ layer, fields: f }: InstructionFor<"accumulate">, lists: SpikeLists, chip: Chip): void {
  const { lanes, counters } = chip;
  const { weight, data } = chip.memories;
  const { scales, bias } = readParameters(f.parameters, chip);
  const limit = currentLimit(f.resultBits);
  const positions = f.outRows * f.outWidth;
  const patterns = 1 << f.steps;
  const sums = new Float64Array(lanes * f.steps);
  const part = new Float64Array(lanes * f.steps);
  const scratch = { partial: new Int32Array(lanes), group: new Float64Array(lanes), sorted: lists.sorted };

  for (let p = 0; p < positions; p++) {
    sums.fill(0);
    for (let plane = 0; plane < f.planes; plane++) {
      const list = (p * f.planes + plane) * (patterns + 1);
      const starts = lists.starts.subarray(list, list + patterns + 1);
      const into = plane === 0 ? sums : part.fill(0);
      accumulateGroups(into, weight.i32, lanes, f.weights * lanes, lanes, f.steps, { ...scratch, starts });
      if (plane > 0) for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + part[i]! * 2 ** plane;
    }
    for (let s = 0; s < f.steps; s++) {
      const to = (f.output + p * f.outputStride + s * f.outputStepStride) * lanes;
      if (f.format === 1) writeInt(sums, s * lanes, bias, scales, lanes, data.i32, to, limit);
      else writeReal(sums, s * lanes, bias, scales, lanes, data.f32, to);
    }
  }
  counters.add(layer, "row", f.firstStep, lists.rows.length);
  lists.rowsPerStep.forEach((rows, s) => counters.add(layer, "ac", f.firstStep + s, rows * f.lanesUsed));
}
