import type { CrossbarNeuron } from "../../../src/backends/program/loihi/program.js";
import type { LoihiChip } from "../../../src/chips/loihi.js";

/** docs/loihi-arithmetic.md, and section 9 of docs/loihi-chip.md, in BigInt. */

export interface ReferenceState {
  readonly u: bigint;
  readonly v: bigint;
  readonly rest: number;
}

export interface ReferenceParameters {
  readonly decayU: number;
  readonly decayV: number;
  readonly refractory: number;
  readonly vMin: number;
  readonly vMax: number;
  readonly currentShift: number;
  readonly threshold: number;
  readonly bias: number;
}

const magnitude = (x: bigint): bigint => (x < 0n ? -x : x);

/** sgn(x) * (|x| * factor >> 12) */
function decay(x: bigint, factor: number): bigint {
  const product = (magnitude(x) * BigInt(factor)) >> 12n;
  return x < 0n ? -product : product;
}

/** Sum, limits and saturation up to the comparison, by profile. */
function charge(
  profile: LoihiChip["numerics"]["profile"],
  { u, v }: ReferenceState,
  q: bigint,
  p: ReferenceParameters,
): { readonly u: bigint; readonly v: bigint; readonly saturated: number } {
  const bias = BigInt(p.bias);
  let saturated = 0;
  const note = (exact: bigint, kept: bigint): bigint => {
    if (exact !== kept) saturated++;
    return kept;
  };
  const clip = (x: bigint): bigint => {
    if (x < BigInt(p.vMin)) return note(x, BigInt(p.vMin));
    return x > BigInt(p.vMax) ? note(x, BigInt(p.vMax)) : x;
  };
  if (profile === "brian2") {
    const current = decay(u, 4096 - p.decayU) + q;
    return { u: current, v: decay(v, 4096 - p.decayV) + current, saturated };
  }
  if (profile === "lava") {
    const shifted = p.currentShift >= 0 ? q << BigInt(p.currentShift) : q >> BigInt(-p.currentShift);
    const sum = decay(u, 4095 - p.decayU) + 64n * shifted;
    const current = note(sum, sum > 2n ** 23n ? sum - 2n ** 24n : sum <= -(2n ** 23n) ? sum + 2n ** 24n : sum);
    const potential = clip(decay(v, 4096 - p.decayV) + current + bias);
    return { u: current, v: potential, saturated };
  }
  const sum = decay(u, 4095 - p.decayU) + note(q, BigInt.asIntN(22, q));
  const current = note(sum, BigInt.asIntN(24, sum));
  const biased = note(current + bias, BigInt.asIntN(24, current + bias));
  const potential = clip(decay(v, 4096 - p.decayV) + biased);
  return { u: current, v: potential, saturated };
}

export function referenceUpdate(
  profile: LoihiChip["numerics"]["profile"],
  state: ReferenceState,
  q: bigint,
  p: ReferenceParameters,
): ReferenceState & { readonly fired: boolean; readonly saturated: number } {
  const { u, v, saturated } = charge(profile, state, q, p);
  const refractory = state.rest > 0;
  const fired = !refractory && v > BigInt(p.threshold);
  const rest = fired ? p.refractory - 1 : Math.max(0, state.rest - 1);
  return { u, v: refractory || fired ? 0n : v, rest, fired, saturated };
}

/** A compartment of a crossbar core; u stays 0. */
export function referenceCrossbar(
  { v }: Pick<ReferenceState, "v">,
  q: bigint,
  neuron: CrossbarNeuron & { readonly leak: number; readonly threshold: number },
  stateBits: number,
): { readonly v: bigint; readonly fired: boolean; readonly saturated: number } {
  const { leak, threshold, negativeThreshold, reset, resetPotential } = neuron;
  let saturated = 0;
  const wrap = (x: bigint): bigint => {
    const kept = BigInt.asIntN(stateBits, x);
    if (kept !== x) saturated++;
    return kept;
  };
  const charged = wrap(v + q + BigInt(leak));
  const fired = charged >= BigInt(threshold);
  const passed = fired ? threshold : charged < BigInt(negativeThreshold) ? negativeThreshold : undefined;
  if (passed === undefined) return { v: charged, fired, saturated };
  const after =
    reset === "linear" ? charged - BigInt(passed) : fired ? BigInt(resetPotential) : -BigInt(resetPotential);
  return { v: wrap(after), fired, saturated };
}
