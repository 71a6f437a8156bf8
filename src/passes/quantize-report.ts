import { argmax } from "../math/tensor.js";
import { evaluate, flatten, type Net, type Op, type Slot } from "../ir/index.js";
import type { Calibration } from "./calibration.js";
import type { PassTable } from "./pass.js";

/** Spikes of one layer in both nets. */
interface LayerCount {
  compared: number;
  equal: number;
  before: number;
  after: number;
}

export interface Comparison {
  readonly layers: ReadonlyMap<string, Readonly<LayerCount>>;
  readonly samples: number;
  /** Samples whose largest output is another one. */
  readonly changed: number;
  /** Correct predictions, where labels are given. */
  readonly right: { readonly before: number; readonly after: number } | undefined;
}

/** The class of a net's first output: per-timestep outputs are summed over time. */
function predicted(outputs: ReadonlyMap<string, readonly Slot[]>): number {
  const [first = []] = outputs.values();
  const sums = new Float64Array(first[0]?.length ?? 0);
  for (const slot of first) for (let i = 0; i < sums.length; i++) sums[i]! += slot[i]!;
  return argmax(sums.length === 0 ? flatten(first) : sums) ?? 0;
}

/** Runs both nets on every calibration input, each on its own spikes, and compares layer by layer. */
export function compareNets(before: Net, after: Net, { samples, labels }: Calibration): Comparison {
  const layers = new Map<string, LayerCount>();
  for (const op of before.ops) {
    if (op.layer !== undefined) layers.set(op.layer.name, { compared: 0, equal: 0, before: 0, after: 0 });
  }
  const right = { before: 0, after: 0 };
  let changed = 0;
  for (const [i, sample] of samples.entries()) {
    const spikes = new Map<string, Slot[]>();
    const remember = (op: Op, slot: Slot): Slot => {
      if (op.layer !== undefined) spikes.set(op.layer.name, [...(spikes.get(op.layer.name) ?? []), slot]);
      return slot;
    };
    const real = predicted(evaluate(before, sample, { intercept: remember }).outputs);
    const expected = new Map(spikes);
    spikes.clear();
    const integer = predicted(evaluate(after, sample, { intercept: remember }).outputs);
    for (const [name, count] of layers) {
      const [a, b] = [flatten(expected.get(name) ?? []), flatten(spikes.get(name) ?? [])];
      for (let n = 0; n < a.length; n++) {
        count.compared++;
        if (a[n] === b[n]) count.equal++;
        count.before += a[n]!;
        count.after += b[n] ?? 0;
      }
    }
    if (real !== integer) changed++;
    if (labels !== undefined) {
      right.before += real === labels[i] ? 1 : 0;
      right.after += integer === labels[i] ? 1 : 0;
    }
  }
  return { layers, samples: samples.length, changed, right: labels === undefined ? undefined : right };
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(2)} %`;
}

export function comparisonTables(comparison: Comparison): readonly PassTable[] {
  const { layers, samples, changed, right } = comparison;
  const agreement: PassTable = {
    title: `spikes of the real and the integer net on ${samples} calibration inputs`,
    header: ["layer", "agreement", "rate before", "rate after"],
    rows: [...layers].map(([name, c]) => [
      name,
      percent(c.equal, c.compared),
      percent(c.before, c.compared),
      percent(c.after, c.compared),
    ]),
  };
  const rows = [["predictions changed", `${changed} of ${samples}`]];
  if (right !== undefined) {
    rows.push(["accuracy before", percent(right.before, samples)], ["accuracy after", percent(right.after, samples)]);
    rows.push(["change, points", ((100 * (right.after - right.before)) / samples).toFixed(2)]);
  }
  return [agreement, { title: "predictions", header: ["what", "value"], rows }];
}
