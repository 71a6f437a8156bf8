/*
 * spikec itself: a network compiled for a chip, and one picture simulated end to end on `event`, with cycles and events.
 * tsx bench/peers/spikec.ts --check CASE --time FOLDER [--runs N] [--threads N] [--chip NAME or FILE]
 */
import { basename } from "node:path";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { sampleFor } from "../../src/frontend/inputs/channels-last.js";
import type { Net } from "../../src/ir/index.js";
import { argmax, type Tensor } from "../../src/math/tensor.js";
import { createEvent, type RunResult } from "../../src/sim/layerwise/index.js";
import { readRecordedCase, type RecordedCase } from "../../src/validate/recorded-case.js";
import { found, printResult, readNetwork, readOptions, timeRuns } from "./measure.js";

const { check, time, runs, threads, chip: chipName } = readOptions();

/** A chip with the network in it: `run` simulates one picture. */
function build(net: Net, input: Tensor) {
  const report = new Report();
  const chip = found(readChip(chipName, report, "layerwise"), report);
  const program = found(compileLayerwise(net, chip, {}, report), report);
  const machine = createEvent(program, { workers: threads });
  const inputs = (sample: number) => new Map(program.inputs.map((port) => [port.name, sampleFor(port, input, sample)]));
  return {
    layers: program.layers,
    run: (sample: number, record: boolean): RunResult => machine.run(inputs(sample), { record }),
  };
}

/** Layers of a recorded case whose spikes the chip does not emit. */
function wrongLayers(recorded: RecordedCase, chip: ReturnType<typeof build>): readonly string[] {
  const samples = Array.from({ length: recorded.samples }, (_, sample) => chip.run(sample, true).spikes);
  const wrong = recorded.layers.filter(({ name, spikes: expected }) => {
    const size = expected.length / recorded.samples;
    return samples.some((spikes, sample) => {
      const got = spikes?.get(name);
      return got?.length !== size || got.some((s, i) => s !== expected[sample * size + i]);
    });
  });
  return wrong.map(({ name }) => name);
}

for (const folder of check) {
  const report = new Report();
  const recorded = found(readRecordedCase(folder, report), report);
  const { net, input } = readNetwork(folder);
  const wrong = wrongLayers(recorded, build(net, input));
  if (wrong.length > 0) throw new Error(`${basename(folder)} does not come out: ${wrong.join(", ")}`);
}

const { net, input } = readNetwork(time);
const start = performance.now();
const chip = build(net, input);
const compiled = ((performance.now() - start) / 1e3).toFixed(1);
let result: RunResult | undefined;
const times = timeRuns(runs, () => {
  result = chip.run(0, false);
});

let spikes = 0;
for (const [i, { recorded }] of chip.layers.entries()) {
  if (recorded) for (const count of result?.layers[i]?.events.spike ?? []) spikes += count;
}
printResult({
  peer: `spikec, event, ${basename(chipName, ".json")}`,
  threads,
  checked: check.map((folder) => basename(folder)),
  ...times,
  spikes,
  predicted: argmax(result?.outputs.get("logits") ?? []) ?? -1,
  note: `${result?.cycles.toLocaleString("en-US")} cycles; compiled in ${compiled} s, not counted`,
});
