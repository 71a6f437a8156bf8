/* Weighted sums of real inputs, in plain code. */
import { positionsOf, type MapWindow, type Result } from "./kernels.js";
import type { KernelMemory } from "./memory.js";
import { forEachTap, writeResult } from "./plain-parts.js";

/**
 * One block of outputs (`lanes` of them) of inputs that are numbers: products and sums in f64 in the order (channel, ky, kx),
 * started at +0, zeros left out; integer inputs give exact sums below 2^53.
 */
export interface Multiplication extends MapWindow, Result {
  readonly channels: number;
  readonly inputFormat: "real" | "int";
  /** Sums per position, and bytes from the inputs of one to those of the next. */
  readonly slots: number;
  readonly slotBytes: number;
  /** Address of row 0 of the i32 weights, and bytes from one row to the next. Rows are (ky * kernel + kx) * channels + c. */
  readonly weights: number;
  readonly rowBytes: number;
}

/** The inputs that are not zero. */
export interface Multiplied {
  /** Their number by position and slot. */
  readonly counts: Int32Array;
  /** Their weight rows in the order of the sums. */
  readonly rows: Int32Array;
}

/** Most bytes that the rows of a {@link Multiplied} take. */
export function mostRowBytes(job: MapWindow & Pick<Multiplication, "channels" | "slots">): number {
  return 4 * positionsOf(job) * job.slots * job.kernel ** 2 * job.channels;
}

export function multiplyPlain(memory: KernelMemory, job: Multiplication): Multiplied {
  const words = job.inputFormat === "int" ? memory.i32 : memory.f32;
  const { lanes, channels, slots } = job;
  const counts = new Int32Array(positionsOf(job) * slots);
  const rows: number[] = [];
  const sums = new Float64Array(lanes);
  for (let i = 0; i < counts.length; i++) {
    const position = Math.floor(i / slots);
    const slot = i - position * slots;
    const taps: [number, number][] = [];
    forEachTap(job, position, lanes * 4, (at, tap) => taps.push([at + slot * job.slotBytes, tap]));
    sums.fill(0);
    for (let c = 0; c < channels; c++) {
      for (const [at, tap] of taps) {
        const x = words[(at >>> 2) + c]!;
        if (x === 0) continue;
        counts[i] = counts[i]! + 1;
        rows.push(tap * channels + c);
        const row = (job.weights + (tap * channels + c) * job.rowBytes) >>> 2;
        for (let l = 0; l < lanes; l++) sums[l] = sums[l]! + x * memory.i32[row + l]!;
      }
    }
    writeResult(memory, job, sums, 0, lanes, job.output + position * job.positionBytes + slot * job.stepBytes);
  }
  return { counts, rows: Int32Array.from(rows) };
}
