import { describe, expect, it } from "vitest";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { loihiRungs } from "../src/validate/loihi-rungs.js";
import { importCase } from "./support/golden.js";
import { FULL, needShared } from "./support/shared.js";

/**
 * Networks of published size on chips of published size: which must have the room, and spike as the integer evaluator says. A case on
 * the smallest chip that holds it (docs/step-vs-layer.md), with the recorded layers of which no part is computed by the host.
 */
const FITS = [
  { name: "sdt-cifar", on: "loihi2", recordedLayers: 16 },
  { name: "sdt-dvs", on: "loihi2", recordedLayers: 16 },
  { name: "statten-fashion-trained", on: "loihi1+attention", recordedLayers: 9 },
  { name: "statten-cifar", on: "loihi1+attention-4x1", recordedLayers: 16 },
] as const;

describe("recorded cases on the smallest chip that holds them", () => {
  it.for(FITS)("$name on $on: every spike at every local timestep of every sample", (fit, context) => {
    if (!FULL) context.skip("only with --full: cutting takes a minute");
    const { net, recorded } = importCase(needShared(context), fit.name);
    const report = new Report();
    const chip = readChip(fit.on, report, "loihi");
    if (chip === undefined) throw new Error("no chip");
    const rungs = loihiRungs(chip, net, recorded, report);
    process.stderr.write(rungs.map(({ name, status, detail }) => `${name}: ${status}, ${detail}\n`).join(""));
    expect(report.errors).toEqual([]);
    // The third rung may be skipped: the plain simulator is too slow for a chip this full, which it says.
    expect(rungs.slice(0, 2).map(({ name, status }) => [name, status])).toEqual([
      [`chip ${fit.on}, legalised`, "passed"],
      [`chip ${fit.on}, event`, "passed"],
    ]);
    expect(rungs.slice(2).map(({ status }) => status)).not.toContain("failed");
    // Neurons of every recorded layer that is on the chip, and not silent ones alone.
    const { layers } = rungs[1]!;
    expect(layers).toHaveLength(fit.recordedLayers);
    for (const { mismatches, spikes } of layers) expect([mismatches, spikes > 0]).toEqual([0, true]);
  });
});
