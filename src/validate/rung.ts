import type { Net } from "../ir/index.js";
import { parsePipeline, runPipeline } from "../passes/index.js";
import type { LayerAgreement } from "./agreement.js";
import type { RecordedCase } from "./recorded-case.js";
import { netInputs } from "./replay.js";

/** One comparison of the ladder. */
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

/** Where the first layer that differs first differs. */
export function firstMismatch(layers: readonly LayerAgreement[]): string | undefined {
  const layer = layers.find((l) => l.mismatches > 0);
  return layer === undefined ? undefined : mismatchText(layer);
}

/** Layers, spikes and mismatches in words. */
export function totals(layers: readonly LayerAgreement[]): string {
  const spikes = layers.reduce((sum, layer) => sum + layer.spikes, 0);
  const wrong = layers.reduce((sum, layer) => sum + layer.mismatches, 0);
  const removed = layers.reduce((sum, layer) => sum + layer.removedChannels, 0);
  const without = removed === 0 ? "" : ` (${removed.toLocaleString("en-US")} channels declared removed)`;
  return `${layers.length} layers${without}, ${spikes.toLocaleString("en-US")} spikes, ${wrong.toLocaleString("en-US")} mismatches`;
}

/** Runs a pipeline, with the recorded inputs to calibrate on. */
export function runNamed(pipeline: string, net: Net, recorded: Pick<RecordedCase, "input" | "samples">) {
  const { steps, diagnostics } = parsePipeline(pipeline);
  if (steps === undefined) return { result: undefined, records: [], diagnostics };
  const samples = Array.from({ length: recorded.samples }, (_, i) => netInputs(net, recorded.input, i));
  return runPipeline(net, steps, { calibration: { samples } });
}
