import type { InstructionFor } from "../../../../backends/program/instruction.js";
import { addScaledRow, writeInt, writeReal } from "../../../kernels/accumulate.js";
import type { ValueWork } from "../work.js";
import { Window } from "../window.js";
import type { Chip } from "./chip.js";
import { currentLimit, readParameters } from "./parameters.js";

/** Weighted sums of real or integer values, in the order (c, ky, kx), one rounding per product and sum. */
export function multiply({ layer, fields: f }: InstructionFor<"multiply">, chip: Chip): ValueWork {
  const { lanes, counters } = chip;
  const { weight, data } = chip.memories;
  const { scales, bias } = readParameters(f.parameters, chip);
  const limit = currentLimit(f.resultBits);
  const inputs = f.inputFormat === 1 ? data.i32 : data.f32;
  const positions = f.outRows * f.outWidth;
  const taps = f.kernel ** 2;
  const patch = new Float64Array(f.channels * taps);
  const sums = new Float64Array(lanes);
  const counts = new Int32Array(positions * f.slots);
  const rows: number[] = [];
  const window = new Window(f);

  for (let p = 0; p < positions; p++) {
    window.place(p);
    for (let slot = 0; slot < f.slots; slot++) {
      patch.fill(0);
      for (let ky = window.kyFrom; ky < window.kyTo; ky++) {
        for (let kx = window.kxFrom; kx < window.kxTo; kx++) {
          const from = (window.word(ky, kx) + slot * f.inputStepStride) * lanes;
          for (let c = 0; c < f.channels; c++) patch[c * taps + ky * f.kernel + kx] = inputs[from + c]!;
        }
      }
      sums.fill(0);
      const before = rows.length;
      for (let i = 0; i < patch.length; i++) {
        if (patch[i] === 0) continue;
        const c = Math.floor(i / taps);
        const row = (i - c * taps) * f.channels + c;
        rows.push(row);
        addScaledRow(sums, weight.i32, (f.weights + row) * lanes, lanes, patch[i]!);
      }
      counts[p * f.slots + slot] = rows.length - before;
      counters.add(layer, "row", f.firstStep + slot, rows.length - before);
      counters.add(layer, "mac", f.firstStep + slot, (rows.length - before) * f.lanesUsed);
      const to = (f.output + p * f.outputStride + slot * f.outputStepStride) * lanes;
      if (f.format === 1) writeInt(sums, 0, bias, scales, lanes, data.i32, to, limit);
      else writeReal(sums, 0, bias, scales, lanes, data.f32, to);
    }
  }
  return { counts, rows: Int32Array.from(rows) };
}
