import {
  isWeighted,
  channelsOf,
  outputsOf,
  positionsOf,
  valueTypes,
  viewOf,
  type Net,
  type Op,
  type ValueType,
} from "../ir/index.js";

/**
 * What quantize decides before it rewrites: which real values share a unit, and how large they can become. A *stream* is a set
 * of values that sums and max-pools tie together; its writers round to one unit 2^exp.
 */
export interface QuantizePlan {
  /** The stream of a value; undefined for values that take their unit from their operand. */
  streamOf(value: string): Stream | undefined;
  /** Why a value has no integer form, by op. */
  readonly refusals: readonly { readonly op: Op; readonly reason: string; readonly hint?: string }[];
}

export interface Stream {
  readonly values: readonly string[];
  /** Needs one unit for all channels: it is summed, leaves the net, or meets a potential of its own. */
  readonly common: boolean;
  /** Proved bound of the magnitudes, in real units. */
  readonly bound: number;
}

const MEANS = new Set(["reduce.mean-positions", "reduce.mean-time"]);
/** Ops that a real net may have beside weighted ones; `norm.batch` is refused by the pass's requirement. */
const KNOWN = new Set([...MEANS, "pool.max", "stream.add", "attention.statten", "to-real", "constant"]);

/** Scores choose tokens of an integer net as well, but there is no net in integers that holds them. */
const SCORES = new Set(["tokens.score", "tokens.relevance"]);
const SELECT_LATER =
  "quantise first and select tokens afterwards, for example `quantized,sparsify-top-k{fraction=0.5}`";

export function isMean(op: Op): boolean {
  return MEANS.has(op.name);
}

/** Magnitude that a value can reach, in real units. */
export function largestOf({ number }: ValueType, realBound: number): number {
  return number.kind === "real" ? realBound : Math.max(Math.abs(number.lo), Math.abs(number.hi)) * 2 ** number.exp;
}

export function largestMagnitude(data: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]!));
  return most;
}

/** Proved bounds of all real values from weights, integer ranges and the range of real inputs. */
export function realBounds(net: Net, inputRange: (name: string) => number): ReadonlyMap<string, number> {
  const types = valueTypes(net);
  const bounds = new Map<string, number>();
  for (const { name, type } of net.inputs) if (type.number.kind === "real") bounds.set(name, inputRange(name));
  const of = (name: string | undefined): number => {
    const type = types.get(name ?? "");
    return type === undefined ? 0 : largestOf(type, bounds.get(name ?? "") ?? 0);
  };
  for (const op of net.ops) {
    if (op.type.number.kind !== "real") continue;
    const [a, b] = op.operands;
    if (isWeighted(op)) {
      const weights = viewOf(net, op, types).weights();
      const out = outputsOf(weights);
      const sums = new Float64Array(out);
      for (let i = 0; i < weights.mantissa.length; i++) sums[i % out]! += Math.abs(weights.mantissa[i]!);
      const most = sums.reduce(
        (m, sum, o) => Math.max(m, (sum * of(a) + Math.abs(weights.bias[o]!)) * 2 ** -weights.exponent[o]!),
        0,
      );
      bounds.set(op.result, most);
    } else if (op.name === "constant") bounds.set(op.result, largestMagnitude(viewOf(net, op, types).values(0).data));
    else if (op.name === "stream.add") bounds.set(op.result, of(a) + of(b));
    else if (op.name === "attention.statten") {
      const view = viewOf(net, op, types);
      const d = channelsOf(op.type) / view.number("heads");
      bounds.set(op.result, Math.abs(view.number("scale")) * view.number("chunk") * positionsOf(op.type) * d);
    } else bounds.set(op.result, of(a));
  }
  return bounds;
}

/** Union-find over the values of streams. */
class Sets {
  private readonly parent = new Map<string, string>();

  add(name: string): void {
    if (!this.parent.has(name)) this.parent.set(name, name);
  }

  has(name: string): boolean {
    return this.parent.has(name);
  }

  root(name: string): string {
    let at = name;
    for (let up = this.parent.get(at); up !== undefined && up !== at; up = this.parent.get(at)) at = up;
    this.parent.set(name, at);
    return at;
  }

  join(a: string, b: string): void {
    this.parent.set(this.root(a), this.root(b));
  }

  groups(): Map<string, string[]> {
    const groups = new Map<string, string[]>();
    for (const name of this.parent.keys()) groups.set(this.root(name), [...(groups.get(this.root(name)) ?? []), name]);
    return groups;
  }
}

/** A neuron whose own potentials (v0, v_reset) must be in the unit of its current. */
function hasPotentials(net: Net, op: Op, types: ReadonlyMap<string, ValueType>): boolean {
  if (op.name !== "neuron.lif") return false;
  const view = viewOf(net, op, types);
  const offset = ["divide", "multiply"].includes(view.call("charge").name);
  return view.number("v0") !== 0 || (!offset && view.number("v_reset") !== 0);
}

export function planStreams(net: Net, bounds: ReadonlyMap<string, number>): QuantizePlan {
  const types = valueTypes(net);
  const outputs = new Set(net.outputs.map((output) => output.value));
  const sets = new Sets();
  const refusals: { op: Op; reason: string; hint?: string }[] = [];
  const isReal = (name: string): boolean => types.get(name)?.number.kind === "real";
  for (const op of net.ops) {
    if (op.type.number.kind !== "real") continue;
    if (SCORES.has(op.name)) refusals.push({ op, reason: "scores of tokens are real numbers", hint: SELECT_LATER });
    else if (!KNOWN.has(op.name) && !isWeighted(op)) refusals.push({ op, reason: "it has no integer form" });
    if (isWeighted(op) || op.name === "stream.add" || op.name === "constant") sets.add(op.result);
    const tied = op.name === "stream.add" || op.name === "pool.max" ? op.operands.filter((name) => sets.has(name)) : [];
    for (const operand of tied) {
      sets.add(op.result);
      sets.join(operand, op.result);
    }
  }

  // Backwards: what needs one unit for all channels makes what it is computed from need it, too.
  const needs = new Set<string>(outputs);
  for (const op of net.ops.toReversed()) {
    const passesOn = isMean(op) || op.name === "pool.max";
    const inherits = passesOn && needs.has(op.result);
    if (op.name === "stream.add" || hasPotentials(net, op, types) || inherits) {
      for (const operand of op.operands) if (isReal(operand)) needs.add(operand);
    }
    if (op.name === "stream.add" || op.name === "constant") needs.add(op.result);
  }

  const streams = new Map<string, Stream>();
  for (const values of sets.groups().values()) {
    const bound = values.reduce((most, name) => Math.max(most, bounds.get(name) ?? 0), 0);
    const stream = { values, common: values.some((name) => needs.has(name)), bound };
    for (const name of values) streams.set(name, stream);
  }
  return { streamOf: (value) => streams.get(value), refusals };
}
