import { describe, expect, it } from "vitest";
import { checkMapping, type LegalNet } from "../../../../src/backends/loihi/index.js";
import { ratesOf } from "../../../../src/backends/loihi/map/activity.js";
import { fillCores } from "../../../../src/backends/loihi/map/cores.js";
import { neuronConfigurations } from "../../../../src/backends/loihi/map/neurons.js";
import { StepTimes, type CoreTime } from "../../../../src/backends/loihi/map/step-time.js";
import type { LoihiProgram } from "../../../../src/backends/program/loihi/program.js";
import { readChip, type LoihiChip } from "../../../../src/chips/index.js";
import { Report } from "../../../../src/diagnostics/index.js";
import { everyStep, evaluate, NetBuilder, slotSize, SPIKE, type Net } from "../../../../src/ir/index.js";
import { sum } from "../../../../src/math/numbers.js";
import { LOIHI_SIMULATORS } from "../../../../src/sim/loihi/index.js";
import { Random } from "../../layerwise/nets.js";
import { legal } from "../support.js";
import { mapped, randomChip, randomLegal } from "./support.js";

const teaching = readChip("loihi-teaching", new Report(), "loihi")!;

/** Values for all inputs of a chip's net, all over their ranges. */
function inputsOf({ inputs }: Net, timesteps: number, random: Random): ReadonlyMap<string, Int32Array> {
  return new Map(
    inputs.map(({ name, type }) => {
      const { number } = type;
      const [least, most] = number.kind === "int" ? [number.lo, number.hi] : [0, 1];
      const values = Array.from({ length: timesteps * slotSize(type) }, () => random.int(least, most));
      return [name, Int32Array.from(values)];
    }),
  );
}

const CASES = Array.from({ length: 80 }, (_, i) => i + 1).flatMap((seed) => {
  const random = new Random(seed);
  const chip = randomChip(random);
  const found = randomLegal(seed, chip);
  if (found === undefined || found.populations.length === 0) return [];
  const few = mapped(found, chip, { objective: "cores" });
  const fast = mapped(found, chip);
  if (few === undefined || fast === undefined) return [];
  return [{ seed, chip, found, few, fast, inputs: inputsOf(found.net, found.timesteps, random) }];
});

const run = (program: LoihiProgram, inputs: ReadonlyMap<string, Int32Array>) =>
  LOIHI_SIMULATORS.event(program).run(inputs, { record: true, states: true });

describe("mapping for time", () => {
  it("computes what mapping for few cores does, on more cores, in less time", () => {
    expect(CASES.length).toBeGreaterThan(20);
    let [before, after] = [0, 0];
    const kinds = new Set<string>();
    for (const { found, few, fast, inputs } of CASES) {
      expect(checkMapping(fast, found)).toEqual([]);
      expect(fast.cores.length).toBeGreaterThanOrEqual(few.cores.length);
      const [slow, quick] = [run(few, inputs), run(fast, inputs)];
      expect(quick.outputs).toEqual(slow.outputs);
      expect(quick.spikes).toEqual(slow.spikes);
      expect(quick.states).toEqual(slow.states);
      before += slow.time;
      after += quick.time;
      for (const kind of ["neuro", "attention"] as const) {
        const count = (program: LoihiProgram): number => program.cores.filter((core) => core.kind === kind).length;
        if (count(fast) > count(few)) kinds.add(kind);
      }
    }
    expect([...kinds].sort()).toEqual(["attention", "neuro"]);
    expect(after).toBeLessThan(0.9 * before);
  });

  it("expects of every core the time that the simulator counts, where the messages are known", () => {
    const kinds = new Set<string>();
    for (const { chip, found, inputs } of CASES) {
      // Which neurons are updated is not expected, but taken to be all.
      const free: LoihiChip = { ...chip, time: { ...chip.time, neuronUpdate: 0, attention: 7000 } };
      const cores = fillCores(found, neuronConfigurations(found, free, new Report()), free, true, new Report())!;
      const { sources } = cores.reader;
      const activity = { source: "", rates: activityOf(found, inputs) };
      const times = new StepTimes(found, free, sources, ratesOf(found, sources, activity), cores.routes);
      const expected = [
        ...cores.neuro.map(({ parts, memory }) => times.neuro(parts, memory)),
        ...cores.attention.map((group) => times.attention(group)),
      ];
      const program = mapped(found, free, { objective: "cores" })!;
      const result = run(program, inputs);
      const all = (time: CoreTime) => [sum([...time.own, ...time.sending]), sum([...time.ingress])];
      result.cores.forEach(({ neuronTime, ingressTime }, i) => {
        const [neuron, ingress] = all(expected[i]!);
        expect(neuron).toBeCloseTo(neuronTime, 3);
        expect(ingress).toBeCloseTo(ingressTime, 3);
        if (ingressTime > 0) kinds.add(program.cores[i]!.kind);
      });
    }
    expect([...kinds].sort()).toEqual(["attention", "neuro"]);
  });
});

/** How often each element is not 0, per timestep, by the evaluator. */
function activityOf({ net: chipNet, timesteps }: LegalNet, inputs: ReadonlyMap<string, Int32Array>) {
  const rates = new Map<string, Float64Array>();
  const note = (name: string, values: ArrayLike<number>, size: number): void => {
    const counts = rates.get(name) ?? new Float64Array(size);
    rates.set(name, counts);
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) counts[i % size]! += 1 / timesteps;
  };
  for (const { name, type } of chipNet.inputs) note(name, inputs.get(name)!, slotSize(type));
  evaluate(chipNet, inputs, {
    intercept: (op, slot) => {
      note(op.result, slot, slot.length);
      return slot;
    },
  });
  return rates;
}

describe("spare cores", () => {
  const NEURONS = 8;
  /** Two layers, of which each neuron of the second hears all of the first. */
  const chain = ((): LegalNet => {
    const builder = new NetBuilder("chain");
    const attrs = { decay_u: 4095, decay_v: 4095, v_th: 0 };
    const x = builder.input("x", { number: SPIKE, time: everyStep(2), shape: [NEURONS] });
    const y = builder.op("synapse.one-to-one", [x], { attrs: { weight: 64 } });
    const s = builder.op("neuron.loihi", [y], { attrs, layer: "a" });
    const mantissa = Int32Array.from({ length: NEURONS ** 2 }, (_, i) => 64 * ((i % 5) + 1));
    const [exponent, bias] = [new Int32Array(NEURONS), new Float64Array(NEURONS)];
    builder.constant("w", { kind: "weights", shape: [NEURONS, NEURONS], mantissa, exponent, bias });
    const z = builder.op("synapse.dense", [s], { symbols: ["w"], attrs: { result: "int" } });
    builder.output("r", builder.op("neuron.loihi", [z], { attrs, layer: "b" }));
    return legal(builder.finish(), teaching);
  })();
  const chipOf = (cores: number, outputAxons = 4096): LoihiChip => ({
    ...teaching,
    mesh: { ...teaching.mesh, tilesX: cores, tilesY: 1, coresPerTile: 1, chipsX: 1, chipsY: 1 },
    core: { ...teaching.core, compartments: 64, outputAxons },
    time: { ...teaching.time, barrier: { "1": 1 } },
  });

  it("are used, all of them while that helps, and no more", () => {
    const few = mapped(chain, chipOf(1))!;
    expect(few.cores).toHaveLength(1);
    expect(mapped(chain, chipOf(1), { objective: "cores" })!.cores).toEqual(few.cores);
    for (const cores of [2, 3]) expect(mapped(chain, chipOf(cores))!.cores).toHaveLength(cores);
    expect(mapped(chain, chipOf(5), { objective: "cores" })!.cores).toHaveLength(1);
  });

  it("stay free where barriers cost more than they save", () => {
    const dear = { ...chipOf(8), time: { ...teaching.time, barrier: { "1": 1, "3": 1e9 } } };
    expect(mapped(chain, dear)!.cores).toHaveLength(2);
  });

  it("stay free where senders have no output axons for them", () => {
    const readers = (limit: number): number => {
      const program = mapped(chain, chipOf(16, limit))!;
      expect(checkMapping(program, chain)).toEqual([]);
      const routes = program.cores.map((core) => core.routes.core.length);
      expect(Math.max(...routes)).toBeLessThanOrEqual(limit);
      return program.cores.filter(
        (core) => core.kind === "neuro" && core.groups.some((group) => group.population === 1),
      ).length;
    };
    expect(readers(1)).toBe(1);
    expect(readers(16 * NEURONS)).toBeGreaterThan(1);
  });
});
