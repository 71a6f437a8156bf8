import { Option, type Command } from "commander";
import { decodeProgram, type Port, type Program } from "../backends/program/index.js";
import { DiagnosticError, type Report } from "../diagnostics/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import { readInputs, type InputSet, type NormalisationName } from "../frontend/inputs/index.js";
import {
  createEvent,
  createStepped,
  KERNELS,
  SIMULATORS,
  type EventOptions,
  type KernelsName,
  type RunResult,
  type SimulatorName,
} from "../sim/layerwise/index.js";
import { RunTotals, type RunFile } from "../sim/run-file.js";
import { runCommand, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead, readFileOrThrow } from "./files.js";
import { normalisation, readLabels, withInputOptions } from "./inputs.js";
import { writeFileAtomically } from "./output.js";
import { Progress } from "./progress.js";
import { count, percent, si, table } from "./text.js";

/** Options of every command that runs inputs on a chip. */
export interface InputSetOptions {
  readonly input: string;
  readonly labels?: string;
  readonly limit?: number;
  readonly normalise?: NormalisationName;
  readonly pad?: number;
}

interface SimulateOptions extends InputSetOptions {
  readonly simulator: SimulatorName;
  readonly kernels?: KernelsName;
  readonly output?: string;
  readonly json?: boolean;
}

export function loadProgram(path: string, report: Report): Program | undefined {
  return decodeProgram(readFileOrThrow(path), path, report);
}

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

/** Runs a program on every sample of an input set. */
export function simulateAll(
  program: Program,
  inputs: InputSet,
  labels: ArrayLike<number> | undefined,
  progress: Progress,
  { simulator, ...event }: { readonly simulator?: SimulatorName } & EventOptions = {},
): RunFile {
  const port = pictureInput(program);
  const machine = simulator === "stepped" ? createStepped(program) : createEvent(program, event);
  const totals = new RunTotals(program);
  const samples = inputs.data.shape[0] ?? 0;
  progress.start(samples, "samples");
  for (let index = 0; index < samples; index++) {
    const result = machine.run(new Map([[port.name, sampleFor(port, inputs.data, index)]]));
    const name = inputs.names[index] ?? String(index);
    checkFinite(result.outputs, name);
    totals.add(result, { name, label: labels?.[index] });
    progress.step();
  }
  progress.stop();
  return totals.finish();
}

/** Correct predictions of the labelled samples, as a fraction; undefined without labels. */
export function accuracyOf(run: RunFile): number | undefined {
  const labelled = run.samples.filter((sample) => sample.label !== null);
  if (labelled.length === 0) return undefined;
  return labelled.filter((sample) => sample.predicted === sample.label).length / labelled.length;
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

export interface LabelledInputs {
  readonly inputs: InputSet;
  readonly labels: ArrayLike<number> | undefined;
}

/** Reads inputs and their labels as the options say. */
export function readLabelledInputs(options: InputSetOptions, report: Report): LabelledInputs | undefined {
  const inputs = readInputs(options.input, report, {
    ...normalisation(options.normalise),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.pad === undefined ? {} : { pad: options.pad }),
  });
  if (inputs === undefined) return undefined;
  const labels = readLabels(options.labels, inputs, report);
  return report.failed ? undefined : { inputs, labels };
}

export function registerSimulate(program: Command, io: Io): void {
  const command = program
    .command("simulate")
    .description("run a program on the simulated chip: predictions, cycles, seconds, events per layer")
    .argument("<program>", "program file written by `spikec compile`")
    .requiredOption("--input <path>", "inputs: .npy, .npz, PNG, JPEG, a folder of pictures, MNIST IDX, CIFAR binary");
  withInputOptions(command)
    .addOption(
      new Option("--simulator <name>", "event jumps, stepped does every cycle; their results are equal")
        .choices(Object.keys(SIMULATORS))
        .default("event"),
    )
    .addOption(
      new Option(
        "--kernels <name>",
        "how event computes: simd (WebAssembly), or plain; the fastest that runs here by default",
      )
        .choices(KERNELS)
        .conflicts("simulator"),
    )
    .option("-o, --output <file>", "write the run as JSON, for `spikec energy`")
    .option("--json", "print the run as JSON")
    .action((file: string, options: SimulateOptions) =>
      runCommand(io, async (report) => {
        const loaded = loadProgram(file, report);
        if (loaded === undefined) return;
        if (options.output !== undefined) checkOutput(options.output, pathsRead(file, options));
        const read = readLabelledInputs(options, report);
        if (read === undefined) return;
        const run = simulateAll(loaded, read.inputs, read.labels, new Progress(io), options);
        const json = JSON.stringify(run);
        if (options.output !== undefined) await writeFileAtomically(options.output, json);
        io.out(options.json === true ? json : summaryText(run));
      }),
    );
}
