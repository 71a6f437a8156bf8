import type { LoihiChip, SynapseFormat } from "../../../chips/loihi.js";

/** How lists of synapses are stored, and in how many bits: docs/loihi-chip.md, section 8. */

/** Weights that arrive together, counted from the first compartment that they reach; ascending by target. */
export interface Content {
  readonly target: Int32Array;
  readonly weight: Int32Array;
  readonly delay: Uint8Array;
}

/** What decides in which formats a list can be stored. */
export interface Shape {
  readonly synapses: number;
  /** Compartments from the first target to the last. */
  readonly span: number;
  /** No target twice: a format without indices can hold it, with weights of 0 in its gaps. */
  readonly once: boolean;
  readonly longest: number;
  /** Largest magnitude, largest power of two that divides all, and which signs there are. */
  readonly largest: number;
  readonly granule: number;
  readonly mixed: boolean;
  readonly negative: boolean;
}

export function shapeOf({ target, weight, delay }: Content): Shape {
  const n = target.length;
  let [largest, bits, longest, once, positive, negative] = [0, 0, 0, true, false, false];
  for (let i = 0; i < n; i++) {
    const w = weight[i]!;
    largest = Math.max(largest, Math.abs(w));
    bits |= w;
    longest = Math.max(longest, delay[i]!);
    if (i > 0 && target[i] === target[i - 1]) once = false;
    if (w > 0) positive = true;
    else negative = true;
  }
  const span = target[n - 1]! - target[0]! + 1;
  return {
    synapses: n,
    span,
    once,
    longest,
    largest,
    granule: (bits & -bits) >>> 0,
    mixed: positive && negative,
    negative,
  };
}

/** Bits of a list of n synapses: blocks, each of whole words. energy-hardware: nengo-loihi e564f66, block.py, bits_per_axon. */
export function listBits(synapses: number, format: SynapseFormat, wordBits: number): number {
  const { weightBits, indexBits, delayBits, tagBits, blockSynapses, headerBits } = format;
  const each = weightBits + indexBits + delayBits + tagBits;
  const words = (n: number): number => Math.ceil((n * each + headerBits) / wordBits);
  const rest = synapses % blockSynapses;
  return wordBits * (Math.floor(synapses / blockSynapses) * words(blockSynapses) + (rest === 0 ? 0 : words(rest)));
}

/**
 * Exponents with which a format of `weightBits` holds these weights, mantissa * 2^(6 + exponent); undefined: none. Where the lowest
 * bit of mixed lists is not stored, lists of one sign need no sign bit either.
 */
export function exponentsOf(
  { largest, granule, mixed }: Pick<Shape, "largest" | "granule" | "mixed">,
  weightBits: number,
  { profile, weightExponent, mixedSignDropsLowBit }: LoihiChip["numerics"],
): readonly [least: number, most: number] | undefined {
  const drops = mixed && mixedSignDropsLowBit;
  const biggest = mixedSignDropsLowBit ? 2 ** weightBits - (mixed ? 2 : 1) : 2 ** (weightBits - 1) - 1;
  // lava adds up mantissas and shifts the sum.
  if (profile === "lava") return largest <= biggest && (!drops || granule % 2 === 0) ? [0, 0] : undefined;
  const most = Math.min(weightExponent[1], Math.log2(granule) - 6 - (drops ? 1 : 0));
  const least = Math.max(weightExponent[0], Math.ceil(Math.log2(largest / biggest)) - 6);
  return least <= most ? [least, most] : undefined;
}

/** How the lists of one content are stored: once per axon, or once per distance between base and first target. */
export interface Storage {
  readonly format: number;
  readonly shared: boolean;
  /** Weights of 0 stand in the gaps between targets. */
  readonly filled: boolean;
  /** Bits of one list. */
  readonly bits: number;
}

/**
 * The cheapest storage, in the formats that are allowed, for lists of one content that begin at these compartments; undefined: no
 * format can hold them.
 */
export function storageOf(
  shape: Shape,
  firsts: readonly number[],
  chip: LoihiChip,
  allowed: (format: SynapseFormat) => boolean = () => true,
): Storage | undefined {
  let best: (Storage & { readonly total: number }) | undefined;
  const { numerics, core } = chip;
  chip.synapseFormats.forEach((candidate, format) => {
    if (!allowed(candidate)) return;
    const filled = candidate.indexBits === 0;
    if (shape.longest > 2 ** candidate.delayBits || (filled && !shape.once)) return;
    const bits = listBits(filled ? shape.span : shape.synapses, candidate, core.wordBits);
    // One list at least.
    if (best !== undefined && bits >= best.total) return;
    if (exponentsOf(shape, candidate.weightBits, numerics) === undefined) return;
    const consider = (shared: boolean, lists: number, furthest: number): void => {
      // Without indices a list begins at its base.
      if (filled ? furthest > 0 : furthest + shape.span > 2 ** candidate.indexBits) return;
      const total = lists * bits;
      if (best === undefined || total < best.total) best = { format, shared, filled, bits, total };
    };
    consider(false, firsts.length, 0);
    if (!candidate.shared || firsts.length === 1) return;
    const shifts = new Set(firsts.map((first) => first - sharedBase(candidate, first)));
    consider(true, shifts.size, Math.max(...shifts));
  });
  return best;
}

/** The base of a list in a shared format whose first target is compartment `first`. */
export function sharedBase({ sharedBases }: SynapseFormat, first: number): number {
  if (sharedBases === undefined) return first;
  const { below, multipleOf } = sharedBases;
  return Math.floor((first % below) / multipleOf) * multipleOf;
}

/** A list that is stored, as the formats of a core are counted by. */
export interface Stored {
  readonly format: number;
  readonly shape: Shape;
}

/**
 * Formats that a core needs for its lists, each with an exponent and a sign mode. A list of one sign can be stored as a mixed one where
 * its weights allow that: either none are, or all that can.
 */
export function formatsNeeded(lists: readonly Stored[], chip: LoihiChip): number {
  const counted = ([false, true] as const).map((asMixed) => {
    const ranges = new Map<string, (readonly [number, number])[]>();
    for (const { format, shape } of lists) {
      const { weightBits } = chip.synapseFormats[format]!;
      const mixed = asMixed ? exponentsOf({ ...shape, mixed: true }, weightBits, chip.numerics) : undefined;
      const own = exponentsOf(shape, weightBits, chip.numerics)!;
      const mode = shape.mixed || mixed !== undefined ? "mixed" : shape.negative ? "negative" : "positive";
      const key = `${format} ${mode}`;
      const all = ranges.get(key) ?? [];
      ranges.set(key, all);
      all.push(mixed ?? own);
    }
    return [...ranges.values()].reduce((sum, all) => sum + fewestExponents(all), 0);
  });
  return Math.min(...counted);
}

/** Fewest exponents such that each range holds one of them: those of one format and sign mode. */
export function fewestExponents(ranges: readonly (readonly [number, number])[]): number {
  let count = 0;
  let last = -Infinity;
  for (const [least, most] of [...ranges].sort((a, b) => a[1] - b[1])) {
    if (least <= last) continue;
    last = most;
    count++;
  }
  return count;
}
