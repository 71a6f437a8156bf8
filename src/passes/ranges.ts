import { roundHalfEven } from "../math/grid.js";
import {
  batchNormAffine,
  channelsOf,
  outputsOf,
  positionsOf,
  timestepsOf,
  valueTypes,
  viewOf,
  type Net,
  type Op,
  type OpView,
  type ValueType,
} from "../ir/index.js";

/**
 * Proved bounds of every value, per channel: in its own unit for integers, in real units for f32. Ops without a rule here have
 * the range of their type. Operands of a delay that are defined later are taken by type too.
 */
export interface Range {
  readonly lo: Float64Array;
  readonly hi: Float64Array;
}

const f = Math.fround;

/**
 * Potentials are bounded in real numbers. Three roundings per timestep, each at most 2^-24 of the largest current: a thousandth
 * of it covers this many timesteps.
 */
const SLACK = 2 ** -10;
const MOST_TIMESTEPS = 4096;

/** Rules that move the potential towards the current, for arguments in a range: h lies between v and x. */
function isAveraging(rule: string, a: number): boolean {
  return (rule === "divide" && a >= 1) || (rule === "multiply" && a >= 0 && a <= 1);
}

function range(channels: number, lo: number, hi: number): Range {
  return { lo: new Float64Array(channels).fill(lo), hi: new Float64Array(channels).fill(hi) };
}

function typeRange(type: ValueType): Range {
  const { number } = type;
  const [lo, hi] = number.kind === "real" ? [-Infinity, Infinity] : [number.lo, number.hi];
  return range(channelsOf(type), lo, hi);
}

/** Smallest and largest value of each channel. */
function rangeOf(data: Float32Array | Int32Array, channels: number): Range {
  const found = range(channels, Infinity, -Infinity);
  for (let i = 0; i < data.length; i++) {
    const c = i % channels;
    found.lo[c] = Math.min(found.lo[c]!, data[i]!);
    found.hi[c] = Math.max(found.hi[c]!, data[i]!);
  }
  return found;
}

/** Whether a value is proved to be 0 everywhere. */
export function isZero({ lo, hi }: Range): boolean {
  return lo.every((x) => x === 0) && hi.every((x) => x === 0);
}

function mapped(x: Range, change: (value: number, channel: number) => number): Range {
  const [a, b] = [x.lo.map(change), x.hi.map(change)];
  const lo = a.map((value, c) => Math.min(value, b[c]!));
  const hi = a.map((value, c) => Math.max(value, b[c]!));
  return lo.some(Number.isNaN) || hi.some(Number.isNaN) ? range(lo.length, -Infinity, Infinity) : { lo, hi };
}

/** Sums of integers are exact, so their bounds are: the sum over rows of the smaller and larger product. */
function weightedRange(view: OpView, x: Range, type: ValueType): Range | undefined {
  const operand = view.operand(0);
  if (operand.number.kind === "real" && !isZero(x)) return undefined;
  const weights = view.weights();
  const [out, channels] = [outputsOf(weights), x.lo.length];
  const exp = operand.number.kind === "int" ? operand.number.exp : 0;
  const padded = view.op.name === "synapse.conv" && view.window().padding > 0;
  const [lo, hi] = [new Float64Array(out), new Float64Array(out)];
  for (let row = 0, i = 0; row * out < weights.mantissa.length; row++) {
    const least = Math.min(x.lo[row % channels]!, padded ? 0 : Infinity);
    const most = Math.max(x.hi[row % channels]!, padded ? 0 : -Infinity);
    for (let o = 0; o < out; o++, i++) {
      const m = weights.mantissa[i]!;
      lo[o]! += m >= 0 ? m * least : m * most;
      hi[o]! += m >= 0 ? m * most : m * least;
    }
  }
  // The roundings of the result are monotone, so bounds are rounded like sums.
  const { number } = type;
  const finish = (sum: number, o: number): number => {
    const exact = (sum * 2 ** exp + weights.bias[o]!) * 2 ** -weights.exponent[o]!;
    if (number.kind === "real") return f(exact);
    return Math.min(number.hi, Math.max(number.lo, roundHalfEven(exact * 2 ** -number.exp)));
  };
  return { lo: lo.map(finish), hi: hi.map(finish) };
}

/** Largest potential of a real neuron that has not fired yet; nothing where it has no bound. */
function realPotential(view: OpView, lo: number, hi: number, gain: number): number | undefined {
  const rule = view.call("charge").name;
  const timesteps = timestepsOf(view.operand(0).time);
  if (timesteps > MOST_TIMESTEPS) return undefined;
  const slack = SLACK * Math.max(Math.abs(lo), Math.abs(hi));
  const above = Math.max(0, hi);
  if (isAveraging(rule, gain)) return above + slack;
  const decays = rule === "decay-then-add" && gain >= 0 && gain <= 1;
  return decays || rule === "integrate" ? timesteps * (above + slack) : undefined;
}

/** Largest potential of an integer neuron that has not fired yet, in units of its state: the sum of all currents, none of them lost. */
function integerPotential(view: OpView, lo: number, hi: number): number | undefined {
  const timesteps = timestepsOf(view.operand(0).time);
  const width = 2 ** (view.number("state_bits") - 1);
  const unit = 2 ** view.number("fraction_bits");
  const wraps = view.word("overflow") === "wrap" && timesteps * Math.max(Math.abs(lo), Math.abs(hi)) * unit >= width;
  return view.call("charge").name === "cuba" || wraps ? undefined : timesteps * Math.max(0, hi) * unit;
}

/** Which channels of a neuron are proved never to fire. */
function silentChannels(view: OpView, x: Range): readonly boolean[] {
  const channels = x.lo.length;
  const none = Array.from({ length: channels }, () => false);
  if (view.number("v_reset") !== 0 || view.number("v0") !== 0) return none;
  const vTh = view.perChannel("v_th", channels);
  const ge = view.word("fire") === "ge";
  const k = view.op.attrs["k"] === undefined ? undefined : view.perChannel("k", channels);
  const argument = f(view.call("charge").args[0] ?? 0);
  return none.map((_, c) => {
    const [lo, hi] = [x.lo[c]!, x.hi[c]!];
    const largest =
      view.operand(0).number.kind === "real"
        ? realPotential(view, lo, hi, k?.[c] ?? argument)
        : integerPotential(view, lo, hi);
    return largest !== undefined && (ge ? largest < vTh[c]! : largest <= vTh[c]!);
  });
}

/** The range of a result, or nothing where only its type is known. */
function resultRange(op: Op, view: OpView, operands: readonly Range[], type: ValueType): Range | undefined {
  const [a, b] = operands;
  const channels = channelsOf(type);
  if (op.name === "constant") return rangeOf(view.values(0).data, channels);
  if (a === undefined) return undefined;
  switch (op.name) {
    case "synapse.conv":
    case "synapse.dense":
      return weightedRange(view, a, type);
    case "norm.batch": {
      const affine = batchNormAffine(view);
      return mapped(a, (x, c) => f(f(x * f(affine.a[c]!)) + f(affine.b[c]!)));
    }
    case "neuron.lif": {
      const silent = silentChannels(view, a);
      return { lo: new Float64Array(channels), hi: Float64Array.from(silent, (is) => (is ? 0 : 1)) };
    }
    case "neuron.threshold": {
      const vTh = view.perChannel("v_th", channels);
      const fires = (x: number, c: number): boolean => (view.word("fire") === "ge" ? x >= vTh[c]! : x > vTh[c]!);
      return mapped(a, (x, c) => (fires(x, c) ? 1 : 0));
    }
    case "pool.max":
    case "pool.or":
      return a;
    case "channels.slice": {
      const [from, count] = [view.number("from"), view.number("count")];
      return { lo: a.lo.slice(from, from + count), hi: a.hi.slice(from, from + count) };
    }
    case "stream.add":
      return view.operand(0).number.kind === "real" && b !== undefined
        ? { lo: a.lo.map((x, c) => f(x + b.lo[c]!)), hi: a.hi.map((x, c) => f(x + b.hi[c]!)) }
        : undefined;
    case "mask.and":
      return b === undefined
        ? undefined
        : { lo: new Float64Array(channels), hi: a.hi.map((x, c) => Math.min(x, b.hi[c]!)) };
    case "to-real": {
      const { number } = view.operand(0);
      return number.kind === "int" ? mapped(a, (x) => f(x * 2 ** number.exp)) : undefined;
    }
    case "reduce.sum-positions": {
      const n = positionsOf(view.operand(0));
      return mapped(a, (x) => x * n);
    }
    case "attention.statten":
    case "attention.kv":
    case "attention.q":
      // One operand without spikes is enough.
      return operands.some(isZero) ? range(channels, 0, 0) : undefined;
    case "pool.plane":
    case "reduce.mean-positions":
    case "reduce.mean-time":
      return isZero(a) ? range(channels, 0, 0) : undefined;
    default:
      return undefined;
  }
}

/** Nets never change, and several passes ask for the ranges of the same one. */
const KNOWN = new WeakMap<Net, ReadonlyMap<string, Range>>();

/** Bounds of all values of a legal net. */
export function valueRanges(net: Net): ReadonlyMap<string, Range> {
  const known = KNOWN.get(net) ?? computeRanges(net);
  KNOWN.set(net, known);
  return known;
}

function computeRanges(net: Net): ReadonlyMap<string, Range> {
  const types = valueTypes(net);
  const ranges = new Map<string, Range>(net.inputs.map(({ name, type }) => [name, typeRange(type)]));
  for (const op of net.ops) {
    const view = viewOf(net, op, types);
    const operands = op.operands.map((name, i) => ranges.get(name) ?? typeRange(view.operand(i)));
    const found = resultRange(op, view, operands, op.type);
    ranges.set(op.result, found ?? typeRange(op.type));
  }
  return ranges;
}
