import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkStructure } from "../src/backends/program/loihi/check.js";
import { checkLimits } from "../src/backends/program/loihi/limits.js";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { importRanc, type ImportedRanc } from "../src/frontend/ranc/index.js";
import { runRancLadder } from "../src/validate/ranc.js";
import { needShared } from "./support/shared.js";

/** RANC's own grids: ten MNIST pictures on cores of 128 and of 256 neurons, every output packet of its test bench. */

function read(shared: string, size: number): ImportedRanc {
  const report = new Report();
  const chip = readChip("truenorth-grid", report, "loihi");
  const folder = join(shared, "data", "ranc-truenorth", "tea", String(size));
  const imported = chip && importRanc(folder, chip, report);
  if (imported === undefined) throw new Error(report.diagnostics.map(({ message }) => message).join("\n"));
  return imported;
}

describe("a grid of RANC", () => {
  // Sizes, output core and latency are the parameters of RANC's own test (test_RANCNetwork.py).
  it.for([
    { size: 128, layout: { width: 8, height: 4, output: 24 }, latency: 2, outputs: 120, packets: 220 },
    { size: 256, layout: { width: 4, height: 3, output: 8 }, latency: 1, outputs: 250, packets: 539 },
  ])("of cores of $size neurons gives every packet in both simulators", ({ size, ...expected }, context) => {
    const imported = read(needShared(context), size);
    expect([imported.layout, imported.latency]).toEqual([expected.layout, expected.latency]);
    expect(imported.senders).toHaveLength(expected.outputs);
    expect([...checkStructure(imported.program), ...checkLimits(imported.program)]).toEqual([]);
    const rungs = runRancLadder(imported);
    expect(rungs.map(({ name, status, detail }) => [name, status === "passed" ? "passed" : detail])).toEqual([
      ["import", "passed"],
      ["stepped, truenorth-grid", "passed"],
      ["event, truenorth-grid", "passed"],
      ["event against stepped", "passed"],
    ]);
    expect(rungs[1]!.layers[0]!.spikes).toBe(expected.packets);
  });

  it.for([128, 256])(
    "of cores of %i neurons fails in both simulators if the leaks of one core are others",
    (size, context) => {
      const imported = read(needShared(context), size);
      const { program } = imported;
      const [first] = imported.senders;
      const at = program.populations.findIndex(({ name }) => name === first!.output);
      const cores = program.cores.map((core, i) => {
        if (i !== at || core.kind !== "neuro") return core;
        const groups = core.groups.map((group) => ({ ...group, bias: group.bias.map((leak) => leak - 1) }));
        return { ...core, groups };
      });
      const rungs = runRancLadder({ ...imported, program: { ...program, cores } });
      expect(rungs.map(({ status }) => status)).toEqual(["passed", "failed", "failed", "passed"]);
    },
  );
});
