import { availableParallelism } from "node:os";
import { Option, type Command } from "commander";
import { readProgram, type Program } from "../backends/program/index.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import { DiagnosticError, reporting, type Diagnostic, type Report } from "../diagnostics/index.js";
import { KERNELS, SIMULATORS, type KernelsName, type SimulatorName } from "../sim/layerwise/index.js";
import { parseProbe, type ProbeTarget } from "../sim/probes.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import { collectText, positiveInteger, runCommand, type Io, type Outcome } from "./command.js";
import { EXIT } from "./exit.js";
import { checkOutput, pathsRead } from "./files.js";
import { interruptible, type OnSignal } from "./interrupt.js";
import { readLabelledInputs, withInputOptions, type InputSetOptions, type LabelledInputs } from "./inputs.js";
import { jsonPieces } from "./json-pieces.js";
import { isGiven, onlyWith, refuseWithoutEffect, withoutEffect } from "./no-effect.js";
import { withInput } from "./options.js";
import { writeFileAtomically } from "./output.js";
import { Progress } from "./progress.js";
import type { Simulated } from "./sample-loop.js";
import { simulateOnLayers } from "./simulate-layerwise.js";
import { withRemains } from "./simulation.js";

interface SimulateOptions extends InputSetOptions {
  readonly simulator: SimulatorName;
  readonly kernels?: KernelsName;
  readonly workers: number;
  readonly output?: string;
  readonly json?: boolean;
  readonly record?: boolean;
  readonly probe: readonly string[];
  readonly trace?: string;
}

/** What is asked of a chip of either kind. */
export interface Asked extends LabelledInputs {
  /** Keep the spikes of recorded layers. */
  readonly record: boolean;
  readonly probes: readonly ProbeTarget[];
  /** Where a trace is wanted: writes one of the first sample. */
  readonly writeTrace?: (pieces: Iterable<string>) => Promise<void>;
}

export interface Answered<Run> extends Simulated<Run> {
  /** The run for people. */
  readonly text: () => string;
}

/** What probes name, or a report of those that name nothing. */
function findProbes(names: readonly string[], program: Program | LoihiProgram, report: Report): readonly ProbeTarget[] {
  return names.flatMap((name) => reporting(report, () => parseProbe(name, program)) ?? []);
}

/** Writes a trace; one that cannot be written is reported, and is no reason to lose the samples that are still to come. */
async function writeTrace(path: string, pieces: Iterable<string>, report: Report): Promise<void> {
  try {
    await writeFileAtomically(path, pieces);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    report.add(error.diagnostic);
  }
}

/** Options that do nothing with a program, and why; undefined where there is none. */
function withoutEffectOn(program: Program | LoihiProgram, called: Command): Diagnostic | undefined {
  if (program.target === "loihi") {
    const why = "for a program of a step-by-step chip";
    return withoutEffect(called, ["--kernels", "--workers"], { why, hint: "leave it out" });
  }
  if (!isGiven(called, "--probe") || isGiven(called, "--simulator stepped")) return undefined;
  return withoutEffect(called, ["--simulator", "--kernels", "--workers"], {
    why: "beside --probe: event computes blocks of neurons at once",
    hint: "leave it out, stepped is taken",
  });
}

async function simulate(
  file: string,
  options: SimulateOptions,
  called: Command,
  report: Report,
  io: Io,
  onSignal: OnSignal,
): Promise<Outcome> {
  const program = readProgram(file, report);
  if (program === undefined) return;
  const idle = withoutEffectOn(program, called);
  if (idle !== undefined) {
    report.add(idle);
    return { exit: EXIT.usage };
  }
  const reads = pathsRead(file, { ...options, trace: undefined });
  const { output, trace, record = false } = options;
  if (output !== undefined) checkOutput(output, reads);
  if (trace !== undefined) checkOutput(trace, output === undefined ? reads : [...reads, output]);
  const probes = findProbes(options.probe, program, report);
  const read = report.failed ? undefined : readLabelledInputs(options, report);
  if (read === undefined) return;
  const traced = trace && { writeTrace: (pieces: Iterable<string>) => writeTrace(trace, pieces, report) };
  const asked: Asked = { ...read, record, probes, ...traced };
  const { run, stopped, exit, bug, text } = await answer(program, asked, options, report, new Progress(io), onSignal);
  if (stopped !== undefined) report.add(withRemains(stopped, run, output));
  if (run.samples.length > 0) {
    if (output !== undefined) await writeFileAtomically(output, jsonPieces(run));
    if (options.json === true) io.outPieces(jsonPieces(run));
    else io.out(text());
  }
  if (bug !== undefined) throw bug;
  return exit === undefined ? undefined : { exit };
}

async function answer(
  program: Program | LoihiProgram,
  asked: Asked,
  { simulator, kernels, workers }: SimulateOptions,
  report: Report,
  progress: Progress,
  onSignal: OnSignal,
): Promise<Answered<RunFile | LoihiRunFile>> {
  if (program.target === "layerwise")
    return simulateOnLayers(program, asked, { simulator, kernels, workers }, progress, onSignal);
  // The host's part needs the IR, which no other simulation loads.
  const { simulateOnSteps } = await import("./simulate-loihi.js");
  return simulateOnSteps(program, asked, simulator, report, progress, onSignal);
}

export function registerSimulate(program: Command, io: Io): void {
  const command = program
    .command("simulate")
    .description(
      "run a program on the simulated chip: predictions, time, events per layer, energy of step-by-step chips",
    )
    .argument("<program>", "program file written by `spikec compile`");
  withInputOptions(withInput(command))
    .addOption(
      new Option("--simulator <name>", "event jumps, stepped does every cycle; their results are equal")
        .choices(Object.keys(SIMULATORS))
        .default("event"),
    )
    .addOption(
      new Option(
        "--kernels <name>",
        "how event computes: simd (WebAssembly), or plain; the fastest that runs here by default",
      ).choices(KERNELS),
    )
    .addOption(
      new Option(
        "--workers <n>",
        "threads in which event computes: instructions, clock, helpers; results do not depend on it",
      )
        .argParser(positiveInteger)
        .default(availableParallelism(), "one per core"),
    )
    .option("-o, --output <file>", "write the run as JSON, for `spikec energy` and `spikec diff`")
    .option("--json", "print the run as JSON")
    .option("--record", "keep every spike of the source model's layers in the run, for `spikec diff`")
    .option(
      "--probe <layer[:neuron]>",
      "record input (u), potentials and spikes of a layer, or of one neuron: its number, or POSITION,CHANNEL; repeatable",
      collectText,
      [],
    )
    .option(
      "--trace <file>",
      "write when each instruction of the first sample ran, or each core in each step, for ui.perfetto.dev",
    );
  onlyWith(command, ["--record"], ["--output", "--json"]);
  refuseWithoutEffect(command, ["--kernels"], (called) =>
    called.getOptionValue("simulator") === "stepped"
      ? { why: "beside --simulator stepped, which has no kernels", hint: "leave one of the two out" }
      : undefined,
  );
  command.action((file: string, options: SimulateOptions, called: Command) =>
    runCommand(io, (report) => interruptible((onSignal) => simulate(file, options, called, report, io, onSignal))),
  );
}
