import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { Report, renderDiagnostic } from "../src/diagnostics/index.js";
import { readNpz } from "../src/frontend/formats/index.js";
import { importModel } from "../src/frontend/import-model.js";
import { readInputs } from "../src/frontend/inputs/index.js";
import { evaluate, flatten } from "../src/ir/index.js";
import { argmax, type Tensor } from "../src/math/tensor.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { netInputs } from "../src/validate/replay.js";
import { FULL, needShared } from "./support/shared.js";

/** The first 1,000 test pictures in the order of the file; the first blocks are what a default run takes. */
const PICTURES = 1000;
const BLOCK = 100;
const DEFAULT_PICTURES = 200;
const BLOCKS = Array.from({ length: PICTURES / BLOCK }, (_, i) => i * BLOCK);

const LOGIT_TOLERANCE = 1e-4;
const ACCURACY = 0.885;

interface Recorded {
  readonly predicted: Tensor;
  readonly logits: Tensor;
  readonly labels: Tensor;
  readonly same: Tensor;
  /** Smallest |h - v_th| of each picture, over all layers but attn_lif. */
  readonly margin: Tensor;
}

/** Folded nets round elsewhere: a picture with a smaller margin may differ, and is listed. */
const FOLDED_MARGIN = 1e-6;

function load(shared: string) {
  const report = new Report();
  const folder = join(shared, "golden", "statten-fashion-trained");
  const file = join(folder, "test1000.npz");
  const arrays = readNpz(readFileSync(file), file, report);
  const model = importModel(join(folder, "model.pth"), { arch: "statten" }, report);
  // Padding comes before normalisation, so the border is (0 - mean) / std.
  const inputs = readInputs(join(shared, "data", "fashion-mnist", "t10k-images-idx3-ubyte.gz"), report, {
    pad: 2,
    normalise: { mean: [0.286], std: [0.353] },
    limit: PICTURES,
  });
  const array = (name: string): Tensor => {
    const found = arrays?.get(name);
    if (found === undefined) throw new Error(`${file} has no ${name}`);
    return found;
  };
  if (model === undefined || inputs === undefined || report.failed)
    throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  const recorded: Recorded = {
    predicted: array("predicted"),
    logits: array("logits"),
    labels: array("labels"),
    same: array("spikes_same_in_float64"),
    margin: array("margin"),
  };
  const folded = runPipeline(model.net, parsePipeline("import").steps ?? []).result;
  if (folded === undefined) throw new Error("the import pipeline failed");
  return { net: model.net, folded, inputs, recorded };
}

let loaded: ReturnType<typeof load> | undefined;
const predictions = new Map<number, number>();

/** The faults of one picture. Where spikes depend on rounding even in the official code, there is nothing to compare. */
function comparePicture(
  { net, inputs, recorded }: ReturnType<typeof load>,
  picture: number,
  remember?: Map<number, number>,
): readonly string[] {
  const logits = flatten(evaluate(net, netInputs(net, inputs.data, picture)).outputs.get("logits") ?? []);
  const predicted = argmax(logits) ?? -1;
  remember?.set(picture, predicted);
  if (recorded.same.data[picture] !== 1) return [];
  const faults: string[] = [];
  const expected = recorded.predicted.data[picture];
  if (predicted !== expected) faults.push(`picture ${picture}: predicted ${predicted}, expected ${expected}`);
  const classes = recorded.logits.shape[1] ?? 0;
  if (logits.length !== classes) faults.push(`picture ${picture}: ${logits.length} logits, expected ${classes}`);
  for (const [c, logit] of logits.entries()) {
    const off = Math.abs(logit - (recorded.logits.data[picture * classes + c] ?? NaN));
    if (!(off <= LOGIT_TOLERANCE)) faults.push(`picture ${picture}: logit ${c} is off by ${off}`);
  }
  return faults;
}

/** The folded net against the recording: faults, except of pictures near a threshold, which are listed. */
function compareFolded(all: ReturnType<typeof load>, picture: number): readonly string[] {
  const faults = comparePicture({ ...all, net: all.folded }, picture);
  if (faults.length === 0 || !((all.recorded.margin.data[picture] ?? 0) < FOLDED_MARGIN)) return faults;
  process.stderr.write(`folded net, margin ${all.recorded.margin.data[picture]}: ${faults.join("; ")}\n`);
  return [];
}

function needFull(context: TestContext): void {
  if (!FULL) context.skip("only with --full");
}

describe("the trained Fashion-MNIST network predicts what the official code predicts", () => {
  it.for(BLOCKS)("test pictures from %i on", (first, context) => {
    const shared = needShared(context);
    if (first >= DEFAULT_PICTURES) needFull(context);
    const all = (loaded ??= load(shared));
    const faults = Array.from({ length: BLOCK }, (_, i) => comparePicture(all, first + i, predictions)).flat();
    expect(faults).toEqual([]);
  });

  it.for(BLOCKS)("folded, test pictures from %i on", (first, context) => {
    const shared = needShared(context);
    if (first >= DEFAULT_PICTURES) needFull(context);
    const all = (loaded ??= load(shared));
    expect(Array.from({ length: BLOCK }, (_, i) => compareFolded(all, first + i)).flat()).toEqual([]);
  });

  it(`has an accuracy of ${ACCURACY} on ${PICTURES} test pictures`, (context) => {
    const { labels } = (loaded ??= load(needShared(context))).recorded;
    needFull(context);
    expect(predictions.size).toBe(PICTURES);
    const right = [...predictions].filter(([picture, predicted]) => labels.data[picture] === predicted).length;
    expect(right / PICTURES).toBe(ACCURACY);
  });

  it("reads the labels that were recorded", (context) => {
    const { inputs, recorded } = (loaded ??= load(needShared(context)));
    expect([...(inputs.labels ?? [])]).toEqual([...recorded.labels.data]);
  });
});
