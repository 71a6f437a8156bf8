import { defineOp, instant, newSlot, only, problem } from "../op.js";
import { channelsOf } from "../types.js";

export const repeatPositions = defineOp({
  name: "repeat.positions",
  summary: "one value per channel, at every position",
  doc: `y[p, c] = x[c], positions height x width, or height tokens where width = 0
A mask of channels as a summand: mask.and, for chips whose AND is a neuron that adds.`,
  operands: [{ name: "x", accepts: "any", doc: "one value per channel" }],
  symbols: [],
  attrs: {
    height: { type: "int", min: 1, doc: "rows of the map, or tokens" },
    width: { type: "int", min: 0, default: 0, doc: "columns of the map; 0: tokens" },
  },
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const x = view.operand(0);
    if (x.shape.length !== 1)
      return problem("shape-mismatch", `\`repeat.positions\` expects channels, got ${x.shape.join("x")}`);
    const [height, width] = [view.number("height"), view.number("width")];
    return { ...x, shape: [height, ...(width === 0 ? [] : [width]), ...x.shape] };
  },
  step({ type }, _state, [x]) {
    const input = only(x);
    const y = newSlot(type);
    for (let i = 0; i < y.length; i++) y[i] = input[i % input.length]!;
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 2>) -> spike<1t, 3x2> {
  %y = repeat.positions %x {height = 3} : spike<1t, 3x2>
  return %y
}`,
      inputs: { x: [1, 0] },
      outputs: { y: [1, 0, 1, 0, 1, 0] },
    },
  ],
});

export const repeatChannels = defineOp({
  name: "repeat.channels",
  summary: "one value per token, in every channel",
  doc: `y[p, c] = x[p], positions as rows of \`width\`, or tokens where width = 0
A mask of tokens as a summand: mask.tokens, for chips whose AND is a neuron that adds.`,
  operands: [{ name: "x", accepts: "any", doc: "one value per token" }],
  symbols: [],
  attrs: {
    channels: { type: "int", min: 1, doc: "channels of the result" },
    width: { type: "int", min: 0, default: 0, doc: "columns of the map, must divide the tokens; 0: tokens" },
  },
  temporal: instant,
  spatial: "token",
  infer(view) {
    const x = view.operand(0);
    const [tokens = 0] = x.shape;
    const [channels, width] = [view.number("channels"), view.number("width")];
    if (x.shape.length !== 1)
      return problem("shape-mismatch", `\`repeat.channels\` expects tokens, got ${x.shape.join("x")}`);
    if (width > 0 && tokens % width !== 0)
      return problem("attribute", `rows of ${width} do not divide ${tokens} tokens`);
    return { ...x, shape: [...(width === 0 ? [tokens] : [tokens / width, width]), channels] };
  },
  step({ type }, _state, [x]) {
    const input = only(x);
    const channels = channelsOf(type);
    const y = newSlot(type);
    for (let i = 0; i < y.length; i++) y[i] = input[Math.floor(i / channels)]!;
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: spike<1t, 2>) -> spike<1t, 1x2x2> {
  %y = repeat.channels %x {channels = 2, width = 2} : spike<1t, 1x2x2>
  return %y
}`,
      inputs: { x: [1, 0] },
      outputs: { y: [1, 1, 0, 0] },
    },
  ],
});
