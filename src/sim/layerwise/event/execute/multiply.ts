import type { InstructionFor } from "../../../../backends/program/instruction.js";
import type { ValueWork } from "../work.js";
import type { Chip } from "./chip.js";
import { resultOf } from "./parameters.js";
import { mapWindow } from "./windows.js";

/** Weighted sums of real or integer values, in the order (c, ky, kx), one rounding per product and sum. */
export function multiply({ layer, fields: f }: InstructionFor<"multiply">, chip: Chip): ValueWork {
  const { lanes, kernels, counters, weights } = chip;
  const { data } = chip.memories;
  weights.fetch(f.weights, f.kernel ** 2 * f.channels);
  const work = kernels.multiply({
    ...mapWindow(f, data.from + f.input * data.wordBytes, lanes),
    ...resultOf(f, chip),
    channels: f.channels,
    inputFormat: f.inputFormat === 1 ? "int" : "real",
    slots: f.slots,
    slotBytes: f.inputStepStride * data.wordBytes,
    weights: weights.row(f.weights),
    rowBytes: weights.rowBytes,
  });
  const sums = new Float64Array(f.slots);
  work.counts.forEach((values, i) => (sums[i % f.slots]! += values));
  sums.forEach((values, slot) => {
    counters.add(layer, "row", f.firstStep + slot, values);
    counters.add(layer, "mac", f.firstStep + slot, values * f.lanesUsed);
  });
  return work;
}
