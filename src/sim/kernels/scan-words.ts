import type { SpikeWindow } from "./kernels.js";

/** Calls `visit` with each scan word of a position, in the order of the scanner; `row` is the weight row of lane 0. */
export function forEachWord(
  window: SpikeWindow,
  position: number,
  plane: number,
  visit: (word: number, row: number, lanes: number) => void,
): void {
  const y = Math.floor(position / window.outWidth);
  const top = (window.outRow + y) * window.stride - window.padding;
  const left = (position - y * window.outWidth) * window.stride - window.padding;
  const wordBytes = (window.lanes * window.timesteps) / 8;
  for (let ky = Math.max(0, -top); ky < Math.min(window.kernel, window.height - top); ky++) {
    for (let kx = Math.max(0, -left); kx < Math.min(window.kernel, window.width - left); kx++) {
      const at = ((top + ky - window.firstRow) * window.width + left + kx) * window.blocks;
      for (let block = 0; block < window.blocks; block++) {
        const word = window.spikes + plane * window.planeBytes + (at + block) * wordBytes;
        const row = (ky * window.kernel + kx) * window.channels + block * window.lanes;
        visit(word, row, Math.max(0, Math.min(window.lanes, window.channels - block * window.lanes)));
      }
    }
  }
}
