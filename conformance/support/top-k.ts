import { join } from "node:path";
import { Report, renderDiagnostic } from "../../src/diagnostics/index.js";
import { importModel } from "../../src/frontend/import-model.js";
import { readInputs, type InputSet } from "../../src/frontend/inputs/index.js";
import { evaluate, flatten, valueTypes, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { argmax } from "../../src/math/tensor.js";
import { fastKernels } from "./fast-kernels.js";
import { netInputs } from "../../src/validate/replay.js";

/** Accuracy of the trained Fashion-MNIST network with fewer tokens, by the evaluator. */

const LAYOUT = { pad: 2, normalise: { mean: [0.286], std: [0.353] } } as const;

export function fashionInputs(shared: string, split: "t10k" | "train", limit: number): InputSet {
  const report = new Report();
  const file = join(shared, "data", "fashion-mnist", `${split}-images-idx3-ubyte.gz`);
  const inputs = readInputs(file, report, { ...LAYOUT, limit });
  if (inputs === undefined) throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  return inputs;
}

export function fashionNet(shared: string): Net {
  const report = new Report();
  const model = importModel(
    join(shared, "golden", "statten-fashion-trained", "model.pth"),
    { arch: "statten" },
    report,
  );
  if (model === undefined) throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  return withPasses(model.net, "import");
}

export function withPasses(net: Net, pipeline: string): Net {
  const { steps, diagnostics } = parsePipeline(pipeline);
  const { result } = runPipeline(net, steps ?? []);
  if (steps === undefined || result === undefined) throw new Error(`${pipeline}: ${diagnostics[0]?.message ?? ""}`);
  return result;
}

/** A net cut in two: the ops that all of several nets begin with, and what is left of each. */
interface Cut {
  readonly stem: Net;
  readonly rests: readonly Net[];
}

/** Cuts nets behind the ops that they have in common, so that these are evaluated once. */
export function cutStem(nets: readonly Net[]): Cut {
  const [first] = nets;
  if (first === undefined) throw new Error("no nets");
  const differs = first.ops.findIndex((op, i) => nets.some((net) => net.ops[i] !== op));
  const at = differs < 0 ? first.ops.length : differs;
  const types = valueTypes({ ...first, ops: first.ops.slice(0, at) });
  const rests = nets.map((net): Net => {
    const ops = net.ops.slice(at);
    const read = [...ops.flatMap((op) => op.operands), ...net.outputs.map((output) => output.value)];
    const inputs = [...new Set(read)].flatMap((name) => {
      const type = types.get(name);
      return type === undefined ? [] : [{ name, type }];
    });
    return { ...net, inputs, ops };
  });
  const outputs = [...new Set(rests.flatMap((net) => net.inputs.map((input) => input.name)))];
  return {
    stem: { ...first, ops: first.ops.slice(0, at), outputs: outputs.map((name) => ({ name, value: name })) },
    rests,
  };
}

/** Correct predictions of each net on the first samples of a labelled set. */
export function correctPredictions(
  nets: readonly Net[],
  inputs: InputSet,
  from: number,
  count: number,
  onSample: (done: number, correct: readonly number[]) => void = () => undefined,
): readonly number[] {
  const { stem, rests } = cutStem(nets);
  const correct = nets.map(() => 0);
  for (let i = from; i < from + count; i++) {
    const shared = evaluate(stem, netInputs(stem, inputs.data, i), { kernels: fastKernels }).outputs;
    const values = new Map([...shared].map(([name, value]) => [name, flatten(value)]));
    for (const [n, rest] of rests.entries()) {
      const logits = flatten(evaluate(rest, values, { kernels: fastKernels }).outputs.get("logits") ?? []);
      if (argmax(logits) === inputs.labels?.[i]) correct[n] = (correct[n] ?? 0) + 1;
    }
    onSample(i - from + 1, correct);
  }
  return correct;
}
