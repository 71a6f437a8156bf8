import { DiagnosticError } from "../../diagnostics/index.js";
import { irDiagnostics } from "../diagnostics.js";
import { defineOp, newSlot, only, problem, stateful, type OpView, type Problem } from "../op.js";
import { channelsOf, everyStep, int, slotSize, SPIKE, timestepsOf } from "../types.js";
import {
  POTENTIAL_LIMIT,
  updateBrian2,
  updateLava,
  updateLoihi,
  type LoihiNeuron,
  type LoihiUpdate,
} from "./loihi-update.js";

/** Whose arithmetic a neuron follows. */
export const LOIHI_PROFILES = ["loihi", "lava", "nengo", "brian2"] as const;
export type LoihiProfile = (typeof LOIHI_PROFILES)[number];

interface ProfileRules {
  readonly update: LoihiUpdate;
  /** Of u and of v. */
  readonly maxDecay: number;
  readonly maxRefractory: number;
  /** Attributes that mean nothing here. */
  readonly without: readonly string[];
}

/** The normative model and nengo-loihi's emulator differ in weights alone, which are rounded before they get here. */
const CHIP: ProfileRules = { update: updateLoihi, maxDecay: 4095, maxRefractory: 63, without: ["current_shift"] };

const RULES: Readonly<Record<LoihiProfile, ProfileRules>> = {
  loihi: CHIP,
  nengo: CHIP,
  lava: { update: updateLava, maxDecay: 4095, maxRefractory: 1, without: ["refractory", "v_min", "v_max"] },
  brian2: {
    update: updateBrian2,
    maxDecay: 4096,
    maxRefractory: 64,
    without: ["bias", "v_min", "v_max", "current_shift"],
  },
};

/** Largest threshold mantissa: 17 bits. */
const MAX_THRESHOLD = 2 ** 17 - 1;

function profileOf(view: OpView): { readonly name: LoihiProfile; readonly rules: ProfileRules } {
  const name = view.word("profile") as LoihiProfile;
  return { name, rules: RULES[name] };
}

/** The parameters of the neurons of each channel. */
function neuronsOf(view: OpView): readonly LoihiNeuron[] {
  const channels = channelsOf(view.operand(0));
  const vTh = view.perChannel("v_th", channels);
  const bias = view.perChannel("bias", channels);
  return Array.from({ length: channels }, (_, c) => ({
    decayU: view.number("decay_u"),
    decayV: view.number("decay_v"),
    threshold: vTh[c]! * 64,
    bias: bias[c]!,
    refractory: view.number("refractory"),
    vMin: view.number("v_min"),
    vMax: view.number("v_max"),
    currentShift: view.number("current_shift"),
  }));
}

/** An attribute that the profile's arithmetic has no place for, or that exceeds its registers. */
function profileProblem(view: OpView): Problem | undefined {
  const { name, rules } = profileOf(view);
  const foreign = rules.without.find((attr) => {
    const value = view.op.attrs[attr];
    return value !== undefined && value !== loihi.attrs[attr]?.default;
  });
  if (foreign !== undefined) {
    const able = LOIHI_PROFILES.filter((profile) => !RULES[profile].without.includes(foreign));
    return problem(
      "attribute",
      `profile \`${name}\` has no \`${foreign}\``,
      `leave it out, or use profile = ${able.join(" or ")}`,
    );
  }
  const limits: readonly [string, number][] = [
    ["decay_u", rules.maxDecay],
    ["decay_v", rules.maxDecay],
    ["refractory", rules.maxRefractory],
  ];
  const [attr, limit] = limits.find(([each, most]) => view.number(each) > most) ?? [];
  if (attr === undefined) return undefined;
  return problem("attribute", `\`${attr}\` is ${view.number(attr)}, profile \`${name}\` has at most ${limit}`);
}

/** Values per channel have to be integers that the registers hold. */
function channelProblem(view: OpView): Problem | undefined {
  const channels = channelsOf(view.operand(0));
  const ranges: readonly [string, number, number][] = [
    ["v_th", 0, MAX_THRESHOLD],
    ["bias", -POTENTIAL_LIMIT, POTENTIAL_LIMIT],
  ];
  for (const [name, lo, hi] of ranges) {
    const values = view.perChannel(name, channels);
    if (values.length !== channels) {
      return problem("shape-mismatch", `\`${name}\` has ${values.length} values, the operand ${channels} channels`);
    }
    const wrong = values.find((value) => !(Number.isInteger(value) && value >= lo && value <= hi));
    if (wrong !== undefined) {
      return problem("range", `\`${name}\` is ${wrong}, the register holds integers in ${lo}..${hi}`);
    }
  }
  return undefined;
}

/** What emulators do not limit may still leave the 32 bits that a state has here. */
function outside(view: OpView, neuron: number, state: string, value: number): DiagnosticError {
  const { name } = profileOf(view);
  const message = `neuron ${neuron}: ${state} reaches ${value}; profile \`${name}\` does not limit it, a state holds 32 bits`;
  return new DiagnosticError(
    irDiagnostics.make("overflow", message, {
      hint: "use smaller weights or faster decays, or profile = loihi, which wraps at 23 bits",
    }),
  );
}

export const loihi = defineOp({
  name: "neuron.loihi",
  summary: "integer neuron of Loihi, or of one of its public emulators",
  doc: `q = wrap21(x);  u = wrap23(cut(u * (4096 - (decay_u + 1)) / 4096) + q)
v = clip(cut(v * (4096 - decay_v) / 4096) + wrap23(u + bias), v_min, v_max), and 0 in a refractory timestep
s = v > v_th * 2^6 (strictly);  at a spike v = 0, u is kept, and v stays 0 in the next refractory - 1 timesteps
cut drops the fraction toward zero, wrapN is two's complement of N bits and a sign. x is the sum of the weights that arrive in this
timestep, as they are added: aligned to 2^6 (mantissa * 2^(6 + exponent)). This is profile loihi. The others are what public tools compute:
  nengo   the same; the tools differ in how weights are rounded, which happens on import
  lava    x is the sum of mantissas: q = floor(x * 2^current_shift) * 2^6, no wrap21; u wraps once and into (-2^23, 2^23];
          u + bias has no limit, v is clipped to -(2^23 - 1)..2^23 - 1; no refractory period
  brian2  4096 - decay_u, without the 1; no bias; nothing wraps or clips, beyond 32 bits is an error of the run
Sources, and what each disagreement changes in recorded runs: docs/loihi-arithmetic.md.`,
  operands: [{ name: "x", accepts: "int", doc: "integer input current in units of 1" }],
  symbols: [],
  attrs: {
    profile: { type: "word", oneOf: LOIHI_PROFILES, default: "loihi", doc: "whose arithmetic" },
    decay_u: { type: "int", min: 0, max: 4096, doc: "loss of the current, of 4096: register 0..4095, brian2 0..4096" },
    decay_v: {
      type: "int",
      min: 0,
      max: 4096,
      doc: "loss of the potential, of 4096: register 0..4095, brian2 0..4096",
    },
    v_th: { type: "number-or-symbol", default: 1, doc: "threshold mantissa, 17 bits, per channel if a constant" },
    bias: { type: "number-or-symbol", default: 0, doc: "effective bias (shifted), per channel if a constant" },
    refractory: {
      type: "int",
      min: 1,
      max: 64,
      default: 1,
      doc: "v is 0 in the refractory - 1 timesteps after a spike",
    },
    v_min: { type: "int", min: -POTENTIAL_LIMIT, max: 0, default: -POTENTIAL_LIMIT, doc: "least potential" },
    v_max: { type: "int", min: 0, max: POTENTIAL_LIMIT, default: POTENTIAL_LIMIT, doc: "largest potential" },
    current_shift: { type: "int", min: -7, max: 7, default: 0, doc: "lava: exponent that shifts the summed input" },
  },
  temporal: stateful,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    if (x.number.kind === "int" && x.number.exp !== 0) {
      return problem(
        "type-mismatch",
        `\`neuron.loihi\` counts currents in units of 1, the operand has units of 2^${x.number.exp}`,
        "put the weights on the grid of exponent 0",
      );
    }
    return (
      profileProblem(view) ??
      channelProblem(view) ?? { number: SPIKE, time: everyStep(timestepsOf(x.time)), shape: x.shape }
    );
  },
  init({ view }) {
    const zero = () => newSlot({ number: int(0, 0), time: everyStep(1), shape: [slotSize(view.operand(0))] });
    return { u: zero(), v: zero(), wait: zero() };
  },
  step({ view }, state, [x]) {
    const input = only(x);
    const { update } = profileOf(view).rules;
    const neurons = neuronsOf(view);
    const u = state["u"]!;
    const v = state["v"]!;
    const wait = state["wait"]!;
    const spikes = new Int32Array(input.length);
    for (let i = 0; i < input.length; i++) {
      const after = update({ u: u[i]!, v: v[i]!, wait: wait[i]! }, input[i]!, neurons[i % neurons.length]!);
      u[i] = after.u;
      v[i] = after.v;
      wait[i] = after.wait;
      if (u[i] !== after.u) throw outside(view, i, "u", after.u);
      if (v[i] !== after.v) throw outside(view, i, "v", after.v);
      spikes[i] = after.spike ? 1 : 0;
    }
    return [spikes];
  },
  examples: [
    {
      text: `net @example(%x: int<4t, 1, 0..1024>) -> spike<4t, 1> {
  %s = neuron.loihi %x {decay_u = 2047, decay_v = 1024, v_th = 20, refractory = 2} : spike<4t, 1>
  return %s
}`,
      // u: 1024, 512, 1280, 1664. v: 1024, 1280 = 768 + 512 (not above 20 * 64), 2240 (spike), 0 (refractory).
      inputs: { x: [1024, 0, 1024, 1024] },
      outputs: { s: [0, 0, 1, 0] },
    },
    {
      text: `net @example(%x: int<3t, 1, -9..9>) -> spike<3t, 1> {
  %s = neuron.loihi %x {profile = lava, decay_u = 4095, decay_v = 0, v_th = 2, current_shift = -1} : spike<3t, 1>
  return %s
}`,
      // floor(5 / 2) * 64 = 128 does not exceed 2 * 64; floor(-1 / 2) * 64 = -64; 2 * 64 brings v to 192.
      inputs: { x: [5, -1, 4] },
      outputs: { s: [0, 0, 1] },
    },
  ],
});
