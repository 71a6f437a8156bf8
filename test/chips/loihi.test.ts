import { describe, expect, it } from "vitest";
import { chipFields, LOIHI_CHIPS, parseChip, readChip, type LoihiChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";

const teaching = readChip("loihi-teaching", new Report(), "loihi")!;

function problems(change: (chip: LoihiChip) => object): string[] {
  const report = new Report();
  expect(parseChip(JSON.stringify({ ...teaching, ...change(teaching) }), "chip.json", report)).toBeUndefined();
  return report.diagnostics.map((d) => `${d.code} ${d.location?.kind === "file" ? d.location.path : ""} ${d.message}`);
}

describe("descriptions of step-by-step chips", () => {
  it.each(LOIHI_CHIPS)("%s is valid, gives a source for every number and prices every format", (name) => {
    const report = new Report();
    const chip = readChip(name, report, "loihi");
    expect(report.diagnostics).toEqual([]);
    expect(chip?.name).toBe(name);
    const fields = chipFields(chip!);
    expect(fields.filter(({ source }) => source === "not stated")).toEqual([]);
    const named = new Set(fields.flatMap(({ field }) => [field, field.split(".")[0]]));
    expect(Object.keys(chip!.sources).filter((key) => !named.has(key))).toEqual([]);
  });

  it("are refused where the other kind is needed, and the other way round", () => {
    const report = new Report();
    expect(readChip("loihi1", report, "layerwise")).toBeUndefined();
    expect(readChip("layerwise-small", report, "loihi")).toBeUndefined();
    expect(report.diagnostics.map(({ code }) => code)).toEqual(["chips/wrong-target", "chips/wrong-target"]);
    expect(report.diagnostics[0]?.hint).toContain("layerwise-default");
    expect(report.diagnostics[1]?.hint).toContain("loihi-teaching");
  });

  it("name their kind", () => {
    const report = new Report();
    expect(parseChip(JSON.stringify({ ...teaching, target: "analog" }), "chip.json", report)).toBeUndefined();
    expect(report.diagnostics[0]).toMatchObject({ code: "chips/bad-field", location: { path: "/target" } });
  });

  it.each<[what: string, change: (chip: LoihiChip) => object, place: string, says: string]>([
    ["no barrier of one tile", (c) => ({ time: { ...c.time, barrier: { "2": 5 } } }), "/time/barrier", "key 1"],
    ["a format without time", (c) => ({ time: { ...c.time, synapse: { dense: 1 } } }), "/time/synapse", "convolution"],
    [
      "energy of no format",
      (c) => ({ energy: { ...c.energy, synapse: { ...c.energy.synapse, odd: 1 } } }),
      "/energy/synapse/odd",
      "no name",
    ],
    [
      "two formats of a name",
      (c) => ({ synapseFormats: [...c.synapseFormats, c.synapseFormats[0]] }),
      "/synapseFormats/2/name",
      "another format",
    ],
    [
      "bases of lists that are not shared",
      (c) => ({
        synapseFormats: [{ ...c.synapseFormats[0]!, sharedBases: { below: 4, multipleOf: 1 } }, c.synapseFormats[1]],
      }),
      "/synapseFormats/0/sharedBases",
      "shared lists",
    ],
    [
      "exponents the wrong way round",
      (c) => ({ numerics: { ...c.numerics, weightExponent: [1, 0] } }),
      "/numerics/weightExponent",
      "above its end",
    ],
    [
      "thresholds of 32 bits",
      (c) => ({ numerics: { ...c.numerics, thresholdMantissaBits: 26 } }),
      "/numerics/thresholdShift",
      "31 bits",
    ],
    ["half a word", (c) => ({ core: { ...c.core, synapseBits: 100 } }), "/core/synapseBits", "words of 32"],
    [
      "attention cores alone",
      () => ({ attention: { ...readChip("loihi1+attention", new Report(), "loihi")!.attention, cores: 16 } }),
      "/attention/cores",
      "neuro-cores",
    ],
  ])("with %s name the field", (_what, change, place, says) => {
    const found = problems(change);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`chips/bad-field ${place} `);
    expect(found[0]).toContain(says);
  });
});
