import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  builtInTables,
  estimateEnergy,
  ownTable,
  pricesOf,
  sramFigure,
  type AnyRun,
  type EnergyTable,
} from "../../src/energy/index.js";
import { EVENTS } from "../../src/sim/layerwise/result.js";
import {
  anyLayerwiseLayer,
  anyLoihiLayer,
  layerwiseRun,
  loihiRun,
  partOfLayerwise,
  partOfLoihi,
  type LayerwiseLayer,
} from "./runs.js";

const named = (name: string): EnergyTable => builtInTables().find((each) => each.name === name)!;
const table = named("horowitz-45nm");

function layer(name: string, events: Partial<Record<(typeof EVENTS)[number], number[]>>): LayerwiseLayer {
  return {
    name,
    kind: "synapse.dense",
    events: Object.fromEntries(EVENTS.map((e) => [e, events[e] ?? [0, 0]])) as LayerwiseLayer["events"],
    accesses: { spike: { reads: 2, writes: 1 }, weight: { reads: 5, writes: 0 }, data: { reads: 0, writes: 3 } },
    dram: { read: 128, written: 0 },
  };
}

describe("energy", () => {
  it("is counts times figures, worked by hand", () => {
    const estimate = estimateEnergy(layerwiseRun([layer("a", { ac: [10, 20], mac: [2, 0] })]), table);
    expect(estimate.totals.arithmetic).toBeCloseTo(30 * 0.9e-12 + 2 * 4.6e-12, 24);
    const sram = (3 * 32 * 8 * 10e-12) / 64 + (5 * 256 * 8 * 100e-12) / 64 + (3 * 256 * 8 * 20e-12) / 64;
    expect(estimate.totals.sram).toBeCloseTo(sram, 24);
    expect(estimate.totals.dram).toBeCloseTo((128 * 8 * 1950e-12) / 64, 24);
    expect(estimate.ranges.dram[0]).toBeCloseTo((128 * 8 * 1300e-12) / 64, 24);
    expect(estimate.ranges.dram[1]).toBeCloseTo((128 * 8 * 2600e-12) / 64, 24);
    expect(estimate.ranges.sram).toEqual([estimate.totals.sram, estimate.totals.sram]);
  });

  it("of power is watts times time, in one row that belongs to no layer, and leaves nothing else to price but DRAM", () => {
    const run = layerwiseRun([layer("a", { ac: [10, 20], update: [1, 1] }), layer("b", { kv: [3, 4] })], 1, 1e-3);
    const { rows, totals, unpriced, uncovered } = estimateEnergy(run, named("prosperity"));
    expect(rows.filter((row) => row.layer === undefined).map(({ group, joules }) => [group, joules])).toEqual([
      ["power", 446.5e-6],
    ]);
    expect(totals.all).toBeCloseTo(446.5e-6 + 2 * 128 * 8 * 12.45e-12, 15);
    expect([unpriced, uncovered]).toEqual([[], []]);
  });

  it("says what the table does not cover, without a number", () => {
    const { covers, uncovered } = estimateEnergy(layerwiseRun([layer("a", { ac: [1, 0] })]), table);
    expect(covers).toEqual(["arithmetic", "sram", "dram"]);
    expect(uncovered).toEqual(["noc", "control", "clock", "static"]);
  });

  it("changes exactly the rows of a changed price, by the computed amount", () => {
    const counted = layerwiseRun([layer("a", { ac: [10, 20], mac: [2, 0] }), layer("b", { ac: [5, 0] })]);
    const dearer: EnergyTable = { ...table, events: { ...table.events, ac: { ...table.events.ac!, joules: 2e-12 } } };
    const [before, after] = [estimateEnergy(counted, table), estimateEnergy(counted, dearer)];
    for (const [i, row] of before.rows.entries()) {
      const expected = row.what === "ac" ? row.count * 2e-12 : row.joules;
      expect(after.rows[i]!.joules).toBeCloseTo(expected, 24);
    }
    expect(after.totals.all - before.totals.all).toBeCloseTo(35 * 1.1e-12, 22);
  });

  it("lists what has no price instead of making it free in silence", () => {
    const estimate = estimateEnergy(layerwiseRun([layer("a", { compare: [4, 4], update: [9, 0] })]), table);
    expect(estimate.unpriced).toEqual([
      { what: "update", group: "arithmetic", count: 9 },
      { what: "compare", group: "arithmetic", count: 8 },
    ]);
    expect(estimate.totals.arithmetic).toBe(0);
  });

  it("refuses a table for another kind of chip, and one that cannot tell schedules apart", () => {
    const code = (body: () => unknown) => {
      expect(body).toThrow(
        expect.objectContaining({ diagnostic: expect.objectContaining({ code: "energy/nothing-priced" }) }),
      );
    };
    code(() => estimateEnergy(layerwiseRun([layer("a", { ac: [1, 0] })]), named("loihi1-fit")));
    code(() => pricesOf(named("prosperity"), layerwiseRun([]).chip as never));
  });

  it("names the engine that counts: multiplications of scores are the vector engine's", () => {
    const counted = { mac: [1, 0], kv: [1, 0] };
    const layers = [layer("a", counted), { ...layer("b", counted), kind: "tokens.score" }];
    const { rows } = estimateEnergy(layerwiseRun(layers), table);
    const arithmetic = rows.filter(({ group }) => group === "arithmetic");
    expect(arithmetic.map((row) => [row.layer, row.what, row.part])).toEqual([
      ["a", "mac", "accumulate"],
      ["a", "kv", "attend"],
      ["b", "mac", "vector"],
      ["b", "kv", "attend"],
    ]);
  });

  it("prices a memory by the smallest entry that is not smaller, or the largest", () => {
    expect(sramFigure(table, 8192)?.bytes).toBe(8192);
    expect(sramFigure(table, 8193)?.bytes).toBe(32768);
    expect(sramFigure(table, 1 << 24)?.bytes).toBe(1 << 20);
  });
});

describe("idle time", () => {
  it("of an engine is every cycle in which it does not work, whatever it waits for", () => {
    const states = { busy: 10, port: 1, dram: 2, token: 3, queue: 4, idle: 5 };
    const run = layerwiseRun([layer("a", { ac: [1, 0] })], 2);
    const engines = { ...run.engines, load: { ...states, busy: 25 }, fire: states };
    const { idle } = estimateEnergy({ ...run, cycles: 25, seconds: 50e-9, engines }, table);
    const of = (part: string) => idle.find((each) => each.part === part)!;
    expect(idle).toHaveLength(6);
    expect(of("load")).toEqual({ part: "load", units: 1, idle: 0, of: 50e-9 });
    expect(of("fire").idle).toBeCloseTo((1 + 2 + 3 + 4 + 5) * 2e-9, 20);
  });

  it("of cores is what is left of the time of all of them, neuron phases and ingress each", () => {
    const core = { kind: "neuro", tile: 0, slot: 0, compartments: 1, sent: 0, received: 0 } as const;
    const times = [
      { neuronTime: 100, ingressTime: 0 },
      { neuronTime: 50, ingressTime: 500e9 },
    ];
    const cores = times.map((each) => ({ ...core, ...each, injectionPeak: 0, ingressPeak: 0 }));
    const run = { ...loihiRun([], { barrier: 1 }), cores };
    const [neurons, ingress] = estimateEnergy(run, ownTable(run)).idle;
    expect(neurons).toMatchObject({ part: "neuron phases", units: 2, of: 1 });
    expect(1 - neurons!.idle).toBeCloseTo(150e-12, 14);
    expect(ingress).toEqual({ part: "ingress", units: 2, idle: 0.5, of: 1 });
  });
});

/** Without what belongs to no layer. */
const dynamic = (run: AnyRun, by: EnergyTable): number => {
  const { rows } = estimateEnergy(run, by);
  return rows.reduce((total, row) => total + (row.layer === undefined ? 0 : row.joules), 0);
};

const LAYERWISE = ["horowitz-45nm", "horowitz-45nm-int8", "sata", "prosperity"];
const LOIHI = ["horowitz-45nm", "loihi1-fit", "loihi1-davies", "loihi2", "truenorth"];
/** What each engine counts, docs/layerwise-chip.md section 3, and the memories. */
const ENGINES = [
  ["ac", "mac", "row"],
  ["update", "spike"],
  ["kv", "qa"],
  ["add", "compare", "bit"],
];
const MEMORIES = [["spike"], ["weight"], ["data"], ["dram"]];

describe("dynamic energy of a program", () => {
  const close = (parts: readonly number[], whole: number): void => {
    const together = parts.reduce((a, b) => a + b, 0);
    expect(Math.abs(together - whole)).toBeLessThanOrEqual(1e-12 * whole);
  };

  it.each(LAYERWISE)("is additive over layers, engines and timesteps: %s", (name) => {
    const by = named(name);
    const of = (layers: readonly LayerwiseLayer[]): number => dynamic(layerwiseRun(layers), by);
    fc.assert(
      fc.property(fc.array(anyLayerwiseLayer, { minLength: 1, maxLength: 4 }), (layers) => {
        const part = (keep: Parameters<typeof partOfLayerwise>[1]): number =>
          of(layers.map((each) => partOfLayerwise(each, keep)));
        close(
          layers.map((each) => of([each])),
          of(layers),
        );
        close(
          ENGINES.map((engine) => part((what, t) => t !== undefined && engine.includes(what))).concat(
            MEMORIES.map((memory) => part((what, t) => t === undefined && memory.includes(what))),
          ),
          of(layers),
        );
        close(
          [0, 1, undefined].map((timestep) => part((_, t) => t === timestep)),
          of(layers),
        );
      }),
      { numRuns: 50 },
    );
  });

  it.each([...LOIHI, "own"])("is additive over layers and steps of a step-by-step chip: %s", (name) => {
    fc.assert(
      fc.property(fc.array(anyLoihiLayer, { minLength: 1, maxLength: 4 }), (layers) => {
        const of = (each: typeof layers): number => {
          const run = loihiRun(
            each,
            { neuronAccess: 5, neuronUpdate: 3, hopX: 2, attention: 7 },
            { dense: 4, sparse: 6 },
          );
          return dynamic(run, name === "own" ? ownTable(run) : named(name));
        };
        close(
          layers.map((each) => of([each])),
          of(layers),
        );
        close(
          [0, 1].map((step) => of(layers.map((each) => partOfLoihi(each, (_, t) => t === step)))),
          of(layers),
        );
      }),
      { numRuns: 50 },
    );
  });

  it.each(LAYERWISE)("never falls where events are added: %s", (name) => {
    fc.assert(
      fc.property(anyLayerwiseLayer, fc.constantFrom(...EVENTS), fc.nat(1), fc.nat(1000), (each, event, t, more) => {
        const events = { ...each.events, [event]: each.events[event].map((n, i) => (i === t ? n + more : n)) };
        const [less, rest] = [each, { ...each, events }].map((l) => estimateEnergy(layerwiseRun([l]), named(name)));
        for (const end of [0, 1] as const) expect(rest!.ranges.all[end]).toBeGreaterThanOrEqual(less!.ranges.all[end]);
      }),
    );
  });

  it.each(LOIHI)("never falls where compartments are updated, spikes sent and synapses reached: %s", (name) => {
    fc.assert(
      fc.property(anyLoihiLayer, fc.nat(1000), (each, more) => {
        const access = each.events.access.map((n, t) => Math.max(n, each.events.update[t]! + more));
        const base = { ...each, events: { ...each.events, access } };
        const energy = dynamic(loihiRun([base]), named(name));
        for (const event of ["access", "update", "spike", "message", "hopX", "hopY", "withinTile"] as const) {
          const events = { ...base.events, [event]: base.events[event].map((n) => n + more) };
          expect(dynamic(loihiRun([{ ...base, events }]), named(name))).toBeGreaterThanOrEqual(energy);
        }
        const synapses = { ...base.synapses, dense: base.synapses["dense"]!.map((n) => n + more) };
        expect(dynamic(loihiRun([{ ...base, synapses }]), named(name))).toBeGreaterThanOrEqual(energy);
      }),
      { numRuns: 50 },
    );
  });
});
