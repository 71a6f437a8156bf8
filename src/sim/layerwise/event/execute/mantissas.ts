import type { KernelMemory } from "../../../kernels/index.js";

/**
 * Unpacks `count` weights of `bits` bits that lie one behind the other, two's complement, from byte `at` on (a multiple of 2) to
 * integers of 32 bits at byte `to`.
 */
export function unpackWeights({ u8, i32 }: KernelMemory, at: number, count: number, bits: number, to: number): void {
  if (bits === 8) return i32.set(new Int8Array(u8.buffer, at, count), to / 4);
  if (bits === 16) return i32.set(new Int16Array(u8.buffer, at, count), to / 4);
  let byte = at;
  // Bits that have been read and belong to the next weights, lowest first: fewer than 8 beside those of a weight.
  let [held, holds] = [0, 0];
  for (let i = 0; i < count; i++) {
    while (holds < bits) {
      held += u8[byte++]! * 2 ** holds;
      holds += 8;
    }
    const value = held % 2 ** bits;
    held = (held - value) / 2 ** bits;
    holds -= bits;
    i32[to / 4 + i] = value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  }
}
