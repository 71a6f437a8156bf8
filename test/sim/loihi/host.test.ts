import { describe, expect, it } from "vitest";
import type { LoihiInput, NeuroCore } from "../../../src/backends/program/loihi/program.js";
import { createBoth } from "./both.js";
import type { LoihiRunResult } from "../../../src/sim/loihi/result.js";
import { chip, group, neuroCore, packRoutes, program, type ChipParts, type Route } from "./build.js";

/** What the host puts in, and what relays send on: worked out on paper, to the picosecond. */

const run = (
  parts: ChipParts,
  populations: readonly (readonly [number, number])[],
  cores: readonly NeuroCore[],
  more: {
    readonly timesteps?: number;
    readonly inputs: readonly LoihiInput[];
    readonly values: ReadonlyMap<string, number[]>;
  },
): LoihiRunResult => {
  const { timesteps = 1, inputs, values } = more;
  return createBoth(program({ chip: chip(parts), timesteps, populations, cores, inputs })).run(values);
};

describe("host values", () => {
  /** One input of three elements to the first axons of core 0. */
  const input = (
    routes: readonly (readonly Route[])[],
    format: "spike" | "graded" = "graded",
    start = 0,
  ): LoihiInput => ({
    name: "x",
    format,
    shape: [routes.length],
    start,
    routes: packRoutes(routes),
  });

  it("cost time in front of the compartments of their core, and act in the same step at delay 1", () => {
    // Values 5, 0, -2: two are put in, 2 x (hostInput 100 + 2 synapses x 7) = 228; one neuron: access 10 + update 3 and,
    // as it fires, spikeOut 50: 291. v = (5 - 2) x (64 + 64) > 300.
    const synapses = [0, 1].map(() => ({ target: 0, weight: 64, delay: 1 }));
    const core = neuroCore({
      tile: 0,
      slot: 0,
      groups: [group(0, 0, [0], { threshold: [383] })],
      axons: [[{ list: 0, base: 0 }]],
      lists: [{ format: 0, synapses }],
      routes: [[]],
    });
    const time = { hostInput: 100, synapse: { dense: 7 }, neuronAccess: 10, neuronUpdate: 3, spikeOut: 50 };
    const inputs = [input([0, 1, 2].map(() => [{ core: 0, axon: 0 }]))];
    const result = run({ time }, [[1, 0]], [core], { inputs, values: new Map([["x", [5, 0, -2]]]) });
    expect([...result.stepTimes]).toEqual([291]);
    expect([...result.outputs.get("output0")!]).toEqual([1]);
    const { events, synapses: events2 } = result.layers[0]!;
    expect([events.hostInput[0], events2[0]![0], result.cores[0]!.received]).toEqual([2, 4, 0]);
  });

  it("act in step start + t + d - 1", () => {
    const delayed = (delay: number) =>
      neuroCore({
        tile: 0,
        slot: 0,
        groups: [group(0, 0, [0])],
        axons: [[{ list: 0, base: 0 }]],
        lists: [{ format: 0, synapses: [{ target: 0, weight: 64, delay }] }],
        routes: [[]],
      });
    const spikes = (delay: number, start: number): number[] => {
      const values = new Map([["x", [0, 1, 0, 0, 0, 0]]]);
      const inputs = [input([[{ core: 0, axon: 0 }]], "spike", start)];
      return [...run({}, [[1, 0]], [delayed(delay)], { timesteps: 6, inputs, values }).outputs.get("output0")!];
    };
    expect(spikes(1, 0)).toEqual([0, 1, 0, 0, 0, 0]);
    expect(spikes(3, 0)).toEqual([0, 0, 0, 1, 0, 0]);
    expect(spikes(2, 2)).toEqual([0, 0, 0, 0, 1, 0]);
  });
});

describe("a relay", () => {
  it("sends the sum of a step on, and costs what a neuron costs that fires", () => {
    // Step 0: host value 3 x weight 5 = 15: access 10 + update 3 + spikeOut 50 + messageOut 20 = 83 behind hostInput 100; the
    // message: messageIn 4 -> 187, as the other core (access 10) is done long before. Step 1: v = 15 x 2 = 30 > 29 fires: 10 + 3 + 50 = 63.
    const relay = neuroCore({
      tile: 0,
      slot: 0,
      groups: [group(0, 0, [0], { kind: "relay" })],
      axons: [[{ list: 0, base: 0 }]],
      lists: [{ format: 0, synapses: [{ target: 0, weight: 5, delay: 1 }] }],
      routes: [[{ core: 1, axon: 0 }]],
    });
    const reader = neuroCore({
      tile: 0,
      slot: 1,
      groups: [group(1, 0, [0], { threshold: [29] })],
      axons: [[{ list: 0, base: 0 }]],
      lists: [{ format: 0, synapses: [{ target: 0, weight: 2, delay: 1 }] }],
      routes: [[]],
    });
    const time = { neuronAccess: 10, neuronUpdate: 3, spikeOut: 50, messageOut: 20, messageIn: 4, hostInput: 100 };
    const inputs: LoihiInput[] = [
      { name: "x", format: "graded", shape: [1], start: 0, routes: packRoutes([[{ core: 0, axon: 0 }]]) },
    ];
    const result = run(
      { time },
      [
        [1, 0],
        [1, 1],
      ],
      [relay, reader],
      { inputs, values: new Map([["x", [3]]]) },
    );
    expect([...result.stepTimes]).toEqual([187, 63]);
    expect([...result.outputs.get("output1")!]).toEqual([1]);
  });
});
