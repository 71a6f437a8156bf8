/*
 * Weighted sums of one block of outputs over all positions of a job. Rows of one pattern are summed in narrow lanes held in
 * registers, widened after `safeRows` additions at the latest; then patterns are combined to timesteps and rounded once.
 * All positions of a chunk of lanes come before the next chunk, so that the weights of the chunk stay cached.
 */
import { combine } from "./combine";
import { SumJob } from "./job";
import { HEADER_BYTES } from "./lists";
import { setLimit } from "./output";
import { sumRows32, sumRows8 } from "./rows32";
import { sumRows16x8, sumRows64x8 } from "./rows8";

/** i32 weights, summed in i64. `limit` clamps int results. */
export function sum32(job: SumJob, limit: f64): void {
  setLimit(limit);
  fetchWeights(job);
  let lane: u32 = 0;
  for (; lane + 32 <= job.lanes; lane += 32) sumChunk<i64>(job, lane, 32);
  for (; lane < job.lanes; lane += 8) sumChunk<i64>(job, lane, 8);
}

/** Packed i8 weights (rows8.ts), summed in i32. */
export function sum8(job: SumJob, limit: f64): void {
  setLimit(limit);
  fetchWeights(job);
  let lane: u32 = 0;
  for (; lane + 64 <= job.lanes; lane += 64) sumChunk<i32>(job, lane, 64);
  for (; lane < job.lanes; lane += 16) sumChunk<i32>(job, lane, 16);
}

/** Bytes of a block that a second-level cache keeps, and positions that read it often enough to be worth fetching. */
const CACHED_BYTES: u32 = 1048576;
const MANY_POSITIONS: u32 = 16;
const LINE_BYTES: u32 = 64;

let fetched: i32 = 0;

/**
 * Reads one word of each cache line in order, which the hardware foresees; the lists visit rows out of order, and would wait
 * for memory row by row. The sum of the words is kept so that the loads are not removed.
 */
function fetchWeights(job: SumJob): void {
  const bytes = job.rows * job.rowBytes;
  if (job.positions < MANY_POSITIONS || bytes > CACHED_BYTES) return;
  let sum = 0;
  for (let at: u32 = 0; at < bytes; at += LINE_BYTES) sum += load<i32>(job.weights + at);
  fetched = sum;
}

/** Outputs of a chunk of lanes; T is the type of wide sums. */
@inline
function sumChunk<T>(job: SumJob, lane: u32, lanes: u32): void {
  const patternBytes = lanes * sizeof<T>();
  const quadBytes = job.planes * HEADER_BYTES;
  let header = job.headers;
  let output = job.output + (lane << 2);
  for (let p: u32 = 0; p < job.positions; p++, output += job.positionBytes) {
    for (let step: u32 = 0; step < job.steps; step += 4, header += quadBytes) {
      const steps = min<u32>(4, job.steps - step);
      for (let g: u32 = 0; g < (<u32>1 << steps) - 1; g++) {
        sumPattern<T>(job, header + (g << 2), lane, lanes, job.scratch + g * patternBytes);
      }
      combine<T>(job, steps, patternBytes, lane, min(lanes, job.lanes - lane), output + step * job.stepBytes);
    }
  }
}

/** Sums of the rows of one pattern, whose begin stands at `header` and end behind it; planes are 64 bytes apart. */
@inline
function sumPattern<T>(job: SumJob, header: usize, lane: u32, lanes: u32, sums: usize): void {
  let fresh = true;
  for (let plane: u32 = 0; plane < job.planes; plane++, header += HEADER_BYTES) {
    let from = load<u32>(header);
    const end = load<u32>(header, 4);
    while (from < end) {
      const stop = min<u32>(end, from + (job.safeRows << 2));
      if (sizeof<T>() === 4) {
        const weights = job.weights + lane;
        if (lanes === 64) sumRows64x8(weights, job.rowBytes, from, stop, sums, plane, fresh);
        else sumRows16x8(weights, job.rowBytes, from, stop, sums, plane, fresh);
      } else {
        const weights = job.weights + (lane << 2);
        if (lanes === 32) sumRows32(weights, job.rowBytes, from, stop, sums, plane, fresh);
        else sumRows8(weights, job.rowBytes, from, stop, sums, plane, fresh);
      }
      fresh = false;
      from = stop;
    }
  }
  if (fresh) for (let i: u32 = 0; i < lanes * sizeof<T>(); i += 16) v128.store(sums + i, i64x2.splat(0));
}
