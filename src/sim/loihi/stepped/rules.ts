import type { CrossbarNeuron } from "../../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../../chips/loihi.js";
import { internalError } from "../../../diagnostics/index.js";

/*
 * What one compartment computes in one timestep, by profile: docs/loihi-arithmetic.md. All numbers are integers that doubles
 * hold exactly: the largest product is that of a state of 32 bits and a factor of 13.
 */

export interface State {
  readonly u: number;
  readonly v: number;
  /** Refractory timesteps that are left. */
  readonly rest: number;
}

/** Configuration of a compartment; see `Group` of the program. */
export interface Parameters {
  /** Of a crossbar core alone, with `stateBits` of the chip. */
  readonly crossbar?: CrossbarNeuron & { readonly stateBits: number };
  readonly decayU: number;
  readonly decayV: number;
  readonly refractory: number;
  readonly vMin: number;
  readonly vMax: number;
  readonly currentShift: number;
  readonly threshold: number;
  readonly bias: number;
}

export interface Outcome extends State {
  readonly fired: boolean;
  /** Sums that were wrapped, and 1 if v was clipped. */
  readonly saturated: number;
}

/** The next state; `q` is the sum of what arrived. */
export type Rule = (state: State, q: number, parameters: Parameters) => Outcome;

/** x * factor / 4096; the fraction is lost toward zero. */
const decayed = (x: number, factor: number): number => Math.trunc((x * factor) / 4096) + 0;

/** Two's complement of `bits` bits and a sign, of integers up to 2^53: a remainder is exact. */
function wrapped(x: number, bits: number): number {
  const half = 2 ** bits;
  const rest = (x % (2 * half)) + 0;
  if (rest >= half) return rest - 2 * half;
  return rest < -half ? rest + 2 * half : rest;
}

const clipped = (x: number, { vMin, vMax }: Parameters): number => Math.min(vMax, Math.max(vMin, x));

/** What all profiles do behind the potential: nothing in a refractory timestep; else compare strictly, and reset. */
function fire(u: number, v: number, rest: number, { threshold, refractory }: Parameters, saturated: number): Outcome {
  if (rest > 0) return { u, v: 0, rest: rest - 1, fired: false, saturated };
  if (v > threshold) return { u, v: 0, rest: refractory - 1, fired: true, saturated };
  return { u, v, rest: 0, fired: false, saturated };
}

/** The normative model, and the emulator in which it was read: widths of 21 and 23 bits, v clipped. */
const loihi: Rule = (state, arrived, p) => {
  const q = wrapped(arrived, 21);
  const sum = decayed(state.u, 4096 - (p.decayU + 1)) + q;
  const u = wrapped(sum, 23);
  const x = wrapped(u + p.bias, 23);
  const charged = decayed(state.v, 4096 - p.decayV) + x;
  const v = clipped(charged, p);
  const saturated = +(q !== arrived) + +(u !== sum) + +(x !== u + p.bias) + +(v !== charged);
  return fire(u, v, state.rest, p, saturated);
};

/** lava wraps u once, into (-2^23, 2^23], and clips v alone. */
function wrappedOnce(u: number): number {
  if (u > 2 ** 23) return u - 2 ** 24;
  if (u <= -(2 ** 23)) return u + 2 ** 24;
  return u;
}

/** The exponent of the weights is applied to their sum, which is then aligned to 2^6. */
const lava: Rule = (state, arrived, p) => {
  const q = Math.floor(arrived * 2 ** p.currentShift) * 64;
  const sum = decayed(state.u, 4096 - (p.decayU + 1)) + q;
  const u = wrappedOnce(sum);
  const charged = decayed(state.v, 4096 - p.decayV) + u + p.bias;
  const v = clipped(charged, p);
  return fire(u, v, state.rest, p, +(u !== sum) + +(v !== charged));
};

/** Neither widths nor bias, and decays as they are given. */
const brian2: Rule = (state, q, p) => {
  const u = decayed(state.u, 4096 - p.decayU) + q;
  const v = decayed(state.v, 4096 - p.decayV) + u;
  return fire(u, v, state.rest, p, 0);
};

/** docs/loihi-chip.md, section 9. */
const truenorth: Rule = ({ v }, q, { bias, threshold, crossbar }) => {
  if (crossbar === undefined) throw internalError("a group without `crossbar` on a chip of profile truenorth");
  const { negativeThreshold, reset, resetPotential, stateBits } = crossbar;
  const sum = v + q + bias;
  // q may be as large as doubles are exact, so it is wrapped first.
  const charged = wrapped(v + wrapped(q, stateBits - 1) + bias, stateBits - 1);
  const fired = charged >= threshold;
  let left = charged;
  if (fired) left = reset === "absolute" ? resetPotential : charged - threshold;
  else if (charged < negativeThreshold) left = reset === "absolute" ? -resetPotential : charged - negativeThreshold;
  const kept = wrapped(left, stateBits - 1);
  return { u: 0, v: kept, rest: 0, fired, saturated: +(charged !== sum) + +(kept !== left) };
};

export const RULES: Readonly<Record<LoihiChip["numerics"]["profile"], Rule>> = {
  loihi,
  nengo: loihi,
  lava,
  brian2: brian2,
  truenorth,
};
