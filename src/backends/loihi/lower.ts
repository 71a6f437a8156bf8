import type { LoihiChip } from "../../chips/loihi.js";
import type { Report } from "../../diagnostics/index.js";
import {
  channelsOf,
  isSpike,
  outputsOf,
  positionsOf,
  realTensor,
  timestepsOf,
  usersOf,
  valueTypes,
  viewOf,
  type AttrValue,
  type Net,
  type Op,
  type OpView,
  type ValueType,
} from "../../ir/index.js";
import {
  checkAttention,
  checkPayload,
  finer,
  integers,
  NotLegal,
  ONE,
  QUANTISE,
  symbolAttrs,
  throughBias,
  zeros,
  type Current,
} from "./current.js";
import { loihiDiagnostics } from "./diagnostics.js";
import { Emitter } from "./emitter.js";
import type { LegalPopulation } from "./legal-net.js";
import { chipNeuron, counterOf, type Approximation, type NeuronInput } from "./lower-neuron.js";
import { MOST_DECAY, UNIT, weightRange } from "./numerics.js";
import type { Split } from "./split.js";
import { isSpiking, supportOf } from "./support.js";

export interface Lowered {
  readonly net: Net;
  readonly populations: readonly LegalPopulation[];
  /** Values of the lowered net, by value of the net. */
  readonly outputs: ReadonlyMap<string, string>;
  readonly neurons: readonly NeuronNote[];
}

/** What became of one population, for the report. */
export interface NeuronNote {
  readonly layer: string;
  readonly what: string;
  readonly elements: number;
  readonly thresholds: number;
  readonly shift: number;
  readonly proved: boolean;
  readonly moved: number;
}

export interface LowerOptions {
  readonly streams: "unroll" | "relay";
  readonly allow: ReadonlySet<Approximation>;
}

class Lowering {
  readonly populations: LegalPopulation[] = [];
  readonly notes: NeuronNote[] = [];
  private readonly types: ReadonlyMap<string, ValueType>;
  private readonly users: ReadonlyMap<string, readonly Op[]>;
  private readonly currents = new Map<string, Current>();
  private readonly failed = new Set<string>();

  constructor(
    private readonly net: Net,
    private readonly chip: LoihiChip,
    private readonly options: LowerOptions,
    private readonly emit: Emitter,
  ) {
    this.types = valueTypes(net);
    this.users = usersOf(net);
    for (const { name, type } of emit.inputs) {
      const exp = this.exponentOf(name);
      this.currents.set(name, { value: name, bias: zeros(channelsOf(type)), exp, weights: [ONE] });
    }
  }

  run(ops: readonly Op[], report: Report): void {
    for (const op of ops) {
      if (op.operands.some((operand) => this.failed.has(operand))) {
        this.failed.add(op.result);
        continue;
      }
      try {
        this.lower(op);
      } catch (error) {
        if (!(error instanceof NotLegal)) throw error;
        this.failed.add(op.result);
        const name = op.layer?.name ?? `%${op.result}`;
        const location = op.origin === undefined ? undefined : ({ kind: "file", file: op.origin } as const);
        const message = `\`${name}\` (${op.name}): ${error.message}`;
        report.add(loihiDiagnostics.make(error.code, message, { hint: error.hint, location }));
      }
    }
  }

  /** The population whose spikes a value is. */
  spikesOf(value: string): string | undefined {
    return this.currents.get(value)?.value;
  }

  private lower(op: Op): void {
    switch (op.name) {
      case "synapse.conv":
      case "synapse.dense":
        return this.weighted(op);
      case "stream.add":
        return this.sum(op);
      case "reduce.mean-positions":
      case "reduce.sum-positions":
        return this.overPositions(op);
      case "channels.slice":
      case "pool.sum":
      case "pool.sum-plane":
      case "synapse.one-to-one":
      case "repeat.positions":
      case "repeat.channels":
        return this.linear(op);
      case "delay":
        return this.delay(op);
      case "constant":
        return this.constantBias(op);
      case "stream.relay":
        return this.relay(op);
      case "neuron.lif":
        return this.neuron(op);
      case "neuron.loihi":
        return this.given(op);
      case "neuron.threshold":
        return this.threshold(op);
      case "pool.or":
      case "pool.max":
        return this.or(op, "pool.sum", op.attrs);
      case "pool.plane":
        return this.or(op, "pool.sum-plane", op.attrs);
      case "mask.and":
        return this.and(op, (mask) => this.channelMask(op, mask));
      case "mask.tokens":
        return this.and(op, (mask) => this.tokenMask(op, mask));
      case "attention.kv":
        return this.counters(op);
      case "attention.q":
        return this.queries(op);
      default: {
        const support = supportOf(op.name);
        if ("reason" in support) throw new NotLegal("unsupported-op", support.reason, support.hint);
        throw new NotLegal("unsupported-op", "it stands between layers of the chip, and is the host's", QUANTISE);
      }
    }
  }

  // Values.

  private type(value: string): ValueType {
    return this.types.get(value)!;
  }

  private exponentOf(value: string): number {
    const { number } = this.type(value);
    return number.kind === "int" ? number.exp : 0;
  }

  private operand(op: Op, index: number): Current {
    const name = op.operands[index] ?? "";
    const current = this.currents.get(name);
    if (current !== undefined) return current;
    throw new NotLegal(
      "unsupported-value",
      `it reads \`%${name}\`, which is defined later and is no spikes`,
      "delay spikes",
    );
  }

  /** The integers of an operand that only arrive in messages. */
  private messages(op: Op, index: number): string {
    const { value, bias } = this.operand(op, index);
    if (value !== undefined && bias.every((b) => b === 0)) return value;
    throw new NotLegal(
      "unsupported-value",
      `its operand \`%${op.operands[index]}\` holds a constant part`,
      "train without it",
    );
  }

  private define(op: Op, value: string | undefined, more: Partial<Current> = {}): void {
    const { number } = op.type;
    if (number.kind === "real") throw new NotLegal("unsupported-op", "it is on real numbers", QUANTISE);
    const bias = more.bias ?? zeros(channelsOf(op.type));
    this.currents.set(op.result, { value, bias, exp: more.exp ?? number.exp, weights: more.weights ?? [ONE] });
  }

  private population(op: Op, value: string, kind: LegalPopulation["kind"], what: string, latency = 0): void {
    const elements = positionsOf(this.emit.typeOf(value)) * channelsOf(this.emit.typeOf(value));
    const layer = op.layer?.name ?? `${what} ${op.result}`;
    this.populations.push({ value, kind, layer, elements, latency });
  }

  private note(op: Op, what: string, more: Partial<NeuronNote> = {}): void {
    const elements = positionsOf(op.type) * channelsOf(op.type);
    const layer = op.layer?.name ?? `%${op.result}`;
    this.notes.push({ layer, what, elements, thresholds: 1, shift: 0, proved: true, moved: 0, ...more });
  }

  // Linear ops.

  private weighted(op: Op): void {
    const x = this.operand(op, 0);
    const view = viewOf(this.net, op, this.types);
    const { number } = op.type;
    if (number.kind === "real") throw new NotLegal("unsupported-op", "its currents are real numbers", QUANTISE);
    const weights = view.weights();
    const { values, bias } = integers(weights, x.exp - number.exp, number.exp);
    this.checkUnsaturated(view, values, bias);
    const through = throughBias(op, values, outputsOf(weights), x.bias);
    const name = op.symbols[0] ?? "weights";
    const range = weightRange(values);
    const symbol = this.emit.constant(name, {
      kind: "weights",
      shape: weights.shape,
      mantissa: values,
      exponent: new Int32Array(outputsOf(weights)),
      bias: new Float64Array(outputsOf(weights)),
    });
    const attrs: Record<string, AttrValue> = { ...op.attrs, result: "int" };
    delete attrs["exp"];
    delete attrs["bits"];
    const value =
      x.value === undefined || range === undefined
        ? undefined
        : this.emit.define(op.result, op.name, [x.value], { attrs, symbols: [symbol], origin: op.origin });
    this.define(op, value, {
      bias: bias.map((b, o) => b + through[o]!),
      weights: range === undefined ? [] : [{ name, ...range }],
    });
  }

  /** A sum that may saturate is not linear. */
  private checkUnsaturated(view: OpView, values: Int32Array, bias: Float64Array): void {
    const { number } = view.operand(0);
    const bits = view.number("bits");
    if (view.word("result") !== "fixed" || bits === 32 || number.kind !== "int") return;
    const out = bias.length;
    const sums = bias.map(Math.abs);
    const largest = Math.max(-number.lo, number.hi);
    for (let i = 0; i < values.length; i++) sums[i % out]! += Math.abs(values[i]!) * largest;
    const most = sums.reduce((a, b) => Math.max(a, b), 0);
    if (most < 2 ** (bits - 1)) return;
    const message = `its sums can reach ${most} and saturate at ${2 ** (bits - 1) - 1}`;
    throw new NotLegal("inexact-sum", message, "use quantize{streams=proved}");
  }

  /** In units of 2^exp. */
  private inUnits(name: string, { value, exp }: Current, unit: number): string | undefined {
    if (value === undefined || exp === unit) return value;
    return this.emit.add(`${name}.fine`, "synapse.one-to-one", [value], { attrs: { weight: 2 ** (exp - unit) } });
  }

  private sum(op: Op): void {
    const [a, b] = [this.operand(op, 0), this.operand(op, 1)];
    const exp = Math.min(a.exp, b.exp);
    const view = viewOf(this.net, op, this.types);
    this.checkSum(view, exp);
    const [left, right] = [this.inUnits(op.operands[0]!, a, exp), this.inUnits(op.operands[1]!, b, exp)];
    const relayed = this.isRelayed(op);
    const name = relayed ? this.emit.free(`${op.result}.sum`) : op.result;
    const both = left !== undefined && right !== undefined;
    const value = both ? this.emit.define(name, "stream.add", [left, right]) : (left ?? right);
    const bias = a.bias.map((x, c) => x * 2 ** (a.exp - exp) + b.bias[c]! * 2 ** (b.exp - exp));
    const weights = [...finer(a, exp), ...finer(b, exp)];
    if (!relayed || value === undefined) return this.define(op, value, { bias, weights, exp });
    this.relayed(op, op.result, value);
    this.define(op, op.result, { bias, exp });
  }

  private checkSum(view: OpView, exp: number): void {
    const bits = view.number("bits");
    if (bits === 32) return;
    const most = [0, 1].reduce((sum, i) => {
      const { number } = view.operand(i);
      return number.kind === "int" ? sum + Math.max(-number.lo, number.hi) * 2 ** (number.exp - exp) : sum;
    }, 0);
    if (most < 2 ** (bits - 1)) return;
    const message = `it can reach ${most} and saturates at ${2 ** (bits - 1) - 1}`;
    throw new NotLegal("inexact-sum", message, "use quantize{streams=proved}");
  }

  /** Sums that several ops read are worth a relay. */
  private isRelayed(op: Op): boolean {
    return this.options.streams === "relay" && !isSpike(op.type) && (this.users.get(op.result)?.length ?? 0) > 1;
  }

  private relayed(op: Op, result: string, x: string): void {
    const { number } = this.emit.typeOf(x);
    const [lo, hi] = number.kind === "int" ? [number.lo, number.hi] : [0, 0];
    checkPayload(this.chip, lo, hi, `${positionsOf(op.type) * channelsOf(op.type)} sums of a stream per timestep`);
    this.emit.define(result, "stream.relay", [x], { origin: op.origin });
    this.population(op, result, "relay", "relay");
    this.note(op, "relays");
  }

  private relay(op: Op): void {
    const x = this.operand(op, 0);
    if (x.value !== undefined) this.relayed(op, op.result, x.value);
    this.define(op, x.value === undefined ? undefined : op.result, { bias: x.bias });
  }

  private overPositions(op: Op): void {
    const x = this.operand(op, 0);
    const positions = positionsOf(this.type(op.operands[0] ?? ""));
    const value = x.value === undefined ? undefined : this.emit.define(op.result, "reduce.sum-positions", [x.value]);
    this.define(op, value, { bias: x.bias.map((b) => b * positions), weights: x.weights });
  }

  private linear(op: Op): void {
    const x = this.operand(op, 0);
    const [from, count] = [op.attrs["from"], op.attrs["count"]];
    if (op.name === "channels.slice" && typeof from === "number" && typeof count === "number") {
      const bias = x.bias.slice(from, from + count);
      const value =
        x.value === undefined ? undefined : this.emit.define(op.result, op.name, [x.value], { attrs: op.attrs });
      return this.define(op, value, { bias, weights: x.weights });
    }
    const value = this.emit.define(op.result, op.name, [this.messages(op, 0)], { attrs: op.attrs });
    this.define(op, value, { weights: x.weights });
  }

  private delay(op: Op): void {
    if ((op.attrs["init"] ?? 0) !== 0) {
      const message = `its first value is ${String(op.attrs["init"])}, before its first spike the chip has 0`;
      throw new NotLegal("unsupported-value", message, "use init = 0");
    }
    const [x = ""] = op.operands;
    const producer = this.net.ops.find(({ result }) => result === x);
    const later = !this.currents.has(x) && producer !== undefined;
    // Spikes have their type before they are defined.
    if (later && isSpiking(producer, (value) => this.type(value))) this.emit.declare(x, op.type);
    else this.messages(op, 0);
    const source = this.currents.get(x);
    this.emit.define(op.result, "delay", [source?.value ?? x], { attrs: op.attrs });
    this.define(op, op.result, { weights: source?.weights ?? [ONE] });
  }

  private constantBias(op: Op): void {
    const data = viewOf(this.net, op, this.types).values(0);
    const channels = channelsOf(op.type);
    const bias = Float64Array.from({ length: channels }, (_, c) => data.data[c] ?? 0);
    if (data.data.some((value, i) => value !== bias[i % channels])) {
      throw new NotLegal(
        "unsupported-value",
        "it differs from position to position or in time, a bias does not",
        "fold it into weights",
      );
    }
    this.define(op, undefined, { bias });
  }

  // Neurons.

  private neuron(op: Op): void {
    const x = this.operand(op, 0);
    const view = viewOf(this.net, op, this.types);
    if (view.operand(0).number.kind === "real")
      throw new NotLegal("unsupported-neuron", "its currents are real numbers", QUANTISE);
    if (!["loihi", "nengo-loihi"].includes(this.chip.numerics.profile)) {
      throw new NotLegal(
        "chip-arithmetic",
        `the chip's neurons follow profile ${this.chip.numerics.profile}`,
        "use a chip of profile loihi",
      );
    }
    const source = this.driven(x);
    const { number } = this.emit.typeOf(source);
    const [lo, hi] = number.kind === "int" ? [number.lo, number.hi] : [0, 0];
    const input: NeuronInput = { lo: Math.min(0, lo), hi: Math.max(0, hi), bias: x.bias, weights: x.weights };
    const neuron = chipNeuron(view, timestepsOf(op.type.time), input, this.chip, this.options.allow);
    if ("code" in neuron) throw new NotLegal(neuron.code, neuron.reason, neuron.hint);
    const attrs = {
      decay_u: neuron.decayU,
      decay_v: neuron.decayV,
      v_th: this.perChannel(op, "v_th", neuron.thresholds),
      ...(neuron.bias.every((b) => b === 0) ? {} : { bias: this.perChannel(op, "bias", neuron.bias) }),
    };
    this.fires(op, this.scaled(source, 2 ** neuron.shift), attrs, "neurons");
    const thresholds = new Set(neuron.thresholds).size;
    this.note(op, "neurons", { thresholds, shift: neuron.shift, proved: neuron.proved, moved: neuron.moved });
  }

  /** What arrives at a neuron, which may be nothing but its bias. */
  private driven({ value }: Current): string {
    if (value !== undefined) return value;
    throw new NotLegal("unsupported-value", "nothing but constants reaches it", "run canonicalize and drop-dead");
  }

  private scaled(value: string, weight: number): string {
    if (weight === 1) return value;
    return this.emit.add(`${value}.q`, "synapse.one-to-one", [value], { attrs: { weight } });
  }

  private perChannel(op: Op, what: string, values: Float32Array): AttrValue {
    if (values.every((value) => value === values[0])) return values[0] ?? 0;
    return {
      symbol: this.emit.constant(`${op.layer?.name ?? op.result}.${what}`, realTensor([values.length], values)),
    };
  }

  private fires(op: Op, x: string, attrs: Readonly<Record<string, AttrValue>>, what: string): void {
    this.emit.define(op.result, "neuron.loihi", [x], { attrs, layer: op.layer, origin: op.origin });
    this.population(op, op.result, "neuron", what);
    this.define(op, op.result);
  }

  /** Fires above `mantissa` * 2^6 and forgets its potential. */
  private counter(op: Op, x: string, mantissa: AttrValue, what: string): void {
    this.fires(op, x, { decay_u: MOST_DECAY, decay_v: MOST_DECAY, v_th: mantissa }, what);
    this.note(op, what);
  }

  private given(op: Op): void {
    const profile = String(op.attrs["profile"] ?? "loihi");
    const chip = this.chip.numerics.profile;
    if (chip !== profile && chip !== `${profile}-loihi`) {
      throw new NotLegal(
        "chip-arithmetic",
        `it follows profile ${profile}, the chip ${chip}`,
        "compile for a chip of its profile",
      );
    }
    const source = this.messages(op, 0);
    for (const { attr } of symbolAttrs(op)) {
      const constant = this.net.constants.get(attr);
      if (constant !== undefined) this.emit.constant(attr, constant);
    }
    this.fires(op, source, op.attrs, "neurons");
    this.note(op, "neurons", { proved: false });
  }

  /** s = x >= v_th without memory: x * 2^j against a register, j such that what is left of the potential is lost. */
  private threshold(op: Op): void {
    const x = this.messages(op, 0);
    const { number } = this.emit.typeOf(x);
    const lowest = number.kind === "int" ? number.lo : 0;
    const counter = counterOf(viewOf(this.net, op, this.types), lowest);
    if ("code" in counter) throw new NotLegal(counter.code, counter.reason, counter.hint);
    this.counter(op, this.scaled(x, counter.weight), this.perChannel(op, "v_th", counter.thresholds), "counters");
  }

  private or(op: Op, pool: string, attrs: Op["attrs"]): void {
    const sum = this.emit.add(`${op.result}.sum`, pool, [this.messages(op, 0)], { attrs });
    this.counter(op, this.scaled(sum, UNIT), 0, "OR");
  }

  private and(op: Op, spread: (mask: string) => string): void {
    if (!isSpike(op.type)) {
      throw new NotLegal(
        "unsupported-op",
        "a product of a mask and integers is no sum",
        "mask spikes, in front of the weights",
      );
    }
    const [a, mask] = [this.messages(op, 0), spread(this.messages(op, 1))];
    const both = this.emit.add(`${op.result}.sum`, "stream.add", [a, mask]);
    this.counter(op, this.scaled(both, UNIT), 1, "AND");
  }

  private channelMask(op: Op, mask: string): string {
    const { shape } = op.type;
    if (shape.length === this.emit.typeOf(mask).shape.length) return mask;
    const [height = 1, width = 0] = shape.slice(0, -1);
    if (shape.length > 3)
      throw new NotLegal("unsupported-op", `positions of ${shape.length - 1} dimensions`, "use a map or tokens");
    return this.emit.add(`${op.result}.mask`, "repeat.positions", [mask], { attrs: { height, width } });
  }

  private tokenMask(op: Op, mask: string): string {
    const { shape } = op.type;
    const width = shape.length === 3 ? (shape[1] ?? 0) : 0;
    if (shape.length > 3)
      throw new NotLegal("unsupported-op", `positions of ${shape.length - 1} dimensions`, "use a map or tokens");
    const attrs = { channels: channelsOf(op.type), width };
    return this.emit.add(`${op.result}.mask`, "repeat.channels", [mask], { attrs });
  }

  // Attention.

  /** Spikes that a population or the host sends as they are: the axons of an attention core are bits of its operands. */
  private directSpikes(op: Op, index: number): string {
    const value = this.messages(op, index);
    const isSource =
      this.populations.some((p) => p.value === value) || this.emit.inputs.some(({ name }) => name === value);
    if (isSource) return value;
    const attrs = { decay_u: MOST_DECAY, decay_v: MOST_DECAY, v_th: 0 };
    const copy = this.emit.add(`${value}.copy`, "neuron.loihi", [this.scaled(value, UNIT)], { attrs });
    this.population(op, copy, "neuron", "copies");
    this.note(op, "copies");
    return copy;
  }

  private counters(op: Op): void {
    const view = viewOf(this.net, op, this.types);
    checkAttention(view, this.chip);
    const readers = this.users.get(op.result) ?? [];
    if (readers.length !== 1 || readers[0]?.name !== "attention.q") {
      throw new NotLegal(
        "unsupported-op",
        `${readers.length} ops read its counters, an attention core works off one attention.q`,
        "lower one attention at a time",
      );
    }
    const operands = [this.directSpikes(op, 0), this.directSpikes(op, 1)];
    this.emit.define(op.result, op.name, operands, { attrs: op.attrs, origin: op.origin });
    this.define(op, op.result);
  }

  private queries(op: Op): void {
    const counters = this.operand(op, 1).value ?? "";
    const kv = this.net.ops.find((other) => other.result === op.operands[1]);
    if (kv?.name !== "attention.kv")
      throw new NotLegal("unsupported-op", "its counters come from no attention.kv", "quantize an attention.statten");
    const { number } = op.type;
    if (number.kind === "int") checkPayload(this.chip, number.lo, number.hi, "results of attention");
    this.emit.define(op.result, op.name, [this.directSpikes(op, 0), counters], { origin: op.origin });
    this.population(op, op.result, "attention", "attention", Number(kv.attrs["chunk"]));
    this.note(op, "attention");
    this.define(op, op.result);
  }
}

/** The chip's part of a net in its ops; what has no exact form is in `report`. */
export function lowerNet(net: Net, split: Split, chip: LoihiChip, options: LowerOptions, report: Report): Lowered {
  const types = valueTypes(net);
  const inputs = split.chipReads.map((name) => {
    const type = types.get(name)!;
    const { number } = type;
    return { name, type: number.kind === "int" ? { ...type, number: { ...number, exp: 0 } } : type };
  });
  const emit = new Emitter(inputs);
  const lowering = new Lowering(net, chip, options, emit);
  lowering.run(split.chip, report);
  const outputs = new Map(
    split.chipOutputs
      .map((value) => [value, lowering.spikesOf(value)] as const)
      .flatMap(([a, b]) => (b === undefined ? [] : [[a, b]])),
  );
  const legal = emit.finish(
    net.name,
    [...outputs].map(([name, value]) => ({ name, value })),
  );
  return { net: legal, populations: lowering.populations, outputs, neurons: lowering.notes };
}
