import { describe, expect, it } from "vitest";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { loihiRungs } from "../src/validate/loihi-rungs.js";
import { importCase } from "./support/golden.js";
import { FULL, needShared } from "./support/shared.js";

/** A network of published size on a chip of published size: which must have the room, and spike as the integer evaluator says. */
describe("sdt-cifar on loihi2", () => {
  it("fits the chip, and keeps every spike at every local timestep of every sample", (context) => {
    if (!FULL) context.skip("only with --full: cutting takes a minute");
    const { net, recorded } = importCase(needShared(context), "sdt-cifar");
    const report = new Report();
    const chip = readChip("loihi2", report, "loihi");
    if (chip === undefined) throw new Error("no chip");
    const rungs = loihiRungs(chip, net, recorded, report);
    process.stderr.write(rungs.map(({ name, status, detail }) => `${name}: ${status}, ${detail}\n`).join(""));
    expect(report.errors).toEqual([]);
    // The third rung is skipped: the plain simulator is too slow for a chip this full, which it says.
    expect(rungs.slice(0, 2).map(({ name, status }) => [name, status])).toEqual([
      ["chip loihi2, legalised", "passed"],
      ["chip loihi2, event", "passed"],
    ]);
    // Neurons of every recorded layer that is on the chip, and not silent ones alone.
    const { layers } = rungs[1]!;
    expect(layers.length).toBe(16);
    for (const { mismatches, spikes } of layers) expect([mismatches, spikes > 0]).toEqual([0, true]);
  });
});
