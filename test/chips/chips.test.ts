import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LAYERWISE_CHIPS, parseChip, readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { SMALL } from "../sim/support.js";

function problems(change: object): string[] {
  const report = new Report();
  parseChip(JSON.stringify({ ...SMALL, ...change }), "chip.json", report);
  return report.diagnostics.map((d) => `${d.code} ${d.location?.kind === "file" ? d.location.path : ""} ${d.message}`);
}

describe("chip descriptions", () => {
  it.each(LAYERWISE_CHIPS)("%s is valid and gives a source for every number", (name) => {
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

  it.each<[what: string, change: object, place: string, says: string]>([
    ["no lanes", { lanes: 0 }, "/lanes", ">0"],
    ["lanes that fill no bytes", { lanes: 20 }, "/lanes", "multiple of 8"],
    ["no timesteps", { parallelTimesteps: 0 }, "/parallelTimesteps", ">0"],
    ["no bandwidth", { dram: { ...SMALL.dram, bandwidth: { bytes: 0, cycles: 1 } } }, "/dram/bandwidth/bytes", ">0"],
    [
      "bandwidth per nothing",
      { dram: { ...SMALL.dram, bandwidth: { bytes: 1, cycles: 0 } } },
      "/dram/bandwidth/cycles",
      ">0",
    ],
    ["no bursts", { dram: { ...SMALL.dram, burstBytes: 0 } }, "/dram/burstBytes", ">0"],
    ["negative latency", { dram: { ...SMALL.dram, latencyCycles: -1 } }, "/dram/latencyCycles", ">=0"],
    [
      "no memory",
      { memories: { ...SMALL.memories, data: { bytes: 0, banks: 1, ports: 1 } } },
      "/memories/data/bytes",
      ">0",
    ],
    [
      "a weight memory smaller than one word",
      { memories: { ...SMALL.memories, weight: { bytes: 16, banks: 1, ports: 1 } } },
      "/memories/weight/bytes",
      "multiple of banks x 32 bytes (one word)",
    ],
    [
      "a spike memory with less than a word per bank",
      { memories: { ...SMALL.memories, spike: { bytes: 2, banks: 2, ports: 1 } } },
      "/memories/spike/bytes",
      "multiple of banks x 2 bytes (one word)",
    ],
    [
      "no ports",
      { memories: { ...SMALL.memories, data: { bytes: 64, banks: 1, ports: 0 } } },
      "/memories/data/ports",
      ">0",
    ],
    ["no queue", { queueDepth: 0 }, "/queueDepth", ">0"],
    ["no FIFO", { fifoDepth: 0 }, "/fifoDepth", ">0"],
    ["accumulators narrower than weights", { weightBits: 16, accumulatorBits: 15 }, "/accumulatorBits", "at least 16"],
    ["no weights", { weightBits: 0 }, "/weightBits", "weightBits"],
    ["weights wider than mantissas", { weightBits: 33, accumulatorBits: 40 }, "/weightBits", "32"],
    ["weights of half a bit", { weightBits: 7.5 }, "/weightBits", "int"],
    ["no counters", { attention: { counters: 0, counterBits: 8 } }, "/attention/counters", ">0"],
  ])("with %s name the field", (_, change, place, says) => {
    const found = problems(change);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`chips/bad-field ${place} `);
    expect(found[0]).toContain(says);
  });

  it("may have accumulators as wide as weights, and memories of one word per bank", () => {
    expect(problems({ weightBits: 16, accumulatorBits: 16 })).toEqual([]);
    expect(problems({ memories: { ...SMALL.memories, spike: { bytes: 4, banks: 2, ports: 1 } } })).toEqual([]);
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
