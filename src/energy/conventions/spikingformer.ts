import type { Report } from "../../diagnostics/index.js";
import type { Activity, Layer } from "../activity.js";
import { firingOf, mean, missing, perLayer, productOps, show, type Convention, type Counted } from "./convention.js";
import { hookedDense, hookedOps, hookedRow, timesOf } from "./hooked.js";

const NAME = "spikingformer";

function opsOf(layer: Layer, timesteps: number) {
  const times = timesOf(layer, timesteps);
  return hookedOps(layer, times, layer.outputs * times);
}

/** Mean rate of an operand's neurons; an error where it is not known by itself. */
function rateOf(index: number, layer: Layer, activity: Activity, report: Report): number | undefined {
  const input = layer.inputs[index]!;
  const [neuron = "its input"] = input.neurons;
  if (activity.shared.has(neuron)) {
    return missing(NAME, layer, `the rate of \`${neuron}\` apart from those that it was added to`, report);
  }
  const firing = firingOf(input, activity);
  return firing === undefined ? missing(NAME, layer, `the firing rate of \`${neuron}\``, report) : mean(firing);
}

/** The smaller of the rates of k and v bounds how often both fire; q adds by its own. */
function attentionRow(layer: Layer, activity: Activity, report: Report): readonly Counted[] | undefined {
  const { attention, name, result } = layer;
  if (attention === undefined) return [];
  const rates = (indices: readonly (number | undefined)[]) =>
    indices.flatMap((i) => (i === undefined ? [] : [rateOf(i, layer, activity, report)]));
  const { q, k, v } = attention.operands;
  const [both, queries] = [rates([k, v]), rates([q])];
  if ([...both, ...queries].includes(undefined)) return undefined;
  const kv = both.length === 0 ? 0 : Math.min(...both.map((rate) => rate ?? 0));
  const qa = queries[0] ?? 0;
  const ops = activity.timesteps * productOps(attention);
  const how = `T h N d² ${show(ops)} x (min of k, v ${show(kv)} + q ${show(qa)})`;
  return [{ layer: name, result, what: "ac", count: activity.samples * ops * (kv + qa), how }];
}

export const spikingformer: Convention = {
  name: NAME,
  summary: "the Spikformer family's tool: hooks on modules, a binary test per tensor",
  source: "zhouchenlin2096/Spikingformer, energy_consumption_calculation (flops_counter.py, ops.py with Nspks_max = 1)",
  includes: [
    "convolutions, linear layers and the head, biases with them: AC x mean rate where the input holds only 0 and 1, else MAC",
    "attention: T h N d² (min(rate of k, rate of v) + rate of q)",
  ],
  excludes: [
    "batch norms, neurons, pooling (recorded by the tool, left out of its sum)",
    "masks, residual additions",
    "memories, routing, static power",
  ],
  firstLayer: "T times: the tool sees the repeated picture",
  heads: "used: h N d²",
  rates: "inputs of the module, behind pooling, as one mean over all timesteps; of attention the outputs of q, k and v",
  count: ({ layers, activity }, report) =>
    perLayer(layers, report, (layer) => {
      if (layer.kind === "attention") return attentionRow(layer, activity, report);
      if (layer.weighted === undefined) return [];
      return hookedRow(NAME, layer, opsOf(layer, activity.timesteps), activity, report);
    }),
  dense(layer, timesteps) {
    const { attention } = layer;
    if (attention === undefined) return hookedDense(layer, opsOf(layer, timesteps));
    const ops = productOps(attention) * attention.products.length;
    return { macs: ops, full: [{ what: "ac", count: ops * timesteps }] };
  },
};
