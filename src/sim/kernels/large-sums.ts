/* Weighted sums that could leave the fast accumulators: wide chips, many bit planes. */
import { HEADER_BYTES, QUAD, type WeightedSum } from "./kernels.js";
import type { KernelMemory } from "./memory.js";
import { writeResult } from "./plain-parts.js";

/**
 * Sums of i32 weights in doubles, row by row in the order of the chip's scanner (plane, ky, kx, channel). They are exact below 2^53,
 * where the compiler proves its sums to be; a program without that proof rounds as the chip does, because the order is the chip's.
 */
export function sumLarge(memory: KernelMemory, job: WeightedSum): void {
  const { i32 } = memory;
  const { lists, lanes, weights, rowBytes } = job;
  const quads = Math.ceil(lists.steps / QUAD);
  const planeWords = HEADER_BYTES >> 2;
  const sums = new Float64Array(lanes);
  let header = (lists.headers >>> 2) + job.firstPosition * quads * lists.planes * planeWords;
  for (let position = 0; position < job.positions; position++) {
    for (let step = 0; step < lists.steps; step += QUAD) {
      for (let s = 0; s < Math.min(QUAD, lists.steps - step); s++) {
        sums.fill(0);
        for (let plane = 0; plane < lists.planes; plane++) {
          for (const row of rowsOf(memory, header + plane * planeWords, s)) {
            const at = (weights + row * rowBytes) >>> 2;
            for (let l = 0; l < lanes; l++) sums[l] = sums[l]! + i32[at + l]! * 2 ** plane;
          }
        }
        writeResult(
          memory,
          job,
          sums,
          0,
          lanes,
          job.output + position * job.positionBytes + (step + s) * job.stepBytes,
        );
      }
      header += lists.planes * planeWords;
    }
  }
}

/** Rows of a quad's timestep `s`, ascending: the patterns with its bit, of the list whose header is the u32 at `header`. */
function rowsOf({ u32 }: KernelMemory, header: number, s: number): Uint32Array {
  const rows: number[] = [];
  for (let pattern = 1; pattern <= 15; pattern++) {
    if (((pattern >> s) & 1) === 0) continue;
    const end = u32[header + pattern]! >>> 2;
    for (let at = u32[header + pattern - 1]! >>> 2; at < end; at++) rows.push(u32[at]!);
  }
  return Uint32Array.from(rows).sort();
}
