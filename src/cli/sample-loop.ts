import { DiagnosticError, type Diagnostic } from "../diagnostics/index.js";
import type { InputSet } from "../frontend/inputs/index.js";
import type { Stopped } from "../sim/samples.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { OnSignal } from "./interrupt.js";
import { SIGNALS } from "./output.js";
import type { Progress } from "./progress.js";

/** The samples of an input set, one after the other, on a simulated chip of any kind. */

/** What came out of the samples that finished, and what stopped the others. */
export interface Simulated<Run> {
  readonly run: Run;
  /** Why there are fewer samples than asked for. */
  readonly stopped: Diagnostic | undefined;
  /** By convention of the signal, where one stopped the run. */
  readonly exit: number | undefined;
  /** What was thrown, where it is a bug of spikec that stopped the run: to be thrown again once the finished samples are safe. */
  readonly bug?: unknown;
}

export interface SampleLoop<Run> {
  readonly inputs: InputSet;
  /** The chip; stopped in the end, or in the middle of a sample, which then fails with the reason given. */
  readonly thread: { stop(why?: Diagnostic): Promise<void> };
  /** Runs a sample and adds it to the run. */
  readonly runSample: (index: number, name: string) => Promise<void>;
  /** The run so far; `stopped` says why it holds fewer samples than were asked for. */
  readonly finish: (stopped?: Stopped) => Run;
}

/**
 * Runs every sample. Where one fails, the thread dies or a signal comes, the finished samples are returned with the reason; so they
 * are where spikec itself fails.
 */
export async function runSamples<Run>(
  { inputs, thread, runSample, finish }: SampleLoop<Run>,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Simulated<Run>> {
  const samples = inputs.data.shape[0] ?? 0;
  const nameOf = (index: number): string => inputs.names[index] ?? String(index);
  let exit: number | undefined;
  onSignal((signal) => {
    exit = SIGNALS[signal];
    void thread.stop(cliDiagnostics.make("interrupted", `stopped by ${signal}`));
  });
  let finished = 0;
  progress.start(samples, "samples");
  try {
    for (; finished < samples; finished++) {
      await runSample(finished, nameOf(finished));
      progress.step();
    }
    return { run: finish(), stopped: undefined, exit };
  } catch (error) {
    const diagnostic =
      error instanceof DiagnosticError
        ? error.diagnostic
        : cliDiagnostics.make("bug", `spikec failed: ${String(error)}`);
    const message = `${diagnostic.message}, in sample ${finished + 1} of ${samples} (${nameOf(finished)})`;
    const run = finish({ asked: samples, why: message });
    const bug = error instanceof DiagnosticError ? {} : { bug: error };
    return { run, stopped: { ...diagnostic, message }, exit, ...bug };
  } finally {
    progress.stop();
    await thread.stop();
  }
}
