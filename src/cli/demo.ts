import type { Command } from "commander";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeProgram, encodeProgram, type Program } from "../backends/program/index.js";
import { DiagnosticError, type Report } from "../diagnostics/index.js";
import { builtInTable, TABLE_NAMES, estimateEnergy } from "../energy/index.js";
import { applyConvention, conventionOf, CONVENTIONS, type Work } from "../energy/network.js";
import { readNpy } from "../frontend/formats/index.js";
import { importModel } from "../frontend/import-model.js";
import { readInputs, type InputSet } from "../frontend/inputs/index.js";
import { flatten, type Evaluation, type Net } from "../ir/index.js";
import { parsePipeline, runPipeline } from "../passes/index.js";
import { argmax } from "../math/tensor.js";
import type { RunFile } from "../sim/run-file.js";
import { chipAgainstEvaluator } from "../validate/chip-rungs.js";
import { runCommand, type Io } from "./command.js";
import { compileNet } from "./compile-net.js";
import { cliDiagnostics } from "./diagnostics.js";
import { measureWork } from "./energy-model.js";
import { joulesText } from "./energy-text.js";
import { Progress } from "./progress.js";
import { accuracyOf, simulateInThread } from "./simulation.js";
import { count, percent, si, table } from "./text.js";

/** Pictures whose every spike is compared between chip and evaluator; predictions are compared for all. */
const COMPARED_PICTURES = 20;

const example = (name: string): string => fileURLToPath(new URL(`../../examples/digits/${name}`, import.meta.url));

function readArray(name: string, report: Report) {
  try {
    const array = readNpy(readFileSync(example(name)), name, report);
    if (array !== undefined) return array;
  } catch {
    // Reported below: for a user the cause does not matter, the package is damaged.
  }
  throw new DiagnosticError(cliDiagnostics.make("demo-file", `cannot read examples/digits/${name}`));
}

interface Variant {
  readonly chunk: number;
  readonly net: Net;
  readonly program: Program;
  readonly run: RunFile;
}

/** Imports the example with a chunk, compiles it, and runs the whole test split on the chip. */
async function runVariant(
  chunk: number,
  inputs: InputSet,
  labels: ArrayLike<number>,
  progress: Progress,
  report: Report,
): Promise<Variant | undefined> {
  const overrides = new Map([["chunk", String(chunk)]]);
  const model = importModel(example("model.pth"), { arch: "statten", overrides }, report);
  if (model === undefined) return undefined;
  const net = runPipeline(model.net, parsePipeline("import").steps ?? []).result;
  if (net === undefined) return undefined;
  const compiled = compileNet(net, { target: "layerwise", chip: "layerwise-default" }, report);
  if (compiled === undefined) return undefined;
  // Through the file, as a user's program would go: the simulator sees nothing but the program.
  const program = decodeProgram(encodeProgram(compiled), "demo.spk", report, "layerwise");
  if (program === undefined) return undefined;
  // There is nothing to keep of a part of the demo: a signal ends the process.
  const onSignal = (): void => undefined;
  const { run, stopped, bug } = await simulateInThread({ program, inputs, labels }, progress, onSignal);
  if (bug !== undefined) throw bug;
  if (stopped !== undefined) return report.add(stopped);
  return { chunk, net, program, run };
}

/** What the evaluator makes of the checkpoint: its predictions, and what the conventions of papers count in it. */
function evaluatePictures(net: Net, inputs: InputSet, progress: Progress) {
  const samples = inputs.data.shape[0] ?? 0;
  const predictions: (number | null)[] = [];
  const onSample = ({ outputs }: Evaluation): void => {
    predictions.push(argmax(flatten(outputs.get("logits") ?? [])));
    progress.step();
  };
  progress.start(samples, "pictures");
  const work = measureWork(net, inputs, "counts", onSample);
  progress.stop();
  return { predictions, work };
}

/** Conventions whose figures stand beside the chip's. */
const SHOWN_CONVENTIONS = ["event", "statten"] as const;

/** One energy per picture of the same network, as two conventions count it and as the chip spends it, and what is in each. */
function energies(work: Work, run: RunFile, report: Report): string | undefined {
  const prices = builtInTable();
  const counted = SHOWN_CONVENTIONS.flatMap((name) => {
    const convention = conventionOf(name, CONVENTIONS, report);
    const result = convention === undefined ? undefined : applyConvention(convention, work, prices, report);
    if (convention === undefined || result === undefined) return [];
    const { summary, excludes } = convention;
    const what = `${summary}; leaves out ${excludes.join(", ")}`;
    return [[name, joulesText(result.total, result.range, result.samples), what]];
  });
  if (report.failed) return undefined;
  const { totals, ranges, samples, covers, uncovered } = estimateEnergy(run, prices);
  const chip = `${covers.join(", ")} as simulated on ${run.chip.name}; leaves out ${uncovered.join(", ")}`;
  return table([
    ["energy", "per picture", "what is in it"],
    ...counted,
    ["chip", joulesText(totals.all, ranges.all, samples), chip],
  ]);
}

function fractionEqual(a: ArrayLike<number | null>, b: ArrayLike<number | null>): number {
  let equal = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal++;
  return equal / a.length;
}

function comparison(variants: readonly Variant[]): string {
  const energy = variants.map(({ run }) => estimateEnergy(run, builtInTable()));
  const row = (name: string, cell: (v: Variant, i: number) => string): string[] => [name, ...variants.map(cell)];
  const samples = (v: Variant): number => v.run.samples.length;
  const joules = (i: number, group: "arithmetic" | "sram" | "dram"): string => {
    const { totals, ranges, samples: n } = energy[i]!;
    return joulesText(totals[group], ranges[group], n);
  };
  const events = (v: Variant, names: readonly ("ac" | "kv" | "qa" | "spike")[], layer = ""): string => {
    const counts = v.run.layers.filter((l) => l.name.endsWith(layer)).flatMap((l) => names.flatMap((n) => l.events[n]));
    return count(Math.round(counts.reduce((a, b) => a + b, 0) / samples(v)));
  };
  return table([
    ["per picture", ...variants.map((v) => (v.chunk === 1 ? "chunk 1 (per timestep)" : `STAtten, chunk ${v.chunk}`))],
    row("accuracy on the chip", (v) => percent(accuracyOf(v.run) ?? 0)),
    row("cycles", (v) => count(Math.round(v.run.cycles / samples(v)))),
    row("time", (v) => si(v.run.seconds / samples(v), "s")),
    row("accumulates (AC)", (v) => events(v, ["ac"])),
    row("attention additions", (v) => events(v, ["kv", "qa"])),
    row("spikes behind the attention", (v) => events(v, ["spike"], ".attn_lif")),
    row("energy, arithmetic", (_, i) => joules(i, "arithmetic")),
    row("energy, SRAM", (_, i) => joules(i, "sram")),
    row("energy, DRAM", (_, i) => joules(i, "dram")),
  ]);
}

async function demo(report: Report, io: Io): Promise<boolean | void> {
  const progress = new Progress(io);
  const inputs = readInputs(example("test-images.npy"), report);
  if (inputs === undefined) return;
  const labels = readArray("test-labels.npy", report).data;
  const recorded = readArray("test-predicted.npy", report).data;
  io.out(`A trained STAtten on ${labels.length} handwritten digits it has never seen (examples/digits).\n`);

  const statten = await runVariant(2, inputs, labels, progress, report);
  const perStep = await runVariant(1, inputs, labels, progress, report);
  if (statten === undefined || perStep === undefined) return;
  const { net, program, run } = statten;
  io.out(
    `compiled   ${count(program.instructions.length)} instructions for ${program.chip.name}: ${program.chip.lanes} adders, ${program.chip.parallelTimesteps} timesteps at once`,
  );
  io.out(
    `simulated  ${count(run.cycles)} cycles of every engine: ${si(run.seconds / labels.length, "s")} per picture at ${program.chip.clockHz / 1e6} MHz`,
  );

  const { predictions, work } = evaluatePictures(net, inputs, progress);
  const chip = run.samples.map((sample) => sample.predicted);
  const check = chipAgainstEvaluator(program, net, {
    input: inputs.data,
    samples: COMPARED_PICTURES,
  });
  const mismatches = check.layers.reduce((sum, layer) => sum + layer.mismatches, 0);
  const spikes = check.layers.reduce((sum, layer) => sum + layer.spikes, 0);
  io.out(
    `validated  ${count(spikes)} spikes of ${COMPARED_PICTURES} pictures in ${check.layers.length} layers, chip against evaluator: ${mismatches} differ`,
  );
  const same = fractionEqual(chip, predictions) === 1 && fractionEqual(chip, recorded) === 1;
  io.out(`predicted  chip, evaluator and PyTorch ${same ? "agree" : "DISAGREE"} on all ${labels.length} pictures`);
  io.out(
    `accuracy   checkpoint ${percent(fractionEqual(predictions, labels))}, simulated chip ${percent(accuracyOf(run) ?? 0)}\n`,
  );
  io.out(`${comparison([statten, perStep])}\n`);
  io.out(
    `The chunk lets each timestep attend to its neighbour; trained with chunk 2, the network is another one at chunk 1.`,
  );
  const sideBySide = energies(work, run, report);
  if (sideBySide === undefined) return;
  io.out(`Energy by the 45 nm table ${TABLE_NAMES[0]}, STAtten with chunk 2:\n`);
  io.out(`${sideBySide}\n`);
  io.out(`Next:
  npx spikec compile examples/digits/model.pth --arch statten -o digits.spk --explain
  npx spikec simulate digits.spk --input examples/digits/test-images.npy --labels examples/digits/test-labels.npy -o run.json
  npx spikec energy run.json
  npx spikec opt examples/digits/model.pth --arch statten -p import -o digits.snn     # the network as text`);
  return same && mismatches === 0 && check.outputsEqual;
}

export function registerDemo(program: Command, io: Io): void {
  program
    .command("demo")
    .description("a trained STAtten on real digits: compile, simulate, validate, energy")
    .action(() => runCommand(io, (report) => demo(report, io)));
}
