import { problem, type AttrDefinition, type Problem, type Window } from "../op.js";
import { channelsOf, type NumberKind, type ValueType } from "../types.js";

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

/** The type of a pool of `x` over the windows of `op`, with numbers of its own; or why there is none. */
export function pooledType(op: string, x: ValueType, window: Window, number: NumberKind): ValueType | Problem {
  if (x.shape.length !== 3) return problem("shape-mismatch", `\`${op}\` expects a map HxWxC, got ${x.shape.join("x")}`);
  const shape = windowOutput(x.shape, window, channelsOf(x));
  return "code" in shape ? shape : { number, time: x.time, shape };
}

/** Calls `visit` with each element of a pooled map and each element of `shape` in its window: those of its channel. */
export function forPooled(
  shape: readonly number[],
  window: Window,
  type: ValueType,
  visit: (output: number, input: number) => void,
): void {
  const channels = channelsOf(type);
  const [height = 0, width = 0] = type.shape;
  for (let p = 0; p < height * width; p++) {
    forWindow(shape, window, Math.floor(p / width), p % width, (q) => {
      for (let c = 0; c < channels; c++) visit(p * channels + c, q * channels + c);
    });
  }
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
