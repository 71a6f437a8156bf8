/** Natural logarithm of a positive, finite, normal double, in our own arithmetic as `exp`: relative error below 1e-14. */
export function log(x: number): number {
  let k = 0;
  let m = x;
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  while (m > Math.SQRT2) {
    m *= 0.5;
    k++;
  }
  // ln m = 2 atanh((m - 1) / (m + 1)), |s| <= 0.172.
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let sum = 0;
  for (let n = 19; n >= 1; n -= 2) sum = 1 / n + z * sum;
  return k * Math.LN2 + 2 * s * sum;
}
