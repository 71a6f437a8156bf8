import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { Report } from "../diagnostics/index.js";
import { estimateEnergy, ownTable } from "../energy/index.js";
import { Host } from "../host/index.js";
import { perfettoLoihiTrace } from "../report/perfetto-loihi.js";
import type { LoihiSimulatorName, LoihiStepTimes } from "../sim/loihi/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { OnSignal } from "./interrupt.js";
import { loihiSummary } from "./loihi-text.js";
import { loihiProbeText } from "./probe-text.js";
import type { Progress } from "./progress.js";
import type { Answered, Asked } from "./simulate.js";
import { simulateLoihi } from "./simulation-loihi.js";
import { count } from "./text.js";

/** `spikec simulate` of a program for a step-by-step chip. */
export async function simulateOnSteps(
  program: LoihiProgram,
  { writeTrace, ...asked }: Asked,
  simulator: LoihiSimulatorName,
  report: Report,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Answered<LoihiRunFile>> {
  const onTimeline =
    writeTrace &&
    (async (steps: readonly LoihiStepTimes[], sample: string): Promise<void> => {
      if (steps.length < program.steps) report.add(traceCut(program, steps.length));
      await writeTrace(perfettoLoihiTrace(program, steps, sample));
    });
  const simulation = { program, host: new Host(program), ...asked, simulator, ...(onTimeline && { onTimeline }) };
  const { warnings, ...simulated } = await simulateLoihi(simulation, progress, onSignal);
  for (const warning of warnings) report.add(warning);
  const { run } = simulated;
  return {
    ...simulated,
    text: () => [loihiSummary(run, estimateEnergy(run, ownTable(run))), ...loihiProbeText(run)].join("\n"),
  };
}

function traceCut({ steps, cores }: LoihiProgram, shown: number) {
  const message = `the trace holds the first ${count(shown)} of ${count(steps)} steps: ${count(cores.length)} cores have too many slices`;
  return cliDiagnostics.make("trace-cut", message);
}
