/*
 * Building a network of full size from a seed, and the pipelines `import` and `quantized` on it: seconds and peak memory.
 * tsx bench/import.ts [configuration], by default STAtten-SDT 8-768 at 224 x 224, 66 M parameters.
 */
import { Report } from "../src/diagnostics/index.js";
import { randomModel } from "../src/frontend/random/random-model.js";
import { elements } from "../src/math/tensor.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";

const config = process.argv[2] ?? "statten-8-768";
const seconds = (): number => performance.now() / 1000;
const line = (what: string, from: number): void => {
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `  ${what.padEnd(18)}${(seconds() - from).toFixed(2).padStart(7)} s   peak ${peak.toFixed(0).padStart(5)} MB`,
  );
};
const cpu = (): string => {
  const { user, system } = process.cpuUsage();
  return `  ${((user + system) / 1e6).toFixed(1)} s of processor time`;
};

const report = new Report();
const start = seconds();
const model = randomModel({ seed: 1, config }, report);
if (model === undefined) throw new Error(report.errors[0]?.message);
const trained = [...model.checkpoint.tensors].filter(([name]) => !/\.(running_\w+|num_batches_tracked)$/.test(name));
const parameters = trained.reduce((sum, [, tensor]) => sum + elements(tensor.shape), 0);
console.log(`${config}: ${parameters.toLocaleString("en-US")} parameters, ${model.net.ops.length} ops`);
line("random import", start);
for (const pipeline of ["import", "quantized"]) {
  const before = seconds();
  let previous = before;
  console.log(`${pipeline}:`);
  runPipeline(model.net, parsePipeline(pipeline).steps ?? [], {
    clock: seconds,
    onPass: (record) => {
      line(record.step, previous);
      previous = seconds();
    },
  });
  line("all passes", before);
}
line("everything", start);
console.log(cpu());
