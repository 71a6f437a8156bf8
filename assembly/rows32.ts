/*
 * Sums of i32 weight rows, widened to i64 before `safeRows` additions of the largest weight could leave i32.
 */

/** Widens four sums, shifts them to the value of their plane, and adds them at `to`, or writes them there. */
@inline
function widen(sums: v128, plane: u32, fresh: bool, to: usize): void {
  let low = i64x2.extend_low_i32x4_s(sums);
  let high = i64x2.extend_high_i32x4_s(sums);
  if (plane !== 0) {
    low = i64x2.shl(low, plane);
    high = i64x2.shl(high, plane);
  }
  if (!fresh) {
    low = i64x2.add(low, v128.load(to));
    high = i64x2.add(high, v128.load(to, 16));
  }
  v128.store(to, low);
  v128.store(to, high, 16);
}

/** Sums of 32 lanes over the rows listed from `from` up to `end`. */
@inline
export function sumRows32(
  weights: usize,
  rowBytes: u32,
  from: u32,
  end: u32,
  sums: usize,
  plane: u32,
  fresh: bool,
): void {
  let row = weights + load<u32>(from) * rowBytes;
  let a = v128.load(row);
  let b = v128.load(row, 16);
  let c = v128.load(row, 32);
  let d = v128.load(row, 48);
  let e = v128.load(row, 64);
  let f = v128.load(row, 80);
  let g = v128.load(row, 96);
  let h = v128.load(row, 112);
  for (from += 4; from < end; from += 4) {
    row = weights + load<u32>(from) * rowBytes;
    a = i32x4.add(a, v128.load(row));
    b = i32x4.add(b, v128.load(row, 16));
    c = i32x4.add(c, v128.load(row, 32));
    d = i32x4.add(d, v128.load(row, 48));
    e = i32x4.add(e, v128.load(row, 64));
    f = i32x4.add(f, v128.load(row, 80));
    g = i32x4.add(g, v128.load(row, 96));
    h = i32x4.add(h, v128.load(row, 112));
  }
  widen(a, plane, fresh, sums);
  widen(b, plane, fresh, sums + 32);
  widen(c, plane, fresh, sums + 64);
  widen(d, plane, fresh, sums + 96);
  widen(e, plane, fresh, sums + 128);
  widen(f, plane, fresh, sums + 160);
  widen(g, plane, fresh, sums + 192);
  widen(h, plane, fresh, sums + 224);
}

/** The same of 8 lanes. */
@inline
export function sumRows8(weights: usize, rowBytes: u32, from: u32, end: u32, sums: usize, plane: u32, fresh: bool): void {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  for (; from < end; from += 4) {
    const row = weights + load<u32>(from) * rowBytes;
    a = i32x4.add(a, v128.load(row));
    b = i32x4.add(b, v128.load(row, 16));
  }
  widen(a, plane, fresh, sums);
  widen(b, plane, fresh, sums + 32);
}

/** The largest magnitude of a block of weights. */
export function magnitude(weights: usize, rows: u32, rowBytes: u32, lanes: u32): u32 {
  let largest = i32x4.splat(0);
  for (let r: u32 = 0; r < rows; r++, weights += rowBytes) {
    for (let byte: u32 = 0; byte < lanes << 2; byte += 16) {
      largest = i32x4.max_u(largest, i32x4.abs(v128.load(weights + byte)));
    }
  }
  const half = i32x4.max_u(largest, i32x4.shuffle(largest, largest, 2, 3, 2, 3));
  return max(<u32>i32x4.extract_lane(half, 0), <u32>i32x4.extract_lane(half, 1));
}
