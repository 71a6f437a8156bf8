import { sum } from "../../math/numbers.js";
import type { Layer } from "../activity.js";
import { needCounts, perLayer, productOps, type Convention } from "./convention.js";

const NAME = "spikingresformer";

/** The first convolution and the classifier are skipped by name in the tool, whatever they read. */
const skipped = (layer: Layer): boolean => layer.beforeNeurons || layer.classifier;

export const spikingresformer: Convention = {
  name: NAME,
  summary: "exact synaptic events, first convolution and classifier left out",
  source: "SpikingResformer (Shi et al., CVPR 2024), SOPMonitor: each layer run again with weights of one",
  includes: [
    "convolutions and linear layers: sum of all inputs x weights that they reach, borders and groups exact",
    "attention: the spiking operand kept, the other one set to one",
  ],
  excludes: [
    "the first convolution and the classifier",
    "biases, batch norms, neurons, pooling, masks, residual additions",
    "memories, routing, static power",
  ],
  firstLayer: "not counted",
  heads: "each head by itself",
  rates: "none: values as they arrive, behind pooling",
  count(work, report) {
    const counts = needCounts(NAME, work, report);
    if (counts === undefined) return undefined;
    return perLayer(NAME, work.layers, report, (layer) => {
      const events = counts.layers.get(layer.result);
      if (events === undefined || skipped(layer)) return [];
      const how = "sum of inputs x weights that they reach";
      return [{ layer: layer.name, result: layer.result, what: "ac", count: sum(events.sop), how }];
    });
  },
  dense(layer) {
    if (skipped(layer)) return undefined;
    const { weighted, attention, moments } = layer;
    const macs = attention === undefined ? weighted?.valid : productOps(attention) * attention.products.length;
    return macs === undefined ? undefined : { macs, full: [{ what: "ac", count: macs * moments }] };
  },
};
