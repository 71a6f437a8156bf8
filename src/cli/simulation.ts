import type { Port, Program } from "../backends/program/index.js";
import { DiagnosticError, type Diagnostic } from "../diagnostics/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import type { InputSet } from "../frontend/inputs/index.js";
import type { TraceTimes } from "../report/perfetto.js";
import type { KernelsName, RunResult, SimulatorName } from "../sim/layerwise/index.js";
import type { ProbeTarget } from "../sim/probes.js";
import { RunTotals, type RunFile } from "../sim/run-file.js";
import type { Stopped } from "../sim/samples.js";
import { ChipThread } from "./chip-thread.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { OnSignal } from "./interrupt.js";
import type { Progress } from "./progress.js";
import { runSamples, type Simulated } from "./sample-loop.js";

/** Running a program on the samples of an input set. */

/** The one picture input that an input set can feed; other programs need the library. */
function pictureInput(program: Program): Port {
  const [port, ...others] = program.inputs;
  if (port !== undefined && others.length === 0 && port.shape.length === 3 && port.format === "real") return port;
  const list = program.inputs.map((p) => `${p.name} (${p.shape.join("x")}, ${p.format})`).join(", ");
  throw new DiagnosticError(
    cliDiagnostics.make("inputs", `\`simulate\` feeds one real input HxWxC, this program has ${list || "none"}`),
  );
}

function checkFinite(outputs: RunResult["outputs"], sample: string): void {
  for (const [name, values] of outputs) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new DiagnosticError(
      cliDiagnostics.make(
        "not-finite",
        `output \`${name}\` of sample ${sample} is ${values[at]} at ${at}: the net overflows f32`,
      ),
    );
  }
}

/** Correct predictions of the labelled samples, as a fraction; undefined without labels. */
export function accuracyOf(run: {
  readonly samples: readonly Pick<RunFile["samples"][number], "predicted" | "label">[];
}): number | undefined {
  const labelled = run.samples.filter((sample) => sample.label !== null);
  if (labelled.length === 0) return undefined;
  return labelled.filter((sample) => sample.predicted === sample.label).length / labelled.length;
}

/** The diagnostic of a run that stopped early, with what is left of it. */
export function withRemains(
  stopped: Diagnostic,
  run: { readonly samples: readonly unknown[]; readonly stopped?: Stopped | undefined },
  output: string | undefined,
): Diagnostic {
  const finished = `${run.samples.length} of ${run.stopped?.asked ?? 0} samples had finished`;
  const kept =
    output === undefined ? "their sums are printed; -o FILE would keep them" : `they are kept in \`${output}\``;
  return {
    ...stopped,
    notes: [...stopped.notes, { message: run.samples.length === 0 ? finished : `${finished}, ${kept}` }],
  };
}

export interface Simulation {
  readonly program: Program;
  readonly inputs: InputSet;
  readonly labels: ArrayLike<number> | undefined;
  /** Keep the spikes of recorded layers. */
  readonly record?: boolean;
  /** Default `event`; probes need `stepped` and take it. */
  readonly simulator?: SimulatorName;
  /** Of `event`; the fastest that run here by default. */
  readonly kernels?: KernelsName | undefined;
  readonly workers?: number | undefined;
  readonly probes?: readonly ProbeTarget[];
  /** Called with the times of the first sample's instructions, as soon as it is done. */
  readonly onTimeline?: (timeline: TraceTimes, sample: string) => Promise<void>;
}

/** Runs a program on every sample of an input set, in a thread of its own. */
export async function simulateInThread(
  simulation: Simulation,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Simulated<RunFile>> {
  const { program, inputs, labels, kernels, workers, probes = [], record = false, onTimeline } = simulation;
  const port = pictureInput(program);
  const totals = new RunTotals(program);
  const simulator = probes.length > 0 ? "stepped" : (simulation.simulator ?? "event");
  const thread = new ChipThread({ program, simulator, kernels, workers });
  const runSample = async (index: number, name: string): Promise<void> => {
    const chosen = new Map([[port.name, sampleFor(port, inputs.data, index)]]);
    const timeline = onTimeline !== undefined && index === 0;
    const done = await thread.run({ inputs: chosen, record, probes, timeline });
    checkFinite(done.result.outputs, name);
    totals.add(done.result, { name, label: labels?.[index] }, done.probes);
    if (done.timeline !== undefined) await onTimeline?.(done.timeline, name);
  };
  return runSamples({ inputs, thread, runSample, finish: (stopped) => totals.finish(stopped) }, progress, onSignal);
}
