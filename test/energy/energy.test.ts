import { describe, expect, it } from "vitest";
import { ENERGY_TABLES, estimateEnergy, sramFigure, type EnergyTable } from "../../src/energy/index.js";
import type { RunFile } from "../../src/sim/run-file.js";

const table = ENERGY_TABLES[0]!;
const EVENTS = ["ac", "mac", "row", "update", "spike", "kv", "qa", "add", "compare", "bit"] as const;

function layer(name: string, events: Partial<Record<(typeof EVENTS)[number], number[]>>): RunFile["layers"][number] {
  return {
    name,
    kind: "synapse.dense",
    events: Object.fromEntries(EVENTS.map((e) => [e, events[e] ?? [0, 0]])) as RunFile["layers"][number]["events"],
    accesses: { spike: { reads: 2, writes: 1 }, weight: { reads: 5, writes: 0 }, data: { reads: 0, writes: 3 } },
    dram: { read: 128, written: 0 },
  };
}

function run(layers: RunFile["layers"], samples = 1): RunFile {
  const states = { busy: 1, port: 0, dram: 0, token: 0, queue: 0, idle: 0 };
  const memories = {
    spike: { bytes: 8192, wordBytes: 32 },
    weight: { bytes: 1 << 20, wordBytes: 256 },
    data: { bytes: 32768, wordBytes: 256 },
  };
  return {
    format: "spikec-run",
    version: 1,
    program: "test",
    timesteps: 2,
    chip: { name: "chip", clockHz: 5e8, memories },
    cycles: 1,
    seconds: 2e-9,
    engines: { load: states, accumulate: states, fire: states, attend: states, vector: states, store: states },
    layers,
    samples: Array.from({ length: samples }, (_, i) => ({
      name: String(i),
      cycles: 1,
      predicted: null,
      label: null,
      outputs: {},
    })),
  };
}

describe("energy", () => {
  it("is counts times figures, worked by hand", () => {
    const estimate = estimateEnergy(run([layer("a", { ac: [10, 20], mac: [2, 0] })]), table);
    expect(estimate.totals.arithmetic).toBeCloseTo(30 * 0.9e-12 + 2 * 4.6e-12, 24);
    const sram = (3 * 32 * 8 * 10e-12) / 64 + (5 * 256 * 8 * 100e-12) / 64 + (3 * 256 * 8 * 20e-12) / 64;
    expect(estimate.totals.sram).toBeCloseTo(sram, 24);
    expect(estimate.totals.dram).toBeCloseTo((128 * 8 * 1950e-12) / 64, 24);
  });

  it("is additive over layers", () => {
    const [a, b] = [layer("a", { ac: [10, 20] }), layer("b", { kv: [7, 0], add: [1, 1] })];
    const together = estimateEnergy(run([a, b]), table).totals.all;
    const apart = estimateEnergy(run([a]), table).totals.all + estimateEnergy(run([b]), table).totals.all;
    expect(together).toBeCloseTo(apart, 20);
  });

  it("changes exactly the rows of a changed price, by the computed amount", () => {
    const counted = run([layer("a", { ac: [10, 20], mac: [2, 0] }), layer("b", { ac: [5, 0] })]);
    const dearer: EnergyTable = { ...table, events: { ...table.events, ac: { ...table.events.ac!, joules: 2e-12 } } };
    const [before, after] = [estimateEnergy(counted, table), estimateEnergy(counted, dearer)];
    for (const [i, row] of before.rows.entries()) {
      const expected = row.what === "ac" ? row.count * 2e-12 : row.joules;
      expect(after.rows[i]!.joules).toBeCloseTo(expected, 24);
    }
    expect(after.totals.all - before.totals.all).toBeCloseTo(35 * 1.1e-12, 22);
  });

  it("lists what has no price instead of making it free in silence", () => {
    const estimate = estimateEnergy(run([layer("a", { compare: [4, 4], update: [9, 0] })]), table);
    expect(estimate.unpriced).toEqual([
      { what: "compare", count: 8 },
      { what: "update", count: 9 },
    ]);
    expect(estimate.totals.arithmetic).toBe(0);
  });

  it("prices a memory by the smallest entry that is not smaller, or the largest", () => {
    expect(sramFigure(table, 8192)?.bytes).toBe(8192);
    expect(sramFigure(table, 8193)?.bytes).toBe(32768);
    expect(sramFigure(table, 1 << 24)?.bytes).toBe(1 << 20);
  });

  it("names a source and a standing for every figure of every table", () => {
    for (const { events, sram, dram } of ENERGY_TABLES) {
      for (const figure of [...Object.values(events), ...sram, ...(dram === undefined ? [] : [dram])]) {
        expect(figure.source.length).toBeGreaterThan(10);
        expect(["measured", "published", "fitted", "assumed"]).toContain(figure.status);
      }
    }
  });
});
