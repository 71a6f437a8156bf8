import { internalError } from "../../diagnostics/index.js";
import {
  defineOp,
  newSlot,
  only,
  problem,
  stateful,
  type OpState,
  type OpView,
  type Problem,
  type Slot,
} from "../op.js";
import { channelsOf, everyStep, slotSize, SPIKE, timestepsOf, type NumberKind } from "../types.js";

const f = Math.fround;
const INT_RULES = new Set(["integrate", "decay", "shift", "cuba"]);
const REAL_RULES = new Set(["divide", "multiply", "decay-then-add", "integrate", "cuba"]);

/** Truncates v * kept / 4096 toward zero: the integer decay of Loihi (nengo-loihi, builder/discretize.py). Exact: the product fits a double. */
function decay12(v: number, lost: number): number {
  return Math.trunc((v * (4096 - lost)) / 4096);
}

/** One neuron's charge in f32: the literal rounding sequence of each rule. `u` is the synaptic current state of cuba. */
export function chargeReal(
  rule: string,
  x: number,
  v: number,
  vReset: number,
  a: number,
  b: number,
  u: number,
): number {
  switch (rule) {
    case "divide":
      return f(v + f(f(x - f(v - vReset)) / a));
    case "multiply":
      return f(v + f(f(x - f(v - vReset)) * a));
    case "decay-then-add":
      return f(f(v * f(1 - a)) + x);
    case "integrate":
      return f(v + x);
    case "cuba":
      return f(f(v * f(1 - b)) + u);
    default:
      throw internalError(`charge rule ${rule}`);
  }
}

function chargeInt(rule: string, x: number, v: number, a: number, b: number, u: number): number {
  switch (rule) {
    case "integrate":
      return v + x;
    case "decay":
      return decay12(v, a) + x;
    case "shift":
      return v - Math.trunc(v / 2 ** a) + x;
    case "cuba":
      return decay12(v, b) + u;
    default:
      throw internalError(`charge rule ${rule}`);
  }
}

/** Brings an integer state into `bits` (sign included): clamped, or two's complement. */
function fit(value: number, bits: number, overflow: string): number {
  const limit = 2 ** (bits - 1);
  if (overflow === "saturate") return Math.min(limit - 1, Math.max(-limit, value));
  const wrapped = (((value + limit) % (2 * limit)) + 2 * limit) % (2 * limit);
  return wrapped - limit;
}

function outputTimesteps(view: OpView): number {
  return timestepsOf(view.operand(0).time);
}

/** Per-channel constants of a neuron op, read once per unit of work. */
interface NeuronParameters {
  readonly rule: string;
  readonly a: number;
  readonly b: number;
  readonly k: Float32Array | undefined;
  readonly vTh: Float32Array;
  readonly vReset: number;
  readonly ge: boolean;
  readonly hard: boolean;
  /** What one unit of an integer current counts in units of the state. */
  readonly unit: number;
}

function parameters(view: OpView, channels: number): NeuronParameters {
  const charge = view.call("charge");
  return {
    rule: charge.name,
    a: charge.args[0] ?? 0,
    b: charge.args[1] ?? 0,
    k: view.op.attrs["k"] === undefined ? undefined : view.perChannel("k", channels),
    vTh: view.perChannel("v_th", channels),
    // Real potentials are f32 throughout.
    vReset: view.operand(0).number.kind === "real" ? f(view.number("v_reset")) : view.number("v_reset"),
    ge: view.word("fire") === "ge",
    hard: view.word("reset") === "hard",
    unit: 2 ** view.number("fraction_bits"),
  };
}

function fires(h: number, threshold: number, ge: boolean): boolean {
  return ge ? h >= threshold : h > threshold;
}

function stepReal(view: OpView, x: Slot, state: OpState): Int32Array {
  const channels = channelsOf(view.operand(0));
  const p = parameters(view, channels);
  const v = state["v"]!;
  const u = state["u"];
  const spikes = new Int32Array(x.length);
  const a32 = f(p.a);
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    let current = 0;
    if (u !== undefined) current = u[i] = f(f(u[i]! * f(1 - p.a)) + x[i]!);
    const h = chargeReal(p.rule, x[i]!, v[i]!, p.vReset, p.k?.[c] ?? a32, f(p.b), current);
    const spike = fires(h, p.vTh[c]!, p.ge);
    spikes[i] = spike ? 1 : 0;
    v[i] = spike ? (p.hard ? p.vReset : f(h - p.vTh[c]!)) : h;
  }
  return spikes;
}

function stepInt(view: OpView, x: Slot, state: OpState): Int32Array {
  const channels = channelsOf(view.operand(0));
  const p = parameters(view, channels);
  const bits = view.number("state_bits");
  const overflow = view.word("overflow");
  const v = state["v"]!;
  const u = state["u"];
  const spikes = new Int32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    const input = x[i]! * p.unit;
    let current = 0;
    if (u !== undefined) current = u[i] = fit(decay12(u[i]!, p.a) + input, bits, overflow);
    const h = fit(chargeInt(p.rule, input, v[i]!, p.k?.[c] ?? p.a, p.b, current), bits, overflow);
    const spike = fires(h, p.vTh[c]!, p.ge);
    spikes[i] = spike ? 1 : 0;
    v[i] = spike ? (p.hard ? p.vReset : fit(h - p.vTh[c]!, bits, overflow)) : h;
  }
  return spikes;
}

/** Rules whose first argument `k` may give per channel. */
const CHANNEL_RULES = new Set(["divide", "multiply", "decay-then-add", "decay", "shift"]);

/** Integer states take integer potentials inside their width, decays of 4096 and whole shifts. */
function integerProblem(view: OpView): Problem | undefined {
  const { name, args } = view.call("charge");
  const limit = 2 ** (view.number("state_bits") - 1);
  for (const potential of ["v_reset", "v0"]) {
    const value = view.number(potential);
    if (Number.isInteger(value) && value >= -limit && value < limit) continue;
    return problem("range", `\`${potential}\` is ${value}, the state holds integers in ${-limit}..${limit - 1}`);
  }
  const { number } = view.operand(0);
  const unit = 2 ** view.number("fraction_bits");
  if (number.kind === "int" && Math.max(-number.lo, number.hi) * unit >= 2 ** 31) {
    const reach = Math.max(-number.lo, number.hi);
    return problem("overflow", `currents up to ${reach} times ${unit} exceed 32 bits`, "use fewer fraction_bits");
  }
  const largest = name === "shift" ? 31 : 4096;
  const k = view.op.attrs["k"] === undefined ? [] : [...view.perChannel("k", channelsOf(view.operand(0)))];
  const wrong = [...args, ...k].find((value) => !(Number.isInteger(value) && value >= 0 && value <= largest));
  if (wrong === undefined) return undefined;
  return problem("attribute", `\`${name}\` on integer currents expects integers in 0..${largest}, got ${wrong}`);
}

/** The type of the state: potentials are f32 on currents, integers on integer currents. */
function stateNumber(view: OpView): NumberKind {
  return view.operand(0).number;
}

export const lif = defineOp({
  name: "neuron.lif",
  summary: "leaky integrate-and-fire neuron, one per element",
  doc: `h = charge(v, x);  s = h >= v_th (ge) or h > v_th (gt);  v = s ? (v_reset (hard) or h - v_th (soft)) : h
Charge on real currents, every operation rounded to f32 (spikingjelly 0.0.0.0.12, torch backend):
  divide(tau): v + (x - (v - v_reset)) / tau     multiply(k): v + (x - (v - v_reset)) * k     integrate: v + x
  decay-then-add(k): v * (1 - k) + x             cuba(du, dv): u = u * (1 - du) + x, then v * (1 - dv) + u
Charge on integer currents, exact, truncation toward zero (as nengo-loihi and lava emulate Loihi), state kept in state_bits:
  integrate: v + x     decay(k): v * (4096 - k) / 4096 + x     shift(n): v - v / 2^n + x     cuba(du, dv): as above, of 4096
fraction_bits n: currents count 2^n, so states, thresholds and resets are in units of 2^-n of a current. shift(1) halves exactly for
T timesteps where n >= T - 1 (V_t is a multiple of 2^(n - t + 1)); with smaller n each halving truncates toward zero.
decay is the fraction lost. An operand that holds (1t/T) drives the neuron in each of its timesteps.`,
  operands: [{ name: "x", accepts: "any", doc: "input current" }],
  symbols: [],
  attrs: {
    charge: {
      type: "call",
      forms: {
        divide: ["tau"],
        multiply: ["k"],
        "decay-then-add": ["k"],
        integrate: [],
        cuba: ["du", "dv"],
        decay: ["k"],
        shift: ["n"],
      },
      default: { name: "divide", args: [2] },
      doc: "how the potential charges",
    },
    k: { type: "number-or-symbol", doc: "per-channel argument, in place of the rule's first one" },
    v_th: { type: "number-or-symbol", default: 1, doc: "threshold, per channel if a constant" },
    fire: { type: "word", oneOf: ["ge", "gt"], default: "ge", doc: "comparison with the threshold" },
    reset: { type: "word", oneOf: ["hard", "soft"], default: "hard", doc: "what a spike does to the potential" },
    v_reset: { type: "number", default: 0, doc: "potential after a hard reset" },
    v0: { type: "number", default: 0, doc: "potential before the first timestep" },
    state_bits: {
      type: "int",
      min: 2,
      max: 32,
      default: 32,
      doc: "integer currents: width of the state, sign included",
    },
    fraction_bits: {
      type: "int",
      min: 0,
      max: 30,
      default: 0,
      doc: "integer currents: bits of the state below one unit",
    },
    overflow: {
      type: "word",
      oneOf: ["saturate", "wrap"],
      default: "saturate",
      doc: "integer currents: at the width's end",
    },
  },
  temporal: stateful,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    const rule = view.call("charge");
    const rules = x.number.kind === "real" ? REAL_RULES : INT_RULES;
    if (!rules.has(rule.name)) {
      return problem(
        "attribute",
        `charge \`${rule.name}\` is not defined on ${x.number.kind === "real" ? "real" : "integer"} currents`,
        `use one of ${[...rules].join(", ")}`,
      );
    }
    if (rule.name === "divide" && rule.args[0] === 0) return problem("attribute", "tau must not be 0");
    for (const name of ["v_th", "k"]) {
      if (view.op.attrs[name] === undefined) continue;
      const n = view.perChannel(name, channelsOf(x)).length;
      if (n !== channelsOf(x))
        return problem("shape-mismatch", `\`${name}\` has ${n} values, the operand ${channelsOf(x)} channels`);
    }
    if (view.op.attrs["k"] !== undefined && !CHANNEL_RULES.has(rule.name)) {
      return problem(
        "attribute",
        `charge \`${rule.name}\` has no per-channel \`k\``,
        `use ${[...CHANNEL_RULES].join(", ")}`,
      );
    }
    const wrong = x.number.kind === "int" ? integerProblem(view) : undefined;
    return wrong ?? { number: SPIKE, time: everyStep(outputTimesteps(view)), shape: x.shape };
  },
  init({ view }) {
    const n = slotSize(view.operand(0));
    const zero = (): Slot => newSlot({ number: stateNumber(view), time: everyStep(1), shape: [n] });
    const v = zero().fill(view.number("v0"));
    return view.call("charge").name === "cuba" ? { v, u: zero() } : { v };
  },
  step({ view }, state, [x]) {
    const input = only(x);
    return [view.operand(0).number.kind === "real" ? stepReal(view, input, state) : stepInt(view, input, state)];
  },
  examples: [
    {
      text: `net @example(%x: real<4t, 1>) -> spike<4t, 1> {
  %s = neuron.lif %x {charge = divide(2), v_th = 1, fire = ge, reset = hard} : spike<4t, 1>
  return %s
}`,
      inputs: { x: [1, 1.5, 2, 1.9] },
      outputs: { s: [0, 1, 1, 0] },
    },
    {
      text: `net @example(%x: int<3t, 1, -8..8>) -> spike<3t, 1> {
  %s = neuron.lif %x {charge = decay(2048), v_th = 6, fire = gt} : spike<3t, 1>
  return %s
}`,
      inputs: { x: [6, 4, 8] },
      outputs: { s: [0, 1, 1] },
    },
    {
      text: `net @example(%x: int<3t, 1, -8..8>) -> spike<3t, 1> {
  %s = neuron.lif %x {charge = shift(1), v_th = 25, fraction_bits = 2} : spike<3t, 1>
  return %s
}`,
      inputs: { x: [3, 4, 8] },
      outputs: { s: [0, 0, 1] },
    },
  ],
});
