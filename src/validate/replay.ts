import { sampleFor } from "../frontend/inputs/channels-last.js";
import {
  channelsOf,
  evaluate,
  flatten,
  type Evaluation,
  type LinearKernels,
  type Net,
  type Op,
  type Slot,
} from "../ir/index.js";
import type { Tensor } from "../math/tensor.js";
import { LayerTally, potentialAt, recordedSlot, type LayerAgreement } from "./agreement.js";
import type { RecordedCase, RecordedLayer } from "./recorded-case.js";

/** Running a net on the inputs of a recorded case and comparing every layer with the recording. */

export interface Replay {
  readonly layers: readonly LayerAgreement[];
  /** Largest |logit - recorded logit|. */
  readonly logitDifference: number;
  /** Recorded layers without a counterpart in the net, and spiking layers of the net that were not recorded. */
  readonly unmatched: readonly string[];
}

/** Inputs of one sample for a net with a single input. */
export function netInputs(net: Net, data: Tensor, sample: number): ReadonlyMap<string, Float32Array> {
  return new Map(
    net.inputs.map(({ name, type }) => [
      name,
      sampleFor({ name, slots: type.time.count, shape: type.shape }, data, sample),
    ]),
  );
}

/**
 * Evaluates a net on every sample of a case. Teacher-forced: each layer's result is compared, then replaced by the recorded
 * spikes, so that a layer's inputs are the recorded ones. Free-running: inputs are what the net computed itself.
 */
export function replay(
  net: Net,
  recorded: RecordedCase,
  options: { forced: boolean; kernels?: LinearKernels },
): Replay {
  const byName = new Map(recorded.layers.map((layer) => [layer.name, layer]));
  const tallies = new Map(recorded.layers.map((layer) => [layer.name, new LayerTally(layer.name)]));
  let logitDifference = 0;
  for (let sample = 0; sample < recorded.samples; sample++) {
    const spikes: { op: Op; layer: RecordedLayer; timestep: number; slot: Slot }[] = [];
    const evaluation = evaluate(net, netInputs(net, recorded.input, sample), {
      ...(options.kernels === undefined ? {} : { kernels: options.kernels }),
      intercept: (op, slot, timestep) => {
        const layer = byName.get(op.layer?.name ?? "");
        if (layer === undefined) return slot;
        spikes.push({ op, layer, timestep, slot });
        return options.forced ? Int32Array.from(recordedSlot(layer, op, recorded.timesteps, sample, timestep)) : slot;
      },
    });
    for (const { op, layer, timestep, slot } of spikes) {
      const place = { sample, timestep, channels: channelsOf(op.type), margin: 4 * layer.roundingNoise };
      const expected = recordedSlot(layer, op, recorded.timesteps, sample, timestep);
      const tally = tallies.get(layer.name);
      if (tally === undefined) continue;
      tally.removedChannels = op.layer?.removed?.length ?? 0;
      tally.compare(expected, slot, place, (element) => potentialAt(net, op, evaluation, element, timestep));
    }
    logitDifference = Math.max(logitDifference, logitsOff(evaluation, recorded, sample));
  }
  const names = new Set(net.ops.map((op) => op.layer?.name).filter((name) => name !== undefined));
  const unmatched = [
    ...recorded.layers
      .filter((layer) => !names.has(layer.name))
      .map((layer) => `${layer.name} (recorded, not in the net)`),
    ...[...names].filter((name) => !byName.has(name)).map((name) => `${name} (in the net, not recorded)`),
  ];
  return { layers: [...tallies.values()].map((tally) => tally.finish()), logitDifference, unmatched };
}

function logitsOff(evaluation: Pick<Evaluation, "outputs">, recorded: RecordedCase, sample: number): number {
  const got = flatten(evaluation.outputs.get("logits") ?? []);
  return logitDifference(got, recorded, sample);
}

/** Largest difference of one sample's logits, [classes] or [T, classes], from the recorded ones. */
export function logitDifference(
  got: ArrayLike<number>,
  { logits }: Pick<RecordedCase, "logits">,
  sample: number,
): number {
  const perStep = logits.shape.length === 3;
  const classes = logits.shape[logits.shape.length - 1] ?? 0;
  const [steps, samples] = perStep ? [logits.shape[0] ?? 0, logits.shape[1] ?? 0] : [1, logits.shape[0] ?? 0];
  if (got.length !== steps * classes) return Infinity;
  let largest = 0;
  for (let t = 0; t < steps; t++) {
    for (let c = 0; c < classes; c++) {
      const off = Math.abs(got[t * classes + c]! - logits.data[(t * samples + sample) * classes + c]!);
      if (!(off <= largest)) largest = off;
    }
  }
  return largest;
}
