import type { Activity, Layer } from "../activity.js";
import {
  firingOf,
  isLack,
  mean,
  perLayer,
  productOps,
  show,
  type Convention,
  type Counted,
  type Lack,
} from "./convention.js";
import { hookedDense, hookedOps, hookedRow, timesOf } from "./hooked.js";

const NAME = "spikingformer";

function opsOf(layer: Layer, timesteps: number) {
  const times = timesOf(layer, timesteps);
  return hookedOps(layer, times, layer.outputs * times);
}

/** Mean rate of an operand's neurons. */
function rateOf(index: number, layer: Layer, activity: Activity): number | Lack {
  const input = layer.inputs[index]!;
  const [neuron = "its input"] = input.neurons;
  if (activity.shared.has(neuron)) return { lacks: `the rate of \`${neuron}\` apart from those that it was added to` };
  const firing = firingOf(input, activity);
  return firing === undefined ? { lacks: `the firing rate of \`${neuron}\`` } : mean(firing);
}

/** The smaller of the rates of k and v bounds how often both fire; q adds by its own. */
function attentionRow(layer: Layer, activity: Activity): readonly Counted[] | Lack {
  const { attention, name, result } = layer;
  if (attention === undefined) return [];
  const { operands } = attention;
  const rates: Partial<Record<"q" | "k" | "v", number>> = {};
  for (const [operand, index] of Object.entries(operands)) {
    const rate = rateOf(index, layer, activity);
    if (isLack(rate)) return rate;
    rates[operand as keyof typeof operands] = rate;
  }
  const { q = 0, k = 0, v = 0 } = rates;
  const both = Math.min(k, v);
  const ops = activity.timesteps * productOps(attention);
  const how = `T h N d² ${show(ops)} x (min of k, v ${show(both)} + q ${show(q)})`;
  return [{ layer: name, result, what: "ac", count: activity.samples * ops * (both + q), how }];
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
    perLayer(NAME, layers, report, (layer) => {
      if (layer.kind === "attention") return attentionRow(layer, activity);
      if (layer.weighted === undefined) return [];
      return hookedRow(layer, opsOf(layer, activity.timesteps), activity);
    }),
  dense(layer, timesteps) {
    const { attention } = layer;
    if (attention === undefined) return hookedDense(layer, opsOf(layer, timesteps));
    const ops = productOps(attention) * attention.products.length;
    return { macs: ops, full: [{ what: "ac", count: ops * timesteps }] };
  },
};
