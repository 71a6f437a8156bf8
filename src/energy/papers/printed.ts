/**
 * Figures as printed. Their digits say how far the exact value may be away, so whether a printed result follows from printed
 * inputs is a question about intervals: of authors who round, and of authors who cut digits off.
 */

/** How an author came from a value to its digits: to the nearest, or by leaving out the rest. */
export type Reading = "rounded" | "truncated";

/** `at` is the value with the digits as they stand, `low` to `high` what may have been meant. */
export interface Range {
  readonly low: number;
  readonly at: number;
  readonly high: number;
}

export function exactly(value: number): Range {
  return { low: value, at: value, high: value };
}

/** Decimals of `0.0771`: 4. */
export function decimals(printed: string): number {
  return (printed.split(".")[1] ?? "").length;
}

/** What a printed decimal may mean: 0.0771 is 0.07705..0.07715 if rounded, 0.0771..0.0772 if truncated. Nothing is negative. */
export function readPrinted(printed: string, reading: Reading): Range {
  const at = Number(printed);
  const last = 10 ** -decimals(printed);
  if (reading === "truncated") return { low: at, at, high: at + last };
  return { low: Math.max(0, at - last / 2), at, high: at + last / 2 };
}

export function add(ranges: readonly Range[]): Range {
  const total = (of: (range: Range) => number): number => ranges.reduce((sum, range) => sum + of(range), 0);
  return { low: total((r) => r.low), at: total((r) => r.at), high: total((r) => r.high) };
}

/** A range times a number of either sign. */
export function scale({ low, at, high }: Range, factor: number): Range {
  const ends = [low * factor, high * factor];
  return { low: Math.min(...ends), at: at * factor, high: Math.max(...ends) };
}

/** The smaller of two unknown values. */
export function least(a: Range, b: Range): Range {
  return { low: Math.min(a.low, b.low), at: Math.min(a.at, b.at), high: Math.min(a.high, b.high) };
}

/** Doubles are not decimals: ends that coincide in exact arithmetic may miss each other by their last bits. */
const SLACK = 1e-12;

export function overlap(a: Range, b: Range): boolean {
  const slack = SLACK * Math.max(Math.abs(a.at), Math.abs(b.at));
  return a.low <= b.high + slack && b.low <= a.high + slack;
}
