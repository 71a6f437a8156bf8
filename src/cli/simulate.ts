import type { Command } from "commander";
import { decodeProgram, type Program } from "../backends/program/index.js";
import type { Report } from "../diagnostics/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import { NORMALISATIONS, readInputs, type InputSet } from "../frontend/inputs/index.js";
import { createStepped } from "../sim/layerwise/index.js";
import { RunTotals, type RunFile } from "../sim/run-file.js";
import { positiveInteger, runCommand, type Io } from "./command.js";
import { readFileOrThrow } from "./files.js";
import { normalisation, readLabels } from "./inputs.js";
import { writeFileAtomically } from "./output.js";
import { Progress } from "./progress.js";
import { count, percent, si, table } from "./text.js";

interface SimulateOptions {
  readonly input: string;
  readonly labels?: string;
  readonly limit?: number;
  readonly normalise?: string;
  readonly pad?: number;
  readonly output?: string;
  readonly json?: boolean;
}

export function loadProgram(path: string, report: Report): Program | undefined {
  return decodeProgram(readFileOrThrow(path), path, report);
}

/** Runs a program on every sample of an input set. */
export function simulateAll(
  program: Program,
  inputs: InputSet,
  labels: ArrayLike<number> | undefined,
  progress: Progress,
): RunFile {
  const machine = createStepped(program);
  const totals = new RunTotals(program);
  const samples = inputs.data.shape[0] ?? 0;
  progress.start(samples, "samples");
  for (let index = 0; index < samples; index++) {
    const values = new Map(program.inputs.map((port) => [port.name, sampleFor(port, inputs.data, index)]));
    totals.add(machine.run(values), { name: inputs.names[index] ?? String(index), label: labels?.[index] });
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

export function registerSimulate(program: Command, io: Io): void {
  program
    .command("simulate")
    .description("run a program on the simulated chip: predictions, cycles, seconds, events per layer")
    .argument("<program>", "program file written by `spikec compile`")
    .requiredOption("--input <path>", "inputs: .npy, .npz, PNG, JPEG, a folder of pictures, MNIST IDX, CIFAR binary")
    .option("--labels <file>", "labels as .npy, for the accuracy")
    .option("--limit <n>", "only the first n samples", positiveInteger)
    .option("--normalise <name>", `normalisation of a data set: ${Object.keys(NORMALISATIONS).join(", ")}`)
    .option("--pad <pixels>", "zero pixels on each side, before normalisation", positiveInteger)
    .option("-o, --output <file>", "write the run as JSON, for `spikec energy`")
    .option("--json", "print the run as JSON")
    .action((file: string, options: SimulateOptions) =>
      runCommand(io, async (report) => {
        const loaded = loadProgram(file, report);
        if (loaded === undefined) return;
        const inputs = readInputs(options.input, report, {
          ...normalisation(options.normalise),
          ...(options.limit === undefined ? {} : { limit: options.limit }),
          ...(options.pad === undefined ? {} : { pad: options.pad }),
        });
        if (inputs === undefined) return;
        const labels = readLabels(options.labels, inputs, report);
        if (report.failed) return;
        const run = simulateAll(loaded, inputs, labels, new Progress(io));
        const json = JSON.stringify(run);
        if (options.output !== undefined) await writeFileAtomically(options.output, json);
        io.out(options.json === true ? json : summaryText(run));
      }),
    );
}
