import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { Report } from "../diagnostics/index.js";
import { estimateEnergy, ownTable } from "../energy/index.js";
import { Host } from "../host/index.js";
import type { LoihiSimulatorName } from "../sim/loihi/index.js";
import type { Io, Outcome } from "./command.js";
import { checkOutput, pathsRead } from "./files.js";
import { readLabelledInputs, type InputSetOptions } from "./inputs.js";
import type { OnSignal } from "./interrupt.js";
import { jsonPieces } from "./json-pieces.js";
import { loihiSummary } from "./loihi-text.js";
import { writeFileAtomically } from "./output.js";
import { Progress } from "./progress.js";
import { withRemains } from "./simulation.js";
import { simulateLoihi } from "./simulation-loihi.js";

export interface SimulateLoihiOptions extends InputSetOptions {
  readonly simulator: LoihiSimulatorName;
  readonly output?: string;
  readonly json?: boolean;
  readonly record?: boolean;
}

/** `spikec simulate` of a program for a step-by-step chip. */
export async function simulateOnLoihi(
  file: string,
  program: LoihiProgram,
  options: SimulateLoihiOptions,
  report: Report,
  io: Io,
  onSignal: OnSignal,
): Promise<Outcome> {
  const { output, simulator } = options;
  if (output !== undefined) checkOutput(output, pathsRead(file, options));
  const read = readLabelledInputs(options, report);
  if (read === undefined) return;
  const simulation = { program, host: new Host(program), ...read, record: options.record === true, simulator };
  const { run, stopped, queues, exit, bug } = await simulateLoihi(simulation, new Progress(io), onSignal);
  if (queues !== undefined) report.add(queues);
  if (stopped !== undefined) report.add(withRemains(stopped, run, output));
  if (run.samples.length > 0) {
    if (output !== undefined) await writeFileAtomically(output, jsonPieces(run));
    if (options.json === true) io.outPieces(jsonPieces(run));
    else io.out(loihiSummary(run, estimateEnergy(run, ownTable(run))));
  }
  if (bug !== undefined) throw bug;
  return exit === undefined ? undefined : { exit };
}
