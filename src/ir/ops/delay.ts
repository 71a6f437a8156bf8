import { defineOp, newSlot, only, problem, stateful, type OpState, type OpView, type Slot } from "../op.js";
import { printType, slotSize } from "../types.js";

function slotNames(view: OpView): readonly string[] {
  return Array.from({ length: view.number("timesteps") }, (_, i) => `t-${i + 1}`);
}

export const delay = defineOp({
  name: "delay",
  summary: "the value of d timesteps ago; the only op that may refer forward",
  doc: `y[t] = x[t - timesteps], and init for t < timesteps
Every cycle of a net goes through one. State is the last \`timesteps\` values of x.`,
  operands: [{ name: "x", accepts: "any", doc: "a value with one slot per timestep, possibly defined later" }],
  symbols: [],
  attrs: {
    timesteps: { type: "int", min: 1, default: 1, doc: "how far back" },
    init: { type: "number", default: 0, doc: "value before the first timestep" },
  },
  temporal: stateful,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    if (x.time.period !== 1) return problem("type-mismatch", "`delay` needs one value per timestep");
    const init = view.number("init");
    const { number } = x;
    if (number.kind === "int" && !(Number.isInteger(init) && init >= number.lo && init <= number.hi)) {
      return problem("range", `\`init\` is ${init}, \`delay\` of ${printType(x)} needs an integer in its range`);
    }
    return x;
  },
  init({ view, type }) {
    const state: Record<string, Slot> = {};
    for (const name of slotNames(view)) state[name] = newSlot(type).fill(view.number("init"));
    return state;
  },
  emit({ view }, state) {
    return only([state[`t-${view.number("timesteps")}`]!]).slice();
  },
  step({ view, type }, state: OpState, [x]) {
    const names = slotNames(view);
    for (let i = names.length - 1; i > 0; i--) state[names[i]!]!.set(state[names[i - 1]!]!);
    const latest = state[names[0]!]!;
    for (let i = 0; i < slotSize(type); i++) latest[i] = only(x)[i]!;
    return [];
  },
  examples: [
    {
      text: `net @example(%x: real<3t, 1>) -> real<3t, 1> {
  %y = delay %x {timesteps = 1, init = 7} : real<3t, 1>
  return %y
}`,
      inputs: { x: [1, 2, 3] },
      outputs: { y: [7, 1, 2] },
    },
    {
      text: `net @counter(%x: real<4t, 1>) -> real<4t, 1> {
  %before = delay %sum {timesteps = 1} : real<4t, 1>
  %sum = stream.add %before, %x : real<4t, 1>
  return %sum
}`,
      inputs: { x: [1, 1, 2, 0] },
      outputs: { sum: [1, 2, 4, 4] },
    },
  ],
});
