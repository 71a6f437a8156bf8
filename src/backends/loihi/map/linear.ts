import { internalError } from "../../../diagnostics/index.js";
import { channelsOf, positionsOf, type OpView, type ValueType, type Window } from "../../../ir/index.js";

/** Adds `weight` to element `target` of a result. */
export type Add = (target: number, weight: number) => void;

/** What one element of an operand, of value `x`, adds to the elements of the result. */
export type Spread = (element: number, x: number, add: Add) => void;

const identity: Spread = (element, x, add) => add(element, x);

/** The linear ops of a legal net, read column by column: what each element of an operand is heard by. */
export function spreadOf(view: OpView, type: ValueType): Spread {
  const x = view.operand(0);
  const channels = channelsOf(x);
  const out = channelsOf(type);
  switch (view.op.name) {
    case "stream.add":
    case "delay":
      return identity;
    case "synapse.one-to-one": {
      const weight = view.number("weight");
      return (element, value, add) => add(element, value * weight);
    }
    case "synapse.dense": {
      const { mantissa } = view.weights();
      return (element, value, add) => {
        const position = Math.floor(element / channels);
        addRow(mantissa, (element % channels) * out, out, position * out, value, add);
      };
    }
    case "synapse.conv": {
      const { mantissa } = view.weights();
      return windows(view.window(), x, type, (channel, tap, position, value, add) => {
        addRow(mantissa, (tap * channels + channel) * out, out, position * out, value, add);
      });
    }
    case "pool.sum":
      return windows(view.window(), x, type, (channel, _tap, position, value, add) => {
        add(position * channels + channel, value);
      });
    case "pool.sum-plane":
      return plane(view.number("heads"), view.number("kernel"), x);
    case "reduce.sum-positions":
      return (element, value, add) => add(element % channels, value);
    case "channels.slice": {
      const from = view.number("from");
      return (element, value, add) => {
        const channel = (element % channels) - from;
        if (channel >= 0 && channel < out) add(Math.floor(element / channels) * out + channel, value);
      };
    }
    case "repeat.positions": {
      const positions = positionsOf(type);
      return (element, value, add) => {
        for (let p = 0; p < positions; p++) add(p * out + element, value);
      };
    }
    case "repeat.channels":
      return (element, value, add) => {
        for (let c = 0; c < out; c++) add(element * out + c, value);
      };
    default:
      throw internalError(`${view.op.name} is no linear op of a legal net`);
  }
}

/** x times weights row..row + length - 1, to elements from `target` on. */
function addRow(weights: Int32Array, row: number, length: number, target: number, x: number, add: Add): void {
  for (let o = 0; o < length; o++) {
    const weight = weights[row + o]!;
    if (weight !== 0) add(target + o, x * weight);
  }
}

type Tap = (channel: number, tap: number, position: number, x: number, add: Add) => void;

/** Visits the windows that hold an element of a map HxWxC, each with the tap at which it lies there. */
function windows({ kernel, stride, padding }: Window, x: ValueType, result: ValueType, visit: Tap): Spread {
  const [, width = 1] = x.shape;
  const [height = 1, across = 1] = result.shape;
  const channels = channelsOf(x);
  return (element, value, add) => {
    const position = Math.floor(element / channels);
    const [y, column] = [Math.floor(position / width), position % width];
    for (let ky = 0; ky < kernel; ky++) {
      const oy = (y + padding - ky) / stride;
      if (!Number.isInteger(oy) || oy < 0 || oy >= height) continue;
      for (let kx = 0; kx < kernel; kx++) {
        const ox = (column + padding - kx) / stride;
        if (!Number.isInteger(ox) || ox < 0 || ox >= across) continue;
        visit(element % channels, ky * kernel + kx, oy * across + ox, value, add);
      }
    }
  };
}

/** The window is symmetric: who hears an element is whom it hears. */
function plane(heads: number, kernel: number, x: ValueType): Spread {
  const channels = channelsOf(x);
  const tokens = positionsOf(x);
  const d = channels / heads;
  const r = (kernel - 1) / 2;
  return (element, value, add) => {
    const [n, c] = [Math.floor(element / channels), element % channels];
    const head = Math.floor(c / d) * d;
    for (let m = Math.max(0, n - r); m <= Math.min(tokens - 1, n + r); m++) {
      for (let e = Math.max(head, c - r); e <= Math.min(head + d - 1, c + r); e++) add(m * channels + e, value);
    }
  };
}
