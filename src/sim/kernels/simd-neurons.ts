/* Which neurons run as vectors, and how their constants look there. */
import { CHARGE_RULES } from "../../backends/program/instruction.js";
import type { FireJob } from "./fire.js";

/** The charge rules of assembly/fire.ts. */
const RULES: Readonly<Record<string, number>> = {
  divide: 0,
  multiply: 1,
  "decay-then-add": 2,
  integrate: 3,
  decay: 4,
  shift: 5,
};

/** Number of a rule that runs as vectors. */
export function ruleNumber({ neuron }: FireJob): number {
  return RULES[CHARGE_RULES[neuron.rule] ?? ""] ?? -1;
}

/**
 * Whether the vector code computes exactly what the rule says. The rest is rare and runs in plain code: two potentials per
 * neuron (cuba), integers that wrap, and constants that are no numbers of the potentials' own format.
 */
export function isVectorRule(job: FireJob, { k, threshold }: { k: Float64Array; threshold: Float64Array }): boolean {
  const { format, vReset, v0, wrap } = job.neuron;
  if (ruleNumber(job) < 0) return false;
  if (format !== 1) return Math.fround(vReset) === vReset;
  const integers = [vReset, v0].every((v) => (v | 0) === v) && threshold.every(Number.isInteger);
  return wrap === 0 && integers && k.every((a) => Number.isInteger(a) && a >= 0 && a <= 4096);
}

/** The rule's factor per lane: decay-then-add and decay multiply by what is kept, shift by what is lost. */
export function vectorArguments({ neuron }: FireJob, k: Float64Array): Float64Array {
  switch (CHARGE_RULES[neuron.rule]) {
    case "decay-then-add":
      return k.map((lost) => Math.fround(1 - lost));
    case "decay":
      return k.map((lost) => (4096 - lost) / 4096);
    case "shift":
      return k.map((bits) => 2 ** -bits);
    default:
      return k;
  }
}
