/*
 * Leaky integrate-and-fire neurons, eight at a time: potentials stay in registers over the timesteps of a group. Real rules
 * round every operation to f32, in the order in which `neuron.lif` states them. Integer rules run in f64, where they are
 * exact, and truncate toward zero.
 */
import { FireJob } from "./job";

const DIVIDE = 0;
const MULTIPLY = 1;
const DECAY_THEN_ADD = 2;
const INTEGRATE = 3;
/** Integers: trunc(v * k) + x, and v - trunc(v * k) + x. */
const KEEP = 4;
const LOSE = 5;

/** v + (x - (v - vReset)) / k, or * k; v * k + x, where k is what is kept; v + x. */
@inline
function chargeReal(rule: u32, v: v128, x: v128, k: v128, vReset: v128): v128 {
  if (rule === INTEGRATE) return f32x4.add(v, x);
  if (rule === DECAY_THEN_ADD) return f32x4.add(f32x4.mul(v, k), x);
  const rest = f32x4.sub(x, f32x4.sub(v, vReset));
  return f32x4.add(v, rule === DIVIDE ? f32x4.div(rest, k) : f32x4.mul(rest, k));
}

/** Real neurons. */
export function fireReal(job: FireJob): void {
  const vReset = f32x4.splat(job.vReset);
  for (let p: u32 = 0; p < job.positions; p++) {
    const word = job.output + p * job.outputPositionBytes;
    for (let lane: u32 = 0; lane < job.lanes; lane += 8) {
      const state = job.state + p * job.statePositionBytes + (lane << 2);
      const before0 = job.read ? v128.load(state) : f32x4.splat(job.v0);
      const before1 = job.read ? v128.load(state, 16) : f32x4.splat(job.v0);
      let v0 = before0;
      let v1 = before1;
      const k0 = v128.load(job.arguments + (lane << 2));
      const k1 = v128.load(job.arguments + (lane << 2), 16);
      const threshold0 = v128.load(job.thresholds + (lane << 2));
      const threshold1 = v128.load(job.thresholds + (lane << 2), 16);
      const lanes = usedLanes(job, lane);
      let current = job.current + p * job.currentPositionBytes + (lane << 2);
      let to = word + (lane >> 3);
      for (let s: u32 = 0; s < job.steps; s++) {
        v0 = chargeReal(job.rule, v0, v128.load(current), k0, vReset);
        v1 = chargeReal(job.rule, v1, v128.load(current, 16), k1, vReset);
        const fires0 = job.gt ? f32x4.gt(v0, threshold0) : f32x4.ge(v0, threshold0);
        const fires1 = job.gt ? f32x4.gt(v1, threshold1) : f32x4.ge(v1, threshold1);
        v0 = v128.bitselect(job.soft ? f32x4.sub(v0, threshold0) : vReset, v0, fires0);
        v1 = v128.bitselect(job.soft ? f32x4.sub(v1, threshold1) : vReset, v1, fires1);
        writeSpikes(job, s, (i32x4.bitmask(fires0) | (i32x4.bitmask(fires1) << 4)) & lanes, to);
        current += job.currentStepBytes;
        to += job.lanes >> 3;
      }
      if (!job.write) continue;
      v128.store(state, keepUnused(v0, before0, lanes, 0));
      v128.store(state, keepUnused(v1, before1, lanes, 4), 16);
    }
    clearRest(job, word);
  }
}

/** Bits of the lanes from `lane` on that hold neurons, at most eight. */
@inline
function usedLanes(job: FireJob, lane: u32): i32 {
  const left = <i32>(job.used - lane);
  return left >= 8 ? 255 : left <= 0 ? 0 : (1 << left) - 1;
}

@inline
function writeSpikes(job: FireJob, step: u32, spikes: i32, to: usize, beside: u8 = 0): void {
  store<u8>(to, <u8>spikes | beside);
  const count = job.counts + (step << 2);
  store<i32>(count, load<i32>(count) + popcnt(spikes));
}

/** `after` in the lanes whose bit is set from `first` on, `before` in the others. */
@inline
function keepUnused(after: v128, before: v128, lanes: i32, first: i32): v128 {
  const bits = i32x4(1, 2, 4, 8);
  const used = i32x4.eq(v128.and(i32x4.splat(lanes >> first), bits), bits);
  return v128.bitselect(after, before, used);
}

/** Timesteps of the word that the group does not have hold no spike. */
@inline
function clearRest(job: FireJob, word: usize): void {
  for (let byte = job.steps * (job.lanes >> 3); byte < job.wordBytes; byte++) store<u8>(word + byte, 0);
}

/** Integer neurons whose potentials saturate. */
export function fireInt(job: FireJob): void {
  for (let p: u32 = 0; p < job.positions; p++) {
    const word = job.output + p * job.outputPositionBytes;
    for (let lane: u32 = 0; lane < job.lanes; lane += 4) {
      const state = job.state + p * job.statePositionBytes + (lane << 2);
      const before = job.read ? v128.load(state) : i32x4.splat(job.v0Int);
      let low = f64x2.convert_low_i32x4_s(before);
      let high = f64x2.convert_low_i32x4_s(upper(before));
      const lanes = usedLanes(job, lane) & 15;
      let current = job.current + p * job.currentPositionBytes + (lane << 2);
      let to = word + (lane >> 3);
      for (let s: u32 = 0; s < job.steps; s++) {
        const x = i32x4.shl(v128.load(current), job.fractionBits);
        low = chargeInt(job, low, f64x2.convert_low_i32x4_s(x), lane);
        high = chargeInt(job, high, f64x2.convert_low_i32x4_s(upper(x)), lane + 2);
        let spikes = firesInt(job, low, lane) | (firesInt(job, high, lane + 2) << 2);
        low = resetInt(job, low, lane);
        high = resetInt(job, high, lane + 2);
        spikes &= lanes;
        // Two fours share a byte.
        if (lane & 4) writeSpikes(job, s, spikes << 4, to, load<u8>(to));
        else writeSpikes(job, s, spikes, to, 0);
        current += job.currentStepBytes;
        to += job.lanes >> 3;
      }
      if (!job.write) continue;
      const after = i32x4.shuffle(i32x4.trunc_sat_f64x2_s_zero(low), i32x4.trunc_sat_f64x2_s_zero(high), 0, 1, 4, 5);
      v128.store(state, keepUnused(after, before, lanes, 0));
    }
    clearRest(job, word);
  }
}

/** The last two lanes of four. */
@inline
function upper(x: v128): v128 {
  return i32x4.shuffle(x, x, 2, 3, 2, 3);
}

@inline
function fit(job: FireJob, value: v128): v128 {
  const limit = <f64>job.limit;
  return f64x2.max(f64x2.min(value, f64x2.splat(limit - 1)), f64x2.splat(-limit));
}

@inline
function chargeInt(job: FireJob, v: v128, x: v128, lane: u32): v128 {
  if (job.rule === INTEGRATE) return fit(job, f64x2.add(v, x));
  const part = f64x2.trunc(f64x2.mul(v, v128.load(job.arguments + (lane << 3))));
  return fit(job, f64x2.add(job.rule === KEEP ? part : f64x2.sub(v, part), x));
}

@inline
function firing(job: FireJob, v: v128, lane: u32): v128 {
  const threshold = v128.load(job.thresholds + (lane << 3));
  return job.gt ? f64x2.gt(v, threshold) : f64x2.ge(v, threshold);
}

@inline
function firesInt(job: FireJob, v: v128, lane: u32): i32 {
  return i64x2.bitmask(firing(job, v, lane));
}

@inline
function resetInt(job: FireJob, v: v128, lane: u32): v128 {
  const soft = fit(job, f64x2.sub(v, v128.load(job.thresholds + (lane << 3))));
  return v128.bitselect(job.soft ? soft : f64x2.splat(<f64>job.vResetInt), v, firing(job, v, lane));
}
