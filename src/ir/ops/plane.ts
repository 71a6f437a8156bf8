import { problem, type AttrDefinition, type OpView, type Problem } from "../op.js";
import { channelsOf, positionsOf, type ValueType } from "../types.js";

/** What ops over the (token, channel-in-head) plane of each head share. */

export const PLANE_ATTRS = {
  heads: { type: "int", min: 1, doc: "number of heads; must divide the channels" },
  kernel: { type: "int", min: 1, default: 3, doc: "odd side of the window" },
} satisfies Readonly<Record<string, AttrDefinition>>;

/** Why heads or window of an op do not fit its operand; undefined where they do. */
export function planeProblem(view: OpView): Problem | undefined {
  const channels = channelsOf(view.operand(0));
  if (channels % view.number("heads") !== 0)
    return problem("attribute", `${view.number("heads")} heads do not divide ${channels} channels`);
  return view.number("kernel") % 2 === 0 ? problem("attribute", "the kernel must be odd") : undefined;
}

/** Calls `visit` with each element of the result and each element of the operand in its window, inside head and tokens. */
export function forPlane(view: OpView, type: ValueType, visit: (output: number, input: number) => void): void {
  const channels = channelsOf(type);
  const tokens = positionsOf(type);
  const d = channels / view.number("heads");
  const r = (view.number("kernel") - 1) / 2;
  for (let n = 0; n < tokens; n++) {
    for (let c = 0; c < channels; c++) {
      const head = Math.floor(c / d) * d;
      for (let m = Math.max(0, n - r); m <= Math.min(tokens - 1, n + r); m++) {
        for (let e = Math.max(head, c - r); e <= Math.min(head + d - 1, c + r); e++) {
          visit(n * channels + c, m * channels + e);
        }
      }
    }
  }
}
