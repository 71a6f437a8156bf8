/*
 * One timestep of `n` neurons, in place: charge, then compare and reset. Real rules round every operation to f32 (a store into
 * a Float32Array rounds); integer rules are exact and truncate toward zero. `k` is the rule's first argument per neuron.
 */

const f = Math.fround;

/** v + (x - (v - vReset)) / tau */
export function chargeDivide(v: Float32Array, x: Float32Array, n: number, k: Float64Array, vReset: number): void {
  for (let i = 0; i < n; i++) {
    const h = v[i]!;
    v[i] = h + f(f(x[i]! - f(h - vReset)) / k[i]!);
  }
}

/** v + (x - (v - vReset)) * k */
export function chargeMultiply(v: Float32Array, x: Float32Array, n: number, k: Float64Array, vReset: number): void {
  for (let i = 0; i < n; i++) {
    const h = v[i]!;
    v[i] = h + f(f(x[i]! - f(h - vReset)) * k[i]!);
  }
}

/** v * (1 - k) + x */
export function chargeDecayThenAdd(v: Float32Array, x: Float32Array, n: number, k: Float64Array): void {
  for (let i = 0; i < n; i++) v[i] = f(v[i]! * f(1 - k[i]!)) + x[i]!;
}

/** v + x */
export function chargeIntegrate(v: Float32Array, x: Float32Array, n: number): void {
  for (let i = 0; i < n; i++) v[i] = v[i]! + x[i]!;
}

/** u = u * (1 - a) + x, then v * (1 - b) + u */
export function chargeCuba(v: Float32Array, u: Float32Array, x: Float32Array, n: number, a: number, b: number): void {
  const keepU = f(1 - a);
  const keepV = f(1 - f(b));
  for (let i = 0; i < n; i++) {
    u[i] = f(u[i]! * keepU) + x[i]!;
    v[i] = f(v[i]! * keepV) + u[i]!;
  }
}

/** Compares and resets; writes 0/1 to `spikes` at `to` and returns the number of spikes. */
export function fireReal(
  v: Float32Array,
  n: number,
  vTh: Float32Array,
  gt: boolean,
  soft: boolean,
  vReset: number,
  spikes: Uint8Array,
  to: number,
): number {
  let count = 0;
  for (let i = 0; i < n; i++) {
    const h = v[i]!;
    const threshold = vTh[i]!;
    if (gt ? h > threshold : h >= threshold) {
      spikes[to + i] = 1;
      count++;
      v[i] = soft ? h - threshold : vReset;
    } else spikes[to + i] = 0;
  }
  return count;
}

/** Truncates v * (4096 - lost) / 4096 toward zero; the product fits a double. */
function decay12(v: number, lost: number): number {
  return Math.trunc((v * (4096 - lost)) / 4096);
}

/** Brings a state into limit = 2^(bits - 1): two's complement, or clamped. */
function fit(value: number, limit: number, wrap: boolean): number {
  if (value < limit && value >= -limit) return value;
  if (!wrap) return value < 0 ? -limit : limit - 1;
  return ((((value + limit) % (2 * limit)) + 2 * limit) % (2 * limit)) - limit;
}

/** v + x */
export function chargeIntIntegrate(v: Int32Array, x: Int32Array, n: number, limit: number, wrap: boolean): void {
  for (let i = 0; i < n; i++) v[i] = fit(v[i]! + x[i]!, limit, wrap);
}

/** v * (4096 - k) / 4096 + x */
export function chargeIntDecay(
  v: Int32Array,
  x: Int32Array,
  n: number,
  k: Float64Array,
  limit: number,
  wrap: boolean,
): void {
  for (let i = 0; i < n; i++) v[i] = fit(decay12(v[i]!, k[i]!) + x[i]!, limit, wrap);
}

/** v - v / 2^k + x */
export function chargeIntShift(
  v: Int32Array,
  x: Int32Array,
  n: number,
  k: Float64Array,
  limit: number,
  wrap: boolean,
): void {
  for (let i = 0; i < n; i++) v[i] = fit(v[i]! - Math.trunc(v[i]! / 2 ** k[i]!) + x[i]!, limit, wrap);
}

/** u = u * (4096 - a) / 4096 + x, then v * (4096 - b) / 4096 + u */
export function chargeIntCuba(
  v: Int32Array,
  u: Int32Array,
  x: Int32Array,
  n: number,
  a: number,
  b: number,
  limit: number,
  wrap: boolean,
): void {
  for (let i = 0; i < n; i++) {
    u[i] = fit(decay12(u[i]!, a) + x[i]!, limit, wrap);
    v[i] = fit(decay12(v[i]!, b) + u[i]!, limit, wrap);
  }
}

/** As fireReal, on integers; thresholds are doubles. */
export function fireInt(
  v: Int32Array,
  n: number,
  vTh: Float64Array,
  gt: boolean,
  soft: boolean,
  vReset: number,
  limit: number,
  wrap: boolean,
  spikes: Uint8Array,
  to: number,
): number {
  let count = 0;
  for (let i = 0; i < n; i++) {
    const h = v[i]!;
    const threshold = vTh[i]!;
    if (gt ? h > threshold : h >= threshold) {
      spikes[to + i] = 1;
      count++;
      v[i] = soft ? fit(h - threshold, limit, wrap) : vReset;
    } else spikes[to + i] = 0;
  }
  return count;
}
