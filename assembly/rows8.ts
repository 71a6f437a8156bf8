/*
 * Sums of i8 weight rows. A 16-bit lane of a packed row holds two weights, 256 * a + (b + 128): lane i of the 16-byte group j
 * those of outputs 16 j + 8 + i (a) and 16 j + i (b). The sum of the lanes modulo 2^16 and that of their high bytes give both
 * sums, with one load and three operations for 16 weights; they are exact for up to 255 rows.
 */

/** Widens the two sums of eight 16-bit lanes each to i32, shifts them to the value of their plane, and puts them at `to`. */
@inline
function widen(all: v128, high: v128, rows: u32, plane: u32, fresh: bool, to: usize): void {
  const low = i16x8.sub(i16x8.sub(all, i16x8.shl(high, 8)), i16x8.splat(<i16>(rows << 7)));
  put(i32x4.extend_low_i16x8_s(low), plane, fresh, to);
  put(i32x4.extend_high_i16x8_s(low), plane, fresh, to + 16);
  put(i32x4.extend_low_i16x8_s(high), plane, fresh, to + 32);
  put(i32x4.extend_high_i16x8_s(high), plane, fresh, to + 48);
}

@inline
function put(sums: v128, plane: u32, fresh: bool, to: usize): void {
  const value = plane === 0 ? sums : i32x4.shl(sums, plane);
  v128.store(to, fresh ? value : i32x4.add(value, v128.load(to)));
}

/** Sums of 64 outputs over the rows listed from `from` up to `end`, as i32 at `sums`. */
@inline
export function sumRows64x8(
  weights: usize,
  rowBytes: u32,
  from: u32,
  end: u32,
  sums: usize,
  plane: u32,
  fresh: bool,
): void {
  const rows = (end - from) >> 2;
  let row = weights + load<u32>(from) * rowBytes;
  let a = v128.load(row);
  let b = v128.load(row, 16);
  let c = v128.load(row, 32);
  let d = v128.load(row, 48);
  let highA = i16x8.shr_s(a, 8);
  let highB = i16x8.shr_s(b, 8);
  let highC = i16x8.shr_s(c, 8);
  let highD = i16x8.shr_s(d, 8);
  for (from += 4; from < end; from += 4) {
    row = weights + load<u32>(from) * rowBytes;
    const nextA = v128.load(row);
    const nextB = v128.load(row, 16);
    const nextC = v128.load(row, 32);
    const nextD = v128.load(row, 48);
    a = i16x8.add(a, nextA);
    b = i16x8.add(b, nextB);
    c = i16x8.add(c, nextC);
    d = i16x8.add(d, nextD);
    highA = i16x8.add(highA, i16x8.shr_s(nextA, 8));
    highB = i16x8.add(highB, i16x8.shr_s(nextB, 8));
    highC = i16x8.add(highC, i16x8.shr_s(nextC, 8));
    highD = i16x8.add(highD, i16x8.shr_s(nextD, 8));
  }
  widen(a, highA, rows, plane, fresh, sums);
  widen(b, highB, rows, plane, fresh, sums + 64);
  widen(c, highC, rows, plane, fresh, sums + 128);
  widen(d, highD, rows, plane, fresh, sums + 192);
}

/** The same of 16 outputs. */
@inline
export function sumRows16x8(
  weights: usize,
  rowBytes: u32,
  from: u32,
  end: u32,
  sums: usize,
  plane: u32,
  fresh: bool,
): void {
  const rows = (end - from) >> 2;
  let all = i16x8.splat(0);
  let high = i16x8.splat(0);
  for (; from < end; from += 4) {
    const next = v128.load(weights + load<u32>(from) * rowBytes);
    all = i16x8.add(all, next);
    high = i16x8.add(high, i16x8.shr_s(next, 8));
  }
  widen(all, high, rows, plane, fresh, sums);
}

/** Packs the rows of a block: `lanes` i32 weights in -128..127 each, a multiple of 8; lanes up to the next multiple of 16 are 0. */
export function pack8(weights: usize, rows: u32, rowBytes: u32, lanes: u32, to: usize): void {
  for (let r: u32 = 0; r < rows; r++, weights += rowBytes) {
    for (let lane: u32 = 0; lane < lanes; lane += 16, to += 16) {
      const from = weights + (lane << 2);
      const low = i16x8.narrow_i32x4_s(v128.load(from), v128.load(from, 16));
      let high = i16x8.splat(0);
      if (lane + 8 < lanes) high = i16x8.narrow_i32x4_s(v128.load(from, 32), v128.load(from, 48));
      v128.store(to, i16x8.add(i16x8.add(i16x8.shl(high, 8), low), i16x8.splat(128)));
    }
  }
}
