import { roundHalfEven } from "../math/grid.js";
import { channelsOf, realTensor, type AttrValue, type Call, type OpView, type RealTensor } from "../ir/index.js";

/** A real neuron in integers: its attributes, its per-channel constants, and how exact it is. */
export interface IntegerNeuron {
  readonly attrs: Readonly<Record<string, AttrValue>>;
  readonly thresholds: number | RealTensor;
  readonly decays: RealTensor | undefined;
  readonly fractionBits: number;
  /** Every charge within the net's timesteps is the exact rational number. */
  readonly exact: boolean;
  /** The state cannot reach the end of its width. */
  readonly fits: boolean;
  /** Thresholds beyond the state's width: neurons that never fire. */
  readonly clamped: number;
  /** Thresholds that are another integer than the real one rounds to: see {@link NeuronSettings.thresholdShift}. */
  readonly moved: number;
}

export interface NeuronSettings {
  readonly timesteps: number;
  readonly stateBits: number;
  /** -1: as many as keep all charges exact. */
  readonly fractionBits: number;
  /**
   * Low bits that a threshold register does not hold, where the comparison is strict: v >= v_th is v > v_th - 1, so thresholds are
   * M * 2^thresholdShift + 1; with potentials in units of 2^-s of the state M * 2^(thresholdShift - s) + 1. 0: any integer.
   */
  readonly thresholdShift: number;
  /** What becomes of a halving that is not exact: `shift` truncates what is lost, `decay` what is kept. */
  readonly truncation: "shift" | "decay";
}

/** Most that a threshold moves to fit its register, as a fraction: what 8 bits round weights by. */
const MOST_MOVED = 2 ** -8;
/** Where potentials have to stay in units of the state, there is no other way to fit. */
const MOST_MOVED_UNSCALED = 2 ** -5;
/** The least threshold, in steps of its register, for which the unit of weights grows: coarser ones would round it up by too much. */
const LEAST_STEPS = 16;

/** The largest 2 * 2^i or 3 * 2^i up to this: a register per octave and half, so that the channels of a layer share few. */
function fewSteps(steps: number): number {
  const octave = 2 ** Math.floor(Math.log2(steps));
  return steps >= 1.5 * octave ? 1.5 * octave : octave;
}

/** Bits of finer units that a scale-free potential may have: all, or none where truncation fixes the unit. */
function finerUnits({ thresholdShift }: NeuronSettings, scaleFree: boolean): readonly number[] {
  return scaleFree ? Array.from({ length: thresholdShift + 1 }, (_, s) => s) : [0];
}

/**
 * A threshold on counts, which ties reach: exact where potentials 2^thresholdShift times as fine are proved to fit (`room` bits are),
 * else the next one below, which potentials that are multiples of the register's steps do not tell from it.
 */
function registerThresholdOfCounts(whole: number, settings: NeuronSettings, room: number): number {
  if (room >= settings.thresholdShift) return whole;
  const step = 2 ** (settings.thresholdShift - room);
  const below = Math.floor((whole - 1) / step) * step + 1;
  return whole - below <= MOST_MOVED * whole ? below : whole;
}

/** The nearest threshold that a register holds, in the coarsest units that change it little. */
function registerThreshold(whole: number, settings: NeuronSettings, scaleFree: boolean): number {
  for (const s of finerUnits(settings, scaleFree)) {
    const step = 2 ** (settings.thresholdShift - s);
    const near = Math.max(0, Math.round((whole - 1) / step)) * step + 1;
    if (Math.abs(near - whole) <= (scaleFree ? MOST_MOVED : MOST_MOVED_UNSCALED) * whole) return near;
  }
  return whole;
}

/**
 * The unit, at least `unit`, of a current with which this neuron's threshold is an integer that a register holds; `share` is what
 * one unit of the current is worth to the neuron (1 / n behind a mean of n). Where each channel has a unit of its own, thresholds
 * are few of those numbers.
 */
export function unitForRegister(
  view: OpView,
  unit: number,
  channel: number,
  share: number,
  settings: NeuronSettings,
  perChannel: boolean,
): number {
  const channels = channelsOf(view.operand(0));
  const charge = chargeOf(view, channels, settings.timesteps);
  if (typeof charge === "string" || view.word("fire") !== "ge") return unit;
  const scaleFree = charge.spent !== undefined;
  const bits = wantedFraction(charge, view, settings);
  const vTh = view.perChannel("v_th", channels)[channel] ?? 0;
  const offset = charge.offset ? view.number("v_reset") : 0;
  const real = (charge.gain(channel) * (vTh - offset) * 2 ** bits) / share;
  for (const s of finerUnits(settings, scaleFree)) {
    const step = 2 ** (settings.thresholdShift - s);
    const steps = Math.floor((real / unit - 1) / step);
    if (steps >= LEAST_STEPS) return real / ((perChannel ? fewSteps(steps) : steps) * step + 1);
  }
  return unit;
}

/** What a charge rule becomes: the state is `gain` times the potential (less v_reset where `offset`). */
interface Charge {
  readonly call: Call;
  readonly gain: (channel: number) => number;
  readonly decays: Float32Array | undefined;
  readonly offset: boolean;
  /** Bits of fraction that one timestep uses up; undefined where no number of bits is exact. */
  readonly spent: number | undefined;
  /** Most that the sum of decayed unit currents can be. */
  readonly reach: number;
}

/** Σ kept^t over t < T. */
function geometric(kept: number, timesteps: number): number {
  return kept >= 1 ? timesteps : (1 - kept ** timesteps) / (1 - kept);
}

const wholeLog2 = (x: number): number | undefined => (Number.isInteger(Math.log2(x)) ? Math.log2(x) : undefined);

/** An exponential decay that loses `lost` of the state per timestep. */
function decaying(lost: readonly number[], gain: (c: number) => number, offset: boolean, T: number): Charge | string {
  const wrong = lost.find((k) => !(k >= 0 && k <= 1));
  if (wrong !== undefined) return `it loses ${wrong} of its potential per timestep; integers decay by 0..1`;
  const [first = 0] = lost;
  const shift = wholeLog2(1 / first);
  const uniform = lost.every((k) => k === first);
  if (uniform && shift !== undefined && shift <= 30) {
    const reach = geometric(1 - first, T) + 1e-6;
    return { call: { name: "shift", args: [shift] }, gain, decays: undefined, offset, spent: shift, reach };
  }
  const rounded = Float32Array.from(lost, (k) => Math.round(k * 4096));
  const least = rounded.reduce((a, b) => Math.min(a, b), 4096);
  const call = { name: "decay", args: [rounded[0] ?? 0] };
  const reach = geometric(1 - least / 4096, T);
  return { call, gain, decays: uniform ? undefined : rounded, offset, spent: undefined, reach };
}

function chargeOf(view: OpView, channels: number, T: number): Charge | string {
  const { name, args } = view.call("charge");
  const [a = 0, b = 0] = args;
  const k =
    view.op.attrs["k"] === undefined ? Array.from({ length: channels }, () => a) : [...view.perChannel("k", channels)];
  switch (name) {
    case "divide":
      return decaying(
        k.map((tau) => 1 / tau),
        (c) => k[c] ?? 1,
        true,
        T,
      );
    case "multiply":
      return decaying(k, (c) => 1 / (k[c] ?? 1), true, T);
    case "decay-then-add":
      return decaying(k, () => 1, false, T);
    case "integrate":
      return { call: { name, args: [] }, gain: () => 1, decays: undefined, offset: false, spent: 0, reach: T };
    case "cuba": {
      const lost = [Math.round(a * 4096), Math.round(b * 4096)];
      if (lost.some((l) => l < 0 || l > 4096)) return `its decays ${a} and ${b} are outside 0..1`;
      const [du = 0, dv = 0] = lost;
      const reach = geometric(1 - du / 4096, T) * geometric(1 - dv / 4096, T);
      return { call: { name, args: lost }, gain: () => 1, decays: undefined, offset: false, spent: undefined, reach };
    }
    default:
      return `charge \`${name}\` has no integer form`;
  }
}

/** Thresholds this close to an integer are that integer: units are quotients of doubles. */
const SNAP = 1e-9;

function snapped(value: number, round: (x: number) => number): number {
  const near = Math.round(value);
  return Math.abs(value - near) <= SNAP * Math.max(1, Math.abs(value)) ? near : round(value);
}

/** Bits of fraction where the rule rounds anyway. */
const INEXACT_FRACTION = 8;

function wantedFraction({ spent }: Charge, view: OpView, { timesteps, fractionBits }: NeuronSettings): number {
  if (fractionBits >= 0) return Math.min(30, fractionBits);
  const exact = spent === undefined ? INEXACT_FRACTION : spent * (timesteps - 1);
  return Math.min(30, Math.max(exact, view.word("reset") === "soft" ? 4 : 0));
}

/** Largest fraction with which currents up to `largest` and states stay inside their widths. */
function fittingFraction(wanted: number, largest: number, reach: number, T: number, limit: number): number {
  let bits = wanted;
  while (bits > 0 && (largest * reach * 2 ** bits + T > limit || largest * 2 ** bits >= 2 ** 31)) bits--;
  return bits;
}

/** A shift as the decay that keeps the same part. */
function truncatedKept(call: Call): Call {
  const [n = 0] = call.args;
  return call.name === "shift" && n <= 12 ? { name: "decay", args: [4096 / 2 ** n] } : call;
}

/**
 * A neuron on integer currents, of which one unit is worth `unit(channel)`: homogeneous rules only scale, so a threshold is
 * the real one in units of the state. `movable`: the currents were rounded themselves, so a threshold may be, too. Returns why
 * there is none.
 */
export function integerNeuron(
  view: OpView,
  unit: (channel: number) => number,
  largest: number,
  settings: NeuronSettings,
  movable = false,
): IntegerNeuron | string {
  const channels = channelsOf(view.operand(0));
  const { timesteps: T, stateBits } = settings;
  const charge = chargeOf(view, channels, T);
  if (typeof charge === "string") return charge;
  const soft = view.word("reset") === "soft";
  const ge = view.word("fire") === "ge";
  const vReset = view.number("v_reset");
  const offset = charge.offset ? vReset : 0;
  if (soft && offset !== 0) return "a soft reset with v_reset other than 0 has no integer form";

  const limit = 2 ** (stateBits - 1) - 1;
  const exactBits = charge.spent === undefined ? INEXACT_FRACTION : charge.spent * (T - 1);
  const wantedBits = wantedFraction(charge, view, settings);
  // Weights of both signs are stored without their lowest bit where decays are registers, so one bit is kept even if it may saturate.
  const kept = settings.truncation === "decay" && largest * 2 < 2 ** 31 ? Math.min(1, wantedBits) : 0;
  const bits = Math.max(kept, fittingFraction(wantedBits, largest, charge.reach, T, limit));
  const exactCharge = charge.spent !== undefined && bits >= exactBits;
  const inState = (potential: number, c: number): number =>
    (charge.gain(c) * (potential - offset) * 2 ** bits) / unit(c);

  const room = Math.max(0, Math.floor(Math.log2(limit / (largest * charge.reach * 2 ** bits + T))));
  const held = (whole: number): number =>
    movable
      ? registerThreshold(whole, settings, exactCharge)
      : registerThresholdOfCounts(whole, settings, exactCharge ? room : 0);
  let clamped = 0;
  let moved = 0;
  const vTh = view.perChannel("v_th", channels);
  const thresholds = Float32Array.from(vTh, (potential, c) => {
    const exact = inState(potential, c);
    const rounded = snapped(exact, soft ? roundHalfEven : ge ? Math.ceil : Math.floor);
    const whole = settings.thresholdShift > 0 && ge && rounded > 0 ? held(rounded) : rounded;
    if (whole !== rounded) moved++;
    const beyond = Math.min(limit + 1, 2 ** 31 - 128);
    if (Math.abs(whole) > limit) clamped++;
    return Math.min(beyond, Math.max(-beyond, whole)) + 0;
  });
  const v0 = snapped(inState(view.number("v0"), 0), roundHalfEven) + 0;
  const reset = charge.offset ? 0 : snapped(inState(vReset, 0), roundHalfEven) + 0;
  if (Math.max(Math.abs(v0), Math.abs(reset)) > limit) return `v0 or v_reset exceed a state of ${stateBits} bits`;
  const uniform = thresholds.every((value) => value === thresholds[0]);
  const attrs: Record<string, AttrValue> = {
    charge: exactCharge || settings.truncation === "shift" ? charge.call : truncatedKept(charge.call),
    fire: view.word("fire"),
    reset: view.word("reset"),
    ...(reset === 0 ? {} : { v_reset: reset }),
    ...(v0 === 0 ? {} : { v0 }),
    state_bits: stateBits,
    ...(bits === 0 ? {} : { fraction_bits: bits }),
  };
  return {
    attrs,
    thresholds: uniform ? (thresholds[0] ?? 0) : realTensor([channels], thresholds),
    decays: charge.decays === undefined ? undefined : realTensor([channels], charge.decays),
    fractionBits: bits,
    exact: exactCharge,
    fits: largest * charge.reach * 2 ** bits + T + Math.abs(v0) <= limit,
    clamped,
    moved,
  };
}
