import {
  defineOp,
  instant,
  newSlot,
  only,
  problem,
  type AttrDefinition,
  type OpView,
  type Problem,
  type Slot,
} from "../op.js";
import {
  channelsOf,
  int,
  joinTime,
  positionsOf,
  printType,
  REAL,
  sameShape,
  timestepsOf,
  type ValueType,
} from "../types.js";

const HEADS: AttrDefinition = { type: "int", min: 1, doc: "number of heads; channel = head * d + j" };
const CHUNK: AttrDefinition = { type: "int", min: 1, doc: "timesteps attended together; must divide the timesteps" };

function checkChunk(timesteps: number, chunk: number): Problem | undefined {
  if (timesteps % chunk === 0) return undefined;
  const legal = Array.from({ length: timesteps }, (_, i) => i + 1).filter((c) => timesteps % c === 0);
  return problem("chunk", `chunk ${chunk} does not divide ${timesteps} timesteps`, `use chunk = ${legal.join(", ")}`);
}

/** The rules shared by the attentions: equal shapes, one value per timestep, heads and chunk that divide. */
function checkOperands(view: OpView): Problem | undefined {
  const first = view.operand(0);
  for (const type of view.operandTypes) {
    if (!sameShape(type.shape, first.shape) || type.time.period !== 1) {
      return problem(
        "shape-mismatch",
        `\`${view.op.name}\` needs equal spikes per timestep, got ${printType(first)} and ${printType(type)}`,
      );
    }
  }
  const heads = view.number("heads");
  if (channelsOf(first) % heads !== 0)
    return problem("attribute", `${heads} heads do not divide ${channelsOf(first)} channels`);
  return checkChunk(timestepsOf(first.time), view.number("chunk"));
}

/** Adds K^T V of one timestep to the counters [heads, d, d]: counters[h, i, j] += k[n, h*d + i] AND v[n, h*d + j]. */
function addKv(counters: Int32Array, k: Slot, v: Slot, tokens: number, channels: number, heads: number): void {
  const d = channels / heads;
  for (let n = 0; n < tokens; n++) {
    for (let e = 0; e < channels; e++) {
      if (k[n * channels + e] === 0) continue;
      const head = Math.floor(e / d);
      for (let j = 0; j < d; j++) counters[e * d + j]! += v[n * channels + head * d + j]!;
    }
  }
}

/** The counters of one chunk, [heads, d, d]. */
export function chunkCounters(ks: readonly Slot[], vs: readonly Slot[], type: ValueType, heads: number): Int32Array {
  const channels = channelsOf(type);
  const counters = new Int32Array((channels * channels) / heads);
  for (const [t, k] of ks.entries()) addKv(counters, k, vs[t]!, positionsOf(type), channels, heads);
  return counters;
}

/** O[n, h*d + j] = sum over e of q[n, h*d + e] * a[h, e, j], in f32 with e ascending, each addition rounded. */
function sequentialQ(q: Slot, a: Float32Array, tokens: number, channels: number, d: number): Float32Array {
  const out = new Float32Array(tokens * channels);
  for (let n = 0; n < tokens; n++) {
    for (let e = 0; e < channels; e++) {
      if (q[n * channels + e] === 0) continue;
      const base = n * channels + Math.floor(e / d) * d;
      for (let j = 0; j < d; j++) out[base + j] = out[base + j]! + a[e * d + j]!;
    }
  }
  return out;
}

function integerQ(q: Slot, a: Slot, tokens: number, channels: number, d: number): Int32Array {
  const out = new Int32Array(tokens * channels);
  for (let n = 0; n < tokens; n++) {
    for (let e = 0; e < channels; e++) {
      if (q[n * channels + e] === 0) continue;
      const base = n * channels + Math.floor(e / d) * d;
      for (let j = 0; j < d; j++) out[base + j]! += a[e * d + j]!;
    }
  }
  return out;
}

const QKV_EXAMPLE_IO = { q: [1, 0, 0, 1], k: [1, 1, 0, 1], v: [1, 0, 1, 1] };

export const statten = defineOp({
  name: "attention.statten",
  summary: "spatial-temporal attention over chunks of timesteps (STAtten)",
  doc: `Per head, the tokens of all \`chunk\` timesteps are joined: A = scale * K^T V over chunk * N rows, O = Q A
sum = exact:      O = fl32(scale * S), S the integer Q (K^T V); right for dyadic scales, where every order agrees
sum = sequential: A = fl32(K^T V * fl32(scale)), O = f32 sum over the head channels in ascending order, each addition rounded
Not causal inside a chunk: the output at t needs k and v up to the end of t's chunk (STAtten, Lee et al., CVPR 2025, and its module/ms_conv.py; the order of the
sequential rule is the one that reproduces the official code bit for bit). chunk = 1 is attention per timestep.`,
  operands: [
    { name: "q", accepts: "spike", doc: "queries, tokens x channels" },
    { name: "k", accepts: "spike", doc: "keys", future: true },
    { name: "v", accepts: "spike", doc: "values", future: true },
  ],
  symbols: [],
  attrs: {
    heads: HEADS,
    chunk: CHUNK,
    scale: { type: "number", doc: "sigma: 1/H for a static H x H token grid" },
    sum: { type: "word", oneOf: ["exact", "sequential"], default: "exact", doc: "rounding rule of Q A" },
  },
  temporal: (view) => ({ kind: "chunked", chunk: view.number("chunk") }),
  spatial: "layer",
  infer(view) {
    const q = view.operand(0);
    return checkOperands(view) ?? { number: REAL, time: q.time, shape: q.shape };
  },
  step({ view, type }, _state, [qs, ks, vs]) {
    const heads = view.number("heads");
    const channels = channelsOf(type);
    const [tokens, d] = [positionsOf(type), channels / heads];
    const counters = chunkCounters(ks ?? [], vs ?? [], type, heads);
    const scale = view.number("scale");
    if (view.word("sum") === "exact") {
      return (qs ?? []).map((q) => Float32Array.from(integerQ(q, counters, tokens, channels, d), (s) => s * scale));
    }
    const scaled = Float32Array.from(counters, (a) => a * Math.fround(scale));
    return (qs ?? []).map((q) => sequentialQ(q, scaled, tokens, channels, d));
  },
  examples: [
    {
      text: `net @example(%q: spike<2t, 1x2>, %k: spike<2t, 1x2>, %v: spike<2t, 1x2>) -> real<2t, 1x2> {
  %o = attention.statten %q, %k, %v {heads = 1, chunk = 2, scale = 0.5} : real<2t, 1x2>
  return %o
}`,
      inputs: QKV_EXAMPLE_IO,
      outputs: { o: [0.5, 0, 1, 0.5] },
    },
    {
      text: `net @example(%q: spike<2t, 1x2>, %k: spike<2t, 1x2>, %v: spike<2t, 1x2>) -> real<2t, 1x2> {
  %o = attention.statten %q, %k, %v {heads = 1, chunk = 1, scale = 0.5} : real<2t, 1x2>
  return %o
}`,
      inputs: QKV_EXAMPLE_IO,
      outputs: { o: [0.5, 0, 0.5, 0.5] },
    },
  ],
});

export const attentionKv = defineOp({
  name: "attention.kv",
  summary: "K^T V of a chunk: integer counters per head",
  doc: `A[h, i, j] = sum over the chunk's timesteps and tokens of k[n, h*d + i] AND v[n, h*d + j]
One value per chunk; at most chunk * N. The first half of a lowered STAtten.`,
  operands: [
    { name: "k", accepts: "spike", doc: "keys, tokens x channels", future: true },
    { name: "v", accepts: "spike", doc: "values", future: true },
  ],
  symbols: [],
  attrs: { heads: HEADS, chunk: CHUNK },
  temporal: (view) => ({ kind: "chunked", chunk: view.number("chunk") }),
  spatial: "layer",
  infer(view) {
    const failed = checkOperands(view);
    if (failed !== undefined) return failed;
    const k = view.operand(0);
    const [chunk, heads] = [view.number("chunk"), view.number("heads")];
    const d = channelsOf(k) / heads;
    const time = { count: timestepsOf(k.time) / chunk, period: chunk };
    return { number: int(0, chunk * positionsOf(k)), time, shape: [heads, d, d] };
  },
  step({ view }, _state, [ks, vs]) {
    return [chunkCounters(ks ?? [], vs ?? [], view.operand(0), view.number("heads"))];
  },
  examples: [
    {
      text: `net @example(%k: spike<2t, 1x2>, %v: spike<2t, 1x2>) -> count<1t/2, 1x2x2, max 2> {
  %a = attention.kv %k, %v {heads = 1, chunk = 2} : count<1t/2, 1x2x2, max 2>
  return %a
}`,
      inputs: { k: QKV_EXAMPLE_IO.k, v: QKV_EXAMPLE_IO.v },
      outputs: { a: [1, 0, 2, 1] },
    },
  ],
});

export const attentionQ = defineOp({
  name: "attention.q",
  summary: "Q times the counters of its chunk",
  doc: `O[n, h*d + j] = sum over e of q[n, h*d + e] * a[h, e, j], an exact integer
The second half of a lowered STAtten; slower counters hold over their chunk.`,
  operands: [
    { name: "q", accepts: "spike", doc: "queries, tokens x channels" },
    { name: "a", accepts: "int", doc: "counters, heads x d x d, one per chunk" },
  ],
  symbols: [],
  attrs: {},
  temporal: instant,
  spatial: "layer",
  infer(view) {
    const q = view.operand(0);
    const a = view.operand(1);
    const [heads = 0, d = 0, width = 0] = a.shape;
    if (a.number.kind !== "int") return problem("type-mismatch", "`attention.q` needs integer counters");
    if (heads * d !== channelsOf(q) || width !== d) {
      return problem("shape-mismatch", `counters ${printType(a)} do not fit queries ${printType(q)}`);
    }
    const time = joinTime([q.time, a.time]);
    if (time === undefined) {
      return problem("type-mismatch", `${printType(q)} and ${printType(a)} have unrelated time axes`);
    }
    const { lo, hi, exp } = a.number;
    return { number: int(Math.min(0, lo * d), Math.max(0, hi * d), exp), time, shape: q.shape };
  },
  step({ view, type }, _state, [q, a]) {
    const d = view.operand(1).shape[1] ?? 1;
    const out = newSlot(type);
    out.set(integerQ(only(q), only(a), positionsOf(type), channelsOf(type), d));
    return [out];
  },
  examples: [
    {
      text: `net @example(%q: spike<2t, 1x2>, %k: spike<2t, 1x2>, %v: spike<2t, 1x2>) -> count<2t, 1x2, max 4> {
  %a = attention.kv %k, %v {heads = 1, chunk = 2} : count<1t/2, 1x2x2, max 2>
  %o = attention.q %q, %a : count<2t, 1x2, max 4>
  return %o
}`,
      inputs: QKV_EXAMPLE_IO,
      outputs: { o: [1, 0, 2, 1] },
    },
  ],
});
