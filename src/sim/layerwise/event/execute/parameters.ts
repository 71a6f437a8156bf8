import type { Chip } from "./chip.js";

/** The parameters of a block of outputs: what a sum is multiplied with, and its bias in units of the grid. */
export interface OutputParameters {
  readonly scales: Float64Array;
  readonly bias: Float64Array;
}

/** Reads the words from `address` on: exponents of the grid, then biases as doubles, low lanes first. */
export function readParameters(address: number, chip: Chip): OutputParameters {
  const { lanes } = chip;
  const { u8, i32, wordBytes } = chip.memories.weight;
  const scales = new Float64Array(lanes);
  for (let l = 0; l < lanes; l++) scales[l] = 2 ** -i32[address * lanes + l]!;
  const first = (address + 1) * wordBytes;
  const bias = new Float64Array(u8.slice(first, first + 8 * lanes).buffer);
  return { scales, bias };
}

/** The largest current, in magnitude, of a result of so many bits; 0 bits never saturate. */
export function currentLimit(bits: number): number {
  return bits === 0 ? Infinity : 2 ** (bits - 1) - 1;
}
