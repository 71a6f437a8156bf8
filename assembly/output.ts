/* The last step of a weighted sum. */

/** Clamps of int results; infinite where they never saturate. */
let limit: v128 = f64x2.splat(0);

@inline
export function setLimit(value: f64): void {
  limit = f64x2.splat(value);
}

/**
 * Two lanes from `lane` on: (sum + bias) * scale, at `to` as f32, or rounded half to even as i32. `bias` and `scales` are
 * the addresses of lane 0.
 */
@inline
export function writePair(sums: v128, bias: usize, scales: usize, int: u32, lane: u32, to: usize): void {
  const value = f64x2.mul(f64x2.add(sums, v128.load(bias + (lane << 3))), v128.load(scales + (lane << 3)));
  if (int === 0) {
    store<i64>(to, i64x2.extract_lane(f32x4.demote_f64x2_zero(value), 0));
    return;
  }
  const rounded = f64x2.max(f64x2.min(f64x2.nearest(value), limit), f64x2.neg(limit));
  // Results that never saturate wrap like a store into an Int32Array.
  if (v128.any_true(f64x2.ge(f64x2.abs(rounded), f64x2.splat(2147483648.0)))) {
    store<i32>(to, <i32>(<i64>f64x2.extract_lane(rounded, 0)));
    store<i32>(to, <i32>(<i64>f64x2.extract_lane(rounded, 1)), 4);
    return;
  }
  store<i64>(to, i64x2.extract_lane(i32x4.trunc_sat_f64x2_s_zero(rounded), 0));
}
