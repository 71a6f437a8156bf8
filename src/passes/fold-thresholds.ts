import { EXACT_LIMIT, roundHalfEven } from "../math/grid.js";
import {
  channelsOf,
  checkOp,
  outputsOf,
  realTensor,
  slotSize,
  toWeights,
  usersOf,
  valueTypes,
  viewOf,
  type AttrValue,
  type Constant,
  type Net,
  type Op,
  type ValueType,
  type Weights,
} from "../ir/index.js";
import { foldStateless } from "./stateless-neurons.js";
import { composedAffine, normsBehind, onlyReader } from "./batch-norm-chain.js";
import { definePass, type PassContext } from "./pass.js";
import { chainIdentity, changedName, constantReaders, freeName, ValueNames } from "./rewrite.js";

const SMALLEST_NORMAL = 2 ** -126;
/** Integers up to here are exact in f32. */
const EXACT_F32 = 2 ** 24;

/** A neuron for which scaling currents and threshold by the same positive number changes nothing, in real arithmetic. */
function isHomogeneous(net: Net, op: Op | undefined, types: ReadonlyMap<string, ValueType>): op is Op {
  if (op?.name !== "neuron.lif") return false;
  const view = viewOf(net, op, types);
  return view.operand(0).number.kind === "real" && view.number("v_reset") === 0 && view.number("v0") === 0;
}

/** Constants of the new net, and names that are still free. */
class Constants {
  readonly all: Map<string, Constant>;
  private readonly readers: Map<string, number>;

  constructor(net: Net) {
    this.all = new Map(net.constants);
    this.readers = constantReaders(net);
  }

  /** Puts changed weights in the place of the old ones, or beside them where others read those. */
  change(name: string, weights: Weights): string {
    const readers = this.readers.get(name) ?? 0;
    const changed = changedName(name, readers, this.all);
    this.all.set(changed, weights);
    this.readers.set(name, readers - 1);
    return changed;
  }

  /** Thresholds of a neuron as an attribute: one number where all are the same. */
  thresholds(neuron: Op, values: Float32Array): AttrValue {
    const first = values[0] ?? 0;
    if (values.every((value) => value === first)) return first;
    const name = freeName(`${neuron.layer?.name ?? neuron.result}.v_th`, this.all);
    this.all.set(name, realTensor([values.length], values));
    return { symbol: name };
  }
}

function thresholdsOf(net: Net, neuron: Op, types: ReadonlyMap<string, ValueType>): Float32Array {
  return viewOf(net, neuron, types).perChannel("v_th", channelsOf(neuron.type));
}

/** Weights and thresholds of a neuron layer without its batch norm, and what happened to the channels. */
interface Rescaled {
  readonly weights: Weights;
  readonly thresholds: Float32Array;
  readonly flipped: number;
  readonly constant: number;
}

/** Σ|m| of each output channel. */
function magnitudes(weights: Weights): Float64Array {
  const out = outputsOf(weights);
  const sums = new Float64Array(out);
  for (let i = 0; i < weights.mantissa.length; i++) sums[i % out]! += Math.abs(weights.mantissa[i]!);
  return sums;
}

/**
 * LIF(a * x + b; v_th) = LIF(sign(a) * x + b / |a|; v_th / |a|), channel by channel; nothing where a number is too large. A channel is
 * constant when a and its weights leave nothing of x: by a zero, or because |a x|, with inputs up to `largest` (infinite for real
 * ones), is below half a unit in the last place of b, so that the batch norm's own sum rounds to b.
 */
function rescaled(
  weights: Weights,
  a: Float64Array,
  b: Float64Array,
  vTh: Float32Array,
  largest: number,
): Rescaled | undefined {
  const out = outputsOf(weights);
  const sums = magnitudes(weights);
  const signs = new Int8Array(out);
  const exponent = weights.exponent.slice();
  const bias = new Float64Array(out);
  const thresholds = vTh.slice();
  for (let o = 0; o < out; o++) {
    const [size, sign, unit] = [Math.abs(a[o]!), Math.sign(a[o]!), 2 ** -exponent[o]!];
    const silent = size === 0 || sums[o] === 0;
    const most = silent ? 0 : size * (sums[o]! * largest + Math.abs(weights.bias[o]!)) * unit;
    if (silent || most < 2 ** -26 * Math.abs(b[o]!)) {
      const alone = toWeights([1, 1], [0], [weights.bias[o]! * unit * a[o]! + b[o]!]);
      [exponent[o], bias[o]] = [alone.exponent[0]!, alone.bias[0]!];
      continue;
    }
    signs[o] = sign;
    bias[o] = 0 + sign * weights.bias[o]! + roundHalfEven(b[o]! / size / unit);
    thresholds[o] = vTh[o]! / size;
    if (!(Math.abs(bias[o]!) < EXACT_LIMIT) || !isNormal(thresholds[o]!)) return undefined;
  }
  const mantissa = weights.mantissa.map((m, i) => m * signs[i % out]!);
  return {
    weights: { kind: "weights", shape: weights.shape, mantissa, exponent, bias },
    thresholds,
    flipped: signs.reduce((n, sign) => n + (sign < 0 ? 1 : 0), 0),
    constant: signs.reduce((n, sign) => n + (sign === 0 ? 1 : 0), 0),
  };
}

/** Whether a threshold is 0 or has all bits of an f32. */
function isNormal(vTh: number): boolean {
  return vTh === 0 || (Number.isFinite(vTh) && Math.abs(vTh) >= SMALLEST_NORMAL);
}

/** Largest magnitude of an operand in real units. */
function largestInput(type: ValueType | undefined): number {
  if (type?.number.kind !== "int") return Infinity;
  return Math.max(Math.abs(type.number.lo), Math.abs(type.number.hi)) * 2 ** type.number.exp;
}

/** The neuron that alone reads a value, directly or through max-pools, with which scaling by a positive number commutes. */
function neuronBehind(
  net: Net,
  value: string,
  users: ReadonlyMap<string, readonly Op[]>,
  types: ReadonlyMap<string, ValueType>,
): Op | undefined {
  let reader = onlyReader(net, value, users);
  while (reader?.name === "pool.max" && reader.layer === undefined) reader = onlyReader(net, reader.result, users);
  return isHomogeneous(net, reader, types) ? reader : undefined;
}

/** Gains of batch norms between a weighted op and its neuron into the thresholds. */
function foldNorms(net: Net, context: PassContext): Net {
  const users = usersOf(net);
  const types = valueTypes(net);
  const constants = new Constants(net);
  const replacement = new Map<Op, Op | undefined>();
  for (const op of net.ops) {
    const norms = normsBehind(net, op, users);
    const [symbol = ""] = op.symbols;
    const weights = net.constants.get(symbol);
    const last = norms[norms.length - 1];
    if (last === undefined || weights?.kind !== "weights") continue;
    const neuron = neuronBehind(net, last.result, users, types);
    if (neuron === undefined) continue;
    const { a, b } = composedAffine(net, norms, outputsOf(weights), types);
    if (![...a, ...b].every(Number.isFinite)) continue;
    const largest = largestInput(types.get(op.operands[0] ?? ""));
    const next = rescaled(weights, a, b, thresholdsOf(net, neuron, types), largest);
    if (next === undefined) continue;
    const operandTypes = op.operands.flatMap((name) => types.get(name) ?? []);
    const checked = checkOp(op, operandTypes, new Map([[symbol, next.weights]]));
    if (!("type" in checked)) continue;
    const links = [op, ...norms];
    for (const link of links) replacement.set(link, undefined);
    const { name, operands, attrs } = op;
    const symbols = [constants.change(symbol, next.weights)];
    replacement.set(last, { name, operands, attrs, symbols, ...chainIdentity(links) });
    const vTh = constants.thresholds(neuron, next.thresholds);
    replacement.set(neuron, { ...neuron, attrs: { ...neuron.attrs, v_th: vTh } });
    context.count("batchnorms-folded", norms.length);
    context.count("channels-flipped", next.flipped);
    context.count("constant-channels-folded", next.constant);
  }
  const ops = net.ops.flatMap((op) => (replacement.has(op) ? (replacement.get(op) ?? []) : [op]));
  context.count("batchnorms-left", ops.filter((op) => op.name === "norm.batch").length);
  return replacement.size === 0 ? net : { ...net, ops, constants: constants.all };
}

/** Ops that replace an attention with a scale by integer counters, or nothing where a result would not fit 32 bits. */
function integerAttention(
  net: Net,
  op: Op,
  types: ReadonlyMap<string, ValueType>,
  names: ValueNames,
): Op[] | undefined {
  const [q = "", k = "", v = ""] = op.operands;
  const { heads, chunk } = op.attrs;
  const made = new Map(types);
  const ops: Op[] = [];
  const add = (draft: Omit<Op, "type" | "symbols">): boolean => {
    const full = { ...draft, symbols: [] };
    const checked = checkOp(
      full,
      draft.operands.flatMap((name) => made.get(name) ?? []),
      net.constants,
    );
    if (!("type" in checked)) return false;
    ops.push({ ...full, type: checked.type });
    made.set(draft.result, checked.type);
    return true;
  };
  const origin = op.origin === undefined ? {} : { origin: op.origin };
  const [a, counts] = [names.add(op.result, "kv"), names.add(op.result, "counts")];
  if (heads === undefined || chunk === undefined) return undefined;
  const legal =
    add({ name: "attention.kv", result: a, operands: [k, v], attrs: { heads, chunk }, ...origin }) &&
    add({ name: "attention.q", result: counts, operands: [q, a], attrs: {}, ...origin }) &&
    add({ name: "to-real", result: op.result, operands: [counts], attrs: {}, ...origin });
  return legal ? ops : undefined;
}

/** Whether an attention without its scale rounds like the one with it: a power of two, and sums that no rule rounds. */
function keepsBits(net: Net, op: Op, types: ReadonlyMap<string, ValueType>): boolean {
  const view = viewOf(net, op, types);
  const scale = view.number("scale");
  const largest = (view.number("chunk") * slotSize(op.type)) / view.number("heads");
  const dyadic = scale > 0 && 2 ** Math.round(Math.log2(scale)) === scale;
  return dyadic && (view.word("sum") === "exact" || largest <= EXACT_F32);
}

/** Scales of attentions into the thresholds of all neurons that read them. */
function foldAttention(net: Net, context: PassContext): Net {
  const users = usersOf(net);
  const types = valueTypes(net);
  const constants = new Constants(net);
  const names = new ValueNames(net);
  const replacement = new Map<Op, readonly Op[]>();
  for (const op of net.ops) {
    if (op.name !== "attention.statten") continue;
    const scale = viewOf(net, op, types).number("scale");
    const readers = users.get(op.result) ?? [];
    const isOutput = net.outputs.some((output) => output.value === op.result);
    const exact = keepsBits(net, op, types);
    const allowed = exact || (scale > 0 && context.boolean("non-dyadic"));
    const scalable =
      op.layer === undefined && !isOutput && readers.length > 0 && readers.every((r) => isHomogeneous(net, r, types));
    if (!scalable) {
      context.count("attentions-left");
      continue;
    }
    if (!allowed) {
      context.count("non-dyadic-attentions-left");
      continue;
    }
    const thresholds = readers.map((neuron) => thresholdsOf(net, neuron, types).map((vTh) => Math.fround(vTh / scale)));
    const ops = thresholds.every((t) => t.every(isNormal)) ? integerAttention(net, op, types, names) : undefined;
    if (ops === undefined) {
      context.count("attentions-left");
      continue;
    }
    replacement.set(op, ops);
    for (const [i, neuron] of readers.entries()) {
      const vTh = constants.thresholds(neuron, thresholds[i]!);
      replacement.set(neuron, [{ ...neuron, attrs: { ...neuron.attrs, v_th: vTh } }]);
    }
    context.count(exact ? "attentions-folded" : "non-dyadic-attentions-folded");
  }
  if (replacement.size === 0) return net;
  return { ...net, ops: net.ops.flatMap((op) => replacement.get(op) ?? [op]), constants: constants.all };
}

/** The thresholds of a neuron as text: one number, or the smallest and largest of its channels. */
function thresholdText(net: Net, op: Op, types: ReadonlyMap<string, ValueType>): string {
  const values = thresholdsOf(net, op, types);
  const [lo, hi] = [Math.min(...values), Math.max(...values)];
  return lo === hi ? lo.toPrecision(5) : `${lo.toPrecision(5)} to ${hi.toPrecision(5)}`;
}

/** A table of the neurons whose threshold or memory changed. */
function reportThresholds(before: Net, after: Net, context: PassContext): void {
  const [typesBefore, typesAfter] = [valueTypes(before), valueTypes(after)];
  const results = new Map(after.ops.map((op) => [op.result, op]));
  const rows = before.ops.flatMap((op) => {
    const now = results.get(op.result);
    if (op.name !== "neuron.lif" || now === undefined || now.attrs["v_th"] === op.attrs["v_th"]) return [];
    const text = now.name === "neuron.lif" ? thresholdText(after, now, typesAfter) : "a count of 1, no memory";
    return [[op.layer?.name ?? `%${op.result}`, thresholdText(before, op, typesBefore), text]];
  });
  if (rows.length > 0)
    context.table({ title: "folded thresholds", header: ["neuron", "before", "after, over channels"], rows });
}

export const foldThresholds = definePass({
  name: "fold-thresholds",
  summary: "batch-norm gains and attention scales into thresholds, neurons without memory into thresholds",
  description: `A neuron whose v_reset and v0 are 0 is homogeneous: with every charge rule, scaling currents and threshold by the same
c > 0 scales all potentials by c and keeps all spikes. So a multiplier in front of a neuron belongs into its threshold.

norms: weighted op, batch norms y = a x + b, neuron (max-pools may stand between), each the only reader of the one before:
  LIF(a x + b; v_th) = LIF(sign(a) x + b / |a|; v_th / |a|)         per output channel, hard and soft reset
The weights keep their trained mantissas and grid, negated where a < 0; b / |a| is rounded to that grid, v_th / |a| to f32. Where
a = 0, or all weights are, or |a x| stays below half a unit in the last place of b (so that the unfolded sum is b), the neuron is driven by
the constant b: zero weights, bias b, the old threshold. Left to fold-batchnorm: layers where v_th / |a| leaves the normal numbers of f32 or a sum
with b / |a| could reach 2^53. Not folded: a batch norm whose value a residual stream, an output or a second op reads. A stream
adds values of several branches, so all of them must keep one scale; fold-batchnorm folds those into weights.

attention: attention.statten of scale s read by homogeneous neurons alone:
  LIF(s S; v_th) = LIF(S; v_th / s),  S = Q (K^T V) an integer        attention.kv, attention.q, to-real, neuron
s a power of two: bit-equal. Multiplying f32 numbers by a power of two changes no mantissa, so it commutes with every rounding,
as long as nothing leaves the normal numbers: thresholds are checked, potentials would need about a hundred silent timesteps of
halving. Other scales (and sequential sums that can reach 2^24) only with non-dyadic = true: a potential that meets its threshold
exactly in real numbers is a tie, and fl32(s S), or the sequential sum of rounded terms, may lie on either side of it while integers do
not; other spikes differ only where a potential is within rounding of the threshold. Without the option the op stays as it is.

stateless: a neuron with hard reset to 0 on counts (through to-real, or integer currents) that ignores 0 and fires at 1 from
potential 0 never keeps a potential: s = x >= 1. It becomes neuron.threshold, bit-equal, and its state memory
is saved. Checked with the neuron's own rounding at 0 and 1; f32 charge is monotone in x for positive gains.

What is exact: the thresholds of dyadic scales and the stateless neurons, in bits. The gains in real numbers: of the roundings before (current, product,
sum, each charge) the product and the sum disappear, b / |a| is off by at most half a weight mantissa and v_th / |a| by 2^-24 of itself.

LIF with tau = 2 in integers: h = (v + x) / 2 loses half a bit of unit per timestep. With currents in units of u, potentials in units of u 2^-T (T fractional
bits) are integers for T timesteps from a reset, V = v 2^T: H = (V + X 2^T) / 2 divides without rest until then; a hard reset needs nothing more, a soft one
a v_th that is a multiple of u / 2. |v| <= max |x|, so T bits more than the currents are enough. Timestep T + 1
after the last reset to 0 is the first that may divide an odd number: from there a format of T fractional bits rounds. In f32 (24 bits) the same holds
while 2^T max |x| / u <= 2^24; beyond, the last bit of v is rounded.`,
  options: {
    norms: { type: "boolean", default: true, doc: "batch-norm gains into thresholds" },
    attention: { type: "boolean", default: true, doc: "attention scales into thresholds" },
    stateless: { type: "boolean", default: true, doc: "neurons without memory into neuron.threshold" },
    "non-dyadic": {
      type: "boolean",
      default: false,
      doc: "also attention scales that are no power of two, where ties may flip",
    },
  },
  counters: {
    "batchnorms-folded": "batch norms that went into thresholds and bias",
    "batchnorms-left": "batch norms that feed a stream, an output or several ops, or no homogeneous neuron",
    "channels-flipped": "output channels with a negative gain, whose weights were negated",
    "constant-channels-folded":
      "output channels whose gain is 0, or too small to change the batch norm's result: neurons driven by a constant",
    "attentions-folded": "attentions whose scale, a power of two, went into thresholds",
    "non-dyadic-attentions-folded": "attentions with another scale that went into thresholds: ties may flip",
    "attentions-left": "attentions read by something else than homogeneous neurons",
    "non-dyadic-attentions-left": "attentions that kept a scale that is no power of two, and their rounding rule",
    "neurons-simplified": "neuron ops without memory that became neuron.threshold",
    "potentials-removed": "potentials that need no state memory any more",
  },
  exactness: {
    kind: "exact-in-reals",
    why: "the batch norm's product and sum are no longer rounded, its bias and the thresholds are; the other two foldings keep every bit",
  },
  idempotent: true,
  requires: [],
  ensures: [],
  mayEnsure: [],
  run(net, context) {
    const normed = context.boolean("norms") ? foldNorms(net, context) : net;
    const scaled = context.boolean("attention") ? foldAttention(normed, context) : normed;
    const folded = context.boolean("stateless") ? foldStateless(scaled, context) : scaled;
    reportThresholds(net, folded, context);
    return folded;
  },
  examples: [
    {
      doc: "gains 2 and -4: thresholds 1 / 2 and 1 / 4, the second channel's weights flip, biases 1 / 2 and 1 / 4",
      pipeline: "fold-thresholds,drop-dead",
      before: `net @example(%x: spike<2t, 2>) -> spike<2t, 2> {
  const @w : weights<2x2> = [1, 0.5, 0.25, -1]
  const @gamma : real<2> = [2, -4]
  const @beta : real<2> = [1, 1]
  const @mean : real<2> = [0, 0]
  const @var : real<2> = [1, 1]
  %i = synapse.dense %x, @w : real<2t, 2>
  %n = norm.batch %i, @gamma, @beta, @mean, @var {eps = 0} : real<2t, 2>
  %s = neuron.lif %n {v_th = 1} : spike<2t, 2>
  return %s
}`,
      after: `net @example(%x: spike<2t, 2>) -> spike<2t, 2> {
  const @w : weights<2x2> = [1, -0.5, 0.25, 1] + [0.5, 0.25]
  const @s.v_th : real<2> = [0.5, 0.25]
  %n = synapse.dense %x, @w : real<2t, 2>
  %s = neuron.lif %n {v_th = @s.v_th} : spike<2t, 2>
  return %s
}`,
    },
    {
      doc: "the scale 1 / 8 of an attention: counts against a threshold of 4",
      before: `net @example(%q: spike<2t, 4x2>, %k: spike<2t, 4x2>, %v: spike<2t, 4x2>) -> spike<2t, 4x2> {
  %o = attention.statten %q, %k, %v {heads = 1, chunk = 2, scale = 0.125} : real<2t, 4x2>
  %z = neuron.lif %o {v_th = 0.5} : spike<2t, 4x2>
  return %z
}`,
      after: `net @example(%q: spike<2t, 4x2>, %k: spike<2t, 4x2>, %v: spike<2t, 4x2>) -> spike<2t, 4x2> {
  %o.kv = attention.kv %k, %v {heads = 1, chunk = 2} : count<1t/2, 1x2x2, max 8>
  %o.counts = attention.q %q, %o.kv : count<2t, 4x2, max 16>
  %o = to-real %o.counts : real<2t, 4x2>
  %z = neuron.lif %o {v_th = 4} : spike<2t, 4x2>
  return %z
}`,
    },
    {
      doc: "SDSA's mask: a neuron that fires at the first spike counted is an OR",
      pipeline: "fold-thresholds,drop-dead",
      before: `net @example(%kv: spike<2t, 4x2>) -> spike<2t, 2> {
  %n = reduce.sum-positions %kv : count<2t, 2, max 4>
  %x = to-real %n : real<2t, 2>
  %m = neuron.lif %x {v_th = 0.5} : spike<2t, 2>
  return %m
}`,
      after: `net @example(%kv: spike<2t, 4x2>) -> spike<2t, 2> {
  %n = reduce.sum-positions %kv : count<2t, 2, max 4>
  %m = neuron.threshold %n {v_th = 1, fire = ge} : spike<2t, 2>
  return %m
}`,
    },
  ],
});
