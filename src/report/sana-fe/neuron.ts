import type { Group } from "../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../chips/loihi.js";

/*
 * One compartment as a neuron of SANA-FE's model `leaky_integrate_fire`, which computes with doubles, once per timestep:
 *
 *   u  = u * input_decay                     v = v * leak_decay, the fraction of 64 v cut off; no decay in the very first timestep
 *   v += bias;  u += current;  v += u        not in a refractory timestep
 *   fires where v > threshold, then v = 0;   else v < reverse_threshold saturates there
 *
 * (SLAM-Lab/SANA-FE, src/models.cpp, as read at 0bc61e1.) Potentials in units of 1/64 of ours make its cut ours: every v of the
 * chip is then a multiple of 1/64, and every product exact, because a double holds 53 bits and both factors need 37.
 */

/** Our unit of weights, potentials, thresholds and biases, in SANA-FE's. */
export const UNIT = 1 / 64;

/** Where SANA-FE can follow a program only nearly. */
export const APPROXIMATIONS = {
  "current-decay": "neurons whose current decays: SANA-FE does not cut off the fractions of u",
  refractory: "neurons with refractory timesteps and a current that decays: SANA-FE drops what arrives in them",
  "current-shift": "neurons whose sum of weights is shifted down: SANA-FE does not cut off its fraction",
  wrap: "neurons whose weights can add up to more than a register holds: SANA-FE does not wrap",
  ceiling: "neurons whose potential is clipped below the threshold: SANA-FE does not clip there",
  "early-bias": "neurons whose bias acts before their local time begins: neither a potential nor an input can undo it",
  "early-arrival":
    "synapses over which spikes arrive outside the local time of their target: SANA-FE does not drop them",
} as const;

export type Approximation = keyof typeof APPROXIMATIONS;

type Profile = LoihiChip["numerics"]["profile"];

/** Profiles whose order of operations is that of the model. */
export const EXPORTED_PROFILES: readonly Profile[] = ["loihi", "nengo", "lava", "brian2"];

/** Numerators, over 4096, of what is kept of u and v. */
export function kept({ decayU, decayV }: Group, profile: Profile): { readonly u: number; readonly v: number } {
  const offset = profile === "brian2" ? 0 : 1;
  return { u: 4096 - (decayU + offset), v: 4096 - decayV };
}

const clips = (profile: Profile): boolean => profile !== "brian2";

/** What a weight is multiplied by on its way into u, in SANA-FE's unit. */
export const weightUnit = (group: Group, profile: Profile): number => scaleOf(group, profile) * UNIT;

/** Units of the potential of a weight of 1: lava adds up mantissas, which are aligned to 2^6. */
const scaleOf = ({ currentShift }: Group, profile: Profile): number =>
  profile === "lava" ? 2 ** (currentShift + 6) : 1;

/** What SANA-FE does otherwise for compartment i of a group, into which sums of `lowest`..`highest` can arrive. */
export function inexact(
  group: Group,
  i: number,
  profile: Profile,
  lowest: number,
  highest: number,
): readonly Approximation[] {
  const keeps = kept(group, profile).u;
  const [threshold, bias] = [group.threshold[i]!, group.bias[i]!];
  const [low, high] = [lowest, highest].map((sum) => sum * scaleOf(group, profile)) as [number, number];
  const found: Approximation[] = [];
  if (keeps > 0) found.push("current-decay");
  if (keeps > 0 && group.refractory > 1) found.push("refractory");
  if (group.currentShift < 0) found.push("current-shift");
  if (wraps(profile, keeps, low, high, bias)) found.push("wrap");
  if (clips(profile) && threshold >= group.vMax && high + bias > 0) found.push("ceiling");
  return found;
}

/** Whether a sum can leave its register: docs/loihi-arithmetic.md, section 2. */
function wraps(profile: Profile, keeps: number, low: number, high: number, bias: number): boolean {
  if (profile === "brian2") return false;
  const leaves = (least: number, most: number, bits: number): boolean => least < -(2 ** bits) || most >= 2 ** bits;
  // A current that keeps n / 4096 of itself stays below its input times 4096 / (4096 - n).
  const growth = 4096 / (4096 - keeps);
  const [least, most] = [low * growth, high * growth];
  if (profile === "lava") return Math.max(-least, most) >= 2 ** 23;
  return leaves(low, high, 21) || leaves(least, most, 23) || leaves(least + bias, most + bias, 23);
}

/** Attributes of the soma for compartment i; `potential`: at the very beginning, and `bias`: each step, both in our unit. */
export function somaAttributes(
  group: Group,
  i: number,
  profile: Profile,
  start: { readonly potential: number; readonly bias: number },
): Readonly<Record<string, string | number | undefined>> {
  const { u, v } = kept(group, profile);
  const floor = clips(profile) ? group.vMin * UNIT : undefined;
  const unlessZero = (value: number): number | undefined => (value === 0 ? undefined : value);
  return {
    threshold: group.threshold[i]! * UNIT,
    leak_decay: v / 4096,
    input_decay: unlessZero(u / 4096),
    // Counts the timestep of the spike, as our register does; 1 is none.
    refractory_delay: group.refractory > 1 ? group.refractory : undefined,
    reverse_threshold: floor,
    reverse_reset_mode: floor === undefined ? undefined : "saturate",
    bias: unlessZero(start.bias * UNIT),
    potential: unlessZero(start.potential * UNIT),
  };
}

/**
 * A potential from which a neuron with a bias passes `steps` steps without firing and stands as if it had been at rest: SANA-FE's
 * neurons run from the first timestep on, ours from the beginning of their local time. Undefined where none was found.
 */
export function restingPotential(group: Group, i: number, profile: Profile, steps: number): number | undefined {
  const keeps = kept(group, profile).v;
  const [bias, threshold] = [group.bias[i]!, group.threshold[i]!];
  const floor = clips(profile) ? group.vMin : -Infinity;
  const decayed = (v: number): number => Math.trunc((v * keeps) / 4096);
  const rests = (potential: number): boolean => {
    let v = potential;
    for (let step = 0; step < steps; step++) {
      v = (step === 0 ? v : decayed(v)) + bias;
      if (v > threshold) return false;
      v = Math.max(v, floor);
    }
    return decayed(v) === 0;
  };
  // From behind: the potential of least magnitude that decays to what the bias undoes.
  let exact = 0;
  for (let step = steps; step > 0; step--) {
    exact -= bias;
    if (step > 1) exact = Math.sign(exact) * Math.ceil((Math.abs(exact) * 4096) / keeps);
  }
  const candidates = [exact, 0].filter((v) => Math.abs(v) < 2 ** 31);
  return candidates.find(rests);
}
