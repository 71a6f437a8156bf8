import type { Activity, Layer } from "../activity.js";
import { mean, show, type Counted, type DenseWork, type Lack } from "./convention.js";

/** What the tools with hooks on PyTorch modules share: tensors of all timesteps, tested for being binary as a whole. */

/** How often a module computes: code that repeats a picture runs all that lies before the first neuron at each timestep. */
export function timesOf(layer: Layer, timesteps: number): number {
  return layer.beforeNeurons ? timesteps : layer.moments;
}

/** Operations of a module on one input: AC at the input's mean rate if it holds only 0 and 1, MAC at rate 1 if not. */
export function hookedRow(
  layer: Layer,
  ops: { readonly count: number; readonly how: string },
  activity: Activity,
): readonly Counted[] | Lack {
  const input = activity.inputs.get(layer.result)?.[0];
  if (input === undefined) return { lacks: "the mean of its input behind pooling" };
  const { name, result } = layer;
  const { samples } = activity;
  if (!input.binary)
    return [{ layer: name, result, what: "mac", count: samples * ops.count, how: `${ops.how}, not binary` }];
  const rate = mean(input.mean);
  return [
    {
      layer: name,
      result,
      what: "ac",
      count: samples * ops.count * rate,
      how: `(${ops.how}) x mean rate ${show(rate)}`,
    },
  ];
}

/** Operations of a convolution or linear layer over all timesteps, biases included. */
export function hookedOps({ weighted }: Layer, times: number, biases: number) {
  const ops = weighted?.dense ?? 0;
  const bias = weighted?.bias === true ? biases : 0;
  const how = `F ${show(ops)} x ${times}${bias === 0 ? "" : ` + biases ${show(bias)}`}`;
  return { count: ops * times + bias, how };
}

export function hookedDense({ weighted, inputs }: Layer, ops: { readonly count: number }): DenseWork | undefined {
  if (weighted === undefined) return undefined;
  const spikes = inputs[0]?.class === "spike";
  return { macs: weighted.dense, full: spikes ? [{ what: "ac", count: ops.count }] : [] };
}
