import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Report, renderDiagnostic } from "../src/diagnostics/index.js";
import { readNpz } from "../src/frontend/formats/index.js";
import { importModel } from "../src/frontend/import-model.js";
import { readInputs } from "../src/frontend/inputs/index.js";
import { evaluate, flatten } from "../src/ir/index.js";
import { INTEGERS_ONLY, parsePipeline, runPipeline } from "../src/passes/index.js";
import { netInputs } from "../src/validate/replay.js";
import { FULL, needShared } from "./support/shared.js";

/** The first test pictures; the first blocks are what a default run takes. */
const BLOCK = 100;
const DEFAULT_PICTURES = 200;
const PICTURES = 1000;
const BLOCKS = Array.from({ length: PICTURES / BLOCK }, (_, i) => i * BLOCK);
/** Training pictures on which the input's range is measured. */
const CALIBRATION = 16;
/** Points that 8 bits may cost, and the accuracy of the float net. */
const LOSS = 0.01;
const ACCURACY = 0.885;

function load(shared: string) {
  const report = new Report();
  const folder = join(shared, "golden", "statten-fashion-trained");
  const file = join(folder, "test1000.npz");
  const arrays = readNpz(readFileSync(file), file, report);
  const model = importModel(join(folder, "model.pth"), { arch: "statten" }, report);
  const pictures = (name: string, limit: number) =>
    readInputs(join(shared, "data", "fashion-mnist", name), report, {
      pad: 2,
      normalise: { mean: [0.286], std: [0.353] },
      limit,
    });
  const train = pictures("train-images-idx3-ubyte.gz", CALIBRATION);
  const test = pictures("t10k-images-idx3-ubyte.gz", PICTURES);
  const [labels, predicted] = [arrays?.get("labels"), arrays?.get("predicted")];
  if (!model || !train || !test || !labels || !predicted || report.failed)
    throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  const { net } = model;
  const samples = Array.from({ length: CALIBRATION }, (_, i) => netInputs(net, train.data, i));
  const { result } = runPipeline(net, parsePipeline("quantized").steps ?? [], { calibration: { samples } });
  if (result === undefined) throw new Error("the quantized pipeline failed");
  return { net: result, inputs: test.data, labels: labels.data, predicted: predicted.data };
}

let loaded: ReturnType<typeof load> | undefined;
const right = new Map<number, boolean>();

function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

describe("the trained Fashion-MNIST network in 8 bits", () => {
  it("computes in integers alone", (context) => {
    expect(INTEGERS_ONLY.violation((loaded ??= load(needShared(context))).net)).toBeUndefined();
  });

  it.for(BLOCKS)("predicts like the float net, test pictures from %i on", (first, context) => {
    const shared = needShared(context);
    if (first >= DEFAULT_PICTURES && !FULL) context.skip("only with --full");
    const { net, inputs, labels, predicted } = (loaded ??= load(shared));
    let same = 0;
    for (let i = first; i < first + BLOCK; i++) {
      const class_ = argmax(flatten(evaluate(net, netInputs(net, inputs, i)).outputs.get("logits") ?? []));
      right.set(i, class_ === labels[i]);
      same += class_ === predicted[i] ? 1 : 0;
    }
    expect(same / BLOCK).toBeGreaterThanOrEqual(0.9);
  });

  it(`loses at most ${100 * LOSS} point of accuracy`, (context) => {
    const { labels, predicted } = (loaded ??= load(needShared(context)));
    const pictures = [...right.keys()];
    const float = pictures.filter((i) => predicted[i] === labels[i]).length / pictures.length;
    const integer = pictures.filter((i) => right.get(i)).length / pictures.length;
    process.stderr.write(
      `int8: ${(100 * integer).toFixed(1)} % of ${pictures.length} pictures, float ${(100 * float).toFixed(1)} %\n`,
    );
    if (pictures.length === PICTURES) expect(float).toBe(ACCURACY);
    // One point of 1,000 pictures; of fewer pictures, what chance adds (one in a hundred is 0.5 points of 200).
    expect(integer).toBeGreaterThanOrEqual(float - (pictures.length === PICTURES ? LOSS : 2 * LOSS));
  });
});
