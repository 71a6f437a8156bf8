/*
 * Leaky integrate-and-fire neurons, eight at a time: potentials stay in registers over the timesteps of a group. Real rules
 * round every operation to f32, in the order in which `neuron.lif` states them. Integer rules are exact for all potentials,
 * currents and thresholds of 32 bits, and truncate toward zero.
 */
import { FireJob } from "./job";

const DIVIDE = 0;
const MULTIPLY = 1;
const DECAY_THEN_ADD = 2;
const INTEGRATE = 3;
/** Integers: trunc(v * k) + x, and v - trunc(v * k) + x, where k counts 2^-31. */
const KEEP = 4;
const LOSE = 5;
/** v - trunc(v / 2^k) + x, where all lanes have the same k <= 31. */
const SHIFT = 6;
/** With potentials up to 2^29, no sum of one and a current that is cut to what can matter leaves 32 bits. */
const NARROW: u32 = 1 << 29;

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
function writeSpikes(job: FireJob, step: u32, spikes: i32, to: usize): void {
  store<u8>(to, <u8>spikes);
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
  // Read once: the compiler cannot know that no store changes the job.
  const rule = job.rule;
  const soft = job.soft;
  const gt = job.gt;
  const fractionBits = job.fractionBits;
  const vReset = i32x4.splat(job.vResetInt);
  // The largest potential; the smallest is its complement.
  const most = i32x4.splat(<i32>(job.limit - 1));
  const fits = job.limit <= NARROW && isInside(vReset, most);
  for (let p: u32 = 0; p < job.positions; p++) {
    const word = job.output + p * job.outputPositionBytes;
    for (let lane: u32 = 0; lane < job.lanes; lane += 8) {
      const state = job.state + p * job.statePositionBytes + (lane << 2);
      const before0 = job.read ? v128.load(state) : i32x4.splat(job.v0Int);
      const before1 = job.read ? v128.load(state, 16) : i32x4.splat(job.v0Int);
      let v0 = before0;
      let v1 = before1;
      const k0 = v128.load(job.arguments + (lane << 2));
      const k1 = v128.load(job.arguments + (lane << 2), 16);
      const threshold0 = v128.load(job.thresholds + (lane << 2));
      const threshold1 = v128.load(job.thresholds + (lane << 2), 16);
      const narrow = fits && isInside(v0, most) && isInside(v1, most);
      const lanes = usedLanes(job, lane);
      let current = job.current + p * job.currentPositionBytes + (lane << 2);
      let to = word + (lane >> 3);
      for (let s: u32 = 0; s < job.steps; s++) {
        v0 = chargeInt(rule, v0, i32x4.shl(v128.load(current), fractionBits), k0, most, narrow);
        v1 = chargeInt(rule, v1, i32x4.shl(v128.load(current, 16), fractionBits), k1, most, narrow);
        const fires0 = gt ? i32x4.gt_s(v0, threshold0) : i32x4.ge_s(v0, threshold0);
        const fires1 = gt ? i32x4.gt_s(v1, threshold1) : i32x4.ge_s(v1, threshold1);
        v0 = v128.bitselect(soft ? excess(v0, threshold0, most) : vReset, v0, fires0);
        v1 = v128.bitselect(soft ? excess(v1, threshold1, most) : vReset, v1, fires1);
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

@inline
function clamp(v: v128, most: v128): v128 {
  return i32x4.max_s(i32x4.min_s(v, most), v128.not(most));
}

/** Whether potentials lie inside their width, as those that programs wrote elsewhere may not. */
@inline
function isInside(v: v128, most: v128): bool {
  return i32x4.all_true(i32x4.eq(v, clamp(v, most)));
}

@inline
function chargeInt(rule: u32, v: v128, x: v128, k: v128, most: v128, narrow: bool): v128 {
  const kept = keep(rule, v, k);
  if (!narrow) return clamp(addSaturating(kept, x), most);
  // A current of this reach takes the lowest potential to the highest: larger ones do the same.
  const reach = i32x4.sub(most, v128.not(most));
  return clamp(i32x4.add(kept, i32x4.max_s(i32x4.min_s(x, reach), i32x4.neg(reach))), most);
}

/** What the rule keeps of potentials; never larger than they. */
@inline
function keep(rule: u32, v: v128, k: v128): v128 {
  if (rule === INTEGRATE) return v;
  if (rule === SHIFT) {
    const bits = i32x4.extract_lane(k, 0);
    // An arithmetic shift rounds down: negative numbers are raised such that it rounds them toward zero.
    const raised = i32x4.add(v, v128.and(i32x4.shr_s(v, 31), i32x4.splat((1 << bits) - 1)));
    return i32x4.sub(v, i32x4.shr_s(raised, bits));
  }
  const part = multiplyInt(v, k);
  return rule === KEEP ? part : i32x4.sub(v, part);
}

/** trunc(v * k / 2^31), k in 0..2^31 without sign: the magnitude of v times k is exact in 64 bits, and v's sign follows. */
@inline
function multiplyInt(v: v128, k: v128): v128 {
  const size = i32x4.abs(v);
  const low = i64x2.shr_u(i64x2.extmul_low_i32x4_u(size, k), 31);
  const high = i64x2.shr_u(i64x2.extmul_high_i32x4_u(size, k), 31);
  const sign = i32x4.shr_s(v, 31);
  return i32x4.sub(v128.xor(i32x4.shuffle(low, high, 0, 2, 4, 6), sign), sign);
}

/** a + x, or the end of 32 bits that it would pass. */
@inline
function addSaturating(a: v128, x: v128): v128 {
  const zero = i32x4.splat(0);
  const highest = i32x4.sub(i32x4.splat(i32.MAX_VALUE), i32x4.max_s(a, zero));
  const lowest = i32x4.sub(i32x4.splat(i32.MIN_VALUE), i32x4.min_s(a, zero));
  return i32x4.add(a, i32x4.max_s(i32x4.min_s(x, highest), lowest));
}

/** v - threshold, saturated, where v fires: it is not negative there, so that 32 bits without sign hold it. */
@inline
function excess(v: v128, threshold: v128, most: v128): v128 {
  return i32x4.min_u(i32x4.sub(v, threshold), most);
}
