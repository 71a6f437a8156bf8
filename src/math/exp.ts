/**
 * Our own exponential, because engines differ in the last bits of Math.exp and a compiled network must not depend on the
 * machine it was compiled on.
 */

const LN2_HI = 0.6931471803691238;
const LN2_LO = 1.9082149292705877e-10;

/**
 * e^x in double precision, relative error below 1e-15: x = k ln 2 + r with |r| <= ln 2 / 2 (Cody-Waite, ln 2 in two parts),
 * a Taylor polynomial of degree 13 in r, times 2^k. Infinity above 709.78, 0 below -745.
 */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.2) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HI - k * LN2_LO;
  let sum = 1;
  for (let n = 13; n >= 1; n--) sum = 1 + (sum * r) / n;
  // Two factors, so that neither overflows nor vanishes before the product does.
  const half = Math.trunc(k / 2);
  return sum * 2 ** half * 2 ** (k - half);
}

/** 1 / (1 + e^-x), rounded once to f32. */
export function sigmoid32(x: number): number {
  return Math.fround(1 / (1 + exp(-x)));
}
