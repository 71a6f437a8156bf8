import type { LoihiChip } from "../../chips/loihi.js";

/** What registers of a step-by-step chip hold: docs/loihi-arithmetic.md. */

type Numerics = LoihiChip["numerics"];

/** The sum of a step wraps beyond +-2^21, the current beyond +-2^23 (profile `loihi`). */
export const SUM_LIMIT = 2 ** 21;

/** The largest potential: v is clipped to it and to its negative. */
export function potentialLimit({ stateBits }: Numerics): number {
  return 2 ** (stateBits - 1) - 1;
}

/** A decay register of 12 bits; that of the current loses one more. */
export const MOST_DECAY = 4095;

/** Weight of synapses into neurons that count spikes: one unit of a threshold register. */
export const UNIT = 64;

/** Whether a value is a mantissa of `bits` bits, and a sign, times 2^exponent, and so what a bias register holds. */
export function isBias(value: number, { biasMantissaBits, biasExponent }: Numerics): boolean {
  return nearestBias(value, biasMantissaBits, biasExponent) === value;
}

/** The nearest number that a bias register holds. */
export function nearestBias(
  value: number,
  bits: Numerics["biasMantissaBits"],
  [least, most]: Numerics["biasExponent"],
): number {
  let best = 0;
  for (let e = least; e <= most; e++) {
    const mantissa = Math.min(2 ** bits - 1, Math.round(Math.abs(value) / 2 ** e));
    const held = Math.sign(value) * mantissa * 2 ** e;
    if (Math.abs(held - value) < Math.abs(best - value)) best = held;
  }
  return best + 0;
}

/** Integer weights that one list has to hold: the largest power of two that divides all, and the largest magnitude. */
export interface WeightRange {
  readonly granule: number;
  readonly largest: number;
  /** Whether there are weights of both signs. */
  readonly mixed: boolean;
}

/** The range of some integers; all zero: nothing has to be held. */
export function weightRange(weights: ArrayLike<number>): WeightRange | undefined {
  let largest = 0;
  let bits = 0;
  let [negative, positive] = [false, false];
  for (let i = 0; i < weights.length; i++) {
    const magnitude = Math.abs(weights[i]!);
    largest = Math.max(largest, magnitude);
    bits |= magnitude;
    if (weights[i]! < 0) negative = true;
    if (weights[i]! > 0) positive = true;
  }
  return largest === 0 ? undefined : { granule: bits & -bits, largest, mixed: negative && positive };
}

/** Log2 of the unit of weights of exponent 0. */
export function leastWeightBit(mixed: boolean, { numerics }: LoihiChip): number {
  return 6 + (mixed && numerics.mixedSignDropsLowBit ? 1 : 0);
}

/** Bits of a stored weight, sign included, of the chip's widest format. */
export function weightBits({ synapseFormats }: LoihiChip): number {
  return synapseFormats.reduce((most, format) => Math.max(most, format.weightBits), 0);
}

/**
 * Whether weights in this range, times 2^shift, are mantissas of the chip's width times 2^(6 + exponent). Of lists of both signs
 * the lowest bit may not be stored. Lists of one sign are given no more mantissas than those: a core may join them.
 */
export function holdsWeights({ granule, largest, mixed }: WeightRange, shift: number, chip: LoihiChip): boolean {
  const { weightExponent } = chip.numerics;
  const lowest = leastWeightBit(mixed, chip);
  const unit = Math.min(granule * 2 ** shift, 2 ** (lowest + weightExponent[1]));
  return unit >= 2 ** (lowest + weightExponent[0]) && (largest * 2 ** shift) / unit <= 2 ** (weightBits(chip) - 1) - 1;
}
