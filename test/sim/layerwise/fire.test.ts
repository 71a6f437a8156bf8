import { describe, expect, it } from "vitest";
import { CHARGE_RULES } from "../../../src/backends/program/instruction.js";
import { chargeReal } from "../../../src/ir/ops/lif.js";
import {
  builtIn,
  dataMap,
  dataWords,
  instruction,
  narrow,
  parameterBytes,
  random,
  runSerial,
  SMALL,
  spikeMap,
  tensor,
} from "../support.js";

const CHIPS = {
  small: SMALL,
  wide: builtIn("layerwise-default"),
  "8 bits": narrow(SMALL, 8),
  "7 bits": narrow(SMALL, 7),
};
const f = Math.fround;

interface Neuron {
  v: number;
  u: number;
}

interface Constants {
  readonly rule: string;
  readonly k: number;
  readonly a: number;
  readonly b: number;
  readonly vReset: number;
  readonly vTh: number;
  readonly gt: boolean;
  readonly soft: boolean;
  readonly fit: (x: number) => number;
}

/** One timestep by the text of `spikec ops neuron.lif`, real currents. */
function stepReal(n: Neuron, x: number, c: Constants): number {
  if (c.rule === "cuba") n.u = f(f(n.u * f(1 - c.a)) + x);
  const h = chargeReal(c.rule, x, n.v, c.vReset, c.k, f(c.b), n.u);
  const spike = c.gt ? h > c.vTh : h >= c.vTh;
  n.v = spike ? (c.soft ? f(h - c.vTh) : f(c.vReset)) : h;
  return Number(spike);
}

function stepInt(n: Neuron, x: number, c: Constants): number {
  const keep = (v: number, lost: number): number => Math.trunc((v * (4096 - lost)) / 4096);
  if (c.rule === "cuba") n.u = c.fit(keep(n.u, c.a) + x);
  const charged = {
    integrate: () => n.v + x,
    decay: () => keep(n.v, c.k) + x,
    shift: () => n.v - Math.trunc(n.v / 2 ** c.k) + x,
    cuba: () => keep(n.v, c.b) + n.u,
  }[c.rule as "integrate" | "decay" | "shift" | "cuba"]();
  const h = c.fit(charged);
  const spike = c.gt ? h > c.vTh : h >= c.vTh;
  n.v = spike ? (c.soft ? c.fit(h - c.vTh) : c.vReset) : h;
  return Number(spike);
}

const REAL = ["divide", "multiply", "decay-then-add", "integrate", "cuba"] as const;
const INT = ["integrate", "decay", "shift", "cuba"] as const;
const CASES = Object.keys(CHIPS).flatMap((chip) =>
  [1, 2, 3, 4].flatMap((seed) => [
    ...REAL.map((rule) => [chip, rule, "real", seed] as const),
    ...INT.map((rule) => [chip, rule, "int", seed] as const),
  ]),
);

describe.each(CASES)("fire on chip %s, %s on %s currents, seed %i", (name, rule, format, seed) => {
  it("gives the spikes and potentials of neuron.lif over two groups", () => {
    const chip = CHIPS[name as keyof typeof CHIPS];
    const r = random(seed * 100 + CHARGE_RULES.indexOf(rule));
    const real = format === "real";
    const positions = 1 + r(4);
    const steps = 1 + r(chip.parallelTimesteps);
    const slots = r(2) === 0 ? 1 : steps;
    const lanesUsed = 1 + r(chip.lanes);
    const [perLane, perGain] = [r(2) === 0, r(2) === 0];
    const value = (): number => (real ? f((r(4001) - 1500) / 700) : r(4001) - 1500);
    const currents = [0, 1].map(() => tensor(slots, positions, chip.lanes, value));
    const thresholds = tensor(1, 1, chip.lanes, () => (real ? f(0.5 + r(1000) / 900) : 300 + r(2000)));
    const argument = (): number => (real ? 1.3 + r(100) / 37 : rule === "shift" ? 1 + r(6) : r(4096));
    const gains = tensor(1, 1, chip.lanes, () => f(argument()));
    const [a, b] = [argument(), real ? 0.3 : r(4096)];
    const stateBits = real ? 32 : 11 + r(4);
    const wrap = r(2);
    const limit = 2 ** (stateBits - 1);
    const fit = (x: number): number =>
      wrap === 1
        ? ((((x + limit) % (2 * limit)) + 2 * limit) % (2 * limit)) - limit
        : Math.max(-limit, Math.min(limit - 1, x));
    const [vTh, vReset, v0] = real ? [1.1, -0.3, 0.7] : [700, -3, 9];
    const [gt, soft] = [r(2), r(2)];
    const stride = 2;
    const map = slots * positions;
    const fields = {
      currentStride: 1,
      currentStepStride: positions,
      slots,
      format: real ? 0 : 1,
      positions,
      lanesUsed,
      state: 40,
      rule: CHARGE_RULES.indexOf(rule),
      a,
      b,
      vTh,
      vReset,
      v0,
      gt,
      soft,
      stateBits,
      wrap,
      steps,
      thresholds: perLane ? 0 : -1,
      gains: perGain ? 20 : -1,
      outputStride: stride,
    };
    const { read, result } = runSerial(
      {
        chip,
        timesteps: 2 * steps,
        layer: { recorded: true, positions, channels: lanesUsed },
        words: [
          { memory: "data", address: 0, bytes: dataWords(chip, currents[0]!, real ? "real" : "int") },
          { memory: "data", address: map, bytes: dataWords(chip, currents[1]!, real ? "real" : "int") },
          {
            memory: "weight",
            address: 0,
            bytes: parameterBytes(chip, (real ? Float32Array : Int32Array).from(thresholds[0]![0]!)),
          },
          { memory: "weight", address: 20, bytes: parameterBytes(chip, Float32Array.from(gains[0]![0]!)) },
        ],
        instructions: [
          instruction("fire", { ...fields, current: 0, output: 0, stateWrite: 1, firstStep: 0 }),
          instruction("fire", { ...fields, current: map, output: 20, stateRead: 1, stateWrite: 1, firstStep: steps }),
        ],
        read: [
          { memory: "spike", address: 0, words: positions * stride },
          { memory: "spike", address: 20, words: positions * stride },
          { memory: "data", address: 40, words: positions * stride },
        ],
      },
      { record: true },
    );
    const step = real ? stepReal : stepInt;
    const recorded = result.spikes!.get("layer")!;
    const potentials = dataMap(chip, read[2]!, 1, positions * stride, chip.lanes, real ? "real" : "int");
    let fired = 0;
    for (let p = 0; p < positions; p++) {
      for (let l = 0; l < lanesUsed; l++) {
        const neuron = { v: real ? f(v0) : v0, u: 0 };
        const k = perGain ? gains[0]![0]![l]! : real ? f(a) : a;
        const threshold = perLane ? thresholds[0]![0]![l]! : real ? f(vTh) : vTh;
        const constants = { rule, k, a, b, vReset, vTh: threshold, gt: gt === 1, soft: soft === 1, fit };
        for (let t = 0; t < 2 * steps; t++) {
          const group = t < steps ? 0 : 1;
          const x = currents[group]![slots === 1 ? 0 : t % steps]![p]![l]!;
          const spike = step(neuron, x, constants);
          fired += spike;
          const words = spikeMap(chip, read[group]!, steps, positions * stride, chip.lanes);
          expect(words[t % steps]![p * stride]![l]).toBe(spike);
          expect(recorded[(t * positions + p) * lanesUsed + l]).toBe(spike);
        }
        expect(potentials[0]![p * stride]![l]).toBe(neuron.v);
      }
    }
    const { events, accesses } = result.layers[0]!;
    const { update, spike } = events;
    expect(accesses.weight.reads).toBe(2 * Math.ceil(32 / chip.weightBits) * (Number(perLane) + Number(perGain)));
    expect(spike.reduce((x, y) => x + y)).toBe(fired);
    expect([...update]).toEqual(Array(2 * steps).fill(positions * lanesUsed));
  });
});
