/* Work on single words, in plain code, one after the other: an output may overlap inputs of later words. */
import { roundHalfEven } from "../../math/grid.js";
import { positionsOf, type MapWindow } from "./kernels.js";
import type { KernelMemory } from "./memory.js";
import { forEachTap } from "./plain-parts.js";

/** a + b, number by number. `int`: both are shifted left before, and sums brought into -limit..limit (Infinity: they wrap). */
export interface Addition {
  readonly a: number;
  readonly b: number;
  readonly output: number;
  /** Number of values, a multiple of 8. */
  readonly values: number;
  readonly format: "real" | "int";
  readonly aShift: number;
  readonly bShift: number;
  readonly limit: number;
}

/** Numbers of the other format at `input` become numbers of `format` at `output`; integers count `unit`s. */
export interface Conversion {
  readonly input: number;
  readonly output: number;
  /** Number of values, a multiple of 8. */
  readonly values: number;
  readonly format: "real" | "int";
  /** A power of two, from 2^-64 to 2^64. */
  readonly unit: number;
  /** `int`: rounded half to even, then brought into lo..hi, 32 bits. */
  readonly lo: number;
  readonly hi: number;
}

/** OR over the windows of a spike map, all blocks and timesteps of the words. */
export interface OrPool extends MapWindow {
  readonly timesteps: number;
  /** Spike word of the tile's first position; bytes to the next. */
  readonly output: number;
  readonly positionBytes: number;
}

/** Maximum over the windows of a data map, all blocks, a timestep after the other. */
export interface MaxPool extends MapWindow {
  readonly format: "real" | "int";
  readonly steps: number;
  readonly inputStepBytes: number;
  readonly output: number;
  readonly positionBytes: number;
  readonly stepBytes: number;
}

export function addPlain({ i32, f32 }: KernelMemory, job: Addition): void {
  const [a, b, to] = [job.a >>> 2, job.b >>> 2, job.output >>> 2];
  if (job.format === "real") {
    for (let i = 0; i < job.values; i++) f32[to + i] = f32[a + i]! + f32[b + i]!;
    return;
  }
  const [left, right] = [2 ** job.aShift, 2 ** job.bShift];
  for (let i = 0; i < job.values; i++) {
    const sum = i32[a + i]! * left + i32[b + i]! * right;
    i32[to + i] = Math.min(job.limit, Math.max(-job.limit, sum));
  }
}

export function convertPlain({ i32, f32 }: KernelMemory, job: Conversion): void {
  const { values, unit, lo, hi } = job;
  const [from, to] = [job.input >>> 2, job.output >>> 2];
  if (job.format === "real") for (let i = 0; i < values; i++) f32[to + i] = i32[from + i]! * unit;
  else {
    for (let i = 0; i < values; i++) i32[to + i] = Math.min(hi, Math.max(lo, roundHalfEven(f32[from + i]! / unit)));
  }
}

export function poolOrPlain({ u8 }: KernelMemory, job: OrPool): void {
  const wordBytes = (job.lanes * job.timesteps) / 8;
  const word = new Uint8Array(wordBytes);
  for (let p = 0; p < positionsOf(job); p++) {
    for (let from = 0; from < job.blocks * wordBytes; from += wordBytes) {
      word.fill(0);
      forEachTap(job, p, wordBytes, (at) => {
        for (let i = 0; i < wordBytes; i++) word[i] = word[i]! | u8[at + from + i]!;
      });
      u8.set(word, job.output + p * job.positionBytes + from);
    }
  }
}

export function poolMaxPlain({ f32, i32 }: KernelMemory, job: MaxPool): void {
  const words = job.format === "int" ? i32 : f32;
  const largest = new Float64Array(job.lanes);
  for (let step = 0; step < job.steps; step++) {
    for (let p = 0; p < positionsOf(job); p++) {
      for (let lane = 0; lane < job.blocks * job.lanes; lane += job.lanes) {
        largest.fill(-Infinity);
        forEachTap(job, p, job.lanes * 4, (at) => {
          const from = ((at + step * job.inputStepBytes) >>> 2) + lane;
          for (let l = 0; l < job.lanes; l++) largest[l] = Math.max(largest[l]!, words[from + l]!);
        });
        words.set(largest, ((job.output + p * job.positionBytes + step * job.stepBytes) >>> 2) + lane);
      }
    }
  }
}
