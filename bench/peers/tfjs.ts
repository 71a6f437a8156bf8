/*
 * A network through TensorFlow.js: spikec's evaluator walks the net, TensorFlow.js computes convolutions, matrix products and
 * real max-pooling; neurons and attention are the evaluator's. Takes tfjs-node where it is installed, else WebAssembly.
 * tsx bench/peers/tfjs.ts --check CASE --time FOLDER [--runs N] [--threads N] [--backend wasm]
 */
import { basename } from "node:path";
import { faultsOf } from "../../conformance/support/golden.js";
import { Report } from "../../src/diagnostics/index.js";
import { evaluate, flatten, type Evaluation, type LinearKernels } from "../../src/ir/index.js";
import { argmax } from "../../src/math/tensor.js";
import { loadTfjsKernels } from "../../src/tfjs/index.js";
import { readRecordedCase } from "../../src/validate/recorded-case.js";
import { netInputs, replay } from "../../src/validate/replay.js";
import { found, printResult, readNetwork, readOptions, timeRuns } from "./measure.js";

/** Adds up the seconds that functions take. */
class Stopwatch {
  seconds = 0;

  around<A extends readonly unknown[], R>(timed: (...operands: A) => R): (...operands: A) => R {
    return (...operands) => {
      const start = performance.now();
      const result = timed(...operands);
      this.seconds += (performance.now() - start) / 1e3;
      return result;
    };
  }
}

const { check, time, runs, threads, backend: wanted } = readOptions();
// TensorFlow reads them when it is loaded.
process.env["TF_NUM_INTRAOP_THREADS"] = String(threads);
process.env["TF_NUM_INTEROP_THREADS"] = "1";
const { kernels, backend, note } = await loadTfjsKernels(wanted === "wasm" ? { backend: "wasm" } : {});
if (note !== undefined) process.stderr.write(`${note}\n`);

for (const folder of check) {
  const report = new Report();
  const recorded = found(readRecordedCase(folder, report), report);
  const faults = faultsOf(replay(readNetwork(folder).net, recorded, { forced: false, kernels }), backend);
  if (faults.length > 0) throw new Error([`${basename(folder)} does not come out:`, ...faults].join("\n"));
}

const { net, input } = readNetwork(time);
const inputs = netInputs(net, input, 0);
const [inside, whole] = [new Stopwatch(), new Stopwatch()];
const watched: LinearKernels = {
  name: kernels.name,
  conv: inside.around(kernels.conv),
  dense: inside.around(kernels.dense),
  maxPool: inside.around(kernels.maxPool),
};
let result: Evaluation | undefined;
const evaluateOnce = whole.around(() => {
  result = evaluate(net, inputs, { kernels: watched });
});
const times = timeRuns(runs, evaluateOnce);

let spikes = 0;
for (const { layer, result: name } of net.ops) {
  if (layer === undefined) continue;
  for (const slot of result?.values.get(name) ?? []) for (const s of slot) spikes += s;
}
printResult({
  peer: `${backend} under spikec's evaluator`,
  threads: backend.startsWith("tfjs-node") ? threads : 1,
  checked: check.map((folder) => basename(folder)),
  ...times,
  spikes,
  predicted: argmax(flatten(result?.outputs.get("logits") ?? [])) ?? -1,
  note: `${((100 * inside.seconds) / whole.seconds).toFixed(0)} % of it inside TensorFlow.js, copies to and from it included`,
});
