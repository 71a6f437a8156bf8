import { describe, expect, it } from "vitest";
import { runPipeline, parsePipeline, type PassRecord } from "../src/passes/index.js";
import { replay } from "../src/validate/replay.js";
import { faultsOf, GOLDEN_CASES, importCase, type ImportedCase } from "./support/golden.js";
import { needShared } from "./support/shared.js";

/** A recorded case with its net behind a pipeline, and what the passes counted. */
function compiled(shared: string, name: string, pipeline: string) {
  const { recorded, net } = importCase(shared, name);
  const { result, records } = runPipeline(net, parsePipeline(pipeline).steps ?? []);
  if (result === undefined) throw new Error(`${pipeline} failed on ${name}`);
  return { imported: { recorded, net: result } satisfies ImportedCase, before: net, records };
}

const count = (records: readonly PassRecord[], counter: string): number =>
  records.reduce((sum, { counters }) => sum + (counters.get(counter) ?? 0), 0);

const freeRunning = ({ net, recorded }: ImportedCase): readonly string[] =>
  faultsOf(replay(net, recorded, { forced: false }), "free-running");

/** The attention of this case has the scale 1 / 12, and so keeps its rounding rule. */
const NON_DYADIC = new Set(["statten-grid12"]);

describe("a folded net computes the spikes of the official code", () => {
  it.for(GOLDEN_CASES)("%s", (name, context) => {
    const { imported, before, records } = compiled(needShared(context), name, "folded");
    expect(freeRunning(imported)).toEqual([]);
    const { ops } = imported.net;
    expect(ops.filter((op) => op.name === "norm.batch")).toEqual([]);
    const attentions = before.ops.filter((op) => op.name === "attention.statten").length;
    expect(ops.filter((op) => op.name === "attention.statten")).toHaveLength(NON_DYADIC.has(name) ? attentions : 0);
    expect(count(records, "batchnorms-folded")).toBe(before.ops.filter((op) => op.name === "norm.batch").length);
    expect(ops.some((op) => op.name === "neuron.threshold")).toBe(name.startsWith("sdt"));
  });
});

describe("an attention whose scale is no power of two", () => {
  const pipeline = "fold-thresholds{non-dyadic=true},fold-batchnorm,canonicalize,drop-dead";

  it("flips spikes at ties alone when it is folded", (context) => {
    const { imported, records } = compiled(needShared(context), "statten-grid12", pipeline);
    expect(count(records, "non-dyadic-attentions-folded")).toBe(1);
    const { layers } = replay(imported.net, imported.recorded, { forced: true });
    const flipped = layers.filter((layer) => layer.mismatches > 0);
    // Six of 147,456, all within rounding of the threshold; the first is a potential of exactly 6.
    expect(flipped.map(({ name, mismatches }) => [name, mismatches])).toEqual([["block.0.attn.attn_lif", 6]]);
    expect(flipped[0]?.first).toMatchObject({ expected: 0, h: 6, vTh: 6 });
    expect(flipped[0]?.outsideMargin).toBe(0);
  });
});

describe("an exact pipeline keeps the recorded spikes", () => {
  it.for(["statten-tiny", "sdt-dvs"])("%s with projections merged", (name, context) => {
    const { imported, records } = compiled(needShared(context), name, "folded,exact,merge-projections");
    expect(count(records, "projections-merged")).toBeGreaterThan(0);
    expect(freeRunning(imported)).toEqual([]);
  });
});
