/*
 * Simulated cycles per second of `stepped`: the digits example, compiled for the built-in chips that hold trained weights, on
 * pictures of waves.
 */
import { fileURLToPath } from "node:url";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import { LAYERWISE_CHIPS, readChip } from "../src/chips/index.js";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { importModel } from "../src/frontend/import-model.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { createStepped } from "../src/sim/layerwise/index.js";

const SAMPLES = 9;
const WARM_UP = 20;
/** Mantissa and sign of a weight that was not quantised. */
const TRAINED_BITS = 25;
const model = fileURLToPath(new URL("../examples/digits/model.pth", import.meta.url));

const report = new Report();
const imported = importModel(model, { arch: "statten" }, report);
const pipeline = parsePipeline("import");
const net = imported === undefined ? undefined : runPipeline(imported.net, pipeline.steps ?? []).result;

for (const name of LAYERWISE_CHIPS) {
  const chip = readChip(name, report, "layerwise");
  if (chip !== undefined && chip.weightBits < TRAINED_BITS) {
    console.log(`${name}: skipped, its weights have ${chip.weightBits} bits`);
    continue;
  }
  const program = net && chip && compileLayerwise(net, chip, {}, report);
  if (program === undefined) continue;
  const machine = createStepped(program);
  const rates: number[] = [];
  let cycles = 0;
  for (let sample = -WARM_UP; sample < SAMPLES; sample++) {
    const inputs = new Map(
      program.inputs.map(({ name: input, slots, shape }) => {
        const values = shape.reduce((product, n) => product * n, slots);
        return [input, Float32Array.from({ length: values }, (_, i) => Math.sin(i * (sample + 30)))] as const;
      }),
    );
    const start = process.hrtime.bigint();
    ({ cycles } = machine.run(inputs));
    if (sample >= 0) rates.push(cycles / (Number(process.hrtime.bigint() - start) * 1e-9));
  }
  const rate = rates.sort((a, b) => a - b)[SAMPLES >> 1] ?? 0;
  const size = `${cycles.toLocaleString("en-US")} cycles per sample`;
  console.log(`${name} (${chip?.lanes} lanes): ${size}, ${(rate / 1e6).toFixed(2)} M cycles/s`);
}
for (const diagnostic of report.diagnostics) console.error(renderDiagnostic(diagnostic));
