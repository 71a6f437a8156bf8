import { basename } from "node:path";
import type { MeasuredRun } from "../backends/loihi/index.js";
import type { Report } from "../diagnostics/index.js";
import { sum } from "../math/numbers.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import { unpackSpikes } from "../sim/recording.js";
import { cliDiagnostics } from "./diagnostics.js";
import { readRun } from "./run-input.js";

/** Reads a run on a step-by-step chip as what it measured, for `spikec compile --profile`. */
export function readProfile(path: string, report: Report): MeasuredRun | undefined {
  const run = readRun(path, report);
  if (run === undefined) return undefined;
  const fail = (message: string, hint: string): undefined =>
    report.add(cliDiagnostics.make("run-file", message, { location: { kind: "file", file: path }, hint }));
  if (!("target" in run)) {
    return fail(
      `\`${path}\` is a run of a layer-by-layer chip, which sends no messages`,
      "--profile takes a run of a program that was compiled for a step-by-step chip",
    );
  }
  const recorded = recordedSpikes(run);
  if (recorded === undefined) {
    return fail(`\`${path}\`: recorded spikes are not as many as its timesteps`, "write the run once more");
  }
  return {
    name: basename(path),
    program: run.program,
    timesteps: run.timesteps,
    samples: run.samples.length,
    layers: run.layers.map(({ name, kind, events }) => ({ name, kind, spikes: sum(events.spike) })),
    recorded,
  };
}

/** How often each neuron of each recorded layer fired, over all samples. */
function recordedSpikes({ samples, timesteps }: LoihiRunFile): ReadonlyMap<string, Float64Array> | undefined {
  const all = new Map<string, Float64Array>();
  for (const each of samples.flatMap(({ spikes = [] }) => spikes)) {
    const spikes = unpackSpikes(each, timesteps);
    if (spikes === undefined) return undefined;
    const neurons = each.positions * each.channels;
    const counts = all.get(each.layer) ?? new Float64Array(neurons);
    if (counts.length !== neurons) return undefined;
    all.set(each.layer, counts);
    spikes.forEach((spike, i) => (counts[i % neurons]! += spike));
  }
  return all;
}
