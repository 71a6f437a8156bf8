/*
 * Attention of one head with counters: K^T V counts, for each pair of channels, the tokens and timesteps in which both spike;
 * Q times the counters adds the rows of the query's channels.
 */
import { AttendJob } from "./job";

/** Up to eight channels of the head from `channel` on, as bits; a head may begin and end within a byte. */
@inline
function channelsOf(job: AttendJob, map: usize, position: u32, step: u32, channel: u32): u32 {
  const first = job.channel + channel;
  const n = min<u32>(8, job.d - channel);
  const base = map + position * job.positionBytes + (job.bit + step) * job.stepBytes;
  const byte = byteOf(job, base, first);
  if ((first & 7) === 0) return byte & ((1 << n) - 1);
  const bits = (byte >> (first & 7)) | (byteOf(job, base, first + n - 1) << (8 - (first & 7)));
  return bits & ((1 << n) - 1);
}

@inline
function byteOf(job: AttendJob, base: usize, channel: u32): u32 {
  const block = channel / job.lanes;
  return load<u8>(base + block * job.wordBytes + ((channel - block * job.lanes) >> 3));
}

/** Eight bits as eight bytes of 0 or 1. */
@inline
function spread(bits: u32): u64 {
  const chosen = (<u64>bits * 0x0101010101010101) & 0x8040201008040201;
  return ((chosen + 0x7f7f7f7f7f7f7f7f) >> 7) & 0x0101010101010101;
}

/** Adds K^T V of all positions and timesteps to the i32 counters; bytes count until they could overflow. */
export function attendKeys(job: AttendJob): void {
  const row = job.rowBytes >> 2;
  memory.fill(job.bytes, 0, job.d * row);
  memory.fill(job.spread, 0, row);
  let slots = 0;
  let events = job.events;
  for (let p: u32 = 0; p < job.positions; p++) {
    for (let s: u32 = 0; s < job.steps; s++, events += 4) {
      for (let c: u32 = 0; c < job.d; c += 8) {
        store<u64>(job.spread + c, spread(channelsOf(job, job.values, p, s, c)));
      }
      let keys = 0;
      for (let c: u32 = 0; c < job.d; c += 8) {
        for (let bits = channelsOf(job, job.first, p, s, c); bits !== 0; bits &= bits - 1, keys++) {
          addBytes(job.bytes + (c + ctz(bits)) * row, job.spread, row);
        }
      }
      store<i32>(events, keys);
      if (++slots === 255) {
        flush(job, row);
        slots = 0;
      }
    }
  }
  flush(job, row);
}

@inline
function addBytes(to: usize, from: usize, bytes: u32): void {
  for (let i: u32 = 0; i < bytes; i += 16) v128.store(to + i, i8x16.add(v128.load(to + i), v128.load(from + i)));
}

/** Moves the bytes into the counters. */
function flush(job: AttendJob, row: u32): void {
  const end = job.bytes + job.d * row;
  let counter = job.counters;
  for (let from = job.bytes; from < end; from += 16, counter += 64) {
    const bytes = v128.load(from);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    addTo(counter, i32x4.extend_low_i16x8_u(low));
    addTo(counter + 16, i32x4.extend_high_i16x8_u(low));
    addTo(counter + 32, i32x4.extend_low_i16x8_u(high));
    addTo(counter + 48, i32x4.extend_high_i16x8_u(high));
    v128.store(from, i64x2.splat(0));
  }
}

@inline
function addTo(counter: usize, values: v128): void {
  v128.store(counter, i32x4.add(v128.load(counter), values));
}

/** The sequential rule: counters * scale, rounded to f32, at `to`. Counters are below 2^24. */
export function scaleCounters(counters: usize, to: usize, bytes: u32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let i: u32 = 0; i < bytes; i += 16) {
    v128.store(to + i, f32x4.mul(f32x4.convert_i32x4_s(v128.load(counters + i)), factor));
  }
}

const INT = 1;
const SEQUENTIAL = 2;

/** Results of all positions and timesteps; the rows of one timestep's channels are listed at `bytes` first. */
export function attendQueries(job: AttendJob, scale: f64): void {
  let events = job.events;
  for (let p: u32 = 0; p < job.positions; p++) {
    for (let s: u32 = 0; s < job.steps; s++, events += 4) {
      let end = job.bytes;
      for (let c: u32 = 0; c < job.d; c += 8) {
        for (let bits = channelsOf(job, job.first, p, s, c); bits !== 0; bits &= bits - 1, end += 4) {
          store<u32>(end, job.counters + (c + ctz(bits)) * job.rowBytes);
        }
      }
      store<i32>(events, <i32>(end - job.bytes) >> 2);
      const to = job.output + p * job.outputPositionBytes + s * job.outputStepBytes;
      for (let j: u32 = 0; j < job.d; j += 16) {
        if (job.kind === SEQUENTIAL) addRows<f32>(job, end, j, to, scale);
        else addRows<i32>(job, end, j, to, scale);
      }
    }
  }
}

/** Sixteen results from channel `j` of the head on: rows of counters, in ascending order. */
@inline
function addRows<T>(job: AttendJob, end: usize, j: u32, to: usize, scale: f64): void {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  for (let next = job.bytes; next < end; next += 4) {
    const row = load<u32>(next) + (j << 2);
    a = v128.add<T>(a, v128.load(row));
    b = v128.add<T>(b, v128.load(row, 16));
    c = v128.add<T>(c, v128.load(row, 32));
    d = v128.add<T>(d, v128.load(row, 48));
  }
  write(job, a, j, to, scale);
  write(job, b, j + 4, to, scale);
  write(job, c, j + 8, to, scale);
  write(job, d, j + 12, to, scale);
}

/** Four results, of which those behind the head are left out. */
@inline
function write(job: AttendJob, sums: v128, j: u32, to: usize, scale: f64): void {
  if (j >= job.d) return;
  let values = sums;
  if (job.kind !== INT && job.kind !== SEQUENTIAL) {
    const factor = f64x2.splat(scale);
    const low = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.convert_low_i32x4_s(sums), factor));
    const upper = i32x4.shuffle(sums, sums, 2, 3, 2, 3);
    const high = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.convert_low_i32x4_s(upper), factor));
    values = i32x4.shuffle(low, high, 0, 1, 4, 5);
  }
  const at = to + (j << 2);
  const n = job.d - j;
  if (n >= 4) {
    v128.store(at, values);
    return;
  }
  store<i32>(at, i32x4.extract_lane(values, 0));
  if (n > 1) store<i32>(at, i32x4.extract_lane(values, 1), 4);
  if (n > 2) store<i32>(at, i32x4.extract_lane(values, 2), 8);
}
