/*
 * Weighted sums of real inputs: products and sums in f64, in the order (channel, ky, kx), each rounded as it stands; zeros are
 * left out. The order is part of the result, so a lane adds alone; lanes go side by side.
 */
import { MultiplyJob } from "./job";
import { setLimit, writePair } from "./output";

/** Outputs of all positions and slots; the weights have been converted. `limit` clamps int results. */
export function multiply(job: MultiplyJob, limit: f64): void {
  setLimit(limit);
  let count = job.counts;
  let rows = job.rows;
  for (let p = 0; p < job.positions; p++) {
    for (let slot: u32 = 0; slot < job.slots; slot++, count += 4) {
      const end = gather(job, p, slot, rows);
      rows += (end - job.patch) >> 2;
      store<i32>(count, <i32>(end - job.patch) >> 4);
      const to = job.output + p * job.positionBytes + slot * job.stepBytes;
      for (let lane: u32 = 0; lane < job.lanes; lane += 8) multiplyChunk(job, lane, end, to + (lane << 2));
    }
  }
}

/** Weights as f64, rows without gaps. */
export function convertWeights(job: MultiplyJob): void {
  const rows = <u32>(job.kernel * job.kernel * job.channels);
  let to = job.doubles;
  for (let r: u32 = 0; r < rows; r++) {
    for (let lane: u32 = 0; lane < job.lanes; lane += 2, to += 16) {
      v128.store(to, f64x2.convert_low_i32x4_s(v128.load64_zero(job.weights + r * job.rowBytes + (lane << 2))));
    }
  }
}

/**
 * Puts the inputs of a window that are not zero at the patch, each with the address of its weights, and their weight rows at
 * `rows`; returns the end of the patch.
 */
function gather(job: MultiplyJob, position: i32, slot: u32, rows: usize): usize {
  const top = job.top(position);
  const left = job.left(position);
  const kyTo = job.end(top, job.height);
  const kxTo = job.end(left, job.width);
  const rowBytes = job.lanes << 3;
  let to = job.patch;
  for (let c = 0; c < job.channels; c++) {
    for (let ky = max(0, -top); ky < kyTo; ky++) {
      for (let kx = max(0, -left); kx < kxTo; kx++) {
        const from = job.at(top + ky, left + kx) + slot * job.slotBytes + (c << 2);
        const x = job.intInput ? <f64>load<i32>(from) : <f64>load<f32>(from);
        if (x === 0) continue;
        const row = (ky * job.kernel + kx) * job.channels + c;
        store<f64>(to, x);
        store<u32>(to, job.doubles + row * rowBytes, 8);
        store<u32>(rows, row);
        to += 16;
        rows += 4;
      }
    }
  }
  return to;
}

/** Eight lanes. */
@inline
function multiplyChunk(job: MultiplyJob, lane: u32, end: usize, to: usize): void {
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  let c = f64x2.splat(0);
  let d = f64x2.splat(0);
  for (let input = job.patch; input < end; input += 16) {
    const x = v128.load64_splat(input);
    const row = load<u32>(input, 8) + (lane << 3);
    a = f64x2.add(a, f64x2.mul(x, v128.load(row)));
    b = f64x2.add(b, f64x2.mul(x, v128.load(row, 16)));
    c = f64x2.add(c, f64x2.mul(x, v128.load(row, 32)));
    d = f64x2.add(d, f64x2.mul(x, v128.load(row, 48)));
  }
  writePair(a, job.bias, job.scales, job.int, lane, to);
  writePair(b, job.bias, job.scales, job.int, lane + 2, to + 8);
  writePair(c, job.bias, job.scales, job.int, lane + 4, to + 16);
  writePair(d, job.bias, job.scales, job.int, lane + 6, to + 24);
}
