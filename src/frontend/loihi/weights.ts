/**
 * From weight mantissas, as a network description gives them, to the integers that are added to a neuron's input: what each tool
 * does once, before the first timestep. Sources and disagreements: docs/loihi-arithmetic.md.
 */
import type { LoihiProfile } from "../../ir/index.js";
import { roundHalfEven } from "../../math/grid.js";
import { frontendError } from "../diagnostics.js";

export const SIGN_MODES = ["mixed", "excitatory", "inhibitory"] as const;
export type SignMode = (typeof SIGN_MODES)[number];

/** How mantissas are stored: weight = mantissa * 2^exponent, in units of 2^6. */
export interface WeightFormat {
  /** Bits of a mantissa, the sign of mixed weights among them: 1 to 8. */
  readonly bits: number;
  readonly signMode: SignMode;
  readonly exponent: number;
}

export interface LoadedWeights {
  /** In the order of the mantissas. */
  readonly weights: Int32Array;
  /** What is left to do to their sum: `current_shift` of neuron.loihi. */
  readonly currentShift: number;
}

/** Legal mantissas of each sign mode, before low bits are cleared. */
const RANGES: Readonly<Record<SignMode, readonly [number, number]>> = {
  mixed: [-256, 255],
  excitatory: [0, 255],
  inhibitory: [-255, 0],
};

/** Low bits of a mantissa that are not stored: the sign of mixed weights takes one more. */
function lostBits({ bits, signMode }: WeightFormat): number {
  return 8 - (signMode === "mixed" ? bits - 1 : bits);
}

const clamp = (x: number, lo: number, hi: number): number => Math.min(hi, Math.max(lo, x));

/** Mantissas that no register holds are refused where the tool does not say that it clips. */
function checkRange(mantissas: ArrayLike<number>, { signMode }: WeightFormat, place: string): void {
  const [lo, hi] = RANGES[signMode];
  const at = Array.from(mantissas).findIndex((w) => w < lo || w > hi);
  if (at < 0) return;
  const message = `weight ${at} has the mantissa ${mantissas[at]}, ${signMode} weights lie in ${lo}..${hi}`;
  throw frontendError("neuron-network", message, {
    location: { kind: "file", file: place },
    hint: "scale the weights and raise weight_exp",
  });
}

/**
 * The normative model: low bits of the magnitude are dropped, the exponent shifts each weight, both toward zero. That the magnitude
 * is what is stored is our reading of "8 magnitude bits and a sign mode"; the public tools round in three other ways.
 */
function loihiWeight(w: number, format: WeightFormat): number {
  const step = 2 ** lostBits(format);
  return Math.trunc(Math.trunc(w / step) * step * 2 ** (6 + format.exponent));
}

/** brian2_loihi 9ac5842 (loihi_synapses.py): low bits toward zero, the exponent toward minus infinity, each weight clipped. */
function brian2Weight(w: number, format: WeightFormat): number {
  const step = 2 ** lostBits(format);
  const limit = 2 ** 21 - 64;
  return clamp(Math.floor(Math.trunc(w / step) * step * 2 ** format.exponent) * 64, -limit, limit);
}

/**
 * nengo-loihi e564f66 (builder/discretize.py, block.py): always mixed; rounds half to even, symmetric, and again where a
 * negative exponent would shift bits out.
 */
function nengoWeight(w: number, { bits, exponent }: WeightFormat): number {
  const lost = 8 - bits + 1;
  const limit = 2 ** (8 - lost) - 1;
  const shift = lost + exponent;
  const rounded = clamp(roundHalfEven(w / 2 ** lost), -limit, limit);
  if (shift >= 0) return rounded * 2 ** shift * 64;
  const coarse = Math.trunc(clamp(roundHalfEven(rounded * 2 ** shift) * 2 ** -shift, -limit, limit));
  return Math.floor(coarse * 2 ** shift) * 64;
}

/** lava b6822fb (utils/weightutils.py): the sign mode follows from the weights. */
function lavaSignMode(mantissas: readonly number[]): SignMode {
  if (!mantissas.some((w) => w < 0)) return "excitatory";
  return mantissas.some((w) => w > 0) ? "mixed" : "inhibitory";
}

/**
 * lava b6822fb (utils/weightutils.py): clips, then low bits toward minus infinity, those of inhibitory weights by their
 * magnitude. The exponent is left to the sum, and so is the alignment to 2^6.
 */
function lavaWeights(mantissas: ArrayLike<number>, { bits }: WeightFormat): Int32Array {
  const all = Array.from(mantissas);
  const signMode = lavaSignMode(all);
  const [lo, hi] = RANGES[signMode];
  const step = 2 ** lostBits({ bits, signMode, exponent: 0 });
  const cut = signMode === "inhibitory" ? Math.trunc : Math.floor;
  return Int32Array.from(all, (w) => cut(clamp(w, lo, hi) / step) * step);
}

/** The integers that `profile` adds for these mantissas. Throws `frontend/neuron-network` for mantissas that no register holds. */
export function loadWeights(
  profile: LoihiProfile,
  mantissas: ArrayLike<number>,
  format: WeightFormat,
  place: string,
): LoadedWeights {
  const each = (weight: (w: number, format: WeightFormat) => number): LoadedWeights => ({
    weights: Int32Array.from(mantissas, (w) => weight(w, format)),
    currentShift: 0,
  });
  switch (profile) {
    case "lava":
      return { weights: lavaWeights(mantissas, format), currentShift: format.exponent };
    case "nengo":
      return each(nengoWeight);
    case "loihi":
      checkRange(mantissas, format, place);
      return each(loihiWeight);
    case "brian2":
      checkRange(mantissas, format, place);
      return each(brian2Weight);
  }
}
