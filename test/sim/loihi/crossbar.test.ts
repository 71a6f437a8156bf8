import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CrossbarNeuron, LoihiInput, LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import { createEvent } from "../../../src/sim/loihi/event/index.js";
import { Outcome, UPDATES } from "../../../src/sim/loihi/event/updates.js";
import type { LoihiRunResult } from "../../../src/sim/loihi/result.js";
import { createStepped } from "../../../src/sim/loihi/stepped/index.js";
import { RULES } from "../../../src/sim/loihi/stepped/rules.js";
import { chip, group, neuroCore, packRoutes, program, type Route } from "./build.js";
import { loihiCases } from "./random-programs.js";
import { reference } from "./reference.js";
import { referenceCrossbar } from "./reference-update.js";

/** Crossbar cores: docs/loihi-chip.md, section 9. */

interface Neuron extends CrossbarNeuron {
  readonly leak: number;
  readonly threshold: number;
}

interface Updated {
  readonly v: number;
  readonly fired: boolean;
  readonly saturated: number;
}

function stepped(v: number, q: number, { leak, threshold, ...crossbar }: Neuron, stateBits: number): Updated {
  const { decayU, decayV, refractory, vMin, vMax, currentShift } = group(0, 0, [0]);
  const meaningless = { decayU, decayV, refractory, vMin, vMax, currentShift };
  const parameters = { ...meaningless, threshold, bias: leak, crossbar: { ...crossbar, stateBits } };
  const outcome = RULES.truenorth({ u: 0, v, rest: 0 }, q, parameters);
  expect([outcome.u, outcome.rest]).toEqual([0, 0]);
  return { v: outcome.v, fired: outcome.fired, saturated: outcome.saturated };
}

function event(v: number, q: number, { leak, threshold, ...crossbar }: Neuron, stateBits: number): Updated {
  const one = (value: number): Int32Array => Int32Array.of(value);
  const members = { ...group(0, 0, [0]), crossbar, threshold: one(threshold), bias: one(leak) };
  const state = { group: members, stateBits, u: one(0), v: one(v), rest: one(0) };
  const outcome = new Outcome(1);
  UPDATES.truenorth(state, Float64Array.of(q), 0, outcome);
  expect([outcome.updated, outcome.fault, state.u[0], state.rest[0]]).toEqual([1, undefined, 0, 0]);
  return { v: state.v[0]!, fired: outcome.fired === 1, saturated: outcome.saturated };
}

const neurons = fc.constantFrom(1, 4, 9, 20, 32).chain((stateBits) => {
  const half = 2 ** (stateBits - 1);
  const number = fc.oneof(
    fc.constantFrom(-half, 1 - half, half - 1),
    fc.integer({ min: Math.max(-half, -3), max: Math.min(half - 1, 3) }),
    fc.integer({ min: -half, max: half - 1 }),
  );
  const exact = Number.MAX_SAFE_INTEGER;
  return fc.record({
    stateBits: fc.constant(stateBits),
    v: number,
    q: fc.oneof(number, fc.constantFrom(half, -half - 1, exact, -exact), fc.integer({ min: -exact, max: exact })),
    neuron: fc.record<Neuron>({
      leak: number,
      threshold: number,
      negativeThreshold: number,
      reset: fc.constantFrom("absolute", "linear"),
      resetPotential: number,
    }),
  });
});

describe.each([
  ["stepped", stepped],
  ["event", event],
])("a compartment of a crossbar core in %s", (_, update) => {
  it("does what the definition says", () => {
    fc.assert(
      fc.property(neurons, ({ v, q, neuron, stateBits }) => {
        const expected = referenceCrossbar({ v: BigInt(v) }, BigInt(q), neuron, stateBits);
        expect(update(v, q, neuron, stateBits)).toEqual({ ...expected, v: Number(expected.v) });
      }),
      { numRuns: 20_000 },
    );
  });

  it("fires at its threshold, not below, and resets below its negative threshold, not at it", () => {
    const absolute: Neuron = { leak: 0, threshold: 5, negativeThreshold: -3, reset: "absolute", resetPotential: 2 };
    const linear: Neuron = { ...absolute, reset: "linear" };
    const after = (neuron: Neuron) => [4, 5, 7, -3, -4].map((q) => update(0, q, neuron, 9));
    expect(after(absolute).map(({ v }) => v)).toEqual([4, 2, 2, -3, -2]);
    expect(after(linear).map(({ v }) => v)).toEqual([4, 0, 2, -3, -1]);
    expect(after(linear).map(({ fired }) => fired)).toEqual([false, true, true, false, false]);
  });

  it("wraps potentials at the width of the chip", () => {
    const quiet: Neuron = { leak: 0, threshold: 255, negativeThreshold: -256, reset: "linear", resetPotential: 0 };
    expect(update(200, 54, quiet, 9)).toEqual({ v: 254, fired: false, saturated: 0 });
    expect(update(200, 55, quiet, 9)).toEqual({ v: 0, fired: true, saturated: 0 });
    expect(update(200, 56, quiet, 9)).toEqual({ v: -256, fired: false, saturated: 1 });
    const toward: Neuron = { ...quiet, negativeThreshold: 0, reset: "absolute", resetPotential: -256 };
    expect(update(-1, 0, toward, 9)).toEqual({ v: -256, fired: false, saturated: 1 });
  });
});

const FIRES_AT_ONE: CrossbarNeuron = { negativeThreshold: -100, reset: "absolute", resetPotential: 0 };
const CHIP = chip({
  numerics: { profile: "truenorth", gradedBits: 0, stateBits: 9 },
  time: { neuronUpdate: 7, synapse: { dense: 11 }, messageIn: 13, hostInput: 17 },
});

/**
 * Compartments of a core that the host fires, compartments of another one that count what comes to its two axons with
 * weight 1, and what the host sends there itself.
 */
function converging(senders: readonly (readonly Route[])[], delays: readonly [number, number], timesteps: number) {
  const counter = group(1, 0, [0], { threshold: [100], crossbar: FIRES_AT_ONE });
  const silent = senders.map(() => 1);
  const sources = neuroCore({
    tile: 0,
    slot: 0,
    groups: [group(0, 0, [...senders.keys()], { threshold: silent, crossbar: FIRES_AT_ONE })],
    axons: senders.map((_, target) => [{ list: 0, base: target }]),
    lists: [{ format: 0, synapses: [{ target: 0, weight: 1, delay: 1 }] }],
    routes: senders,
  });
  const target = neuroCore({
    tile: 1,
    slot: 0,
    groups: [counter],
    axons: [[{ list: 0, base: 0 }], [{ list: 1, base: 0 }]],
    lists: delays.map((delay) => ({ format: 0, synapses: [{ target: 0, weight: 1, delay }] })),
    routes: [[]],
  });
  const input = (name: string, routes: readonly (readonly Route[])[]): LoihiInput => {
    return { name, format: "spike", shape: [routes.length], start: 0, routes: packRoutes(routes) };
  };
  return program({
    chip: CHIP,
    timesteps,
    populations: [
      [senders.length, 0],
      [1, 0],
    ],
    cores: [sources, target],
    inputs: [
      input(
        "fire",
        senders.map((_, axon) => [{ core: 0, axon }]),
      ),
      input("direct", [[{ core: 1, axon: 0 }]]),
    ],
  });
}

const both = (p: LoihiProgram, inputs: ReadonlyMap<string, readonly number[]>): LoihiRunResult[] =>
  [createStepped, createEvent].map((create) => create(p).run(inputs, { states: true }));

const countOf = ({ states }: LoihiRunResult): number[] => [...states!.get("population1")!.v];
const events = ({ layers }: LoihiRunResult): number[] => [...layers[1]!.synapses[0]!];

describe("an axon of a crossbar core", () => {
  const toAxon = (axon: number): Route[] => [{ core: 1, axon }];

  it("counts several messages of a step once, and messages of two steps twice", () => {
    const p = converging([toAxon(0), toAxon(0), toAxon(0)], [1, 1], 4);
    const fire = [1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    for (const result of both(
      p,
      new Map([
        ["fire", fire],
        ["direct", [0, 0, 0, 0]],
      ]),
    )) {
      expect(countOf(result)).toEqual([0, 1, 2, 2]);
      // All of them cost their events all the same.
      expect(events(result)).toEqual([3, 1, 0, 0]);
    }
  });

  it("counts messages to two axons both", () => {
    const p = converging([toAxon(0), toAxon(1)], [1, 1], 3);
    for (const result of both(
      p,
      new Map([
        ["fire", [1, 1, 0, 0, 0, 0]],
        ["direct", [0, 0, 0]],
      ]),
    )) {
      expect(countOf(result)).toEqual([0, 2, 2]);
    }
  });

  it("counts a host value and the message that was sent the step before once", () => {
    const p = converging([toAxon(0)], [1, 1], 4);
    for (const result of both(
      p,
      new Map([
        ["fire", [1, 0, 0, 0]],
        ["direct", [0, 1, 0, 0]],
      ]),
    )) {
      expect(countOf(result)).toEqual([0, 1, 1, 1]);
    }
    for (const result of both(
      p,
      new Map([
        ["fire", [1, 0, 0, 0]],
        ["direct", [1, 0, 1, 0]],
      ]),
    )) {
      expect(countOf(result)).toEqual([1, 2, 3, 3]);
    }
  });

  it("has its bit by the step of sending: packets of two delays meet in one step", () => {
    const p = converging([toAxon(0), toAxon(1)], [1, 2], 4);
    for (const result of both(
      p,
      new Map([
        ["fire", [0, 1, 1, 0, 0, 0, 0, 0]],
        ["direct", [0, 0, 0, 0]],
      ]),
    )) {
      expect(countOf(result)).toEqual([0, 0, 2, 2]);
    }
  });

  it("is set anew in each sample, and step 0 is no exception", () => {
    const p = converging([toAxon(0)], [1, 1], 2);
    for (const create of [createStepped, createEvent]) {
      const machine = create(p);
      const inputs = new Map([
        ["fire", [0, 1]],
        ["direct", [1, 1]],
      ]);
      const first = machine.run(inputs, { states: true });
      expect(countOf(first)).toEqual([1, 2]);
      expect(machine.run(inputs, { states: true })).toEqual(first);
    }
  });
});

describe("a crossbar core", () => {
  it("updates all its compartments in each step of their window: one with threshold 0 fires in silence", () => {
    const core = neuroCore({
      tile: 0,
      slot: 0,
      groups: [group(0, 0, [0, 1], { threshold: [0, 1], crossbar: FIRES_AT_ONE })],
      axons: [],
      lists: [],
      routes: [[], []],
    });
    const p = program({ chip: CHIP, timesteps: 2, populations: [[2, 1]], cores: [core] });
    for (const result of both(p, new Map())) {
      expect([...result.outputs.get("output0")!]).toEqual([1, 0, 1, 0]);
      expect([...result.layers[0]!.events.update]).toEqual([0, 2, 2]);
      expect([...result.neuronTimes]).toEqual([0, 14, 14]);
    }
  });

  it("does in both simulators what the definition says, at the same times", () => {
    let merged = 0;
    fc.assert(
      fc.property(loihiCases("truenorth"), ({ program: p, inputs }) => {
        const expected = reference(p, inputs);
        merged += expected.merged;
        const [plain, fast] = [createStepped, createEvent].map((create) =>
          create(p).run(inputs, { record: true, states: true }),
        );
        p.populations.forEach(({ name }, i) => expect([...plain!.states!.get(name)!.v]).toEqual(expected.v[i]));
        for (const { name, population } of p.outputs) {
          expect([...plain!.outputs.get(name)!]).toEqual(expected.spikes[population]);
        }
        expect(fast).toEqual(plain);
      }),
      { numRuns: 150 },
    );
    expect(merged).toBeGreaterThan(0);
  });
});
