import { problem, type AttrDefinition, type Problem, type Window } from "../op.js";

/** Attributes of every op that slides a square window over a map. */
export const WINDOW_ATTRS = {
  kernel: { type: "int", min: 1, doc: "side of the square window" },
  stride: { type: "int", min: 1, default: 1, doc: "step between windows" },
  padding: { type: "int", min: 0, default: 0, doc: "positions outside the map on each side" },
} satisfies Readonly<Record<string, AttrDefinition>>;

/** Output shape of a window over HxWxC: floor((size + 2 padding - kernel) / stride) + 1 per side. */
export function windowOutput(
  shape: readonly number[],
  { kernel, stride, padding }: Window,
  channels: number,
): readonly number[] | Problem {
  const [h = 0, w = 0] = shape;
  const side = (size: number): number => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const out = [side(h), side(w)] as const;
  if (padding >= kernel) return problem("attribute", `padding ${padding} must be smaller than the kernel ${kernel}`);
  if (out[0] < 1 || out[1] < 1) return problem("shape-mismatch", `a window of ${kernel} does not fit a ${h}x${w} map`);
  return [out[0], out[1], channels];
}

/** Calls `visit` with each input position of the window of output (oy, ox) that lies inside the map, row by row. */
export function forWindow(
  shape: readonly number[],
  { kernel, stride, padding }: Window,
  oy: number,
  ox: number,
  visit: (position: number) => void,
): void {
  const [h = 0, w = 0] = shape;
  for (let ky = 0; ky < kernel; ky++) {
    const y = oy * stride - padding + ky;
    if (y < 0 || y >= h) continue;
    for (let kx = 0; kx < kernel; kx++) {
      const x = ox * stride - padding + kx;
      if (x >= 0 && x < w) visit(y * w + x);
    }
  }
}
