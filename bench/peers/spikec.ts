/*
 * spikec itself: a network compiled for a chip, and one picture simulated end to end on the `stepped` simulator.
 * tsx bench/peers/spikec.ts --check CASE --time FOLDER [--runs N] [--chip NAME or FILE]
 */
import { basename } from "node:path";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { sampleFor } from "../../src/frontend/inputs/channels-last.js";
import type { Net } from "../../src/ir/index.js";
import { argmax, type Tensor } from "../../src/math/tensor.js";
import { createStepped, type RunResult } from "../../src/sim/layerwise/index.js";
import { readRecordedCase, type RecordedCase } from "../../src/validate/recorded-case.js";
import { found, printResult, readNetwork, readOptions, timeRuns } from "./measure.js";

/** A chip with the network in it: `run` simulates one picture and records all spikes. */
function build(net: Net, input: Tensor, chipName: string) {
  const report = new Report();
  const chip = found(readChip(chipName, report), report);
  const program = found(compileLayerwise(net, chip, {}, report), report);
  const machine = createStepped(program);
  const inputs = (sample: number) => new Map(program.inputs.map((port) => [port.name, sampleFor(port, input, sample)]));
  return { run: (sample: number): RunResult => machine.run(inputs(sample), { record: true }) };
}

/** Layers of a recorded case whose spikes the chip does not emit. */
function wrongLayers(recorded: RecordedCase, chip: ReturnType<typeof build>): readonly string[] {
  const samples = Array.from({ length: recorded.samples }, (_, sample) => chip.run(sample).spikes);
  const wrong = recorded.layers.filter(({ name, spikes: expected }) => {
    const size = expected.length / recorded.samples;
    return samples.some((spikes, sample) => {
      const got = spikes?.get(name);
      return got?.length !== size || got.some((s, i) => s !== expected[sample * size + i]);
    });
  });
  return wrong.map(({ name }) => name);
}

const { check, time, runs, chip: chipName } = readOptions();
for (const folder of check) {
  const report = new Report();
  const recorded = found(readRecordedCase(folder, report), report);
  const { net, input } = readNetwork(folder);
  const wrong = wrongLayers(recorded, build(net, input, chipName));
  if (wrong.length > 0) throw new Error(`${basename(folder)} does not come out: ${wrong.join(", ")}`);
}

const { net, input } = readNetwork(time);
const start = performance.now();
const chip = build(net, input, chipName);
const compiled = ((performance.now() - start) / 1e3).toFixed(1);
let result: RunResult | undefined;
const times = timeRuns(runs, () => {
  result = chip.run(0);
});

let spikes = 0;
for (const layer of result?.spikes?.values() ?? []) for (const s of layer) spikes += s;
printResult({
  peer: `spikec, stepped, ${basename(chipName, ".json")}`,
  threads: 1,
  checked: check.map((folder) => basename(folder)),
  ...times,
  spikes,
  predicted: argmax(result?.outputs.get("logits") ?? []) ?? -1,
  note: `${result?.cycles.toLocaleString("en-US")} cycles; compiled in ${compiled} s, not counted`,
});
