import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BUILT_IN_CHIPS, parseChip, readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { SMALL } from "../sim/support.js";

function problems(change: object): string[] {
  const report = new Report();
  parseChip(JSON.stringify({ ...SMALL, ...change }), "chip.json", report);
  return report.diagnostics.map((d) => `${d.code} ${d.location?.kind === "file" ? d.location.path : ""} ${d.message}`);
}

describe("chip descriptions", () => {
  it.each(BUILT_IN_CHIPS)("%s is valid and gives a source for every number", (name) => {
    const report = new Report();
    const chip = readChip(name, report);
    expect(report.diagnostics).toEqual([]);
    expect(chip?.name).toBe(name);
    const numbers = Object.entries(chip!).filter(
      ([key]) => !["name", "target", "description", "sources"].includes(key),
    );
    const keys = numbers.flatMap(([key, value]) =>
      ["memories", "dram", "attention"].includes(key) ? Object.keys(value as object).map((k) => `${key}.${k}`) : [key],
    );
    expect(Object.keys(chip!.sources).sort()).toEqual(keys.sort());
  });

  it("are read from a path", () => {
    const file = join(mkdtempSync(join(tmpdir(), "chip-")), "mine.json");
    writeFileSync(file, JSON.stringify({ ...SMALL, name: "mine" }));
    expect(readChip(file, new Report())?.name).toBe("mine");
  });

  it("that are missing or not JSON are named", () => {
    const report = new Report();
    expect(readChip("layerwise-defualt", report)).toBeUndefined();
    expect(parseChip("{", "x.json", report)).toBeUndefined();
    expect(report.diagnostics.map((d) => d.code)).toEqual(["chips/cannot-read", "chips/not-json"]);
    expect(report.diagnostics[0]?.hint).toContain("layerwise-default");
  });

  it("have one diagnostic per bad field", () => {
    expect(problems({ lanes: 12, fifoDepth: 0, colour: 1, shade: 2 }).sort()).toEqual([
      "chips/bad-field /colour `colour`: is no field of a chip description",
      "chips/bad-field /fifoDepth `fifoDepth`: too small: expected number to be >0",
      "chips/bad-field /lanes `lanes`: must be a multiple of 8",
      "chips/bad-field /shade `shade`: is no field of a chip description",
    ]);
    expect(problems({ memories: { ...SMALL.memories, data: { bytes: 65536, banks: 3, ports: 1 } } })[0]).toContain(
      "/memories/data/bytes `memories.data.bytes`: must be a multiple of banks x 32 bytes",
    );
    expect(problems({ dram: { ...SMALL.dram, bandwidth: { bytes: 33, cycles: 1 } } })[0]).toContain(
      "one burst per cycle",
    );
    expect(
      problems({ dram: { ...SMALL.dram, burstBytes: 20, bandwidth: { bytes: 1, cycles: 1 }, outstanding: 2 } })[0],
    ).toContain("/dram/outstanding `dram.outstanding`: must be at least 3");
    expect(problems({ priority: ["load", "load", "fire", "attend", "vector", "store"] })[0]).toContain(
      "every engine once",
    );
  });
});
