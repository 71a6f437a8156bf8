import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { documentTables, tableEntries } from "../../src/energy/document.js";
import { COMPONENTS, builtInTables, estimateEnergy, type AnyRun, type EnergyTable } from "../../src/energy/index.js";
import { energyTableSchema } from "../../src/energy/table.js";
import { layerwiseRun, loihiRun } from "./runs.js";

const named = (name: string): EnergyTable => builtInTables().find((each) => each.name === name)!;
const FIGURE = { joules: 1e-12, source: "a test", boundary: "a test", status: "assumed" } as const;

it("docs/energy-tables.md is current (npm run docs)", () => {
  expect(readFileSync("docs/energy-tables.md", "utf8")).toBe(documentTables(builtInTables()));
});

describe("the built-in tables", () => {
  it("name for every figure a source, and what is inside it", () => {
    for (const table of builtInTables()) {
      expect(tableEntries(table).length).toBeGreaterThan(0);
      for (const { figure } of tableEntries(table)) {
        expect(figure.source.length).toBeGreaterThan(10);
        expect(figure.boundary.length).toBeGreaterThan(5);
        expect(["measured", "published", "fitted", "assumed"]).toContain(figure.status);
      }
    }
  });

  it("have one memory of 45 nm, whatever the arithmetic", () => {
    const { sram, dram } = named("horowitz-45nm");
    for (const format of ["int8", "fp16", "int32"]) {
      expect(named(`horowitz-45nm-${format}`)).toMatchObject({ sram, dram, operands: format });
    }
  });

  it("have what a step-by-step chip's description has", () => {
    const file = new URL("../../src/chips/loihi1.json", import.meta.url);
    const { energy } = JSON.parse(readFileSync(file, "utf8")) as {
      energy: Record<string, number> & { synapse: Record<string, number> };
    };
    const { steps, power } = named("loihi1-fit");
    for (const event of [
      "neuronAccess",
      "neuronUpdate",
      "spikeOut",
      "messageOut",
      "hopX",
      "hopY",
      "chipHop",
    ] as const) {
      expect(steps![event]!.joules).toBeCloseTo(energy[event]! * 1e-12, 20);
    }
    for (const [format, { joules }] of Object.entries(steps!.synapse!)) {
      expect(joules).toBeCloseTo(energy.synapse[format]! * 1e-12, 20);
    }
    expect(power!.watts).toBe(energy["staticPerChip"]! / 1000);
  });
});

describe("what is covered twice", () => {
  const empty: readonly AnyRun[] = [layerwiseRun([]), loihiRun([])];

  it("is never added: every pair of tables is refused that covers the same of a chip, by name", () => {
    let refused = 0;
    for (const run of empty) {
      const usable = builtInTables().flatMap((table) => {
        try {
          return [{ table, covers: estimateEnergy(run, table).covers }];
        } catch {
          return [];
        }
      });
      for (const [i, a] of usable.entries()) {
        for (const b of usable.slice(i)) {
          const both = COMPONENTS.filter((each) => a.covers.includes(each) && b.covers.includes(each));
          if (both.length === 0) {
            expect(estimateEnergy(run, a.table, b.table).covers).toHaveLength(a.covers.length + b.covers.length);
            continue;
          }
          refused++;
          const message = `tables \`${a.table.name}\` and \`${b.table.name}\` both cover ${both.join(", ")}: their sum would count that twice`;
          expect(() => estimateEnergy(run, a.table, b.table)).toThrow(message);
        }
      }
    }
    expect(refused).toBeGreaterThan(20);
  });

  it("is not what tables of different components are: these add up", () => {
    const table = named("horowitz-45nm");
    const arithmetic = energyTableSchema.parse({
      ...table,
      name: "a",
      covers: ["arithmetic"],
      sram: [],
      dram: undefined,
    });
    const memories = energyTableSchema.parse({ ...table, name: "m", covers: ["sram", "dram"], events: {} });
    const layer = {
      name: "l",
      kind: "synapse.dense",
      events: Object.fromEntries(
        ["ac", "mac", "row", "update", "spike", "kv", "qa", "add", "compare", "bit"].map((e) => [e, [3, 4]]),
      ) as never,
      accesses: { spike: { reads: 2, writes: 1 }, weight: { reads: 5, writes: 0 }, data: { reads: 0, writes: 3 } },
      dram: { read: 128, written: 0 },
    };
    const run = layerwiseRun([layer]);
    const [whole, sum] = [estimateEnergy(run, table), estimateEnergy(run, arithmetic, memories)];
    expect(sum).toMatchObject({ totals: whole.totals, covers: whole.covers, unpriced: whole.unpriced, table: "a + m" });
  });
});

describe("a table of one's own", () => {
  const messages = (table: unknown): readonly string[] =>
    energyTableSchema.safeParse(table).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
  const horowitz = named("horowitz-45nm");
  const [fit, davies, truenorth] = [named("loihi1-fit"), named("loihi1-davies"), named("truenorth")];
  const withSteps = (table: EnergyTable, steps: object) => ({ ...table, steps: { ...table.steps, ...steps } });

  it.each<[string, unknown, string]>([
    ["the lowest range that holds the figure", { ...horowitz, dram: { ...FIGURE, range: [1e-12, 1e-12] } }, ""],
    ["a range above the figure", { ...horowitz, dram: { ...FIGURE, range: [1.1e-12, 2e-12] } }, "dram.range"],
    ["a range below it", { ...horowitz, dram: { ...FIGURE, range: [0, 0.9e-12] } }, "dram.range"],
    ["a range of memory", { ...horowitz, sram: [{ ...FIGURE, bytes: 8, range: [2, 3] }] }, "sram.0.range"],
    ["no boundary", { ...horowitz, dram: { ...FIGURE, boundary: undefined } }, "dram.boundary"],
    ["an unknown event", { ...horowitz, events: { multiply: FIGURE } }, "events"],
    ["covering what no figure covers", { ...horowitz, covers: [...horowitz.covers, "noc"] }, "covers: lists noc"],
    ["not saying what it covers", { ...horowitz, covers: ["arithmetic", "sram"] }, "covers: lacks dram, which `dram`"],
    [
      "memory in the arithmetic, and beside it",
      { ...horowitz, events: { ac: { ...FIGURE, covers: ["arithmetic", "sram"] } } },
      "sram: covers sram, which `events` covers already",
    ],
    [
      "memory in the arithmetic alone",
      { ...horowitz, sram: [], events: { ac: { ...FIGURE, covers: ["arithmetic", "sram"] } } },
      "",
    ],
    ["links beside a whole chip", withSteps(truenorth, { hopX: FIGURE }), "network: covers noc"],
    ["static power beside a whole chip", { ...truenorth, power: fit.power }, "power: covers static"],
    ["two prices of a compartment", withSteps(davies, { neuronAccess: FIGURE }), "steps: `neuronActive`"],
    ["half a pair", withSteps(davies, { neuronInactive: undefined }), "steps: `neuronActive`"],
    ["activity for nothing", withSteps(davies, { neuronActive: { ...FIGURE, joules: 52e-12 } }), ""],
    ["activity that saves", withSteps(davies, { neuronActive: { ...FIGURE, joules: 51e-12 } }), "steps.neuronActive"],
  ])("with %s", (_, table, said) => {
    const found = messages(table);
    if (said === "") expect(found).toEqual([]);
    else expect(found).toContainEqual(expect.stringContaining(said));
  });
});
