import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../src/diagnostics/index.js";
import {
  builtInPaper,
  checkPaper,
  builtInTable,
  findPaper,
  operationsOf,
  paperSchema,
  PAPERS,
  recomputePaper,
  type EnergyTable,
  type Paper,
  type PaperRow,
  type RecomputedRow,
} from "../../src/energy/index.js";
import { readPrinted } from "../../src/energy/papers/printed.js";
import { readRates } from "../../src/frontend/random/rates.js";
import { MODELS, resolveSettings } from "../../src/frontend/models/index.js";
import { elements } from "../../src/math/tensor.js";

const prices = builtInTable();
const AC = 0.9e-9; // mJ
const MAC = 4.6e-9; // mJ

function recompute(name: string, table: EnergyTable = prices): ReadonlyMap<string, RecomputedRow> {
  const rows = checkPaper(builtInPaper(name), table, new Report())!;
  return new Map(rows.map((row) => [row.id, row]));
}

/** A table of one row. */
function single(row: object): Paper {
  return paperSchema.parse({ name: "test", title: "test", source: "test", notes: [], rows: [{ id: "row", ...row }] });
}

function verdictOf(row: object): RecomputedRow {
  return recomputePaper(single(row), prices, builtInPaper)[0]!;
}

const withFormula = (paper: Paper, kind: PaperRow["formula"]["kind"]): readonly PaperRow[] =>
  paper.rows.filter(({ formula }) => formula.kind === kind);

describe("printed figures", () => {
  const value = fc.double({ min: 0, max: 100, noNaN: true });
  const digits = fc.integer({ min: 0, max: 6 });

  it("hold every value that rounds to them", () => {
    fc.assert(
      fc.property(value, digits, (x, d) => {
        const { low, at, high } = readPrinted(x.toFixed(d), "rounded");
        expect(x).toBeGreaterThanOrEqual(low - 1e-12);
        expect(x).toBeLessThanOrEqual(high + 1e-12);
        expect(high - at).toBeCloseTo(10 ** -d / 2, 9);
        expect(low).toBeCloseTo(Math.max(0, at - 10 ** -d / 2), 9);
        expect(at).toBe(Number(x.toFixed(d)));
      }),
    );
  });

  it("hold every value whose digits were cut off", () => {
    fc.assert(
      fc.property(value, digits, (x, d) => {
        const cut = (Math.floor(x * 10 ** d) / 10 ** d).toFixed(d);
        const { low, high } = readPrinted(cut, "truncated");
        expect(x).toBeGreaterThanOrEqual(low - 1e-9);
        expect(x).toBeLessThanOrEqual(high + 1e-9);
      }),
    );
  });

  it("are decimals, not numbers, in the data", () => {
    const row = { unit: "mJ", formula: { kind: "none", reason: "x" } };
    expect(() => single({ ...row, printed: "0.10" })).not.toThrow();
    for (const printed of [0.1, ".1", "1e3", "-1", "1.", ""]) expect(() => single({ ...row, printed })).toThrow();
  });
});

describe("verdicts", () => {
  /** 1 G of MAC and nothing else is 4.6 mJ, exactly; 1.0 G may be 0.95 to 1.05, or 1.0 to 1.1. */
  const counts = (giga: string) => ({ kind: "counts", counts: [{ event: "mac", giga }] });
  const of = (printed: string, giga: string) => verdictOf({ printed, unit: "mJ", formula: counts(giga) }).verdict;

  it("tell apart what the printed inputs allow", () => {
    expect(of("4.6", "1.000")).toBe("reproduced");
    expect(of("4.60", "1.000")).toBe("reproduced");
    expect(of("4.61", "1.000")).toBe("does not follow"); // 4.5977 to 4.6023
    expect(of("4.602", "1.000")).toBe("within rounding");
    expect(of("4.603", "1.000")).toBe("within truncation"); // up to 4.6046
    expect(of("4.597", "1.000")).toBe("does not follow"); // 4.5965 to 4.5975, below both
    expect(of("4.598", "1.000")).toBe("within rounding");
    expect(of("4.604", "1.000")).toBe("within truncation");
    expect(of("4.605", "1.000")).toBe("does not follow");
  });

  it("of figures that do not follow say by how much", () => {
    const row = verdictOf({ printed: "9.20", unit: "mJ", formula: counts("1.0") });
    expect(row.because).toContain("2.000 times");
    expect(row.because).toContain("4.37 to 5.06 mJ");
    expect(row.difference).toBeCloseTo(-4.6, 12);
    const free = verdictOf({ printed: "9.20", unit: "mJ", formula: counts("0.000") });
    expect(free.because).toBe("the formula allows 0 to 0.0046 mJ");
  });

  it("of what cannot be recomputed have the reason, and no figure", () => {
    const row = verdictOf({ printed: "9.2", unit: "mJ", formula: { kind: "none", reason: "no rates" } });
    expect(row).toMatchObject({ verdict: "not recomputable", because: "no rates" });
    expect(row.recomputed).toBeUndefined();
  });

  it("hold for whatever rounds or cuts its inputs and results", () => {
    const rate = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(rate, { minLength: 1, maxLength: 5 }), fc.boolean(), (rates, cut) => {
        const shorten = (x: number): string => (cut ? Math.floor(x * 1e4) / 1e4 : x).toFixed(4);
        const energy = AC * 1e6 * 768 * rates.reduce((a, b) => a + b, 0);
        const operations = { kind: "linear", tokens: 1000, in: 1000, out: 768 };
        const formula = { kind: "spikes", operations, rates: rates.map(shorten) };
        const { verdict } = verdictOf({ printed: shorten(energy), unit: "mJ", formula });
        expect(verdict).toMatch(cut ? /reproduced|within/ : /reproduced|within rounding/);
      }),
    );
  });
});

describe("STAtten, appendix", () => {
  const paper = builtInPaper("statten-appendix");
  const rows = recompute("statten-appendix");
  const layers = withFormula(paper, "spikes");
  const sa = withFormula(paper, "attention-sum");

  it("has 36 rows that follow within 0.0006 mJ", () => {
    expect(layers).toHaveLength(36);
    for (const { id } of layers) expect(Math.abs(rows.get(id)!.difference!)).toBeLessThan(0.0006);
    const verdicts = layers.map(({ id }) => rows.get(id)!.verdict);
    expect(verdicts.filter((v) => v === "reproduced")).toHaveLength(24);
    expect(verdicts.filter((v) => v === "within truncation")).toEqual(["within truncation"]);
    expect(verdicts).not.toContain("does not follow");
  });

  it("has 8 self-attention rows of 1.8 to 2.7 times their formula", () => {
    expect(sa).toHaveLength(8);
    for (const { id, printed, formula } of sa) {
      const rates = formula.kind === "attention-sum" ? formula.rates : [];
      const byHand = AC * 196 * 768 * 768 * rates.reduce((sum, r) => sum + Number(r), 0);
      expect(rows.get(id)!.recomputed).toBeCloseTo(byHand, 12);
      expect(rows.get(id)!.verdict).toBe("does not follow");
      expect(Number(printed) / byHand).toBeGreaterThan(1.79);
      expect(Number(printed) / byHand).toBeLessThan(2.68);
    }
  });

  it("adds up to 12.36 mJ only with self-attention by its formula", () => {
    const total = (id: string): [string, string] => [rows.get(id)!.recomputed!.toFixed(4), rows.get(id)!.verdict];
    expect(rows.get("total")!.recomputed!.toFixed(2)).toBe("12.36");
    expect(rows.get("total")!.verdict).toBe("reproduced");
    expect(total("total.sa-by-formula")).toEqual(["12.3627", "reproduced"]);
    expect(total("total.printed")).toEqual(["12.7175", "does not follow"]);
    expect(total("total.times-T")[1]).toBe("does not follow");
    expect(rows.get("conv1")!.recomputed).toBeCloseTo(MAC * 9 * 224 * 224 * 3 * 96, 12);
    const extra = rows.get("total.times-T")!.recomputed! - rows.get("total.sa-by-formula")!.recomputed!;
    expect(extra).toBeCloseTo(4 * MAC * 9 * 224 * 224 * 3 * 96 - 0.5982, 9);
  });

  it("has the rates that `--rates statten-8-768` sets", () => {
    const table = readRates("statten-8-768", new Report());
    const known = Object.values(typeof table === "object" ? table.layers : {});
    const here = [...layers, ...sa].map(({ formula }) => ("rates" in formula ? formula.rates.map(Number) : []));
    const sorted = (rates: readonly unknown[]): readonly string[] => rates.map((r) => JSON.stringify(r)).sort();
    expect(sorted(here)).toEqual(sorted(known));
  });

  it("changes just the rows and totals that depend on a rate, by the computed amount", () => {
    const totals: Readonly<Record<string, (row: PaperRow) => boolean>> = {
      total: () => true,
      "total.sa-by-formula": ({ formula }) => formula.kind === "attention-sum",
      "total.printed": () => false,
      "total.times-T": ({ formula }) => formula.kind === "attention-sum",
    };
    fc.assert(
      fc.property(fc.nat(43), fc.nat(3), fc.integer({ min: 0, max: 9999 }), (index, t, digits) => {
        const target = [...layers, ...sa][index]!;
        const rate = `0.${String(digits).padStart(4, "0")}`;
        const before = target.formula;
        if (!("rates" in before)) throw new Error("no rates");
        const after = { ...before, rates: before.rates.map((r, i) => (i === t ? rate : r)) };
        const changed = {
          ...paper,
          rows: paper.rows.map((row) => (row === target ? { ...row, formula: after } : row)),
        };
        const F = before.kind === "spikes" ? operationsOf(before.operations) : 196 * 768 * 768;
        const expected = AC * F * (Number(rate) - Number(before.rates[t]));
        for (const row of recomputePaper(changed, prices, builtInPaper)) {
          const depends = row.id === target.id || totals[row.id]?.(target) === true;
          const difference = row.recomputed! - rows.get(row.id)!.recomputed!;
          if (depends) expect(difference).toBeCloseTo(expected, 10);
          else expect(difference).toBe(0);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("changes just the rows and totals that depend on a price", () => {
    const doubled = (event: "ac" | "mac"): ReadonlyMap<string, RecomputedRow> => {
      const figure = prices.events[event]!;
      return recompute("statten-appendix", {
        ...prices,
        events: { ...prices.events, [event]: { ...figure, joules: 2 * figure.joules } },
      });
    };
    const [ac, mac] = [doubled("ac"), doubled("mac")];
    const value = (of: ReadonlyMap<string, RecomputedRow>, id: string): number => of.get(id)!.recomputed!;
    for (const { id } of [...layers, ...sa]) {
      expect(value(ac, id)).toBeCloseTo(2 * value(rows, id), 12);
      expect(value(mac, id)).toBe(value(rows, id));
    }
    for (const id of ["conv1", "conv1.times-T"]) {
      expect(value(mac, id)).toBeCloseTo(2 * value(rows, id), 12);
      expect(value(ac, id)).toBe(value(rows, id));
    }
    expect(value(ac, "total") - value(rows, "total")).toBeCloseTo(value(rows, "total") - value(rows, "conv1"), 10);
    expect(value(mac, "total") - value(rows, "total")).toBeCloseTo(value(rows, "conv1"), 10);
    expect(value(ac, "total.printed")).toBe(value(rows, "total.printed"));
    expect(ac.get("total")!.verdict).toBe("does not follow");
  });

  it("has the layers of the network `statten-8-768`", { timeout: 60_000 }, () => {
    const model = MODELS.find(({ name }) => name === "statten")!;
    const { settings } = model.configurations.find(({ name }) => name === "statten-8-768")!;
    expect(settings["depth"]).toBe(8);
    const report = new Report();
    const empty = {
      tensors: new Map(),
      config: new Map(),
      metadata: new Map(),
      container: "random",
      ignored: [],
    } as const;
    const sources = { overrides: new Map([["depth", "1"]]), config: new Map(), configuration: settings };
    const resolved = resolveSettings(model.settings, empty, sources, report)!;
    // Shapes alone matter, and blocks are alike: one block of zeros.
    const built = model.build(empty, "zeros", resolved, report, (_name, shape, role) =>
      role.kind === "counter"
        ? { dtype: "i64", shape, data: new Float64Array(elements(shape)) }
        : {
            dtype: "f32",
            shape,
            data: new Float32Array(elements(shape)).fill(role.kind === "constant" ? role.value : 0),
          },
    )!;
    const operations = (...weights: string[]): number => {
      const each = weights.map((name) => {
        const op = built.net.ops.find(({ symbols }) => symbols.includes(name))!;
        const positions = op.type.shape[0]! * op.type.shape[1]!;
        return positions * elements(built.made.get(`${name}.weight`)!.shape);
      });
      return each.reduce((a, b) => a + b, 0);
    };
    const attn = (name: string): string => `block.0.attn.${name}_conv`;
    const expected: Readonly<Record<string, number>> = {
      conv1: operations("patch_embed.proj_conv"),
      conv2: operations("patch_embed.proj_conv1"),
      conv3: operations("patch_embed.proj_conv2"),
      conv4: operations("patch_embed.proj_conv3"),
      conv5: operations("patch_embed.rpe_conv"),
    };
    const encoder: Readonly<Record<string, number>> = {
      qkv: operations(attn("q"), attn("k"), attn("v")),
      proj: operations(attn("proj")),
      mlp1: operations("block.0.mlp.fc1_conv"),
      mlp2: operations("block.0.mlp.fc2_conv"),
    };
    for (const { id, formula } of [...layers, paper.rows.find(({ id }) => id === "conv1")!]) {
      const layer =
        formula.kind === "spikes"
          ? formula.operations
          : formula.kind === "dense"
            ? formula.layers[0]!.operations
            : undefined;
      expect(operationsOf(layer!), id).toBe(expected[id] ?? encoder[id.split(".")[1]!]);
    }
  });
});

describe("other tables", () => {
  const verdict = (rows: ReadonlyMap<string, RecomputedRow>, id: string): string => rows.get(id)!.verdict;

  it("STAtten's Table 6: each figure by its own reason", () => {
    const rows = recompute("statten-table6");
    expect(verdict(rows, "vit-b16")).toBe("reproduced");
    expect(verdict(rows, "statten-sdt")).toBe("reproduced");
    expect(rows.get("vit-b16-8bit")!.recomputed).toBeCloseTo(110.8, 9);
    expect(rows.get("vit-b16-8bit.horowitz")!.recomputed).toBeCloseTo(12.742, 9);
    for (const id of ["spikformer", "spikingresformer", "qkformer", "sdt", "sdt-v2", "statten-sdt-v2"])
      expect(verdict(rows, id)).toBe("not recomputable");
    // (4 P + A) - (P + A) = 3 P
    expect(rows.get("sdt.parameters")!.recomputed).toBeCloseTo((283.97 - 87.42) / 3, 9);
    expect(rows.get("sdt.activations")!.recomputed).toBeCloseTo(87.42 - (283.97 - 87.42) / 3, 9);
    const parameters = ["spikformer", "spikingresformer", "qkformer", "sdt", "sdt-v2"].map((network) =>
      verdict(rows, `${network}.parameters`),
    );
    expect(parameters).toEqual([...Array.from({ length: 4 }, () => "does not follow"), "reproduced"]);
    expect(rows.get("vit-b16.memory")!.recomputed).toBeCloseTo(4 * (86.59 + (9 * 197 * 768) / 1e6), 9);
    expect(verdict(rows, "vit-b16-8bit.memory")).toBe("within rounding");
  });

  it("ViT-B/16: the quoted energy is that of larger pictures", () => {
    const rows = recompute("vit-b");
    /** Every multiplication of the network, loop by loop. */
    const macs = (pixels: number): number => {
      const patches = (pixels / 16) ** 2;
      const tokens = patches + 1;
      let total = patches * 16 * 16 * 3 * 768;
      for (let block = 0; block < 12; block++) {
        for (let matrix = 0; matrix < 4; matrix++) total += tokens * 768 * 768;
        for (let head = 0; head < 12; head++) total += 2 * tokens * tokens * 64;
        total += 2 * tokens * 768 * 3072;
      }
      return total + 768 * 1000;
    };
    expect(rows.get("macs.384")!.recomputed).toBeCloseTo(macs(384) / 1e9, 9);
    expect(rows.get("macs.224")!.recomputed).toBeCloseTo(macs(224) / 1e9, 9);
    expect(rows.get("energy.224")!.recomputed).toBeCloseTo(macs(224) * MAC, 9);
    expect(rows.get("energy.224")!.recomputed!.toFixed(1)).toBe("80.8");
    expect(verdict(rows, "energy.quoted-count")).toBe("reproduced");
    expect(verdict(rows, "energy.224")).toBe("does not follow");
  });

  it("STAA-SNN: the energy follows from the counts, which follow from no rates", () => {
    const rows = recompute("staa-snn-resnet20");
    expect(rows.get("energy")!.recomputed).toBeCloseTo(0.1 * 0.9 + 0.06 * 4.6, 12);
    expect(verdict(rows, "energy")).toBe("reproduced");
    expect(verdict(rows, "ac")).toBe("not recomputable");
    const reals = 9 * 3 * 64 * 1024 + 9 * 64 * 64 * 256 + 64 * 128 * 64 + 128 * 256 * 16 + 256 * 512 * 4;
    expect(rows.get("mac.convolutions")!.recomputed).toBeCloseTo((4 * reals) / 1e9, 12);
    const sites = [
      [3, 64, 1024],
      [4, 64, 256],
      [4, 128, 64],
      [4, 256, 16],
      [4, 512, 4],
    ] as const;
    let context = 512 * 10;
    for (const [n, c, hw] of sites) context += n * 2 * (2 * c * hw + 2 * c * (c / 4));
    expect(rows.get("mac.with-context")!.recomputed).toBeCloseTo((4 * (reals + context)) / 1e9, 12);
    expect(verdict(rows, "mac.with-context")).toBe("reproduced");
    expect(verdict(rows, "flops.with-context")).toBe("reproduced");
  });

  it("Spikingformer 8-512: counts and energy to the printed digits", () => {
    const paper = builtInPaper("spikingformer-8-512");
    const rows = recompute("spikingformer-8-512");
    expect(withFormula(paper, "spikes")).toHaveLength(4 + 8 * 6);
    for (const { id } of withFormula(paper, "spikes"))
      expect(verdict(rows, id), id).toMatch(/^(reproduced|within rounding)$/);
    expect(rows.get("total.mac")!.recomputed).toBe((4 * 9 * 3 * 64 * 224 * 224 + 512 * 1000 + 1000) / 1e9);
    for (const id of ["total.mac", "total.ac", "energy"]) expect(verdict(rows, id), id).toBe("reproduced");
    expect(verdict(rows, "total.ac.from-rates")).toBe("within rounding");
    let attention = 0;
    for (const { formula } of withFormula(paper, "attention-min")) {
      if (formula.kind !== "attention-min") continue;
      const [q, k, v] = [formula.q, formula.k, formula.v].map(Number);
      attention += 4 * 8 * 196 * 64 * 64 * (Math.min(k!, v!) + q!);
    }
    const printed = withFormula(paper, "spikes").reduce((sum, row) => sum + Number(row.printed), 0);
    expect((printed + attention) / 1e9).toBeCloseTo(6.51754094076244, 12);
    expect(rows.get("energy")!.recomputed!.toFixed(4)).toBe("7.4635");
  });

  it("SPARTA: tokens follow from the sparsity, FLOPs of the dynamic policy from nothing", () => {
    const rows = recompute("sparta-flops");
    for (const id of ["tokens.25", "tokens.50", "tokens.75"]) expect(verdict(rows, id)).toBe("reproduced");
    expect(rows.get("tokens.dynamic")!.recomputed).toBeCloseTo(256 * 0.346, 9);
    // Newton's form of the same parabola.
    const k = 256 * 0.346;
    const parabola = 1.19 + ((k - 64) / 64) * 0.02 + (((k - 64) * (k - 128)) / (2 * 64 * 64)) * 0.01;
    expect(rows.get("flops.dynamic")!.recomputed).toBeCloseTo(parabola, 9);
    expect(verdict(rows, "flops.dynamic")).toBe("does not follow");
  });
});

describe("tables of papers", () => {
  it("are all there, under their own names", () => {
    for (const name of PAPERS) {
      expect(builtInPaper(name).name).toBe(name);
      expect(recompute(name).size).toBe(builtInPaper(name).rows.length);
    }
  });

  it("add up groups that exist, of rows that can be added", () => {
    const paper = builtInPaper("statten-appendix");
    const part = (group: string, as: string) => ({
      ...paper,
      rows: [...paper.rows, { id: "new", unit: "mJ", formula: { kind: "sum", parts: [{ group, as }] } }],
    });
    expect(paperSchema.safeParse(part("self-attention", "printed")).success).toBe(true);
    expect(paperSchema.safeParse(part("self attention", "printed")).error?.message).toContain("no row is in the group");
    expect(paperSchema.safeParse({ ...paper, rows: [...paper.rows, paper.rows[0]] }).success).toBe(false);
    const sums = builtInPaper("spikingformer-8-512");
    const unprinted = {
      id: "new",
      unit: "G",
      formula: { kind: "sum", parts: [{ group: "attention", as: "printed" }] },
    };
    expect(paperSchema.safeParse({ ...sums, rows: [...sums.rows, unprinted] }).success).toBe(false);
  });

  it("need the prices of their formulas", () => {
    const { mac: _mac, ...events } = prices.events;
    const table = { ...prices, name: "mine", events };
    const report = new Report();
    expect(checkPaper(builtInPaper("statten-table6"), table, report)).toBeUndefined();
    expect(report.errors[0]).toMatchObject({ code: "energy/no-price", hint: expect.stringContaining("events.mac") });
    expect(checkPaper(builtInPaper("sparta-flops"), table, new Report())).toBeDefined();
    // Accumulates of Table 6 stand in a row of the appendix alone.
    const { ac: _ac, ...others } = prices.events;
    const elsewhere = new Report();
    expect(checkPaper(builtInPaper("statten-table6"), { ...prices, events: others }, elsewhere)).toBeUndefined();
    expect(elsewhere.errors[0]?.hint).toContain("events.ac");
  });

  it("of unknown names are told the known ones", () => {
    const report = new Report();
    expect(findPaper("statten-apendix", report)).toBeUndefined();
    expect(report.errors[0]).toMatchObject({ code: "energy/unknown-paper", hint: "did you mean `statten-appendix`?" });
  });
});
