/** Ints that hold one bit per lane. */
export function laneInts(lanes: number): number {
  return (lanes + 31) >>> 5;
}

/**
 * Unpacks the first `steps` timesteps of the spike word at byte `from` into `out` at `at`: laneInts(lanes) ints per timestep,
 * bit l mod 32 of int floor(l / 32) is lane l. `lanes` is a multiple of 8; `i32` views the same bytes.
 */
export function loadBits(
  u8: Uint8Array,
  i32: Int32Array,
  from: number,
  lanes: number,
  steps: number,
  out: Int32Array,
  at: number,
): void {
  if ((lanes & 31) === 0) {
    const n = steps * (lanes >>> 5);
    const base = from >>> 2;
    for (let i = 0; i < n; i++) out[at + i] = i32[base + i]!;
    return;
  }
  const ints = (lanes + 31) >>> 5;
  const bytes = lanes >>> 3;
  for (let s = 0; s < steps; s++) {
    for (let i = 0; i < ints; i++) out[at + s * ints + i] = 0;
    for (let b = 0; b < bytes; b++) {
      const i = at + s * ints + (b >>> 2);
      out[i] = out[i]! | (u8[from + s * bytes + b]! << ((b & 3) << 3));
    }
  }
}

/** Packs 0/1 bytes, `lanes` per timestep, into the bits of a spike word of `bytes` bytes at byte `to`. */
export function packBits(spikes: Uint8Array, bytes: number, u8: Uint8Array, to: number): void {
  for (let b = 0; b < bytes; b++) {
    const i = b << 3;
    u8[to + b] =
      spikes[i]! |
      (spikes[i + 1]! << 1) |
      (spikes[i + 2]! << 2) |
      (spikes[i + 3]! << 3) |
      (spikes[i + 4]! << 4) |
      (spikes[i + 5]! << 5) |
      (spikes[i + 6]! << 6) |
      (spikes[i + 7]! << 7);
  }
}

/** The lowest lane set at or after lane `from` in `ints` ints at `at`; -1 where none is. */
export function nextBit(bits: Int32Array, at: number, ints: number, from: number): number {
  let i = from >>> 5;
  if (i >= ints) return -1;
  let word = bits[at + i]! & (-1 << (from & 31));
  while (word === 0) {
    i++;
    if (i === ints) return -1;
    word = bits[at + i]!;
  }
  return (i << 5) + 31 - Math.clz32(word & -word);
}
