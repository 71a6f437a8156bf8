import { describe, expect, it } from "vitest";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { loadTfjsKernels } from "../src/tfjs/index.js";
import { runLadder } from "../src/validate/ladder.js";
import { GOLDEN_CASES, importCase } from "./support/golden.js";
import { needShared } from "./support/shared.js";

/** Every rung of the ladder on every recorded case: recording, TensorFlow.js on WebAssembly, passes, simulated chip. */
describe("the validation ladder", () => {
  it.for(GOLDEN_CASES)("%s", async (name, context) => {
    const { net, recorded } = importCase(needShared(context), name);
    const report = new Report();
    const chips = ["layerwise-default", "layerwise-large", "layerwise-int8"].flatMap(
      (chip) => readChip(chip, report, "layerwise") ?? [],
    );
    const tfjs = await loadTfjsKernels({ backend: "wasm" });
    const rungs = runLadder(net, recorded, { chips, tfjs }, report);
    expect(report.diagnostics).toEqual([]);
    const bounded = rungs.filter((rung) => ["pipeline quantized", "pipeline sparse"].includes(rung.name));
    const strict = rungs.filter((rung) => !bounded.includes(rung));
    expect(strict.map((rung) => [rung.name, rung.status, rung.status === "passed" ? "" : rung.detail])).toEqual([
      ["evaluate, teacher-forced", "passed", ""],
      ["evaluate, free-running", "passed", ""],
      [`evaluate with ${tfjs.backend}`, "passed", ""],
      ["pipeline exact", "passed", ""],
      ["pipeline folded", "passed", ""],
      ["pipeline import, teacher-forced", "passed", ""],
      ["pipeline import, free-running", "passed", ""],
      ["chip layerwise-default, stepped", "passed", ""],
      ["chip layerwise-default, event = stepped", "passed", ""],
      ["chip layerwise-large, stepped", "passed", ""],
      ["chip layerwise-large, event = stepped", "passed", ""],
      ["chip layerwise-int8, stepped, pipeline quantized", "passed", ""],
      ["chip layerwise-int8, event = stepped, pipeline quantized", "passed", ""],
    ]);
    expect(bounded.map((rung) => rung.status)).toEqual(["measured", "measured"]);
    for (const rung of strict) {
      expect(rung.layers.map((layer) => layer.name)).toEqual(recorded.layers.map((layer) => layer.name));
      expect(rung.layers.every((layer) => layer.mismatches === 0 && layer.spikes > 0)).toBe(true);
    }
  });
});
