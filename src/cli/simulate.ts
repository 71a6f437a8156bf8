import { availableParallelism } from "node:os";
import { Option, type Command } from "commander";
import { readProgram, type Program } from "../backends/program/index.js";
import { DiagnosticError, reporting, type Report } from "../diagnostics/index.js";
import { perfettoTrace, type TraceTimes } from "../report/perfetto.js";
import { KERNELS, SIMULATORS, type KernelsName, type SimulatorName } from "../sim/layerwise/index.js";
import { parseProbe, type ProbeTarget } from "../sim/probes.js";
import type { RunFile } from "../sim/run-file.js";
import { collectText, positiveInteger, runCommand, type Io, type Outcome } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead } from "./files.js";
import { interruptible, type OnSignal } from "./interrupt.js";
import { readLabelledInputs, withInputOptions, type InputSetOptions } from "./inputs.js";
import { jsonPieces } from "./json-pieces.js";
import { onlyWith, refuseWithoutEffect } from "./no-effect.js";
import { withInput } from "./options.js";
import { writeFileAtomically } from "./output.js";
import { probeText } from "./probe-text.js";
import { Progress } from "./progress.js";
import { accuracyOf, simulateInThread, withRemains } from "./simulation.js";
import { count, percent, si, table } from "./text.js";

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

/** What probes name, or a report of those that name nothing. */
function findProbes(names: readonly string[], program: Program, report: Report): readonly ProbeTarget[] {
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

/** Options that programs of step-by-step chips know nothing of; throws. */
function refuseLayerwiseOptions({ kernels, probe, trace }: SimulateOptions): void {
  const given = [
    ...(kernels === undefined ? [] : ["--kernels"]),
    ...(probe.length === 0 ? [] : ["--probe"]),
    ...(trace === undefined ? [] : ["--trace"]),
  ];
  if (given.length === 0) return;
  const message = `${given.join(", ")} ${given.length > 1 ? "mean" : "means"} nothing for a program of a step-by-step chip`;
  throw new DiagnosticError(cliDiagnostics.make("no-effect", message, { hint: "leave it out" }));
}

async function simulate(
  file: string,
  options: SimulateOptions,
  report: Report,
  io: Io,
  onSignal: OnSignal,
): Promise<Outcome> {
  const program = readProgram(file, report);
  if (program === undefined) return;
  if (program.target === "loihi") {
    refuseLayerwiseOptions(options);
    // The host's part needs the IR, which no other simulation loads.
    const { simulateOnLoihi } = await import("./simulate-loihi.js");
    return simulateOnLoihi(file, program, options, report, io, onSignal);
  }
  const reads = pathsRead(file, { ...options, trace: undefined });
  const { output, trace } = options;
  if (output !== undefined) checkOutput(output, reads);
  if (trace !== undefined) checkOutput(trace, output === undefined ? reads : [...reads, output]);
  const probes = findProbes(options.probe, program, report);
  const read = report.failed ? undefined : readLabelledInputs(options, report);
  if (read === undefined) return;
  const simulation = {
    program,
    ...read,
    probes,
    record: options.record === true,
    simulator: options.simulator,
    kernels: options.kernels,
    workers: options.workers,
    ...(trace === undefined
      ? {}
      : {
          onTimeline: (timeline: TraceTimes, sample: string) =>
            writeTrace(trace, perfettoTrace(program, timeline, sample), report),
        }),
  };
  const { run, stopped, exit, bug } = await simulateInThread(simulation, new Progress(io), onSignal);
  if (stopped !== undefined) report.add(withRemains(stopped, run, output));
  if (run.samples.length > 0) {
    if (output !== undefined) await writeFileAtomically(output, jsonPieces(run));
    if (options.json === true) io.outPieces(jsonPieces(run));
    else io.out([summaryText(run), ...probeText(run)].join("\n"));
  }
  if (bug !== undefined) throw bug;
  return exit === undefined ? undefined : { exit };
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
      new Option(
        "--simulator <name>",
        "event jumps, stepped does every cycle and knows potentials; their results are equal",
      )
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
      "record input, potentials and spikes of a layer, or of one neuron: its number, or POSITION,CHANNEL; repeatable",
      collectText,
      [],
    )
    .option("--trace <file>", "write when each instruction of the first sample ran, for ui.perfetto.dev");
  onlyWith(command, ["--record"], ["--output", "--json"]);
  refuseWithoutEffect(command, ["--simulator", "--kernels", "--workers"], (called) =>
    called.getOptionValue("simulator") === "event" && called.getOptionValueSource("probe") === "cli"
      ? { why: "beside --probe: event computes blocks of neurons at once", hint: "leave it out, stepped is taken" }
      : undefined,
  );
  refuseWithoutEffect(command, ["--kernels"], (called) =>
    called.getOptionValue("simulator") === "stepped"
      ? { why: "beside --simulator stepped, which has no kernels", hint: "leave one of the two out" }
      : undefined,
  );
  command.action((file: string, options: SimulateOptions) =>
    runCommand(io, (report) => interruptible((onSignal) => simulate(file, options, report, io, onSignal))),
  );
}
