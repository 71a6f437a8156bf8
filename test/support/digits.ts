import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Report } from "../../src/diagnostics/index.js";
import { readCheckpointFile, readNpy } from "../../src/frontend/formats/index.js";
import { importModel, type ImportedModel } from "../../src/frontend/import-model.js";
import type { Net } from "../../src/ir/index.js";
import type { Tensor } from "../../src/math/tensor.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";

/** The embedded example: a trained STAtten and its test split, with PyTorch's predictions and logits. */

export const digitsPath = (name: string): string =>
  fileURLToPath(new URL(`../../examples/digits/${name}`, import.meta.url));

export function digitsArray(name: string): Tensor {
  const report = new Report();
  const array = readNpy(readFileSync(digitsPath(name)), name, report);
  if (array === undefined) throw new Error(`examples/digits/${name} is damaged`);
  return array;
}

export function digitsModel(overrides: Readonly<Record<string, string>> = {}): ImportedModel {
  const report = new Report();
  const options = { arch: "statten", overrides: new Map(Object.entries(overrides)) };
  const model = importModel(digitsPath("model.pth"), options, report);
  if (model === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  return model;
}

export function digitsCheckpoint() {
  const report = new Report();
  const checkpoint = readCheckpointFile(digitsPath("model.pth"), report);
  if (checkpoint === undefined) throw new Error("examples/digits/model.pth is damaged");
  return checkpoint;
}

/** The net as backends want it: batch-norm folded, canonical. */
export function folded(net: Net): Net {
  const { result } = runPipeline(net, parsePipeline("import").steps ?? []);
  if (result === undefined) throw new Error("the import pipeline failed");
  return result;
}
