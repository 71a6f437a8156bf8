import { createKernels, type Kernels, KERNELS, type SpikeWindow } from "../../../src/sim/kernels/index.js";

/** Both implementations, over memories of their own. */
export function both(bytes = 2 ** 22): readonly Kernels[] {
  return KERNELS.map((name) => createKernels(bytes, name));
}

/** Spike maps as plain numbers: the bit of plane p of position n, channel c, in timestep t, at [p][n][c][t]. */
export type Bits = readonly (readonly (readonly (readonly number[])[])[])[];

/** Writes the rows of a map from `firstRow` on as spike words, and returns the window onto them. */
export function placeSpikes(
  { memory }: Kernels,
  bits: Bits,
  shape: Omit<SpikeWindow, "spikes" | "planes" | "planeBytes">,
  noise: () => number,
): SpikeWindow {
  const { lanes, timesteps, blocks, width, height, firstRow, channels } = shape;
  const wordBytes = (lanes * timesteps) / 8;
  const planeBytes = (height - firstRow) * width * blocks * wordBytes;
  const spikes = memory.take(planeBytes * bits.length + 8, "spikes");
  // Lanes beyond the channels and timesteps beyond the steps must not count, so they hold anything.
  for (let i = 0; i < planeBytes * bits.length; i++) memory.u8[spikes + i] = noise() * 256;
  bits.forEach((plane, p) =>
    plane.slice(firstRow * width).forEach((position, n) =>
      position.slice(0, channels).forEach((steps, c) =>
        steps.forEach((bit, t) => {
          const word = spikes + p * planeBytes + (n * blocks + Math.floor(c / lanes)) * wordBytes;
          const lane = c % lanes;
          const byte = word + (t * lanes) / 8 + (lane >> 3);
          memory.u8[byte] = (memory.u8[byte]! & ~(1 << (lane & 7))) | (bit << (lane & 7));
        }),
      ),
    ),
  );
  return { ...shape, spikes, planes: bits.length, planeBytes };
}

/** Uniform in [0, 1), seeded. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
