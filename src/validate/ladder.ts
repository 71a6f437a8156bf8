import type { Chip } from "../chips/index.js";
import { internalError, type Report } from "../diagnostics/index.js";
import type { LinearKernels, Net } from "../ir/index.js";
import { chipRungs, type TimeBlock } from "./chip-rungs.js";
import { loihiRungs } from "./loihi-rungs.js";
import type { RecordedCase } from "./recorded-case.js";
import { replay, type Replay } from "./replay.js";
import { firstMismatch, LOGIT_TOLERANCE, runNamed, totals, type Rung } from "./rung.js";

/** The validation ladder (evaluator ↔ recording, passes, chip ↔ evaluator), one rung after the other. */

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

export interface LadderOptions {
  readonly chips: readonly Chip[];
  /** TensorFlow.js kernels, or why there are none. */
  readonly tfjs: { readonly kernels: LinearKernels; readonly backend: string } | { readonly reason: string };
  readonly timeBlock?: TimeBlock;
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
    const own =
      chip.target === "loihi"
        ? loihiRungs(chip, net, recorded, report)
        : chipRungs(chip, { net, imported }, recorded, options, report);
    own.forEach(add);
  }
  for (const pipeline of ["quantized", "sparse"]) add(boundedRung(pipeline, net, recorded));
  return rungs;
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
