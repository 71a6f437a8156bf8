import { describe, expect, it } from "vitest";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { loadTfjsKernels } from "../src/tfjs/index.js";
import { runLadder } from "../src/validate/ladder.js";
import { GOLDEN_CASES, importCase } from "./support/golden.js";
import { FULL, needShared } from "./support/shared.js";

/** Every rung of the ladder on every recorded case: recording, TensorFlow.js on WebAssembly, passes, simulated chips. */
describe.each([
  { names: ["layerwise-default", "layerwise-int8"], always: true },
  { names: ["layerwise-large"], always: false },
])("the validation ladder with $names", ({ names, always }) => {
  it.for(GOLDEN_CASES)("%s", async (name, context) => {
    if (!FULL && !always) context.skip("only with --full");
    const { net, recorded } = importCase(needShared(context), name);
    const report = new Report();
    const chips = names.flatMap((chip) => readChip(chip, report, "layerwise") ?? []);
    const tfjs = await loadTfjsKernels({ backend: "wasm" });
    const rungs = runLadder(net, recorded, { chips, tfjs }, report);
    expect(report.diagnostics).toEqual([]);
    const bounded = rungs.filter((rung) => ["pipeline quantized", "pipeline sparse"].includes(rung.name));
    const strict = rungs.filter((rung) => !bounded.includes(rung));
    const onChips = names.flatMap((chip) => {
      const net = chip === "layerwise-int8" ? ", pipeline quantized" : "";
      return [`chip ${chip}, stepped${net}`, `chip ${chip}, event = stepped${net}`];
    });
    expect(strict.map((rung) => [rung.name, rung.status, rung.status === "passed" ? "" : rung.detail])).toEqual(
      [
        "evaluate, teacher-forced",
        "evaluate, free-running",
        `evaluate with ${tfjs.backend}`,
        "pipeline exact",
        "pipeline folded",
        "pipeline import, teacher-forced",
        "pipeline import, free-running",
        ...onChips,
      ].map((rung) => [rung, "passed", ""]),
    );
    expect(bounded.map((rung) => rung.status)).toEqual(["measured", "measured"]);
    for (const rung of strict) {
      expect(rung.layers.map((layer) => layer.name)).toEqual(recorded.layers.map((layer) => layer.name));
      expect(rung.layers.every((layer) => layer.mismatches === 0 && layer.spikes > 0)).toBe(true);
    }
  });
});
