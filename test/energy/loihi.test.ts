import { describe, expect, it } from "vitest";
import { commonEnergy, loihiCounts, loihiEnergy } from "../../src/energy/index.js";
import { horowitz45nm } from "../../src/energy/tables/horowitz-45nm.js";
import { loihiRunSchema, type LoihiRunFile } from "../../src/sim/loihi/run-file.js";

/** Two samples of two steps; every count differs, so that no figure can be taken for another. */
const EVENTS = {
  access: [1, 2],
  update: [3, 2],
  spike: [7, 0],
  message: [11, 0],
  hopX: [13, 0],
  hopY: [17, 0],
  chipHop: [19, 0],
  withinTile: [23, 0],
  hostInput: [29, 0],
  kv: [31, 0],
  qa: [37, 0],
  saturation: [41, 0],
};
const COUNTS = {
  neuronAccess: 3,
  neuronUpdate: 5,
  spikeOut: 7,
  messageOut: 11,
  messageIn: 11,
  hopX: 13,
  hopY: 17,
  chipHop: 19,
  withinTile: 23,
  hostInput: 29,
  attention: 31 + 37,
  barrier: 2 * 3,
};

function run(prices: Partial<Record<keyof typeof COUNTS, number>>, dense = 0, staticPerChip = 0): LoihiRunFile {
  const zero = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, 0]));
  const sample = { name: "0", time: 1, predicted: 0, label: null, outputs: {} };
  return loihiRunSchema.parse({
    format: "spikec-run",
    version: 1,
    target: "loihi",
    program: "p",
    timesteps: 2,
    steps: 2,
    barriers: 3,
    chip: {
      name: "c",
      chips: 4,
      lanes: 8,
      energy: { ...zero, ...prices, synapse: { dense, sparse: 0 }, staticPerChip },
    },
    seconds: 0.5,
    stepTimes: [1, 1],
    neuronTimes: [1, 1],
    layers: [{ name: "l", kind: "neuron.loihi", events: EVENTS, synapses: { dense: [43, 4], sparse: [50, 3] } }],
    cores: [],
    links: [],
    host: { ops: [], crossings: [] },
    samples: [sample, sample],
  });
}

describe("energy of a step-by-step chip", () => {
  it.each(Object.entries(COUNTS))("counts %s %i times", (name, count) => {
    expect(loihiEnergy(run({ [name]: 1 })).totals.all).toBeCloseTo(count * 1e-12, 18);
  });

  it("counts synaptic events by format, and static power of all chips over the simulated time", () => {
    expect(loihiEnergy(run({}, 1)).totals).toMatchObject({ synapses: 47e-12, all: 47e-12 });
    expect(loihiEnergy(run({}, 0, 100)).totals).toMatchObject({ static: 0.2, all: 0.2 });
  });

  it("is arithmetic of both targets by one table: synaptic events, and counters of whole groups", () => {
    const counts = loihiCounts(run({}));
    expect(counts).toEqual({ additions: 100, attention: 8 * 68 });
    expect(commonEnergy(counts, horowitz45nm)).toBeCloseTo(0.9e-12 * (100 + 8 * 68), 20);
    expect(commonEnergy(counts, { ...horowitz45nm, events: { ac: horowitz45nm.events.ac! } })).toBeUndefined();
  });
});
