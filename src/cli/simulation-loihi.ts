import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { Diagnostic } from "../diagnostics/index.js";
import type { Host } from "../host/index.js";
import { longQueues, saturations, type LoihiSimulatorName, type LoihiStepTimes } from "../sim/loihi/index.js";
import { LoihiRunTotals, type LoihiRunFile } from "../sim/loihi/run-file.js";
import type { ProbeTarget } from "../sim/probes.js";
import type { Stopped } from "../sim/samples.js";
import { startLoihiThread } from "./chip-thread-loihi.js";
import type { LabelledInputs } from "./inputs.js";
import type { OnSignal } from "./interrupt.js";
import type { Progress } from "./progress.js";
import { runSamples, type Simulated } from "./sample-loop.js";

/** Running a program of a step-by-step chip on the samples of an input set, the host's part around it. */

export interface LoihiSimulation extends LabelledInputs {
  readonly program: LoihiProgram;
  /** Of the same program. */
  readonly host: Host;
  /** Keep the spikes of recorded layers. */
  readonly record?: boolean;
  readonly simulator?: LoihiSimulatorName;
  readonly probes?: readonly ProbeTarget[];
  /** Called with the times of the first sample's first steps, as soon as it is done. */
  readonly onTimeline?: (steps: readonly LoihiStepTimes[], sample: string) => Promise<void>;
}

export interface LoihiSimulated extends Simulated<LoihiRunFile> {
  /** Queues that grew longer than the chip's, of the first sample in which some did; numbers that states did not hold, of all samples. */
  readonly warnings: readonly Diagnostic[];
}

/** Runs every sample, the chip in a thread of its own. */
export async function simulateLoihi(
  simulation: LoihiSimulation,
  progress: Progress,
  onSignal: OnSignal,
): Promise<LoihiSimulated> {
  const { program, host, inputs, labels, record = false, simulator = "event", probes = [], onTimeline } = simulation;
  const { ops, crossings } = host;
  const totals = new LoihiRunTotals(program, { ops: [...ops], crossings: [...crossings] }, host.classes);
  const thread = startLoihiThread({ program, simulator });
  let queues: Diagnostic | undefined;
  const runSample = async (index: number, name: string): Promise<void> => {
    const values = new Map<string, ArrayLike<number>>();
    const given = host.before(host.sample(inputs.data, index), values);
    const timed = onTimeline !== undefined && index === 0;
    const { result, timeline, ...done } = await thread.run({ inputs: given, record, probes, timeline: timed });
    queues ??= longQueues(program, result);
    totals.add(result, host.after(result.outputs, values), { name, label: labels?.[index] }, done.probes);
    if (timeline !== undefined) await onTimeline?.(timeline, name);
  };
  const loop = { inputs, thread, runSample, finish: (stopped?: Stopped) => totals.finish(stopped) };
  const simulated = await runSamples(loop, progress, onSignal);
  return {
    ...simulated,
    warnings: [queues, saturations(program, simulated.run.layers)].filter((each) => each !== undefined),
  };
}
