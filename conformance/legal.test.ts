import { describe, expect, it } from "vitest";
import { agreementTable, legalize, loihiPipeline } from "../src/backends/loihi/index.js";
import { Report } from "../src/diagnostics/index.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { netInputs } from "../src/validate/replay.js";
import { ATTENTION, testChip } from "../test/backends/loihi/chips.js";
import { expectLegal, expectSameSpikes } from "../test/backends/loihi/support.js";
import { importCase } from "./support/golden.js";
import { FULL, needShared } from "./support/shared.js";

/** Recorded cases in the terms of a step-by-step chip: every spike of the integer net, at every timestep. */
const CASES = ["sdt-cifar", "sdt-dvs", "statten-tiny", "statten-dvs"] as const;
/** Without --full, one sample of these. */
const SUBSET: readonly string[] = ["sdt-cifar", "statten-tiny"];

describe.each(CASES)("%s on a step-by-step chip", (name) => {
  it("keeps every spike of the integer net, with streams unrolled and relayed", (context) => {
    if (!FULL && !SUBSET.includes(name)) context.skip("only with --full");
    const { net, recorded } = importCase(needShared(context), name);
    const chip = testChip({}, ATTENTION);
    const samples = Array.from({ length: FULL ? recorded.samples : 1 }, (_, i) => netInputs(net, recorded.input, i));
    const { steps = [] } = parsePipeline(loihiPipeline(chip, recorded.timesteps));
    const { result } = runPipeline(net, steps, { calibration: { samples } });
    if (result === undefined) throw new Error("the pipeline failed");
    for (const streams of ["unroll", "relay"] as const) {
      const report = new Report();
      const legal = legalize(result, chip, { streams }, report);
      expect(report.diagnostics.map(({ message }) => message)).toEqual([]);
      if (legal === undefined) throw new Error("no legal net");
      expectLegal(legal, chip);
      for (const sample of samples) expect(expectSameSpikes(result, legal, sample)).toBeGreaterThan(0);
    }
    // What quantisation for this chip's thresholds and weights costs: one line per layer.
    const rows = agreementOf(net, result, samples);
    process.stderr.write(`${name}: ${rows}\n`);
  });
});

/** How many spikes of the integer net are those of the real one. */
function agreementOf(
  ...[net, integers, samples]: readonly [
    Parameters<typeof agreementTable>[0],
    Parameters<typeof agreementTable>[0],
    Parameters<typeof agreementTable>[2],
  ]
): string {
  const whole = {
    net: integers,
    timesteps: 1,
    inputs: integers.inputs.map(({ name }) => ({
      name,
      from: "network" as const,
      source: name,
      format: "graded" as const,
    })),
    suffixInputs: [],
    outputs: integers.outputs.map(({ name }) => ({ name, from: "chip" as const, source: name })),
    populations: [],
    starts: new Map(),
    tables: [],
    notes: [],
  };
  const { title, rows } = agreementTable(net, whole, samples);
  return [title, ...rows.map((row) => row.join(" "))].join("\n  ");
}
