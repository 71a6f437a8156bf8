import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combinations, parseVariation, varyChip } from "../../src/chips/vary.js";
import { DiagnosticError, Report } from "../../src/diagnostics/index.js";
import { SMALL } from "../sim/support.js";

function refusal(text: string): string {
  try {
    parseVariation(text);
  } catch (error) {
    if (error instanceof DiagnosticError) return `${error.message}; ${error.diagnostic.hint}`;
  }
  throw new Error(`\`${text}\` was taken`);
}

describe("a variation", () => {
  it.each([
    ["lanes=64,128", { field: "lanes", values: [64, 128] }],
    ["lanes=1,512", { field: "lanes", values: [1, 512] }],
    ["dram.latencyCycles=0,100000", { field: "dram.latencyCycles", values: [0, 100_000] }],
    ["clockHz=5e8,0.5", { field: "clockHz", values: [5e8, 0.5] }],
  ])("%s is taken", (text, variation) => expect(parseVariation(text)).toEqual(variation));

  it.each([
    ["lanes=0", "legal: integers above 0 to 512"],
    ["lanes=513", "legal: integers above 0 to 512"],
    ["lanes=64,8.5", "`8.5`"],
    ["lanes=64,", "``"],
    ["lanes=wide", "`wide`"],
    ["lanes=64,64", "twice"],
    ["dram.latencyCycles=-1", "legal: integers from 0 to 100000"],
    ["dram.latencyCycles=100001", "legal: integers from 0 to 100000"],
    ["clockHz=0", "legal: numbers above 0"],
    ["lane=64", "did you mean `lanes`?"],
    ["memories.weight=64", "is no number"],
    ["name=64", "is no number"],
    ["lanes", "lanes=64,128,256"],
  ])("%s is refused with what is legal", (text, says) => expect(refusal(text)).toContain(says));
});

describe("combinations", () => {
  it("are all of them, once, the last field changing fastest", () => {
    const lists = fc.array(fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(lists, (all) => {
        const variations = all.map((values, i) => ({ field: `f${i}`, values }));
        const points = combinations(variations).map((point) => [...point.values()]);
        expect(points).toHaveLength(all.reduce((product, { length }) => product * length, 1));
        expect(new Set(points.map(String)).size).toBe(points.length);
        const rank = (point: number[]): number =>
          point.reduce((sum, value, i) => sum * all[i]!.length + all[i]!.indexOf(value), 0);
        expect(points.map(rank)).toEqual(points.map((_, i) => i));
      }),
    );
  });
});

describe("a varied chip", () => {
  it("differs in the numbers that were given, in its name and in their sources", () => {
    const numbers = new Map([
      ["dram.latencyCycles", 7],
      ["memories.data.ports", 3],
    ]);
    const { name, sources, ...chip } = varyChip(SMALL, numbers, new Report())!;
    const { name: base, sources: before, ...small } = SMALL;
    const { dram, memories } = small;
    const data = { ...memories.data, ports: 3 };
    expect(chip).toEqual({ ...small, dram: { ...dram, latencyCycles: 7 }, memories: { ...memories, data } });
    expect(name).toBe(`${base} dram.latencyCycles=7 memories.data.ports=3`);
    const changed = Object.keys(sources).filter((key) => sources[key] !== before[key]);
    expect(changed.sort()).toEqual(["dram.latencyCycles", "memories.data"]);
  });

  it("is the chip itself where nothing varies", () => expect(varyChip(SMALL, new Map(), new Report())).toBe(SMALL));

  it("is refused where its numbers contradict each other", () => {
    const report = new Report();
    expect(varyChip(SMALL, new Map([["lanes", 12]]), report)).toBeUndefined();
    expect(report.diagnostics.map(({ message }) => message).join()).toContain("multiple of 8");
    expect(varyChip(SMALL, new Map([["memories.data.bytes", SMALL.memories.data.bytes + 1]]), report)).toBeUndefined();
    expect(report.diagnostics.at(-1)?.message).toContain("memories.data.bytes");
  });
});
