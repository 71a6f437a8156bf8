import { sum } from "../../math/numbers.js";
import type { Layer } from "../activity.js";
import { perLayer, show, type Convention } from "./convention.js";
import { hookedDense, hookedOps, hookedRow, timesOf } from "./hooked.js";

const NAME = "syops-counter";

function opsOf(layer: Layer, timesteps: number) {
  const times = timesOf(layer, timesteps);
  // The hook of nn.Linear adds the biases of one row, whatever it is called with.
  return hookedOps(layer, times, layer.weighted?.linear === true ? layer.outputs : layer.outputs * times);
}

export const syopsCounter: Convention = {
  name: NAME,
  summary: "syops-counter: hooks on modules, batch norms, pools and neurons in the totals",
  source: "iCGY96/syops-counter, syops/ops.py",
  includes: [
    "convolutions, linear layers and the head, biases with them: AC x mean rate where the input holds only 0 and 1, else MAC",
    "batch norms: two operations per element, MAC on reals; pools: one per input element",
    "neurons: one AC per neuron and timestep, at rate 1",
  ],
  excludes: ["attention products, masks, residual additions, means (no modules)", "memories, routing, static power"],
  firstLayer: "T times: the tool sees the repeated picture",
  heads: "attention is not counted",
  rates: "inputs of the module, behind pooling, as one mean over all timesteps",
  count: ({ layers, activity }, report) =>
    perLayer(NAME, layers, report, (layer) => {
      const times = timesOf(layer, activity.timesteps);
      const elements = sum(layer.inputs.map((input) => input.elements)) * times;
      const { name, result } = layer;
      switch (layer.kind) {
        case "conv":
        case "dense":
          return hookedRow(layer, opsOf(layer, activity.timesteps), activity);
        case "norm":
          return hookedRow(layer, { count: 2 * elements, how: `2 x ${show(elements)} elements` }, activity);
        case "pool":
          return hookedRow(layer, { count: elements, how: `${show(elements)} elements` }, activity);
        case "neuron": {
          const count = layer.outputs * activity.timesteps;
          return [{ layer: name, result, what: "ac", count: activity.samples * count, how: `${show(count)} updates` }];
        }
        default:
          return [];
      }
    }),
  dense: (layer, timesteps) => hookedDense(layer, opsOf(layer, timesteps)),
};
