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
}

export interface NeuronSettings {
  readonly timesteps: number;
  readonly stateBits: number;
  /** -1: as many as keep all charges exact. */
  readonly fractionBits: number;
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

/** Largest fraction with which currents up to `largest` and states stay inside their widths. */
function fittingFraction(wanted: number, largest: number, reach: number, T: number, limit: number): number {
  let bits = wanted;
  while (bits > 0 && (largest * reach * 2 ** bits + T > limit || largest * 2 ** bits >= 2 ** 31)) bits--;
  return bits;
}

/**
 * A neuron on integer currents, of which one unit is worth `unit(channel)`: homogeneous rules only scale, so a threshold is
 * the real one in units of the state. Returns why there is none.
 */
export function integerNeuron(
  view: OpView,
  unit: (channel: number) => number,
  largest: number,
  settings: NeuronSettings,
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
  const wanted = settings.fractionBits >= 0 ? settings.fractionBits : Math.max(exactBits, soft ? 4 : 0);
  const bits = fittingFraction(Math.min(30, wanted), largest, charge.reach, T, limit);
  const inState = (potential: number, c: number): number =>
    (charge.gain(c) * (potential - offset) * 2 ** bits) / unit(c);

  let clamped = 0;
  const vTh = view.perChannel("v_th", channels);
  const thresholds = Float32Array.from(vTh, (potential, c) => {
    const exact = inState(potential, c);
    const whole = snapped(exact, soft ? roundHalfEven : ge ? Math.ceil : Math.floor);
    const beyond = Math.min(limit + 1, 2 ** 31 - 128);
    if (Math.abs(whole) > limit) clamped++;
    return Math.min(beyond, Math.max(-beyond, whole)) + 0;
  });
  const v0 = snapped(inState(view.number("v0"), 0), roundHalfEven) + 0;
  const reset = charge.offset ? 0 : snapped(inState(vReset, 0), roundHalfEven) + 0;
  if (Math.max(Math.abs(v0), Math.abs(reset)) > limit) return `v0 or v_reset exceed a state of ${stateBits} bits`;
  const uniform = thresholds.every((value) => value === thresholds[0]);
  const attrs: Record<string, AttrValue> = {
    charge: charge.call,
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
    exact: charge.spent !== undefined && bits >= exactBits,
    fits: largest * charge.reach * 2 ** bits + T + Math.abs(v0) <= limit,
    clamped,
  };
}
