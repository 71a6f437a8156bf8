import { compileLayerwise, layerwiseCosts, type LayerwiseOptions } from "../backends/layerwise/index.js";
import type { Program } from "../backends/program/index.js";
import type { LayerwiseChip } from "../chips/index.js";
import type { Report } from "../diagnostics/index.js";
import { builtInTable, pricesOf } from "../energy/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import { evaluate, flatten, type Net, type Op } from "../ir/index.js";
import { searchTimeBlocks } from "../passes/block-time.js";
import { parsePipeline, printStep } from "../passes/index.js";
import { createEvent, createStepped, type Machine, type RunResult } from "../sim/layerwise/index.js";
import { ChipTallies, reload, sameValues } from "./on-chip.js";
import type { RecordedCase } from "./recorded-case.js";
import { logitDifference, netInputs } from "./replay.js";
import { firstMismatch, LOGIT_TOLERANCE, runNamed, totals, type Rung } from "./rung.js";
import { compareRuns } from "./simulators.js";

/** The rungs of the ladder that stand on a chip: `stepped` against the evaluator, `event` against `stepped`. */

/** Compares the chip's spikes with those that `evaluate` computes for the compiled net: every layer, every timestep, bit for bit. */
export function chipAgainstEvaluator(
  program: Program,
  net: Net,
  recorded: Pick<RecordedCase, "input" | "samples">,
  machine: Machine = createStepped(program),
) {
  const tallies = new ChipTallies();
  let outputsEqual = true;
  const results: RunResult[] = [];
  for (let sample = 0; sample < recorded.samples; sample++) {
    const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, recorded.input, sample)]));
    const result = machine.run(inputs, { record: true });
    results.push(result);
    const evaluation = evaluate(net, netInputs(net, recorded.input, sample), {
      intercept: (op: Op, slot, timestep) => {
        if (op.layer === undefined) return slot;
        const spikes = result.spikes?.get(op.layer.name);
        const got = spikes?.subarray(timestep * slot.length, (timestep + 1) * slot.length) ?? [];
        tallies.compare(op, slot, got, sample, timestep);
        return slot;
      },
    });
    for (const [name, value] of evaluation.outputs) {
      outputsEqual &&= sameValues(result.outputs.get(name), flatten(value));
    }
  }
  return { layers: tallies.finish(), outputsEqual, results };
}

/** Bits that the widest weight of a net needs, sign included. */
function weightBitsOf(net: Net): number {
  let largest = 0;
  for (const constant of net.constants.values()) {
    if (constant.kind === "weights") for (const m of constant.mantissa) largest = Math.max(largest, Math.abs(m));
  }
  return Math.ceil(Math.log2(largest + 1)) + 1;
}

/** The widest weights that `quantize` makes. */
const QUANTIZED_BITS = 8;

/** The pipeline whose nets a chip can hold: weights wider than the chip's have to be quantised to its width. */
export function pipelineFor(chip: LayerwiseChip, imported: Net): { readonly name: string; readonly text: string } {
  if (weightBitsOf(imported) <= chip.weightBits) return { name: "import", text: "import" };
  const bits = Math.min(QUANTIZED_BITS, chip.weightBits);
  if (bits === QUANTIZED_BITS) return { name: "quantized", text: "quantized" };
  const steps = (parsePipeline("quantized").steps ?? []).map((step) =>
    printStep(step.pass.name === "quantize" ? { ...step, options: { bits } } : step),
  );
  return { name: `quantized to ${bits} bits`, text: steps.join(",") };
}

/** Timesteps that a layer runs before the next one starts, or groups of layers with a time block each, found for the fewest cycles. */
export type TimeBlock = number | "auto";

/** Recorded samples on which the search of time blocks measures activity. */
const ACTIVITY_SAMPLES = 4;

/** How to compile with a time block; undefined, with a report, where none runs on the chip. */
function compileOptions(
  net: Net,
  chip: LayerwiseChip,
  timeBlock: TimeBlock | undefined,
  recorded: Pick<RecordedCase, "input" | "samples">,
  report: Report,
): LayerwiseOptions | undefined {
  if (timeBlock !== "auto") return timeBlock === undefined ? {} : { timeBlock };
  const samples = Math.min(ACTIVITY_SAMPLES, recorded.samples);
  const activity = Array.from({ length: samples }, (_, sample) => netInputs(net, recorded.input, sample));
  const costs = layerwiseCosts(net, chip, { activity, prices: pricesOf(builtInTable(), chip) });
  const found = searchTimeBlocks(net, costs, { objective: "cycles" }, report);
  return found && { schedule: found.chosen.schedule };
}

/**
 * Chip against evaluator, bit for bit, on the net that the chip can run: `imported`, which has to meet the recording as well, or
 * `net` quantised, which is another net, whose distance from the recording is said and not judged.
 */
export function chipRungs(
  chip: LayerwiseChip,
  { net, imported }: { readonly net: Net; readonly imported: Net },
  recorded: Pick<RecordedCase, "input" | "samples" | "logits">,
  { timeBlock }: { readonly timeBlock?: TimeBlock },
  report: Report,
): readonly Rung[] {
  const pipeline = pipelineFor(chip, imported);
  const exact = pipeline.name === "import";
  const nameOf = (what: string): string => `chip ${chip.name}, ${what}${exact ? "" : `, pipeline ${pipeline.name}`}`;
  const { result: compiled, diagnostics } = exact
    ? { result: imported, diagnostics: [] }
    : runNamed(pipeline.text, net, recorded);
  const refused = (detail: string, status: "failed" | "skipped"): readonly Rung[] => [
    { name: nameOf("stepped"), status, detail, layers: [] },
  ];
  if (compiled === undefined) return refused(`refused: ${diagnostics[0]?.message ?? "no reason given"}`, "skipped");
  const options = compileOptions(compiled, chip, timeBlock, recorded, report);
  const program = options && compileLayerwise(compiled, chip, options, report);
  if (program === undefined) {
    return refused(`does not compile: ${report.errors[report.errors.length - 1]?.message ?? ""}`, "failed");
  }
  const loaded = reload(program);
  const agreement = chipAgainstEvaluator(loaded, compiled, recorded);
  return [
    steppedRung(nameOf("stepped"), agreement, exact, recorded),
    eventRung(nameOf("event = stepped"), loaded, agreement, recorded),
  ];
}

type ChipAgreement = ReturnType<typeof chipAgainstEvaluator>;

function cyclesPerSample(results: readonly RunResult[]): string {
  const cycles = results.reduce((sum, result) => sum + result.cycles, 0);
  return `${Math.round(cycles / results.length).toLocaleString("en-US")} cycles per sample`;
}

function steppedRung(
  name: string,
  result: ChipAgreement,
  exact: boolean,
  recorded: Pick<RecordedCase, "logits">,
): Rung {
  const wrong = firstMismatch(result.layers);
  const off = Math.max(
    ...result.results.map(({ outputs }, sample) => logitDifference(outputs.get("logits") ?? [], recorded, sample)),
  );
  const asEvaluated = wrong === undefined && result.outputsEqual;
  const passed = asEvaluated && (!exact || off <= LOGIT_TOLERANCE);
  const detail = [
    ...(asEvaluated && !passed ? ["the chip computes what the evaluator does; the recording differs"] : []),
    ...(exact ? [] : ["against the evaluator of the quantised net"]),
    totals(result.layers),
    `outputs ${result.outputsEqual ? "bit-equal" : "differ"}`,
    `logits within ${off.toExponential(1)} of the recording${exact ? "" : " (not judged)"}`,
    cyclesPerSample(result.results),
    ...(wrong === undefined ? [] : [wrong]),
  ];
  return { name, status: passed ? "passed" : "failed", detail: detail.join("; "), layers: result.layers };
}

/** The fast simulator against the plain one: cycles, engine states, conflicts, counters, outputs and spikes of every sample. */
function eventRung(
  name: string,
  program: Program,
  { layers, results }: ChipAgreement,
  recorded: Pick<RecordedCase, "input">,
): Rung {
  const difference = compareRuns(createEvent(program), program, recorded, results);
  const detail =
    difference ?? `cycles, engine states, conflicts, counters and spikes equal; ${cyclesPerSample(results)}`;
  return { name, status: difference === undefined ? "passed" : "failed", detail, layers };
}
