import type { Group } from "../../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../../chips/loihi.js";
import { internalError } from "../../../diagnostics/index.js";

/*
 * One timestep of the compartments of a group, by profile: docs/loihi-arithmetic.md. States are 32-bit integers. A state times the
 * kept share of a decay, which is a multiple of 1/4096, is exact in a double, and `| 0` loses its fraction toward zero.
 */

/** Bits that shift a number of 21 or 23 bits and a sign to the top of 32: there and back again wraps it. */
const SUM_UNUSED = 32 - 22;
const STATE_UNUSED = 32 - 24;
const STATE_LIMIT = 2 ** 23;

/** A group with its state, by compartment. */
export interface GroupState {
  readonly group: Group;
  /** Of the chip. */
  readonly stateBits: number;
  readonly u: Int32Array;
  readonly v: Int32Array;
  /** Refractory timesteps that are left. */
  readonly rest: Int32Array;
}

/** A number that the profile does not define. */
export interface Fault {
  /** Within the group. */
  readonly compartment: number;
  readonly what: string;
  readonly value: number;
  readonly bits: number;
}

/** What became of the compartments of a group in one timestep. */
export class Outcome {
  updated = 0;
  /** Sums that were wrapped and potentials that were clipped. */
  saturated = 0;
  fired = 0;
  /** By firing: compartment within the group, compartments updated until then (itself included), payload of a relay. */
  readonly compartment: Int32Array;
  readonly updatedThen: Int32Array;
  readonly payload: Float64Array;
  fault: Fault | undefined = undefined;

  constructor(compartments: number) {
    this.compartment = new Int32Array(compartments);
    this.updatedThen = new Int32Array(compartments);
    this.payload = new Float64Array(compartments);
  }
}

/** Computes the timestep; `sums[at + i]` is what arrived for compartment i of the group. */
export type Update = (state: GroupState, sums: Float64Array, at: number, outcome: Outcome) => void;

/** The normative model, which is nengo-loihi's: sums and states wrap, potentials are clipped. */
const updateLoihi: Update = ({ group, u, v, rest }, sums, at, outcome) => {
  const { threshold, bias, vMin, vMax, refractory } = group;
  const keptU = (4096 - (group.decayU + 1)) / 4096;
  const keptV = (4096 - group.decayV) / 4096;
  const compartments = u.length;
  let updated = 0;
  let saturated = 0;
  let fired = 0;
  for (let i = 0; i < compartments; i++) {
    const arrived = sums[at + i]!;
    const uBefore = u[i]!;
    const vBefore = v[i]!;
    const input = bias[i]!;
    if (arrived === 0 && (uBefore | vBefore | input) === 0) {
      if (rest[i]! > 0) rest[i]!--;
      continue;
    }
    updated++;
    if (!Number.isSafeInteger(arrived)) return unsafe(i, arrived, outcome);
    const q = (arrived << SUM_UNUSED) >> SUM_UNUSED;
    const sum = ((uBefore * keptU) | 0) + q;
    const current = (sum << STATE_UNUSED) >> STATE_UNUSED;
    const driven = current + input;
    const x = (driven << STATE_UNUSED) >> STATE_UNUSED;
    const charged = ((vBefore * keptV) | 0) + x;
    const potential = charged > vMax ? vMax : charged < vMin ? vMin : charged;
    if (q !== arrived) saturated++;
    if (current !== sum) saturated++;
    if (x !== driven) saturated++;
    if (potential !== charged) saturated++;
    u[i] = current;
    // It has been 0 since the spike.
    if (rest[i]! > 0) rest[i]!--;
    else if (potential > threshold[i]!) {
      v[i] = 0;
      rest[i] = refractory - 1;
      outcome.compartment[fired] = i;
      outcome.updatedThen[fired] = updated;
      fired++;
    } else v[i] = potential;
  }
  outcome.updated = updated;
  outcome.saturated = saturated;
  outcome.fired = fired;
};

/** lava shifts the sum and aligns it to 2^6, wraps u once, into (-2^23, 2^23], and clips v alone; it has no refractory period. */
const updateLava: Update = ({ group, u, v }, sums, at, outcome) => {
  const { threshold, bias, vMin, vMax } = group;
  const keptU = (4096 - (group.decayU + 1)) / 4096;
  const keptV = (4096 - group.decayV) / 4096;
  const scale = 2 ** group.currentShift;
  let updated = 0;
  let saturated = 0;
  let fired = 0;
  for (let i = 0; i < u.length; i++) {
    const arrived = sums[at + i]!;
    const uBefore = u[i]!;
    const vBefore = v[i]!;
    const input = bias[i]!;
    if (arrived === 0 && (uBefore | vBefore | input) === 0) continue;
    updated++;
    if (!Number.isSafeInteger(arrived)) return unsafe(i, arrived, outcome);
    const sum = ((uBefore * keptU) | 0) + 64 * Math.floor(arrived * scale);
    const current = sum > STATE_LIMIT ? sum - 2 * STATE_LIMIT : sum <= -STATE_LIMIT ? sum + 2 * STATE_LIMIT : sum;
    if (current !== (current | 0)) return wide(i, "u", current, outcome);
    const charged = ((vBefore * keptV) | 0) + current + input;
    const potential = charged > vMax ? vMax : charged < vMin ? vMin : charged;
    if (current !== sum) saturated++;
    if (potential !== charged) saturated++;
    u[i] = current;
    if (potential > threshold[i]!) {
      v[i] = 0;
      outcome.compartment[fired] = i;
      outcome.updatedThen[fired] = updated;
      fired++;
    } else v[i] = potential;
  }
  outcome.updated = updated;
  outcome.saturated = saturated;
  outcome.fired = fired;
};

/** brian2: no widths, no clips, no bias, and decays as they are given. */
const updateBrian2: Update = ({ group, u, v, rest }, sums, at, outcome) => {
  const { threshold, refractory } = group;
  const keptU = (4096 - group.decayU) / 4096;
  const keptV = (4096 - group.decayV) / 4096;
  let updated = 0;
  let fired = 0;
  for (let i = 0; i < u.length; i++) {
    const arrived = sums[at + i]!;
    const uBefore = u[i]!;
    const vBefore = v[i]!;
    if (arrived === 0 && (uBefore | vBefore) === 0) {
      if (rest[i]! > 0) rest[i]!--;
      continue;
    }
    updated++;
    if (!Number.isSafeInteger(arrived)) return unsafe(i, arrived, outcome);
    const current = ((uBefore * keptU) | 0) + arrived;
    if (current !== (current | 0)) return wide(i, "u", current, outcome);
    const potential = ((vBefore * keptV) | 0) + current;
    u[i] = current;
    // It has been 0 since the spike.
    if (rest[i]! > 0) rest[i]!--;
    else if (potential > threshold[i]!) {
      v[i] = 0;
      rest[i] = refractory - 1;
      outcome.compartment[fired] = i;
      outcome.updatedThen[fired] = updated;
      fired++;
    } else if (potential !== (potential | 0)) return wide(i, "v", potential, outcome);
    else v[i] = potential;
  }
  outcome.updated = updated;
  outcome.saturated = 0;
  outcome.fired = fired;
};

/** Crossbar cores: docs/loihi-chip.md, section 9. Every compartment is updated; states wrap at the chip's width. */
const updateTruenorth: Update = ({ group, stateBits, v }, sums, at, outcome) => {
  if (group.crossbar === undefined) throw internalError("a group without `crossbar` on a chip of profile truenorth");
  const { threshold, bias } = group;
  const { negativeThreshold, reset, resetPotential } = group.crossbar;
  const absolute = reset === "absolute";
  const unused = 32 - stateBits;
  let saturated = 0;
  let fired = 0;
  for (let i = 0; i < v.length; i++) {
    const arrived = sums[at + i]!;
    if (!Number.isSafeInteger(arrived)) return unsafe(i, arrived, outcome);
    const before = v[i]! + bias[i]!;
    const potential = ((before + (arrived | 0)) << unused) >> unused;
    if (potential !== before + arrived) saturated++;
    let next = potential;
    if (potential >= threshold[i]!) {
      next = absolute ? resetPotential : potential - threshold[i]!;
      outcome.compartment[fired] = i;
      outcome.updatedThen[fired] = i + 1;
      fired++;
    } else if (potential < negativeThreshold) next = absolute ? -resetPotential : potential - negativeThreshold;
    const kept = (next << unused) >> unused;
    if (kept !== next) saturated++;
    v[i] = kept;
  }
  outcome.updated = v.length;
  outcome.saturated = saturated;
  outcome.fired = fired;
};

/** A relay sends what arrives. */
export const updateRelay: Update = ({ u }, sums, at, outcome) => {
  let fired = 0;
  for (let i = 0; i < u.length; i++) {
    const arrived = sums[at + i]!;
    if (arrived === 0) continue;
    if (!Number.isSafeInteger(arrived)) return unsafe(i, arrived, outcome);
    outcome.compartment[fired] = i;
    outcome.payload[fired] = arrived;
    outcome.updatedThen[fired] = ++fired;
  }
  outcome.updated = fired;
  outcome.saturated = 0;
  outcome.fired = fired;
};

export const UPDATES: Readonly<Record<LoihiChip["numerics"]["profile"], Update>> = {
  loihi: updateLoihi,
  nengo: updateLoihi,
  lava: updateLava,
  brian2: updateBrian2,
  truenorth: updateTruenorth,
};

function unsafe(compartment: number, value: number, outcome: Outcome): void {
  outcome.fault = { compartment, what: "the input", value, bits: 53 };
}

function wide(compartment: number, what: string, value: number, outcome: Outcome): void {
  outcome.fault = { compartment, what, value, bits: 32 };
}
