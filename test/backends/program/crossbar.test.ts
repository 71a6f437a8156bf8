import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeProgram, encodeProgram } from "../../../src/backends/program/index.js";
import { checkStructure } from "../../../src/backends/program/loihi/check.js";
import type { Group, LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import { Report } from "../../../src/diagnostics/index.js";
import { chip, group, neuroCore, program } from "../../sim/loihi/build.js";
import { loihiCases } from "../../sim/loihi/random-programs.js";

/** Crossbar cores in program files: docs/loihi-chip.md, section 9. */

const CROSSBAR = { negativeThreshold: -256, reset: "linear", resetPotential: 255 } as const;

function withGroup(one: Group, numerics = {}): LoihiProgram {
  return program({
    chip: chip({ numerics: { profile: "truenorth", gradedBits: 0, stateBits: 9, ...numerics } }),
    timesteps: 1,
    populations: [[1, 0]],
    cores: [neuroCore({ tile: 0, slot: 0, groups: [one], axons: [], lists: [], routes: [[]] })],
  });
}

const crossbarGroup = (more: Parameters<typeof group>[3] = {}): Group =>
  group(0, 0, [0], { threshold: [-256], bias: [255], crossbar: CROSSBAR, ...more });

describe("a program of crossbar cores", () => {
  it("comes back from its file as it was", () => {
    fc.assert(
      fc.property(loihiCases("truenorth"), ({ program: written }) => {
        const report = new Report();
        const read = decodeProgram(encodeProgram(written), "test", report);
        expect(report.diagnostics).toEqual([]);
        expect(read).toEqual(written);
      }),
      { numRuns: 50 },
    );
  });

  it("may have numbers up to the width of a state", () => {
    expect(checkStructure(withGroup(crossbarGroup()))).toEqual([]);
  });

  it.each<[what: string, more: Parameters<typeof group>[3], fault: RegExp]>([
    ["a high threshold", { threshold: [256] }, /not in -256\.\.255/],
    ["a low threshold", { threshold: [-257] }, /not in -256\.\.255/],
    ["a high leak", { bias: [256] }, /not in -256\.\.255/],
    ["a low reset", { crossbar: { ...CROSSBAR, resetPotential: -257 } }, /not in -256\.\.255/],
    ["a high negative threshold", { crossbar: { ...CROSSBAR, negativeThreshold: 256 } }, /not in -256\.\.255/],
    ["a fraction", { crossbar: { ...CROSSBAR, resetPotential: 0.5 } }, /not in -256\.\.255/],
    ["relays", { kind: "relay" }, /relays/],
  ])("is refused with %s", (_, more, fault) => {
    expect(checkStructure(withGroup(crossbarGroup(more)))).toEqual([expect.stringMatching(fault)]);
  });

  it("needs a chip of its profile, and the other way round", () => {
    expect(checkStructure(withGroup(crossbarGroup({ threshold: [0] }), { profile: "loihi" }))).toEqual([
      "core 0: a group with `crossbar` on a chip of profile loihi",
    ]);
    expect(checkStructure(withGroup(group(0, 0, [0])))).toEqual([
      "core 0: a group without `crossbar` on a chip of profile truenorth",
    ]);
  });
});
