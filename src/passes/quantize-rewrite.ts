import {
  isWeighted,
  channelsOf,
  checkOp,
  positionsOf,
  sameConstant,
  slotSize,
  timestepsOf,
  valueTypes,
  viewOf,
  int,
  intTensor,
  type AttrValue,
  type Constant,
  type Net,
  type Op,
  type OpDraft,
  type ValueType,
} from "../ir/index.js";
import { roundHalfEven } from "../math/grid.js";
import { integerNeuron, unitForRegister, type NeuronSettings } from "./quantize-neuron.js";
import { isMean, largestMagnitude, type QuantizePlan, type Stream } from "./quantize-plan.js";
import { realColumns, roundWeights, type UnitRule, type WeightRounding } from "./quantize-weights.js";

/** Everything that the rewrite needs to know beside the net. */
export interface RewriteSettings {
  readonly weights: WeightRounding;
  readonly neurons: Omit<NeuronSettings, "timesteps">;
  /** Weights that write a stream are multiples of its unit, so that no sum is rounded. */
  readonly exactSums: boolean;
  readonly inputBits: number;
  /** Largest magnitude of a real input. */
  readonly inputRange: (name: string) => number;
  /** Unit of a stream, 2^exp, and the bits at which its writers saturate (32: never). */
  readonly streamUnit: (stream: Stream) => { readonly exp: number; readonly bits: number };
}

/** What happened to one op, for the report. */
export interface QuantizedOp {
  readonly name: string;
  readonly kind: "weights" | "neuron";
  readonly detail: string;
  readonly saturated: number;
  readonly total: number;
  /** Neurons: all charges are exact rational numbers; the state never saturates. */
  readonly exact: boolean;
  readonly fits: boolean;
  readonly clamped: number;
  readonly moved: number;
}

export interface Rewritten {
  readonly net: Net;
  readonly ops: readonly QuantizedOp[];
  readonly attentions: number;
}

/** A real value in integers: what one unit is worth, per channel where `unit` has more than one entry. */
interface Quantized {
  readonly value: string;
  readonly unit: Float64Array | number;
}

export class NotQuantizable extends Error {
  constructor(
    readonly op: Op,
    reason: string,
    readonly hint?: string,
  ) {
    super(reason);
  }
}

class Rewriter {
  readonly ops: Op[] = [];
  readonly done: QuantizedOp[] = [];
  attentions = 0;
  private readonly constants: Map<string, Constant>;
  private readonly before: ReadonlyMap<string, ValueType>;
  private readonly types: Map<string, ValueType>;
  private readonly integers = new Map<string, Quantized>();
  private readonly taken: Set<string>;
  private readonly readers = new Map<string, number>();

  constructor(
    private readonly net: Net,
    private readonly plan: QuantizePlan,
    private readonly settings: RewriteSettings,
  ) {
    this.constants = new Map(net.constants);
    this.types = new Map(net.inputs.map(({ name, type }) => [name, type]));
    this.before = valueTypes(net);
    this.taken = new Set(this.before.keys());
    for (const symbol of net.ops.flatMap(symbolsOf)) this.readers.set(symbol, (this.readers.get(symbol) ?? 0) + 1);
  }

  run(): Net {
    const { before } = this;
    // Delays may read what is defined later; integers keep their types.
    for (const [name, type] of before) if (type.number.kind === "int") this.types.set(name, type);
    for (const op of this.net.ops) this.rewrite(op);
    const outputs = this.net.outputs.map((output) => {
      return this.isReal(output.value) ? { ...output, value: this.leave(output.value) } : output;
    });
    const read = new Set(this.ops.flatMap(symbolsOf));
    const constants = new Map([...this.constants].filter(([name]) => read.has(name) || !this.readers.has(name)));
    return { ...this.net, ops: this.ops, outputs, constants };
  }

  private fresh(name: string): string {
    let candidate = name;
    for (let n = 2; this.taken.has(candidate); n++) candidate = `${name}${n}`;
    this.taken.add(candidate);
    return candidate;
  }

  private typeOf(value: string): ValueType {
    const type = this.types.get(value);
    if (type === undefined) throw new Error(`no value %${value}`);
    return type;
  }

  /** Adds an op, whose type follows from its operands; that nothing overflows is what checkOp proves. */
  private add(source: Op, draft: OpDraft): ValueType {
    const checked = checkOp(
      draft,
      draft.operands.map((name) => this.typeOf(name)),
      this.constants,
    );
    if ("faults" in checked) {
      const fault = checked.faults[0]?.diagnostic;
      throw new NotQuantizable(source, fault?.message ?? "it is illegal", fault?.hint);
    }
    this.ops.push({ ...draft, type: checked.type });
    this.types.set(draft.result, checked.type);
    return checked.type;
  }

  /** The op with other operands, constants and attributes; what identifies it stays. */
  private replace(op: Op, changes: Partial<Omit<Op, "type">>): ValueType {
    const { type: _, ...rest } = op;
    return this.add(op, { ...rest, ...changes });
  }

  private rewrite(op: Op): void {
    if (op.name === "to-int" && this.isRealInput(op.operands[0])) return this.keep(op);
    const real = op.type.number.kind === "real" || op.operands.some((name) => this.isReal(name));
    if (!real) return this.keep(op);
    if (isWeighted(op)) return this.weighted(op);
    if (isMean(op)) return this.mean(op);
    switch (op.name) {
      case "neuron.lif":
        return this.neuron(op);
      case "pool.max": {
        const x = this.integer(op, 0);
        this.replace(op, { operands: [x.value] });
        return this.define(op.result, op.result, x.unit);
      }
      case "stream.add":
        return this.sum(op);
      case "attention.statten":
        return this.attention(op);
      case "constant":
        return this.given(op);
      case "to-real": {
        const [source = ""] = op.operands;
        const { number } = this.typeOf(source);
        return this.define(op.result, source, number.kind === "int" ? 2 ** number.exp : 1);
      }
      default:
        throw new NotQuantizable(op, "it has no integer form on real values");
    }
  }

  private isReal(name: string): boolean {
    return this.before.get(name)?.number.kind === "real";
  }

  private isRealInput(name: string | undefined): boolean {
    return this.net.inputs.some((input) => input.name === name && input.type.number.kind === "real");
  }

  private keep(op: Op): void {
    this.ops.push(op);
    this.types.set(op.result, op.type);
  }

  private define(name: string, value: string, unit: Float64Array | number): void {
    this.integers.set(name, { value, unit });
  }

  /** The integers of an operand: of a real input, behind a to-int that all its readers share. */
  private integer(op: Op, index: number): Quantized {
    const name = op.operands[index] ?? "";
    const known = this.integers.get(name);
    if (known !== undefined) return known;
    const type = this.typeOf(name);
    if (type.number.kind === "int") return { value: name, unit: 2 ** type.number.exp };
    if (!this.isRealInput(name)) throw new NotQuantizable(op, `its operand \`%${name}\` has no integer form`);
    const most = 2 ** (this.settings.inputBits - 1) - 1;
    const range = this.settings.inputRange(name);
    const exp = Math.max(-64, Math.ceil(Math.log2(range / most)));
    const hi = Math.min(most, Math.ceil(range * 2 ** -exp));
    const value = this.fresh(`${name}.int`);
    const attrs = { lo: -hi, hi, ...(exp === 0 ? {} : { exp }) };
    this.add(op, { name: "to-int", result: value, operands: [name], symbols: [], attrs });
    const integer = { value, unit: 2 ** exp };
    this.integers.set(name, integer);
    return integer;
  }

  /** A name for changed constants: the old one when nothing else reads it. */
  private constant(symbol: string, constant: Constant, suffix: string): string {
    let name = (this.readers.get(symbol) ?? 0) === 1 ? symbol : `${symbol}.${suffix}`;
    for (let n = 2; name !== symbol && !this.isFree(name, constant); n++) name = `${symbol}.${suffix}${n}`;
    this.constants.set(name, constant);
    return name;
  }

  private isFree(name: string, constant: Constant): boolean {
    const known = this.constants.get(name);
    return known === undefined || sameConstant(known, constant);
  }

  private weighted(op: Op): void {
    const x = this.integer(op, 0);
    const xType = this.typeOf(x.value);
    const stream = this.plan.streamOf(op.result);
    const [symbol = ""] = op.symbols;
    const weights = viewOf(this.net, op, this.before).weights();
    const exp = xType.number.kind === "int" ? xType.number.exp : 0;
    const rowScale = (c: number): number => at(x.unit, c) * 2 ** -exp;
    const common = stream?.common === true;
    const columns = realColumns(weights, rowScale, channelsOf(xType));
    const unit = stream === undefined || !common ? undefined : this.settings.streamUnit(stream);
    const rounded = roundWeights(weights.shape, columns, this.rounding(common), common, this.unitRule(op, unit?.exp));
    const name = this.constant(symbol, rounded.weights, "int");
    const attrs: Record<string, AttrValue> = { ...op.attrs };
    for (const key of ["result", "exp", "bits"]) delete attrs[key];
    Object.assign(attrs, unit === undefined ? { result: "int" } : { result: "fixed", ...unitAttrs(unit) });
    const type = this.replace(op, { operands: [x.value], symbols: [name], attrs });
    const result = type.number.kind === "int" ? 2 ** type.number.exp : 1;
    this.define(op.result, op.result, common ? result : rounded.unit.map((u) => u * result));
    const width = unit === undefined ? "own unit per channel" : `unit 2^${unit.exp}`;
    this.note(op, "weights", `${this.settings.weights.bits} bits, ${width}`, {
      saturated: rounded.saturated,
      total: weights.mantissa.length,
    });
  }

  /** Exact sums: a stream's writers have one unit for all channels, so that one exponent serves their weights. */
  private rounding(common: boolean): WeightRounding {
    const { weights, exactSums } = this.settings;
    return common && exactSums ? { ...weights, per: "tensor" } : weights;
  }

  /** What the readers of a weighted op ask of its unit; `exp` is the unit of the stream that it writes. */
  private unitRule(op: Op, exp: number | undefined): UnitRule {
    const { exactSums, neurons, weights } = this.settings;
    if (exp !== undefined) return (unit) => (exactSums ? Math.max(unit, 2 ** exp) : unit);
    const readers = neurons.thresholdShift === 0 ? [] : this.neuronsBehind(op.result, 1);
    const [first] = readers;
    // One unit can serve one threshold.
    if (first === undefined || readers.length > 1) return (unit) => unit;
    const view = viewOf(this.net, first.op, this.before);
    const thresholds = view.perChannel("v_th", channelsOf(first.op.type));
    if (weights.per === "tensor" && thresholds.some((value) => value !== thresholds[0])) return (unit) => unit;
    const settings = { ...neurons, timesteps: timestepsOf(first.op.type.time) };
    return (unit, channel) => unitForRegister(view, unit, channel, first.share, settings, weights.per === "channel");
  }

  /** Neurons that read a current, directly or through max-pools and means, and what one unit of it is worth to them. */
  private neuronsBehind(value: string, share: number): readonly { readonly op: Op; readonly share: number }[] {
    return this.net.ops
      .filter((op) => op.operands.includes(value))
      .flatMap((op) => {
        if (op.name === "neuron.lif") return [{ op, share }];
        if (op.name === "pool.max") return this.neuronsBehind(op.result, share);
        return isMean(op) ? this.neuronsBehind(op.result, share / this.averaged(op)) : [];
      });
  }

  /** How many values a mean is over. */
  private averaged(op: Op): number {
    const type = this.before.get(op.operands[0] ?? "");
    if (type === undefined) return 1;
    return op.name === "reduce.mean-time" ? timestepsOf(type.time) : positionsOf(type);
  }

  /** Whether a current was rounded to units of our choice, rather than counted. */
  private isRounded(value: string): boolean {
    if (this.plan.streamOf(value) !== undefined) return true;
    const source = this.net.ops.find((op) => op.result === value);
    return source !== undefined && isMean(source) && this.isRounded(source.operands[0] ?? "");
  }

  /** Constant values, rounded to the unit of their stream. */
  private given(op: Op): void {
    const stream = this.plan.streamOf(op.result);
    const values = viewOf(this.net, op, this.before).values(0);
    if (stream === undefined || values.kind !== "real") throw new NotQuantizable(op, "it has no unit");
    const { exp, bits } = this.settings.streamUnit(stream);
    const limit = bits === 32 ? 2 ** 31 - 1 : 2 ** (bits - 1) - 1;
    const data = Int32Array.from(values.data, (x) => Math.min(limit, Math.max(-limit, roundHalfEven(x * 2 ** -exp))));
    const most = largestMagnitude(data);
    const symbols = [this.constant(op.symbols[0] ?? "", intTensor(values.shape, data), "int")];
    const type = { ...op.type, number: int(-most, most, exp) };
    this.add(op, { ...op, symbols, type });
    this.define(op.result, op.result, 2 ** exp);
  }

  private mean(op: Op): void {
    const x = this.integer(op, 0);
    const n = this.averaged(op);
    if (Number.isInteger(Math.log2(n))) {
      this.replace(op, { operands: [x.value], attrs: { ...op.attrs, result: "int" } });
      return this.define(op.result, op.result, scaled(x.unit, 1 / n));
    }
    if (op.name === "reduce.mean-time") {
      throw new NotQuantizable(op, `a mean over ${n} timesteps is no power of two`, "use 2, 4, 8 or 16 timesteps");
    }
    this.replace(op, { name: "reduce.sum-positions", operands: [x.value], attrs: {} });
    this.define(op.result, op.result, scaled(x.unit, 1 / n));
  }

  private sum(op: Op): void {
    const [a, b] = [this.integer(op, 0), this.integer(op, 1)];
    for (const { value, unit } of [a, b]) {
      if (this.isHonest(value, unit)) continue;
      throw new NotQuantizable(op, `\`%${value}\` counts in units that are no power of two, a sum needs one`);
    }
    const stream = this.plan.streamOf(op.result);
    const { bits } = stream === undefined ? { bits: 32 } : this.settings.streamUnit(stream);
    const type = this.replace(op, {
      operands: [a.value, b.value],
      attrs: bits === 32 ? op.attrs : { ...op.attrs, bits },
    });
    this.define(op.result, op.result, type.number.kind === "int" ? 2 ** type.number.exp : 1);
  }

  /** Whether integers times the unit of their type are the real values. */
  private isHonest(value: string, unit: Float64Array | number): boolean {
    const { number } = this.typeOf(value);
    return typeof unit === "number" && number.kind === "int" && unit === 2 ** number.exp;
  }

  /** K^T V and Q times it are integers; sigma goes into what reads them. */
  private attention(op: Op): void {
    const view = viewOf(this.net, op, this.before);
    if (!(view.number("scale") > 0)) throw new NotQuantizable(op, "its scale is not positive");
    const [q = "", k = "", v = ""] = op.operands;
    const counters = this.fresh(`${op.result}.kv`);
    const { heads, chunk } = { heads: view.number("heads"), chunk: view.number("chunk") };
    const origin = op.origin === undefined ? {} : { origin: op.origin };
    const kv = { name: "attention.kv", result: counters, operands: [k, v], symbols: [], attrs: { heads, chunk } };
    this.add(op, { ...kv, ...origin });
    this.replace(op, { name: "attention.q", operands: [q, counters], attrs: {} });
    this.define(op.result, op.result, view.number("scale"));
    this.attentions++;
  }

  private neuron(op: Op): void {
    const x = this.integer(op, 0);
    const type = this.typeOf(x.value);
    const view = viewOf(this.net, op, this.before);
    const largest = type.number.kind === "int" ? Math.max(Math.abs(type.number.lo), Math.abs(type.number.hi)) : 0;
    const first = at(x.unit, 0);
    const unit = (c: number): number => (typeof x.unit === "number" ? x.unit : (x.unit[c] ?? first));
    const settings = { ...this.settings.neurons, timesteps: timestepsOf(op.type.time) };
    const integer = integerNeuron(view, unit, largest, settings, this.isRounded(op.operands[0] ?? ""));
    if (typeof integer === "string") throw new NotQuantizable(op, integer);
    const { thresholds, decays } = integer;
    const attrs = { ...integer.attrs };
    attrs["v_th"] = typeof thresholds === "number" ? thresholds : { symbol: this.parameter(op, "v_th", thresholds) };
    if (decays !== undefined) attrs["k"] = { symbol: this.parameter(op, "k", decays) };
    this.replace(op, { operands: [x.value], attrs });
    const exactness = integer.exact ? "exact" : "truncating";
    this.note(op, "neuron", `${settings.stateBits} bits, ${integer.fractionBits} of fraction, ${exactness}`, {
      saturated: 0,
      total: slotSize(op.type),
      exact: integer.exact,
      fits: integer.fits,
      clamped: integer.clamped,
      moved: integer.moved,
    });
  }

  private parameter(op: Op, what: string, constant: Constant): string {
    let name = `${op.layer?.name ?? op.result}.${what}`;
    for (let n = 2; this.constants.has(name); n++) name = `${op.layer?.name ?? op.result}.${what}${n}`;
    this.constants.set(name, constant);
    return name;
  }

  /** The real value of an output: the only way out of the integers. */
  private leave(name: string): string {
    const known = this.integers.get(name);
    const source = this.net.ops.find((op) => op.result === name);
    if (known === undefined || source === undefined) return name;
    if (!this.isHonest(known.value, known.unit)) {
      throw new NotQuantizable(source, "it leaves the net in units that are no power of two");
    }
    const result = this.fresh(`${name}.real`);
    const existing = this.ops.find((op) => op.name === "to-real" && op.operands[0] === known.value);
    if (existing !== undefined) return existing.result;
    this.add(source, { name: "to-real", result, operands: [known.value], symbols: [], attrs: {} });
    return result;
  }

  private note(
    op: Op,
    kind: QuantizedOp["kind"],
    detail: string,
    more: Partial<QuantizedOp> & Pick<QuantizedOp, "saturated" | "total">,
  ): void {
    const name = op.layer?.name ?? op.symbols[0] ?? op.result;
    this.done.push({ name, kind, detail, exact: true, fits: true, clamped: 0, moved: 0, ...more });
  }
}

function unitAttrs({ exp, bits }: { readonly exp: number; readonly bits: number }): Record<string, AttrValue> {
  return { exp, ...(bits === 32 ? {} : { bits }) };
}

function at(unit: Float64Array | number, channel: number): number {
  return typeof unit === "number" ? unit : (unit[channel] ?? 1);
}

function scaled(unit: Float64Array | number, by: number): Float64Array | number {
  return typeof unit === "number" ? unit * by : unit.map((u) => u * by);
}

function symbolsOf(op: Op): readonly string[] {
  const inAttrs = Object.values(op.attrs).flatMap((v) => (typeof v === "object" && "symbol" in v ? [v.symbol] : []));
  return [...op.symbols, ...inAttrs];
}

/** The net in integers; throws {@link NotQuantizable}. */
export function rewriteToIntegers(net: Net, plan: QuantizePlan, settings: RewriteSettings): Rewritten {
  const rewriter = new Rewriter(net, plan, settings);
  const rewritten = rewriter.run();
  return { net: rewritten, ops: rewriter.done, attentions: rewriter.attentions };
}
