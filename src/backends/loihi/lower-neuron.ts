import { channelsOf, type OpView } from "../../ir/index.js";
import type { LoihiChip } from "../../chips/loihi.js";
import {
  holdsWeights,
  isBias,
  leastWeightBit,
  MOST_DECAY,
  nearestBias,
  potentialLimit,
  SUM_LIMIT,
  UNIT,
  type WeightRange,
} from "./numerics.js";

/** An integer current as a neuron finds it: bounds of what arrives, what the biases behind it add, and the weights on its ways. */
export interface NeuronInput {
  /** What arrives counts units of 2^-finer of the current (relays may); `lo`, `hi` and `bias` count the current. */
  readonly finer: number;
  readonly lo: number;
  readonly hi: number;
  /** Per channel, constant in time. */
  readonly bias: Float64Array;
  readonly weights: readonly (WeightRange & { readonly name: string })[];
}

/** A neuron of the chip that fires exactly when the integer neuron does; currents count 2^shift. */
export interface ChipNeuron {
  readonly shift: number;
  readonly decayU: number;
  readonly decayV: number;
  /** Mantissas and biases, per channel. */
  readonly thresholds: Float32Array;
  readonly bias: Float32Array;
  /** Whether bounds prove that no sum wraps and no potential is clipped; else the run counts saturation. */
  readonly proved: boolean;
  /** Thresholds and biases that are not exact. */
  readonly moved: number;
}

/** What may be rounded where it has no exact form. */
export const APPROXIMATIONS = ["thresholds", "biases"] as const;
export type Approximation = (typeof APPROXIMATIONS)[number];

export interface Refusal {
  readonly code: "unsupported-neuron" | "threshold" | "bias" | "weight";
  readonly reason: string;
  readonly hint: string;
}

/** A charge rule on the chip: u is emptied or decays; where `scaleFree`, potentials may count in finer units. */
interface Charge {
  readonly decayU: number;
  readonly decayV: number;
  readonly scaleFree: boolean;
  /** The potential is lost whole in each timestep. */
  readonly stateless: boolean;
  /** Bound of the potential in largest currents. */
  readonly reach: number;
}

const refuse = (code: Refusal["code"], reason: string, hint: string): Refusal => ({ code, reason, hint });

function decaying(lost: number, scaleFree: boolean, timesteps: number, decayU = MOST_DECAY): Charge {
  const kept = 1 - lost / 4096;
  const reach = kept === 1 ? timesteps : Math.min(timesteps, (1 - kept ** timesteps) / (1 - kept));
  return { decayU, decayV: Math.min(lost, MOST_DECAY), scaleFree, stateless: lost === 4096, reach: reach + 1e-9 };
}

function chargeOf(view: OpView, timesteps: number, fractionBits: number): Charge | Refusal {
  const { name, args } = view.call("charge");
  const [a = 0, b = 0] = args;
  if (view.op.attrs["k"] !== undefined) {
    return refuse(
      "unsupported-neuron",
      "its decay differs from channel to channel, a chip neuron's configuration has one",
      "train one decay per layer",
    );
  }
  switch (name) {
    case "integrate":
      return decaying(0, true, timesteps);
    case "shift": {
      const needed = a * (timesteps - 1);
      if (a > 12 || fractionBits < needed) {
        return refuse(
          "unsupported-neuron",
          `its potential loses 1 / 2^${a} per timestep and truncates what is lost: exact halvings in ${timesteps} timesteps need ${needed} bits of fraction, it has ${fractionBits}`,
          "use quantize{truncation=decay}, or fewer timesteps",
        );
      }
      return decaying(4096 / 2 ** a, true, timesteps);
    }
    case "decay":
      return decaying(a, a === 0, timesteps);
    case "cuba": {
      if (a === 0)
        return refuse(
          "unsupported-neuron",
          "its current never decays, on the chip it loses at least 1 / 4096",
          "use another charge",
        );
      const current = decaying(a, false, timesteps);
      const both = decaying(b, false, timesteps, a - 1);
      return { ...both, reach: both.reach * current.reach };
    }
    default:
      return refuse("unsupported-neuron", `charge \`${name}\` is not on integers`, "run the pass `quantize` first");
  }
}

/** The integers that do not fire reach up to this, per channel. */
function lastSilent(view: OpView, channels: number): Float64Array {
  const ge = view.word("fire") === "ge";
  return Float64Array.from(view.perChannel("v_th", channels), (v) => (ge ? Math.ceil(v) - 1 : Math.floor(v)));
}

/** The mantissa m with last * scale <= m * 2^step < (last + 1) * scale, or undefined. */
function mantissaFor(last: number, scale: number, step: number): number | undefined {
  const mantissa = Math.ceil((last * scale) / step);
  return mantissa * step < (last + 1) * scale ? mantissa : undefined;
}

interface Thresholds {
  readonly mantissas: Float32Array;
  readonly moved: number;
}

/** Threshold mantissas at this scale; a refusal where one is not exact and may not move, or is too wide. */
function thresholdsAt(
  last: Float64Array,
  scale: number,
  { thresholdShift, thresholdMantissaBits }: LoihiChip["numerics"],
  move: boolean,
): Thresholds | Refusal {
  const step = 2 ** thresholdShift;
  const finer = scale === 1 ? "" : ` at ${scale} times finer potentials`;
  let moved = 0;
  const mantissas = Float32Array.from(last, (value) => {
    const exact = mantissaFor(value, scale, step);
    if (exact === undefined) moved++;
    return exact ?? Math.round((value * scale) / step);
  });
  if (moved > 0 && !move) {
    const worst = last.find((value) => mantissaFor(value, scale, step) === undefined)!;
    return refuse(
      "threshold",
      `${worst + 1} in units of the potential is no multiple of ${step} plus 1${finer}`,
      `use quantize{threshold-shift=${thresholdShift} per=tensor}, or allow approximate:thresholds`,
    );
  }
  const widest = mantissas.reduce((a, b) => Math.max(a, b), 0);
  const most = 2 ** thresholdMantissaBits - 1;
  if (widest > most) {
    return refuse(
      "threshold",
      `a threshold of ${widest * step + 1} in units of the potential${finer}, a register holds up to ${most * step + 1} (${thresholdMantissaBits} bits times ${step})`,
      "use quantize with fewer fraction-bits or fewer bits, or a chip with wider registers (numerics.thresholdMantissaBits)",
    );
  }
  return { mantissas, moved };
}

/** Channels that can never reach their threshold get the largest one there is. */
function capped(last: Float64Array, limit: number): Float64Array {
  return last.map((value) => Math.min(value, limit));
}

/**
 * The chip neuron of an integer neuron. Its current counts 2^fraction_bits * 2^s in units of the chip: s >= 0 makes thresholds
 * exact that are no multiples of 2^6, and costs range, so the smallest is taken. Conditions, per step of the proof:
 * the current is emptied (register 4095 loses 4096 / 4096); halvings of multiples of 2^T are exact; v >= th is v > th - 1.
 */
export function chipNeuron(
  view: OpView,
  timesteps: number,
  input: NeuronInput,
  chip: LoihiChip,
  allow: ReadonlySet<Approximation>,
): ChipNeuron | Refusal {
  const channels = channelsOf(view.operand(0));
  const fraction = view.number("fraction_bits");
  const charge = chargeOf(view, timesteps, fraction);
  if ("code" in charge) return charge;
  for (const potential of ["v_reset", "v0"]) {
    if (view.number(potential) === 0) continue;
    const reason = `its ${potential} is ${view.number(potential)}, a chip neuron starts and resets at 0`;
    return refuse("unsupported-neuron", reason, "train with v_reset = 0");
  }
  if (view.word("reset") !== "hard") {
    return refuse("unsupported-neuron", "it resets softly, a chip neuron to 0", "train with a hard reset");
  }
  if (charge.decayU !== MOST_DECAY && input.bias.some((b) => b !== 0)) {
    return refuse(
      "unsupported-neuron",
      "a bias flows into a current that decays, the chip's into the potential",
      "train without bias",
    );
  }
  const last = lastSilent(view, channels);
  const negative = last.find((value) => value < 0);
  if (negative !== undefined) {
    return refuse(
      "threshold",
      `a threshold of ${negative + 1} fires at potential 0, the chip's are at least 0`,
      "run drop-dead",
    );
  }
  const limit = potentialLimit(chip.numerics);
  const shifts = charge.scaleFree ? Array.from({ length: chip.numerics.thresholdShift + 1 }, (_, s) => s) : [0];
  let refusal: Refusal | undefined;
  for (const s of shifts) {
    const found = atScale(view, input, { charge, shift: fraction + s, scale: 2 ** s, last, limit }, chip, allow);
    if (!("code" in found)) return found;
    refusal ??= found;
    // Finer potentials help thresholds that are no multiples, and weights below the least exponent, and nothing else.
    if (found.code === "bias") return found;
  }
  return refusal ?? refuse("threshold", "it has no exact form", "use quantize{threshold-shift=6}");
}

interface Scale {
  readonly charge: Charge;
  readonly shift: number;
  readonly scale: number;
  readonly last: Float64Array;
  readonly limit: number;
}

function atScale(
  view: OpView,
  input: NeuronInput,
  { charge, shift, scale, last, limit }: Scale,
  chip: LoihiChip,
  allow: ReadonlySet<Approximation>,
): ChipNeuron | Refusal {
  const { numerics } = chip;
  const most = capped(last, Math.floor(limit / scale));
  const thresholds = thresholdsAt(most, scale, numerics, allow.has("thresholds"));
  if ("code" in thresholds) return thresholds;
  const by = shift - input.finer;
  const weak = input.weights.find((weights) => by < 0 || !holdsWeights(weights, by, chip));
  if (weak !== undefined) {
    const [least, greatest] = numerics.weightExponent.map((e) => e + leastWeightBit(weak.mixed, chip));
    const signs = weak.mixed ? "both signs" : "one sign";
    const reason = `weights @${weak.name}, multiples of ${weak.granule} up to ${weak.largest}, times 2^${by}, are no mantissas of the chip's weights of ${signs}, times 2^${least}..2^${greatest}`;
    return refuse("weight", reason, "use quantize{per=tensor}, fewer bits, or fewer fraction-bits");
  }
  let moved = thresholds.moved;
  const bias = new Float32Array(last.length);
  for (const [c, value] of input.bias.entries()) {
    const exact = value * 2 ** shift;
    bias[c] = exact;
    if (isBias(exact, numerics)) continue;
    if (!allow.has("biases")) {
      const { biasMantissaBits: bits, biasExponent: exponent } = numerics;
      const reason = `the bias of channel ${c} is ${value} * 2^${shift}, a register holds ${bits} bits times 2^${exponent[0]}..2^${exponent[1]}`;
      return refuse("bias", reason, "use quantize with fewer stream-bits, or allow approximate:biases");
    }
    bias[c] = nearestBias(exact, numerics.biasMantissaBits, numerics.biasExponent);
    moved++;
  }
  const arriving = Math.max(-input.lo, input.hi) * 2 ** shift;
  const biased = input.bias.reduce((a, b) => Math.max(a, Math.abs(b)), 0) * 2 ** shift;
  const bound = (arriving + biased) * charge.reach;
  if (charge.stateless) {
    // What stays of v after a step that did not fire: cut(v / 4096), which is 0 for |v| < 4096.
    const lowest = (input.lo + Math.min(0, ...input.bias)) * 2 ** shift;
    const highest = Math.min(bound, Math.max(...most) * scale);
    if (Math.max(-lowest, highest) >= 4096) {
      const reason = `it forgets its potential in each timestep, the chip keeps 1 / 4096 of it, which is lost below 4096; it can reach ${Math.max(-lowest, highest)}`;
      return refuse("unsupported-neuron", reason, "use a decay below 1");
    }
  }
  const stateLimit = 2 ** (view.number("state_bits") - 1) - 1;
  const proved = arriving < SUM_LIMIT && bound <= limit && bound / scale <= stateLimit;
  if (!proved && view.word("overflow") === "wrap") {
    return refuse("unsupported-neuron", "its potential wraps, the chip's is clipped", "use overflow = saturate");
  }
  return {
    shift,
    decayU: charge.decayU,
    decayV: charge.decayV,
    thresholds: thresholds.mantissas,
    bias,
    proved,
    moved,
  };
}

/** A neuron that forgets its potential: fires where x * weight is above a register. */
export interface Counter {
  readonly weight: number;
  readonly thresholds: Float32Array;
}

/**
 * s = x >= v_th without memory, for x >= lowest: x times a weight against a register, such that what is left of the potential of a
 * step without a spike, cut(v / 4096), is 0: |v| < 4096.
 */
export function counterOf(view: OpView, lowest: number): Counter | Refusal {
  const last = lastSilent(view, channelsOf(view.operand(0)));
  const largest = last.reduce((a, b) => Math.max(a, b), Math.max(0, -lowest));
  const least = last.reduce((a, b) => Math.min(a, b), Infinity);
  const holds = (weight: number): boolean =>
    largest * weight < 4096 && last.every((value) => mantissaFor(value, weight, UNIT) !== undefined);
  const weight = [64, 32, 16, 8, 4, 2, 1].find(holds);
  if (weight === undefined || least < 0) {
    const reason = `thresholds ${least + 1}..${largest + 1} have no exact form: the potential is lost below 4096 alone, and fires above multiples of 64`;
    return refuse("threshold", reason, "use thresholds of 1..64 on counts");
  }
  return { weight, thresholds: Float32Array.from(last, (value) => mantissaFor(value, weight, UNIT) ?? 0) };
}
