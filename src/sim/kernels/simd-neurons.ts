/* Which neurons run as vectors, and how their constants look there. */
import { CHARGE_RULES } from "../../backends/program/instruction.js";
import type { FireJob } from "./fire.js";

/** The charge rules of assembly/fire.ts. */
const DIVIDE = 0;
const MULTIPLY = 1;
const DECAY_THEN_ADD = 2;
const INTEGRATE = 3;
const KEEP = 4;
const LOSE = 5;
const SHIFT = 6;

/** A charge rule of assembly/fire.ts and its argument per lane: f32, or 32 bits of integer neurons. */
export interface VectorRule {
  readonly rule: number;
  readonly arguments: Float64Array;
}

/**
 * The vector code that computes exactly what the neurons say; undefined where there is none. The rest is rare and runs in plain
 * code: two potentials per neuron (cuba), integers that wrap, and constants that are no numbers of the potentials' own format.
 */
export function vectorRule(
  { neuron }: FireJob,
  { k, threshold }: { k: Float64Array; threshold: Float64Array },
): VectorRule | undefined {
  const { format, vReset, v0, wrap } = neuron;
  const name = CHARGE_RULES[neuron.rule] ?? "";
  if (format !== 1) return Math.fround(vReset) === vReset ? realRule(name, k) : undefined;
  const isInt32 = (value: number): boolean => (value | 0) === value;
  if (wrap === 1 || ![vReset, v0].every(isInt32) || !threshold.every(isInt32)) return undefined;
  return k.every((a) => Number.isInteger(a) && a >= 0 && a <= 4096) ? intRule(name, k) : undefined;
}

function realRule(name: string, k: Float64Array): VectorRule | undefined {
  switch (name) {
    case "divide":
      return { rule: DIVIDE, arguments: k };
    case "multiply":
      return { rule: MULTIPLY, arguments: k };
    case "decay-then-add":
      return { rule: DECAY_THEN_ADD, arguments: k.map((lost) => Math.fround(1 - lost)) };
    case "integrate":
      return { rule: INTEGRATE, arguments: k };
    default:
      return undefined;
  }
}

/** Factors count 2^-31. Potentials have 32 bits, so that shifts by more lose nothing: a factor of 0. */
function intRule(name: string, k: Float64Array): VectorRule | undefined {
  switch (name) {
    case "integrate":
      return { rule: INTEGRATE, arguments: k };
    case "decay":
      return { rule: KEEP, arguments: k.map((lost) => (4096 - lost) * 2 ** 19) };
    case "shift":
      if (k.every((bits) => bits === k[0] && bits <= 31)) return { rule: SHIFT, arguments: k };
      return { rule: LOSE, arguments: k.map((bits) => (bits <= 31 ? 2 ** (31 - bits) : 0)) };
    default:
      return undefined;
  }
}
