import { internalError } from "../../diagnostics/index.js";
import type { WeightedSum } from "./kernels.js";

/** Refuses sums that could leave the wide accumulators; the decoder and the compiler admit no such program. */
export function checkSum({ lists, rows, magnitude, lanes }: WeightedSum, bits: 8 | 32): void {
  const largest = rows * (bits === 8 ? 128 : magnitude) * (2 ** lists.planes - 1);
  const limit = bits === 8 ? 2 ** 31 : 2 ** 51;
  if (!(largest < limit)) throw internalError(`sums of up to ${largest} in accumulators below ${limit}`);
  if (bits === 8 && magnitude > 127) throw internalError(`a weight of ${magnitude} in eight bits`);
  if (lanes % 8 !== 0) throw internalError(`${lanes} lanes are no multiple of 8`);
}
