import { internalError } from "../../diagnostics/index.js";
import type { WeightedSum } from "./kernels.js";

/** The most that a sum of the job can reach without its bias, by the largest weight and all bits of all inputs. */
function largestSum({ lists, rows, magnitude }: Pick<WeightedSum, "lists" | "rows" | "magnitude">): number {
  return rows * magnitude * (2 ** lists.planes - 1);
}

/** Whether sums of i32 weights fit the 64-bit lanes of `sum32`, which become doubles exactly below 2^51 (assembly/combine.ts). */
export function fitsLanes(job: WeightedSum): boolean {
  return largestSum(job) < 2 ** 51;
}

/** Refuses lanes that no chip has, and packed weights whose sums could leave 32 bits: `execute/` packs none such. */
export function checkSum(job: WeightedSum, bits: 8 | 32): void {
  if (job.lanes % 8 !== 0) throw internalError(`${job.lanes} lanes are no multiple of 8`);
  if (bits === 32) return;
  if (job.magnitude > 127) throw internalError(`a weight of ${job.magnitude} in eight bits`);
  const largest = largestSum({ ...job, magnitude: 128 });
  if (!(largest < 2 ** 31)) throw internalError(`sums of up to ${largest} in accumulators below ${2 ** 31}`);
}
