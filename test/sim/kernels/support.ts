import fc from "fast-check";
import {
  createKernels,
  Helper,
  type Kernels,
  KERNELS,
  type MapWindow,
  type SpikeWindow,
} from "../../../src/sim/kernels/index.js";
import type { Team } from "../../../src/sim/kernels/team.js";

/** Both implementations, over memories of their own; and the fast one with every call divided among three hands. */
export function both(bytes = 2 ** 22): readonly Kernels[] {
  return [...KERNELS.map((name) => createKernels(bytes, name)), divided(bytes)];
}

/** Kernels whose calls are divided into the smallest pieces, which three hands take in turn, all of them in this thread. */
function divided(bytes: number): Kernels {
  const kernels = createKernels(bytes, "simd", { threads: 3, guests: 2, grain: 0 });
  const { own } = (kernels as unknown as { team: Team }).team;
  const hands = [own.help.bind(own)];
  for (const guest of [0, 1]) {
    const helper = new Helper(kernels.invite(guest)!.hand);
    hands.push(() => helper.help());
  }
  let turn = 0;
  own.help = () => hands[turn++ % hands.length]!();
  return kernels;
}

/** Spike maps as plain numbers: the bit of plane p of position n, channel c, in timestep t, at [p][n][c][t]. */
export type Bits = readonly (readonly (readonly (readonly number[])[])[])[];

/** Writes the rows of a map from `firstRow` on as spike words, and returns the window onto them. */
export function placeSpikes(
  { memory }: Kernels,
  bits: Bits,
  shape: Omit<SpikeWindow, "input" | "planes" | "planeBytes">,
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
  return { ...shape, input: spikes, planes: bits.length, planeBytes };
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

/** Sizes of a map, a window and the word; `cut` chooses padding and tile. */
export const windowShapes = fc.record({
  cut: fc.nat(),
  lanes: fc.constantFrom<number[]>(8, 16, 24, 40, 64, 72),
  blocks: fc.integer({ min: 1, max: 2 }),
  height: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 5 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 2 }),
});

/** A tile of windows that all lie at least partly inside the map; the rows above the tile's first are not in memory. */
export function makeWindow(s: typeof windowShapes extends fc.Arbitrary<infer T> ? T : never): Omit<MapWindow, "input"> {
  const draw = uniform(s.cut);
  const padding = Math.floor(draw() * s.kernel);
  const out = (size: number): number => Math.max(1, Math.floor((size + 2 * padding - s.kernel) / s.stride) + 1);
  const outRow = Math.floor(draw() * out(s.height));
  const { lanes, blocks, height, width, kernel, stride } = s;
  return {
    lanes,
    blocks,
    height,
    width,
    firstRow: Math.max(0, outRow * stride - padding),
    kernel,
    stride,
    padding,
    outRow,
    outRows: 1 + Math.floor(draw() * (out(height) - outRow)),
    outWidth: out(width),
  };
}

/** Taps of an output position by the definition: number (ky * kernel + kx) and position of the part of the map in memory. */
export function tapsOf(w: Omit<MapWindow, "input">, position: number): readonly { tap: number; at: number }[] {
  const top = (w.outRow + Math.floor(position / w.outWidth)) * w.stride - w.padding;
  const left = (position % w.outWidth) * w.stride - w.padding;
  const all = Array.from({ length: w.kernel ** 2 }, (_, tap) => {
    const [y, x] = [top + Math.floor(tap / w.kernel), left + (tap % w.kernel)];
    return { tap, at: (y - w.firstRow) * w.width + x, inside: y >= 0 && x >= 0 && y < w.height && x < w.width };
  });
  return all.filter(({ inside }) => inside);
}
