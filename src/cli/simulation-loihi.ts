import type { LoihiProgram } from "../backends/program/loihi/program.js";
import { DiagnosticError, type Diagnostic } from "../diagnostics/index.js";
import type { Host } from "../host/index.js";
import { longQueues, type LoihiSimulatorName } from "../sim/loihi/index.js";
import { LoihiRunTotals, type LoihiRunFile } from "../sim/loihi/run-file.js";
import { startLoihiThread } from "./chip-thread-loihi.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { LabelledInputs } from "./inputs.js";
import type { OnSignal } from "./interrupt.js";
import { SIGNALS } from "./output.js";
import type { Progress } from "./progress.js";

/** Running a program of a step-by-step chip on the samples of an input set, the host's part around it. */

export interface LoihiSimulation extends LabelledInputs {
  readonly program: LoihiProgram;
  /** Of the same program. */
  readonly host: Host;
  /** Keep the spikes of recorded layers. */
  readonly record?: boolean;
  readonly simulator?: LoihiSimulatorName;
}

/** What came out of the samples that finished, and what stopped the others. */
export interface LoihiSimulated {
  readonly run: LoihiRunFile;
  /** Why there are fewer samples than asked for. */
  readonly stopped: Diagnostic | undefined;
  /** Queues that grew longer than the chip's, of the first sample in which some did. */
  readonly queues: Diagnostic | undefined;
  /** By convention of the signal, where one stopped the run. */
  readonly exit: number | undefined;
  /** What was thrown, where it is a bug of spikec that stopped the run. */
  readonly bug?: unknown;
}

/** Runs every sample, the chip in a thread of its own; where something stops it, the finished samples are returned with the reason. */
export async function simulateLoihi(
  simulation: LoihiSimulation,
  progress: Progress,
  onSignal: OnSignal,
): Promise<LoihiSimulated> {
  const { program, host, inputs, labels, record = false, simulator = "event" } = simulation;
  const { ops, crossings } = host;
  const totals = new LoihiRunTotals(program, { ops: [...ops], crossings: [...crossings] }, host.classes);
  const samples = inputs.data.shape[0] ?? 0;
  const nameOf = (index: number): string => inputs.names[index] ?? String(index);
  const thread = startLoihiThread({ program, simulator });
  let exit: number | undefined;
  onSignal((signal) => {
    exit = SIGNALS[signal];
    void thread.stop(cliDiagnostics.make("interrupted", `stopped by ${signal}`));
  });
  let [finished, queues]: [number, Diagnostic | undefined] = [0, undefined];
  progress.start(samples, "samples");
  try {
    for (; finished < samples; finished++) {
      const values = new Map<string, ArrayLike<number>>();
      const given = host.before(host.sample(inputs.data, finished), values);
      const result = await thread.run({ inputs: given, record });
      queues ??= longQueues(program, result);
      const sample = { name: nameOf(finished), label: labels?.[finished] };
      totals.add(result, host.after(result.outputs, values), sample);
      progress.step();
    }
    return { run: totals.finish(), stopped: undefined, queues, exit };
  } catch (error) {
    const diagnostic =
      error instanceof DiagnosticError
        ? error.diagnostic
        : cliDiagnostics.make("bug", `spikec failed: ${String(error)}`);
    const message = `${diagnostic.message}, in sample ${finished + 1} of ${samples} (${nameOf(finished)})`;
    const run = totals.finish({ asked: samples, why: message });
    const bug = error instanceof DiagnosticError ? {} : { bug: error };
    return { run, stopped: { ...diagnostic, message }, queues, exit, ...bug };
  } finally {
    progress.stop();
    await thread.stop();
  }
}
