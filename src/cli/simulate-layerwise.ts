import type { Program } from "../backends/program/index.js";
import { perfettoTrace, type TraceTimes } from "../report/perfetto.js";
import type { KernelsName, SimulatorName } from "../sim/layerwise/index.js";
import type { RunFile } from "../sim/run-file.js";
import type { OnSignal } from "./interrupt.js";
import { probeText } from "./probe-text.js";
import type { Progress } from "./progress.js";
import type { Asked, Answered } from "./simulate.js";
import { accuracyOf, simulateInThread } from "./simulation.js";
import { count, percent, si, table } from "./text.js";

function summaryText(run: RunFile): string {
  const samples = run.samples.length;
  const accuracy = accuracyOf(run);
  const total = (layer: RunFile["layers"][number], event: keyof RunFile["layers"][number]["events"]): string =>
    count(Math.round(layer.events[event].reduce((a, b) => a + b, 0) / samples));
  const busy = Object.entries(run.engines).map(
    ([engine, states]) => `${engine} ${percent(states.busy / run.cycles, 1)}`,
  );
  return [
    `${samples} samples on ${run.chip.name}: ${count(Math.round(run.cycles / samples))} cycles, ${si(run.seconds / samples, "s")} per sample`,
    ...(accuracy === undefined ? [] : [`accuracy ${percent(accuracy)}`]),
    `busy: ${busy.join(", ")}`,
    "",
    "events per sample",
    table([
      ["layer", "op", "AC", "MAC", "attention", "updates", "spikes"],
      ...run.layers.map((layer) => [
        layer.name,
        layer.kind,
        total(layer, "ac"),
        total(layer, "mac"),
        count(Math.round([...layer.events.kv, ...layer.events.qa].reduce((a, b) => a + b, 0) / samples)),
        total(layer, "update"),
        total(layer, "spike"),
      ]),
    ]),
  ].join("\n");
}

/** `spikec simulate` of a program for a layer-by-layer chip. */
export async function simulateOnLayers(
  program: Program,
  { writeTrace, ...asked }: Asked,
  { simulator, kernels, workers }: { simulator: SimulatorName; kernels: KernelsName | undefined; workers: number },
  progress: Progress,
  onSignal: OnSignal,
): Promise<Answered<RunFile>> {
  const simulation = {
    program,
    ...asked,
    simulator,
    kernels,
    workers,
    ...(writeTrace && {
      onTimeline: (timeline: TraceTimes, sample: string) => writeTrace(perfettoTrace(program, timeline, sample)),
    }),
  };
  const simulated = await simulateInThread(simulation, progress, onSignal);
  const { run } = simulated;
  return { ...simulated, text: () => [summaryText(run), ...probeText(run)].join("\n") };
}
