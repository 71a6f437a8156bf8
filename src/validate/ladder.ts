import { compileLayerwise } from "../backends/layerwise/index.js";
import { decodeProgram, encodeProgram, type Program } from "../backends/program/index.js";
import type { LayerwiseChip } from "../chips/index.js";
import { internalError, Report } from "../diagnostics/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import { evaluate, flatten, type LinearKernels, type Net, type Op } from "../ir/index.js";
import { parsePipeline, runPipeline } from "../passes/index.js";
import { createEvent, createStepped, type Machine, type RunResult } from "../sim/layerwise/index.js";
import { LayerTally, type LayerAgreement } from "./agreement.js";
import type { RecordedCase } from "./recorded-case.js";
import { logitDifference, netInputs, replay, type Replay } from "./replay.js";
import { compareRuns } from "./simulators.js";

/** The validation ladder (evaluator ↔ recording, passes, chip ↔ evaluator), one rung after the other. */

export interface Rung {
  readonly name: string;
  /** `measured`: a bounded pipeline changes results, and the rung says by how much. */
  readonly status: "passed" | "failed" | "skipped" | "measured";
  /** What was compared with what, and where each layer's inputs came from. */
  readonly detail: string;
  readonly layers: readonly LayerAgreement[];
}

/** Largest logit difference that the recorded cases allow (their README, "Exactness"). */
export const LOGIT_TOLERANCE = 1e-5;

function mismatchText(layer: LayerAgreement): string {
  const at = layer.first;
  if (at === undefined) return "";
  const h = at.h === undefined ? "" : `, h = ${at.h}, v_th = ${at.vTh}`;
  return `first mismatch: ${layer.name}, sample ${at.sample}, timestep ${at.timestep}, position ${at.position}, channel ${at.channel}: expected ${at.expected}${h}`;
}

function firstMismatch(layers: readonly LayerAgreement[]): string | undefined {
  const layer = layers.find((l) => l.mismatches > 0);
  return layer === undefined ? undefined : mismatchText(layer);
}

function totals(layers: readonly LayerAgreement[]): string {
  const spikes = layers.reduce((sum, layer) => sum + layer.spikes, 0);
  const wrong = layers.reduce((sum, layer) => sum + layer.mismatches, 0);
  return `${layers.length} layers, ${spikes.toLocaleString("en-US")} spikes, ${wrong.toLocaleString("en-US")} mismatches`;
}

/** A rung that compares with the recording: recorded cases allow no mismatch at all. */
function replayRung(name: string, inputs: string, result: Replay): Rung {
  const wrong = firstMismatch(result.layers);
  const passed = wrong === undefined && result.unmatched.length === 0 && result.logitDifference <= LOGIT_TOLERANCE;
  const detail = [
    totals(result.layers),
    `logits within ${result.logitDifference.toExponential(1)}`,
    `layer inputs: ${inputs}`,
    ...(wrong === undefined ? [] : [wrong]),
    ...(result.unmatched.length === 0 ? [] : [`without counterpart: ${result.unmatched.join(", ")}`]),
  ];
  return { name, status: passed ? "passed" : "failed", detail: detail.join("; "), layers: result.layers };
}

/** Compares the chip's spikes with those that `evaluate` computes for the compiled net: every layer, every timestep, bit for bit. */
export function chipAgainstEvaluator(
  program: Program,
  net: Net,
  recorded: Pick<RecordedCase, "input" | "samples">,
  machine: Machine = createStepped(program),
) {
  const tallies = new Map<string, LayerTally>();
  let outputsEqual = true;
  const results: RunResult[] = [];
  for (let sample = 0; sample < recorded.samples; sample++) {
    const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, recorded.input, sample)]));
    const result = machine.run(inputs, { record: true });
    results.push(result);
    const evaluation = evaluate(net, netInputs(net, recorded.input, sample), {
      intercept: (op: Op, slot, timestep) => {
        if (op.layer === undefined) return slot;
        const { name } = op.layer;
        const spikes = result.spikes?.get(name);
        const tally = tallies.get(name) ?? new LayerTally(name);
        tallies.set(name, tally);
        const got = spikes?.subarray(timestep * slot.length, (timestep + 1) * slot.length) ?? new Uint8Array(0);
        const channels = op.type.shape[op.type.shape.length - 1] ?? 1;
        tally.compare(Uint8Array.from(slot), got, { sample, timestep, channels, margin: -1 });
        return slot;
      },
    });
    for (const [name, value] of evaluation.outputs) {
      const [expected, got] = [flatten(value), result.outputs.get(name)];
      outputsEqual &&=
        got !== undefined && got.length === expected.length && expected.every((x, i) => Object.is(x, got[i]));
    }
  }
  return { layers: [...tallies.values()].map((tally) => tally.finish()), outputsEqual, results };
}

function reload(program: Program): Program {
  const report = new Report();
  const loaded = decodeProgram(encodeProgram(program), "program", report);
  if (loaded === undefined)
    throw internalError(`the program does not survive its file: ${report.errors[0]?.message ?? ""}`);
  return loaded;
}

export interface LadderOptions {
  readonly chips: readonly LayerwiseChip[];
  /** TensorFlow.js kernels, or why there are none. */
  readonly tfjs: { readonly kernels: LinearKernels; readonly backend: string } | { readonly reason: string };
  readonly timeBlock?: number;
  readonly onRung?: (rung: Rung) => void;
}

/** Runs the ladder for a recorded case and the net imported from its checkpoint. */
export function runLadder(net: Net, recorded: RecordedCase, options: LadderOptions, report: Report): readonly Rung[] {
  const rungs: Rung[] = [];
  const add = (rung: Rung): void => {
    rungs.push(rung);
    options.onRung?.(rung);
  };
  add(replayRung("evaluate, teacher-forced", "recorded", replay(net, recorded, { forced: true })));
  add(replayRung("evaluate, free-running", "computed", replay(net, recorded, { forced: false })));
  if ("kernels" in options.tfjs) {
    const result = replay(net, recorded, { forced: false, kernels: options.tfjs.kernels });
    add(replayRung(`evaluate with ${options.tfjs.backend}`, "computed", result));
  } else {
    add({ name: "evaluate with TensorFlow.js", status: "skipped", detail: options.tfjs.reason, layers: [] });
  }
  for (const pipeline of ["exact", "folded"]) add(pipelineRung(pipeline, net, recorded));
  const { net: imported, kept } = runExact("import", net, recorded);
  add(replayRung("pipeline import, teacher-forced", "recorded", replay(imported, kept, { forced: true })));
  add(replayRung("pipeline import, free-running", "computed", replay(imported, kept, { forced: false })));
  for (const chip of options.chips) {
    const name = `chip ${chip.name}`;
    const program = compileLayerwise(
      imported,
      chip,
      options.timeBlock === undefined ? {} : { timeBlock: options.timeBlock },
      report,
    );
    if (program === undefined) {
      add({
        name: `${name}, stepped`,
        status: "failed",
        detail: `does not compile: ${report.errors[report.errors.length - 1]?.message ?? ""}`,
        layers: [],
      });
      continue;
    }
    const loaded = reload(program);
    const agreement = chipAgainstEvaluator(loaded, imported, recorded);
    add(chipRung(`${name}, stepped`, agreement, recorded));
    add(eventRung(`${name}, event = stepped`, loaded, agreement, recorded));
  }
  for (const pipeline of ["quantized", "sparse"]) add(boundedRung(pipeline, net, recorded));
  return rungs;
}

/** Runs a named pipeline, with the recorded inputs to calibrate on. */
function runNamed(pipeline: string, net: Net, recorded: RecordedCase) {
  const samples = Array.from({ length: recorded.samples }, (_, i) => netInputs(net, recorded.input, i));
  return runPipeline(net, parsePipeline(pipeline).steps ?? [], { calibration: { samples } });
}

/** The net after a pipeline, and the recording without the layers that it declares removed. */
function runExact(pipeline: string, net: Net, recorded: RecordedCase): { net: Net; kept: RecordedCase } {
  const { result, records } = runNamed(pipeline, net, recorded);
  if (result === undefined) throw internalError(`the ${pipeline} pipeline failed on a verified net`);
  const removed = new Set(records.flatMap((record) => record.layersRemoved));
  return { net: result, kept: { ...recorded, layers: recorded.layers.filter((layer) => !removed.has(layer.name)) } };
}

/** An exact pipeline, or one that is exact in reals: the recorded spikes still come out. Layers it declares removed are not missed. */
function pipelineRung(pipeline: string, net: Net, recorded: RecordedCase): Rung {
  const { net: result, kept } = runExact(pipeline, net, recorded);
  return replayRung(`pipeline ${pipeline}`, "computed", replay(result, kept, { forced: false }));
}

/** A bounded pipeline: how many spikes still agree, and how far the logits move. */
function boundedRung(pipeline: string, net: Net, recorded: RecordedCase): Rung {
  const name = `pipeline ${pipeline}`;
  const { result, diagnostics } = runNamed(pipeline, net, recorded);
  if (result === undefined) {
    return { name, status: "skipped", detail: `refused: ${diagnostics[0]?.message ?? "no reason given"}`, layers: [] };
  }
  const { layers: all, logitDifference: off } = replay(result, recorded, { forced: false });
  const present = new Set(result.ops.map((op) => op.layer?.name));
  const layers = all.filter((layer) => present.has(layer.name));
  if (layers.length === 0) return { name, status: "skipped", detail: "no recorded layer is left", layers };
  const worst = layers.reduce((a, b) => (b.agreement < a.agreement ? b : a), layers[0]!);
  const detail = [
    `spikes agree to ${(100 * worst.agreement).toFixed(2)} % or better (worst: ${worst.name})`,
    `logits within ${off.toPrecision(2)}`,
    "layer inputs: computed",
  ];
  return { name, status: "measured", detail: detail.join("; "), layers };
}

type ChipAgreement = ReturnType<typeof chipAgainstEvaluator>;

function cyclesPerSample(results: readonly RunResult[]): string {
  const cycles = results.reduce((sum, result) => sum + result.cycles, 0);
  return `${Math.round(cycles / results.length).toLocaleString("en-US")} cycles per sample`;
}

function chipRung(name: string, result: ChipAgreement, recorded: RecordedCase): Rung {
  const wrong = firstMismatch(result.layers);
  const off = Math.max(
    ...result.results.map(({ outputs }, sample) => logitDifference(outputs.get("logits") ?? [], recorded, sample)),
  );
  const passed = wrong === undefined && result.outputsEqual && off <= LOGIT_TOLERANCE;
  const detail = [
    totals(result.layers),
    `outputs ${result.outputsEqual ? "bit-equal" : "differ"}`,
    `logits within ${off.toExponential(1)} of the recording`,
    cyclesPerSample(result.results),
    ...(wrong === undefined ? [] : [wrong]),
  ];
  return { name, status: passed ? "passed" : "failed", detail: detail.join("; "), layers: result.layers };
}

/** The fast simulator against the plain one: cycles, engine states, conflicts, counters, outputs and spikes of every sample. */
function eventRung(name: string, program: Program, { layers, results }: ChipAgreement, recorded: RecordedCase): Rung {
  const difference = compareRuns(createEvent(program), program, recorded, results);
  const detail =
    difference ?? `cycles, engine states, conflicts, counters and spikes equal; ${cyclesPerSample(results)}`;
  return { name, status: difference === undefined ? "passed" : "failed", detail, layers };
}
