import { printNet, verifyNet, type Net } from "../ir/index.js";
import { canonicalize } from "./canonicalize.js";
import { dropDead } from "./drop-dead.js";
import { quantize } from "./quantize.js";
import { foldBatchnorm } from "./fold-batchnorm.js";
import { foldThresholds } from "./fold-thresholds.js";
import { mergeProjections } from "./merge-projections.js";
import type { Pass, PipelineStep, SubjectKind } from "./pass.js";
import { parsePipelineWith, type NamedPipeline, type ParsedPipeline } from "./pipeline.js";
import { sparsifyTopK } from "./sparsify-top-k.js";
import { runSteps, type PipelineRun, type RunOptions } from "./run.js";

export * from "./pass.js";
export { passDiagnostics } from "./diagnostics.js";
export type { Calibration } from "./calibration.js";
export { FACTS, INTEGERS_ONLY, NO_BATCHNORM, NO_FOLDABLE_BATCHNORM } from "./facts.js";
export { describeOption, printOption } from "./options.js";
export * from "./pipeline.js";
export { sparsifyTopK } from "./sparsify-top-k.js";
export { selectableTokens } from "./token-selections.js";
export * from "./run.js";

/** Every pass on nets, written out by hand; adding a pass is its file and its line here. */
export const PASSES: readonly Pass[] = [
  canonicalize,
  dropDead,
  foldBatchnorm,
  foldThresholds,
  mergeProjections,
  quantize,
  sparsifyTopK,
];

/** Named pipelines, with the reason for each pass. */
export const PIPELINES: readonly NamedPipeline[] = [
  {
    name: "import",
    summary: "what every importer runs: a net at spike level, in canonical form",
    entries: [
      { pass: "fold-batchnorm", reason: "a net at spike level has no batch norm; it also leaves fewer values" },
      { pass: "canonicalize", reason: "importers translate layer by layer and leave ops that change nothing" },
      {
        pass: "drop-dead",
        reason: "folding leaves constants without a reader, models carry heads that are not asked for",
      },
    ],
  },
  {
    name: "exact",
    summary: "simplifications that keep every bit of every output",
    entries: [
      { pass: "canonicalize", reason: "removes ops that change nothing, so that other passes see through them" },
      { pass: "drop-dead", reason: "removes what lost its last reader, and branches that are always 0" },
    ],
  },
  {
    name: "folded",
    summary: "a spike path without multipliers: trained weights, integer attention, thresholds per channel",
    entries: [
      { pass: "fold-thresholds", reason: "first, while batch norms still stand between weights and neurons" },
      { pass: "fold-batchnorm", reason: "the batch norms that are left feed streams: they go into weights" },
      { pass: "canonicalize", reason: "thresholds that are the same in every channel become numbers" },
      { pass: "drop-dead", reason: "folding leaves statistics and conversions without a reader" },
    ],
  },
  {
    name: "sparse",
    summary: "half of the tokens in every attention; say another k with sparsify-top-k{k=...} behind import",
    entries: [
      { pass: "fold-batchnorm", reason: "keys and values are found behind plain projections" },
      { pass: "sparsify-top-k", reason: "attention on the most important tokens alone" },
      { pass: "canonicalize", reason: "importers translate layer by layer and leave ops that change nothing" },
      { pass: "drop-dead", reason: "removes what lost its last reader" },
    ],
  },
  {
    name: "quantized",
    summary: "a net that computes in integers from the picture to the logits",
    entries: [
      { pass: "fold-thresholds", reason: "neurons keep trained weights, whose range per channel is theirs alone" },
      {
        pass: "fold-batchnorm",
        reason: "integers have no batch norm: its scale and shift must be in weights and biases",
      },
      { pass: "canonicalize", reason: "ops that change nothing would round once more, or hide a stream" },
      { pass: "drop-dead", reason: "what nothing reads needs no unit and must not widen a stream" },
      { pass: "quantize", reason: "weights of few bits, integer potentials and streams, with proved ranges" },
      { pass: "canonicalize", reason: "thresholds that became equal in all channels become one number" },
      { pass: "drop-dead", reason: "the real weights have lost their readers" },
    ],
  },
];

export const netSubject: SubjectKind<Net> = { verify: verifyNet, print: (net) => printNet(net), passes: PASSES };

/** Reads a pipeline of passes on nets. */
export function parsePipeline(source: string, file?: string): ParsedPipeline {
  return parsePipelineWith(source, { passes: PASSES, pipelines: PIPELINES }, file);
}

/** Runs passes on a net; see {@link runSteps}. */
export function runPipeline(net: Net, steps: readonly PipelineStep[], options: RunOptions = {}): PipelineRun<Net> {
  return runSteps(net, steps, netSubject, options);
}
