/* Word by word: additions, conversions, and reductions over windows. */
import { PoolJob } from "./job";

/** Sums of `bytes` bytes of f32; all multiples of 16. */
export function addReal(a: usize, b: usize, to: usize, bytes: u32): void {
  for (let i: u32 = 0; i < bytes; i += 16) v128.store(to + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
}

/** Sums of i32, shifted left before, clamped to -limit..limit. */
export function addInt(a: usize, b: usize, to: usize, bytes: u32, aShift: u32, bShift: u32, limit: f64): void {
  const most = f64x2.splat(limit);
  const least = f64x2.splat(-limit);
  const aUnit = f64x2.splat(<f64>((<i64>1) << aShift));
  const bUnit = f64x2.splat(<f64>((<i64>1) << bShift));
  for (let i: u32 = 0; i < bytes; i += 8) {
    const x = f64x2.mul(f64x2.convert_low_i32x4_s(v128.load64_zero(a + i)), aUnit);
    const y = f64x2.mul(f64x2.convert_low_i32x4_s(v128.load64_zero(b + i)), bUnit);
    const sum = f64x2.max(f64x2.min(f64x2.add(x, y), most), least);
    store<i64>(to + i, i64x2.extract_lane(i32x4.trunc_sat_f64x2_s_zero(sum), 0));
  }
}

/** The same without clamps: sums wrap. */
export function addWrapping(a: usize, b: usize, to: usize, bytes: u32, aShift: u32, bShift: u32): void {
  for (let i: u32 = 0; i < bytes; i += 16) {
    const x = i32x4.shl(v128.load(a + i), aShift);
    v128.store(to + i, i32x4.add(x, i32x4.shl(v128.load(b + i), bShift)));
  }
}

/** f32 to i32: times `unit`, rounded half to even, brought into lo..hi; NaN becomes 0. */
export function convertToInt(from: usize, to: usize, bytes: u32, unit: f64, lo: f64, hi: f64): void {
  const factor = f64x2.splat(unit);
  const least = f64x2.splat(lo);
  const most = f64x2.splat(hi);
  for (let i: u32 = 0; i < bytes; i += 8) {
    const x = f64x2.nearest(f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(from + i)), factor));
    const kept = f64x2.min(f64x2.max(x, least), most);
    store<i64>(to + i, i64x2.extract_lane(i32x4.trunc_sat_f64x2_s_zero(kept), 0));
  }
}

/** i32 to f32: times `unit`, rounded once. */
export function convertToReal(from: usize, to: usize, bytes: u32, unit: f64): void {
  const factor = f64x2.splat(unit);
  for (let i: u32 = 0; i < bytes; i += 8) {
    const x = f64x2.mul(f64x2.convert_low_i32x4_s(v128.load64_zero(from + i)), factor);
    store<i64>(to + i, i64x2.extract_lane(f32x4.demote_f64x2_zero(x), 0));
  }
}

/** Reductions of 16 bytes at a time. */
const OR = 0;
const MAX_REAL = 1;
const MAX_INT = 2;

/** OR of spike words, all timesteps at once; the last bytes of a position one by one. */
export function poolOr(job: PoolJob): void {
  pool(job, OR);
}

/** Maxima of f32. */
export function poolMaxReal(job: PoolJob): void {
  pool(job, MAX_REAL);
}

/** Maxima of i32. */
export function poolMaxInt(job: PoolJob): void {
  pool(job, MAX_INT);
}

@inline
function pool(job: PoolJob, kind: u32): void {
  for (let s: u32 = 0; s < job.steps; s++) {
    for (let p = 0; p < job.positions; p++) {
      const top = job.top(p);
      const left = job.left(p);
      const kyFrom = max(0, -top);
      const kxFrom = max(0, -left);
      const rows = job.end(top, job.height) - kyFrom;
      const columns = job.end(left, job.width) - kxFrom;
      const from = job.at(top + kyFrom, left + kxFrom) + s * job.inputStepBytes;
      const to = job.output + p * job.positionBytes + s * job.stepBytes;
      let byte: u32 = 0;
      for (; byte + 16 <= job.bytes; byte += 16) v128.store(to + byte, reduce(job, from + byte, rows, columns, kind));
      for (; byte < job.bytes; byte++) store<u8>(to + byte, orByte(job, from + byte, rows, columns));
    }
  }
}

@inline
function reduce(job: PoolJob, from: usize, rows: i32, columns: i32, kind: u32): v128 {
  let result = v128.load(from);
  for (let y = 0; y < rows; y++, from += job.width * job.inputBytes) {
    for (let x = 0; x < columns; x++) {
      const next = v128.load(from + x * job.inputBytes);
      if (kind === OR) result = v128.or(result, next);
      else if (kind === MAX_REAL) result = f32x4.max(result, next);
      else result = i32x4.max_s(result, next);
    }
  }
  return result;
}

@inline
function orByte(job: PoolJob, from: usize, rows: i32, columns: i32): u8 {
  let result: u8 = 0;
  for (let y = 0; y < rows; y++, from += job.width * job.inputBytes) {
    for (let x = 0; x < columns; x++) result |= load<u8>(from + x * job.inputBytes);
  }
  return result;
}
