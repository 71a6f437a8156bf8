/* What the plain kernels share: walking over windows, and the last step of a weighted sum. */
import { roundHalfEven } from "../../math/grid.js";
import type { MapWindow, Result, SpikeWindow } from "./kernels.js";
import type { KernelMemory } from "./memory.js";

/** Calls `visit` with the address and the number (ky * kernel + kx) of each tap inside the map, in the order ky, kx. */
export function forEachTap(
  window: MapWindow,
  position: number,
  wordBytes: number,
  visit: (address: number, tap: number) => void,
): void {
  const y = Math.floor(position / window.outWidth);
  const top = (window.outRow + y) * window.stride - window.padding;
  const left = (position - y * window.outWidth) * window.stride - window.padding;
  for (let ky = Math.max(0, -top); ky < Math.min(window.kernel, window.height - top); ky++) {
    for (let kx = Math.max(0, -left); kx < Math.min(window.kernel, window.width - left); kx++) {
      const at = ((top + ky - window.firstRow) * window.width + left + kx) * window.blocks;
      visit(window.input + at * wordBytes, ky * window.kernel + kx);
    }
  }
}

/** Calls `visit` with each scan word of a position in the scanner's order, the weight row of its lane 0, and its channels. */
export function forEachWord(
  window: SpikeWindow,
  position: number,
  plane: number,
  visit: (word: number, row: number, channels: number) => void,
): void {
  const { lanes, channels, blocks } = window;
  const wordBytes = (lanes * window.timesteps) / 8;
  forEachTap(window, position, wordBytes, (address, tap) => {
    for (let block = 0; block < blocks; block++) {
      const word = address + plane * window.planeBytes + block * wordBytes;
      visit(word, tap * channels + block * lanes, Math.max(0, Math.min(lanes, channels - block * lanes)));
    }
  });
}

/** Writes the `lanes` sums from `from` on as a result's outputs at address `to`. */
export function writeResult(
  { f32, f64, i32 }: KernelMemory,
  result: Result,
  sums: Float64Array,
  from: number,
  lanes: number,
  to: number,
): void {
  const { format, limit, bias, scales } = result;
  for (let l = 0; l < lanes; l++) {
    const value = (sums[from + l]! + f64[(bias >>> 3) + l]!) * f64[(scales >>> 3) + l]!;
    if (format === "real") f32[(to >>> 2) + l] = value;
    else i32[(to >>> 2) + l] = Math.min(limit, Math.max(-limit, roundHalfEven(value)));
  }
}
