import { sum } from "../../math/numbers.js";
import type { Layer } from "../activity.js";
import type { NetEvent } from "../op-events.js";
import type { ArithmeticEvent } from "../table.js";
import { needCounts, perLayer, productOps, type Convention, type DenseWork } from "./convention.js";

/** What is counted, at which price of the table. */
const EVENTS: readonly { readonly event: NetEvent; readonly price: ArithmeticEvent; readonly how: string }[] = [
  { event: "mac", price: "mac", how: "non-zero inputs x weights that they reach" },
  { event: "ac", price: "ac", how: "spikes x weights that they reach" },
  { event: "kv", price: "kv", how: "spikes of K x channels of a head" },
  { event: "qa", price: "qa", how: "spikes of Q x channels of a head" },
  { event: "add", price: "add", how: "elements added" },
  { event: "bias", price: "add", how: "biases added, batch norms folded" },
  { event: "bit", price: "bit", how: "AND and OR of spikes" },
  { event: "compare", price: "compare", how: "comparisons of pools" },
  { event: "update", price: "update", how: "neurons x timesteps" },
];

function dense({ weighted, attention, moments, inputs }: Layer): DenseWork | undefined {
  if (attention !== undefined) {
    const ops = productOps(attention);
    const full = attention.products.map((what) => ({ what, count: ops * moments }));
    return { macs: ops * attention.products.length, full };
  }
  if (weighted === undefined) return undefined;
  const spikes = inputs[0]?.class === "spike";
  return { macs: weighted.valid, full: spikes ? [{ what: "ac", count: weighted.valid * moments }] : [] };
}

export const event: Convention = {
  name: "event",
  summary: "every event that happens, at its place",
  source: "spikec's own counter (src/energy/count.ts)",
  includes: [
    "additions and multiplications of every non-zero input with the weights that it reaches, head included",
    "attention, additions of residual streams, means and sums, biases (a batch norm counts as one)",
    "neuron updates, AND/OR and comparisons where the table prices them; else they are listed without a price",
  ],
  excludes: [
    "gains of batch norms (folded into weights)",
    "scale factors of attention",
    "memories, routing, static power",
  ],
  firstLayer: "once for a static picture, at each timestep for frames",
  heads: "each head by itself: N D² / heads",
  rates: "none: spikes as they arrive, behind pooling, without taps outside the map",
  count(work, report) {
    const counts = needCounts("event", work, report);
    if (counts === undefined) return undefined;
    return perLayer("event", work.layers, report, ({ name, result }) => {
      const events = counts.layers.get(result);
      if (events === undefined) return [];
      return EVENTS.map(({ event: kind, price, how }) => ({
        layer: name,
        result,
        what: price,
        count: sum(events[kind]),
        how,
      }));
    });
  },
  dense,
};
