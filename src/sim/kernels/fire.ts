/* What one block of neurons does over the timesteps of a group, and its plain implementation. */
import { internalError } from "../../diagnostics/index.js";
import { CHARGE_RULES, type FieldsOf } from "../../backends/program/instruction.js";
import type { KernelMemory } from "./memory.js";

/** How neurons charge, fire and reset: the fields of `fire` in src/backends/program/instruction.ts. */
export type NeuronRule = Pick<
  FieldsOf<"fire">,
  "format" | "rule" | "a" | "b" | "vTh" | "vReset" | "v0" | "gt" | "soft" | "stateBits" | "fractionBits" | "wrap"
>;

/** One channel block of neurons. Addresses are bytes, -1 where the instruction says -1. */
export interface FireJob {
  readonly neuron: NeuronRule;
  readonly positions: number;
  /** Lanes per word, of which `used` hold neurons; timesteps per spike word, of which `steps` are computed. */
  readonly lanes: number;
  readonly used: number;
  readonly timesteps: number;
  readonly steps: number;
  /** Current of lane 0 at the first position; bytes to the next position, and to the next timestep (0 where it holds). */
  readonly current: number;
  readonly currentPositionBytes: number;
  readonly currentStepBytes: number;
  /** Potentials of the first position, for `cuba` also u; bytes to the next position; read at the start, written at the end. */
  readonly state: number;
  readonly uState: number;
  readonly statePositionBytes: number;
  readonly read: boolean;
  readonly write: boolean;
  /** One rule argument (f32) and one threshold (f32, or i32 of integer neurons) per lane, or -1. */
  readonly gains: number;
  readonly thresholds: number;
  /** Spike word of the first position; bytes to the next. */
  readonly output: number;
  readonly outputPositionBytes: number;
}

/** Arguments and thresholds per lane, as numbers. */
export function perLane({ f32, i32 }: KernelMemory, job: FireJob): { k: Float64Array; threshold: Float64Array } {
  const { neuron, gains, thresholds, lanes } = job;
  const int = neuron.format === 1;
  const k = new Float64Array(lanes).fill(int ? neuron.a : Math.fround(neuron.a));
  if (gains >= 0) k.set(f32.subarray(gains >>> 2, (gains >>> 2) + lanes));
  const threshold = new Float64Array(lanes).fill(int ? neuron.vTh : Math.fround(neuron.vTh));
  if (thresholds >= 0) {
    const words = int ? i32 : f32;
    threshold.set(words.subarray(thresholds >>> 2, (thresholds >>> 2) + lanes));
  }
  return { k, threshold };
}

/** Runs the neurons and returns the number of spikes per timestep. */
export function firePlain(memory: KernelMemory, job: FireJob): Int32Array {
  const { u8, i32, f32 } = memory;
  const { neuron, lanes, used, steps } = job;
  const { k, threshold } = perLane(memory, job);
  const words = neuron.format === 1 ? i32 : f32;
  const rule = neuron.format === 1 ? intRule(neuron) : realRule(neuron);
  const v0 = rule.store(neuron.v0);
  const counts = new Int32Array(steps);
  for (let p = 0; p < job.positions; p++) {
    const word = job.output + p * job.outputPositionBytes;
    u8.fill(0, word, word + (lanes * job.timesteps) / 8);
    for (let lane = 0; lane < lanes; lane++) {
      const at = ((p * job.statePositionBytes) >>> 2) + lane;
      let v = job.read ? words[(job.state >>> 2) + at]! : v0;
      let u = job.read && job.uState >= 0 ? words[(job.uState >>> 2) + at]! : 0;
      for (let s = 0; s < steps && lane < used; s++) {
        const from = job.current + p * job.currentPositionBytes + s * job.currentStepBytes;
        [v, u] = rule.charge(v, u, words[(from >>> 2) + lane]!, k[lane]!);
        if (neuron.gt === 1 ? !(v > threshold[lane]!) : !(v >= threshold[lane]!)) continue;
        v = neuron.soft === 1 ? rule.subtract(v, threshold[lane]!) : rule.store(neuron.vReset);
        counts[s] = counts[s]! + 1;
        const byte = word + (s * lanes) / 8 + (lane >> 3);
        u8[byte] = u8[byte]! | (1 << (lane & 7));
      }
      if (!job.write) continue;
      words[(job.state >>> 2) + at] = v;
      if (job.uState >= 0) words[(job.uState >>> 2) + at] = u;
    }
  }
  return counts;
}

interface Rule {
  /** Potentials v and u after the current x; k is the lane's argument. */
  charge(v: number, u: number, x: number, k: number): [v: number, u: number];
  /** A potential lowered by the threshold. */
  subtract(v: number, threshold: number): number;
  /** A number as a potential holds it. */
  store(v: number): number;
}

const f = Math.fround;

/** Every operation is rounded to f32. */
function realRule({ rule, a, b, vReset }: NeuronRule): Rule {
  const charges: Readonly<Record<string, Rule["charge"]>> = {
    divide: (v, u, x, k) => [f(v + f(f(x - f(v - vReset)) / k)), u],
    multiply: (v, u, x, k) => [f(v + f(f(x - f(v - vReset)) * k)), u],
    "decay-then-add": (v, u, x, k) => [f(f(v * f(1 - k)) + x), u],
    integrate: (v, u, x) => [f(v + x), u],
    cuba: (v, u, x) => {
      const next = f(f(u * f(1 - a)) + x);
      return [f(f(v * f(1 - f(b))) + next), next];
    },
  };
  return { charge: chargeOf(charges, rule), subtract: (v, threshold) => f(v - threshold), store: f };
}

/** Exact, truncated toward zero; potentials of `stateBits` bits wrap or saturate. */
function intRule({ rule, a, b, stateBits, fractionBits, wrap }: NeuronRule): Rule {
  const limit = 2 ** (stateBits - 1);
  const fit = (v: number): number => {
    if (v >= -limit && v < limit) return v;
    if (wrap === 1) return ((((v + limit) % (2 * limit)) + 2 * limit) % (2 * limit)) - limit;
    return v < 0 ? -limit : limit - 1;
  };
  const decay = (v: number, lost: number): number => Math.trunc((v * (4096 - lost)) / 4096);
  const charges: Readonly<Record<string, Rule["charge"]>> = {
    integrate: (v, u, x) => [fit(v + x), u],
    decay: (v, u, x, k) => [fit(decay(v, k) + x), u],
    shift: (v, u, x, k) => [fit(v - Math.trunc(v / 2 ** k) + x), u],
    cuba: (v, u, x) => {
      const next = fit(decay(u, a) + x);
      return [fit(decay(v, b) + next), next];
    },
  };
  const charge = chargeOf(charges, rule);
  return {
    charge: (v, u, x, k) => charge(v, u, (x * 2 ** fractionBits) | 0, k),
    subtract: (v, threshold) => Math.trunc(fit(v - threshold)),
    store: Math.trunc,
  };
}

function chargeOf(charges: Readonly<Record<string, Rule["charge"]>>, rule: number): Rule["charge"] {
  const name = CHARGE_RULES[rule] ?? "";
  const charge = charges[name];
  if (charge === undefined) throw internalError(`charge rule ${name} in the other number format`);
  return charge;
}
