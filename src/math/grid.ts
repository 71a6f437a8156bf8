/**
 * The weight grid of spikec: every trained weight becomes an integer mantissa on a power-of-two grid per output channel,
 * so that sums of integers times weights are exact whatever their order, tiling or skipping (docs: ARCHITECTURE.md, Arithmetic).
 */

/** Largest magnitude of a weight mantissa: 24 bits and a sign. */
export const MAX_MANTISSA = 2 ** 24 - 1;

/** Sums must stay below this to be exact in a double. */
export const EXACT_LIMIT = 2 ** 53;

/** Rounds to the nearest integer, ties to even. Exact for |x| < 2^52. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The largest e with |round(x * 2^e)| <= MAX_MANTISSA; 0 for x = 0. `x` must be finite. */
export function gridExponent(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude === 0) return 0;
  let e = 24 - Math.ceil(Math.log2(magnitude));
  while (roundHalfEven(magnitude * 2 ** e) > MAX_MANTISSA) e--;
  while (roundHalfEven(magnitude * 2 ** (e + 1)) <= MAX_MANTISSA) e++;
  return e;
}
