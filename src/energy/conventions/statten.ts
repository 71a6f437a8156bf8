import { sum } from "../../math/numbers.js";
import type { Activity, Layer, LayerInput } from "../activity.js";
import {
  firingOf,
  isLack,
  perLayer,
  show,
  type Convention,
  type Counted,
  type DenseWork,
  type Lack,
} from "./convention.js";

const NAME = "statten";

/** The rate that the paper's tables use: of the neuron layer, before pooling. A masked or summed input has none; its mean stands in. */
function ratesOf(input: LayerInput, index: number, layer: Layer, activity: Activity) {
  const firing = firingOf(input, activity);
  if (firing !== undefined) return { rates: firing, of: input.neurons[0] ?? "" };
  const measured = input.path === "altered" ? activity.inputs.get(layer.result)?.[index]?.mean : undefined;
  if (measured !== undefined) return { rates: measured, of: "the input itself" };
  const [neuron = "an input"] = input.neurons;
  return { lacks: `the firing rate of \`${neuron}\`` };
}

function weightedRow(layer: Layer, activity: Activity): readonly Counted[] | Lack {
  const { name, result, weighted, moments } = layer;
  const [input] = layer.inputs;
  if (weighted === undefined || input === undefined || layer.classifier) return [];
  const { samples } = activity;
  if (input.class === "real") {
    const how = `F ${show(weighted.dense)}${moments === 1 ? ", once" : ` x ${moments} frames`}`;
    return [{ layer: name, result, what: "mac", count: samples * weighted.dense * moments, how }];
  }
  const found = ratesOf(input, 0, layer, activity);
  if (isLack(found)) return found;
  const rates = sum(found.rates);
  const how = `F ${show(weighted.dense)} x sum of rates ${show(rates)} of ${found.of}`;
  return [{ layer: name, result, what: "ac", count: samples * weighted.dense * rates, how }];
}

function attentionRow(layer: Layer, activity: Activity): readonly Counted[] | Lack {
  const { attention, name, result } = layer;
  if (attention === undefined) return [];
  const ops = attention.tokens * attention.channels ** 2;
  const found = Object.values(attention.operands).map((i) => ratesOf(layer.inputs[i]!, i, layer, activity));
  const lack = found.find(isLack);
  if (lack !== undefined) return lack;
  const rates = sum(found.map((f) => (isLack(f) ? 0 : sum(f.rates))));
  const how = `N D² ${show(ops)} x sum of rates ${show(rates)} of ${Object.keys(attention.operands).join(", ")}`;
  return [{ layer: name, result, what: "ac", count: activity.samples * ops * rates, how }];
}

function dense({ weighted, attention, classifier, inputs }: Layer, timesteps: number): DenseWork | undefined {
  if (attention !== undefined) {
    const ops = attention.tokens * attention.channels ** 2;
    const rates = Object.keys(attention.operands).length;
    return { macs: ops * attention.products.length, full: [{ what: "ac", count: ops * rates * timesteps }] };
  }
  if (weighted === undefined || classifier) return undefined;
  const real = inputs[0]?.class === "real";
  return { macs: weighted.dense, full: real ? [] : [{ what: "ac", count: weighted.dense * timesteps }] };
}

export const statten: Convention = {
  name: NAME,
  summary: "STAtten's appendix: operations of a dense layer x sum of firing rates",
  source:
    "STAtten (Lee et al., CVPR 2025), appendix E and table 7; its printed total counts the first convolution once",
  includes: [
    "convolutions and linear layers: F x sum over t of the rate, F with taps outside the map; q, k and v are three such layers",
    "attention: N D² x sum over t of the rates of q, k and v",
    "the first convolution: F multiply-accumulates",
  ],
  excludes: [
    "the head",
    "SDSA's masks",
    "biases, batch norms, neurons, pooling, residual additions",
    "memories, routing, static power",
  ],
  firstLayer:
    "once for a static picture (the appendix; the paper's table 7 prints a factor T), at each timestep for frames",
  heads: "not used: N D² per product, heads times what happens",
  rates: "outputs of the neuron layer in front, before pooling; the mean input where a layer reads masks or sums",
  count: ({ layers, activity }, report) =>
    perLayer(NAME, layers, report, (layer) =>
      layer.kind === "attention" ? attentionRow(layer, activity) : weightedRow(layer, activity),
    ),
  dense,
};
