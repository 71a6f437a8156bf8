import { describe, expect, it } from "vitest";
import { commonEnergy, builtInTables, estimateEnergy, loihiCounts, ownTable } from "../../src/energy/index.js";
import { LOIHI_EVENTS } from "../../src/sim/loihi/result.js";
import { loihiRun, type LoihiLayer } from "./runs.js";

/** Two samples of two steps; every count differs, so that no figure can be taken for another. */
const EVENTS = {
  access: [4, 6],
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
  neuronAccess: 10,
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
const LAYER: LoihiLayer = {
  name: "l",
  kind: "neuron.loihi",
  events: EVENTS,
  synapses: { dense: [43, 4], sparse: [50, 3] },
};
const named = (name: string) => builtInTables().find((each) => each.name === name)!;
const only = (events: Partial<LoihiLayer["events"]>, synapses: LoihiLayer["synapses"] = {}): LoihiLayer => ({
  ...LAYER,
  events: { ...(Object.fromEntries(LOIHI_EVENTS.map((e) => [e, [0, 0]])) as LoihiLayer["events"]), ...events },
  synapses,
});

describe("energy of a step-by-step chip by its own description", () => {
  it.each(Object.entries(COUNTS))("counts %s %i times", (name, count) => {
    const run = loihiRun([LAYER], { [name]: 1 });
    const estimate = estimateEnergy(run, ownTable(run));
    expect(estimate.totals.all).toBeCloseTo(count * 1e-12, 18);
    expect(estimate.unpriced.map(({ what }) => what)).not.toContain(name);
  });

  it("counts synaptic events by format, and static power of all chips over the simulated time", () => {
    const dense = loihiRun([LAYER], {}, { dense: 1, sparse: 0 });
    expect(estimateEnergy(dense, ownTable(dense)).totals).toMatchObject({ synapses: 47e-12, all: 47e-12 });
    const standing = loihiRun([LAYER], { barrier: 1 }, {}, 100);
    const { rows, totals } = estimateEnergy(standing, ownTable(standing));
    expect(totals).toMatchObject({ power: 0.2, barriers: 6e-12 });
    expect(rows.filter(({ layer }) => layer === undefined)).toHaveLength(2);
  });

  it("lists what the description has no figure for, and says what that leaves out", () => {
    const run = loihiRun([LAYER], { neuronAccess: 1 });
    const { unpriced, covers, uncovered } = estimateEnergy(run, ownTable(run));
    expect(unpriced).toContainEqual({ what: "spikeOut", group: "neurons", count: 7 });
    expect(unpriced).toContainEqual({ what: "barrier", group: "barriers", count: 6 });
    expect([covers, uncovered]).toEqual([
      ["arithmetic", "sram"],
      ["noc", "control", "static"],
    ]);
  });

  it("has the sources of the description", () => {
    const run = loihiRun([LAYER], { hopX: 1, hopY: 1 });
    const sources = { energy: "a simulator", "energy.hopX": "a paper" };
    const { rows } = estimateEnergy(run, ownTable({ chip: { ...run.chip, sources } }));
    const source = Object.fromEntries(rows.map(({ what, figure }) => [what, figure.source]));
    expect(source).toMatchObject({ hopX: "a paper", hopY: "a simulator" });
  });
});

describe("energy of a step-by-step chip by a table", () => {
  it("is SANA-FE's own of the somas of its DVS example, from its counts (8951ab0: 1.31748e-3 J)", () => {
    const somas = only({ access: [18_678_000, 0], update: [15_552_561, 0], spike: [364_088, 0] });
    const { totals } = estimateEnergy(loihiRun([somas]), named("loihi1-fit"));
    expect(totals.neurons * 1e6).toBeCloseTo(1317.48, 3);
  });

  it("is that of a whole idle Loihi, 6.82 µJ, where no compartment is updated, and 10.6 µJ where all are", () => {
    const of = (update: number): number =>
      estimateEnergy(loihiRun([only({ access: [131_072, 0], update: [update, 0] })]), named("loihi1-davies")).totals
        .neurons;
    expect(of(0) * 1e6).toBeCloseTo(6.82, 2);
    expect(of(131_072) * 1e6).toBeCloseTo(10.6, 1);
  });

  it("prices a variant of a format as the format, and any other as `any`", () => {
    const synapses = { dense: [1, 0], "sparse-4bit-delayed": [0, 1], crossing: [1, 0] };
    const of = (name: string) => estimateEnergy(loihiRun([only({}, synapses)]), named(name));
    expect(of("loihi1-fit").totals.synapses).toBeCloseTo((35.5 + 33.6) * 1e-12, 20);
    expect(of("loihi1-fit").unpriced).toContainEqual({ what: "synapse crossing", group: "synapses", count: 1 });
    expect(of("loihi1-davies").totals.synapses).toBeCloseTo(3 * 23.6e-12, 20);
  });

  it("has everything in TrueNorth's synaptic events: nothing else is counted or left out", () => {
    const { totals, unpriced, uncovered } = estimateEnergy(loihiRun([LAYER]), named("truenorth"));
    expect(totals.all).toBeCloseTo(100 * 26e-12, 18);
    expect([unpriced, uncovered]).toEqual([[], []]);
  });

  it("is arithmetic of both targets by one table: synaptic events, and counters of whole groups", () => {
    const counts = loihiCounts(loihiRun([LAYER]));
    const table = named("horowitz-45nm");
    expect(counts).toEqual({ additions: 100, attention: 8 * 68 });
    expect(commonEnergy(counts, table)).toBeCloseTo(0.9e-12 * (100 + 8 * 68), 20);
    expect(commonEnergy(counts, { ...table, events: { ac: table.events.ac! } })).toBeUndefined();
    expect(estimateEnergy(loihiRun([LAYER]), table).totals.all).toBeCloseTo(commonEnergy(counts, table)!, 20);
  });
});
