import {
  isWeighted,
  channelsOf,
  checkOp,
  outputsOf,
  sameType,
  slotSize,
  usersOf,
  valueTypes,
  type AttrValue,
  type Constant,
  type Net,
  type Op,
  type ValueType,
  type Weights,
} from "../ir/index.js";
import { onlyReader } from "./batch-norm-chain.js";
import { definePass } from "./pass.js";
import { freeName, ValueNames } from "./rewrite.js";

/** Ops with the same key do the same work on the same value, with other output channels. */
function keyOf(op: Op, weights: Weights): string {
  const attrs = Object.entries(op.attrs).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([op.name, op.operands, attrs, weights.shape.slice(0, -1)]);
}

/** Output channels of all, side by side; each keeps its grid. */
function concatenated(parts: readonly Weights[]): Weights {
  const [first] = parts;
  const rows = first === undefined ? 0 : first.mantissa.length / outputsOf(first);
  const out = parts.reduce((n, part) => n + outputsOf(part), 0);
  const merged = {
    mantissa: new Int32Array(rows * out),
    exponent: new Int32Array(out),
    bias: new Float64Array(out),
  };
  let from = 0;
  for (const part of parts) {
    const width = outputsOf(part);
    for (let i = 0; i < rows; i++) {
      merged.mantissa.set(part.mantissa.subarray(i * width, (i + 1) * width), i * out + from);
    }
    merged.exponent.set(part.exponent, from);
    merged.bias.set(part.bias, from);
    from += width;
  }
  return { kind: "weights", shape: [...(first?.shape.slice(0, -1) ?? []), out], ...merged };
}

interface Merged {
  /** The weighted op, then a slice for each op of the group. */
  readonly op: Op;
  readonly slices: ReadonlyMap<Op, Op>;
  readonly constant: Constant;
}

/** The merged op of a group, or nothing where the result's type would change (the range of an integer current). */
function mergedOp(
  group: readonly (readonly [Op, Weights])[],
  types: ReadonlyMap<string, ValueType>,
  names: ValueNames,
  symbol: string,
): Merged | undefined {
  const [head] = group;
  if (head === undefined) return undefined;
  const [first] = head;
  const constant = concatenated(group.map(([, weights]) => weights));
  const constants = new Map([[symbol, constant]]);
  const { name, operands, attrs } = first;
  const draft = { name, operands, attrs, symbols: [symbol], result: names.add(first.result, "merged") };
  const operandTypes = operands.flatMap((operand) => types.get(operand) ?? []);
  const checked = checkOp(draft, operandTypes, constants);
  if (!("type" in checked)) return undefined;
  const slices = new Map<Op, Op>();
  let from = 0;
  for (const [op] of group) {
    const count = channelsOf(op.type);
    const sliceAttrs: Record<string, AttrValue> = { from, count };
    const { result, type, layer, origin } = op;
    const identity = { ...(layer === undefined ? {} : { layer }), ...(origin === undefined ? {} : { origin }) };
    const slice = { name: "channels.slice", operands: [draft.result], symbols: [], attrs: sliceAttrs, result, type };
    const sliced = checkOp(slice, [checked.type], constants);
    if (!("type" in sliced) || !sameType(sliced.type, type)) return undefined;
    slices.set(op, { ...slice, ...identity });
    from += count;
  }
  const origin = first.origin === undefined ? {} : { origin: first.origin };
  return { op: { ...draft, type: checked.type, ...origin }, slices, constant };
}

export const mergeProjections = definePass({
  name: "merge-projections",
  summary: "weighted ops that read the same value become one, and slices of its channels",
  description: `[y1 y2 ...] = x [W1 W2 ...] + [b1 b2 ...]; yi = channels.slice of the result: q, k, v of an attention read the spikes once.
Merged are convolutions, or dense layers, of the same operand with the same window and result. Each output channel keeps its weights, its
grid and its order of summation, so every result is bit-equal. Layer names move to the slices. An op stays where the type of its
result would change: integer currents of different ranges, or of different grids. Not in a default pipeline: run it after
the foldings, which look for a batch norm or neuron directly behind a weighted op. The layer-by-layer chip reads slices in place where they
start at a multiple of its lanes, but then keeps the currents of all of them in data memory instead of firing at once.`,
  options: {},
  counters: {
    "projections-merged": "weighted ops that became slices of another",
    "slices-added": "channels.slice ops added",
    "currents-kept": "projections read by one neuron alone, which chips that fuse the two now keep in memory",
  },
  exactness: { kind: "exact" },
  idempotent: true,
  requires: [],
  ensures: [],
  mayEnsure: [],
  run(net, context) {
    const types = valueTypes(net);
    const users = usersOf(net);
    const unfused: string[][] = [];
    const names = new ValueNames(net);
    const groups = new Map<string, (readonly [Op, Weights])[]>();
    for (const op of net.ops) {
      const weights = net.constants.get(op.symbols[0] ?? "");
      if (!isWeighted(op) || weights?.kind !== "weights") continue;
      const key = keyOf(op, weights);
      groups.set(key, [...(groups.get(key) ?? []), [op, weights]]);
    }
    const constants = new Map(net.constants);
    const replacement = new Map<Op, readonly Op[]>();
    for (const group of groups.values()) {
      const [head] = group;
      if (head === undefined || group.length < 2) continue;
      const symbol = freeName(`${head[0].symbols[0] ?? ""}.merged`, constants);
      const merged = mergedOp(group, types, names, symbol);
      if (merged === undefined) continue;
      constants.set(symbol, merged.constant);
      for (const [op] of group) {
        const slice = merged.slices.get(op) ?? op;
        replacement.set(op, op === head[0] ? [merged.op, slice] : [slice]);
      }
      context.count("projections-merged", group.length);
      context.count("slices-added", group.length);
      for (const [op] of group) {
        const neuron = onlyReader(net, op.result, users);
        if (neuron?.name !== "neuron.lif") continue;
        context.count("currents-kept");
        const words = `${slotSize(op.type)} currents per timestep`;
        unfused.push([op.origin ?? op.symbols[0] ?? op.result, neuron.layer?.name ?? `%${neuron.result}`, words]);
      }
    }
    if (unfused.length > 0) {
      const header = ["projection", "neuron", "kept between them"];
      context.table({ title: "no longer fused with their neuron", header, rows: unfused });
    }
    return netWith(net, replacement, constants);
  },
  examples: [
    {
      doc: "two projections of the same spikes",
      pipeline: "merge-projections,drop-dead",
      before: `net @example(%s: spike<2t, 2>) -> (q: real<2t, 1>, k: real<2t, 2>) {
  const @wq : weights<2x1> = [1, 2]
  const @wk : weights<2x2> = [0.5, 3, 0.25, -1] + [1, 0]
  %q = synapse.dense %s, @wq : real<2t, 1>
  %k = synapse.dense %s, @wk : real<2t, 2>
  return %q, %k
}`,
      after: `net @example(%s: spike<2t, 2>) -> (q: real<2t, 1>, k: real<2t, 2>) {
  const @wq.merged : weights<2x3> = [1, 0.5, 3, 2, 0.25, -1] + [0, 1, 0]
  %q.merged = synapse.dense %s, @wq.merged : real<2t, 3>
  %q = channels.slice %q.merged {from = 0, count = 1} : real<2t, 1>
  %k = channels.slice %q.merged {from = 1, count = 2} : real<2t, 2>
  return %q, %k
}`,
    },
  ],
});

function netWith(net: Net, replacement: ReadonlyMap<Op, readonly Op[]>, constants: Net["constants"]): Net {
  if (replacement.size === 0) return net;
  return { ...net, ops: net.ops.flatMap((op) => replacement.get(op) ?? [op]), constants };
}
