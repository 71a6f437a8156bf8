import type { LoihiChip } from "../../chips/loihi.js";
import type { Report } from "../../diagnostics/index.js";
import {
  channelsOf,
  isSpike,
  timestepsOf,
  valueTypes,
  viewOf,
  type AttrValue,
  type Net,
  type Op,
} from "../../ir/index.js";
import { checkAttention, checkPayload, NotLegal, QUANTISE, symbolAttrs, type Current } from "./current.js";
import { loihiDiagnostics } from "./diagnostics.js";
import { Emitter } from "./emitter.js";
import type { LegalPopulation } from "./legal-net.js";
import { chipNeuron, counterOf, type NeuronInput } from "./lower-neuron.js";
import { MOST_DECAY, UNIT } from "./numerics.js";
import type { Split } from "./split.js";
import { LinearOps } from "./linear-ops.js";
import type { LowerOptions, NeuronNote } from "./values.js";
import { supportOf } from "./support.js";

export interface Lowered {
  readonly net: Net;
  readonly populations: readonly LegalPopulation[];
  /** Values of the lowered net, by value of the net. */
  readonly outputs: ReadonlyMap<string, string>;
  readonly neurons: readonly NeuronNote[];
}

class Lowering extends LinearOps {
  private readonly failed = new Set<string>();

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

  private neuron(op: Op): void {
    const x = this.operand(op, 0);
    const view = viewOf(this.net, op, this.types);
    if (view.operand(0).number.kind === "real")
      throw new NotLegal("unsupported-neuron", "its currents are real numbers", QUANTISE);
    if (!["loihi", "nengo"].includes(this.chip.numerics.profile)) {
      throw new NotLegal(
        "chip-arithmetic",
        `the chip's neurons follow profile ${this.chip.numerics.profile}`,
        "use a chip of profile loihi",
      );
    }
    const source = this.driven(x);
    const { number } = this.emit.typeOf(source);
    const [lo, hi] = number.kind === "int" ? [number.lo, number.hi] : [0, 0];
    const finer = this.finerBy(op);
    const unit = 2 ** -finer;
    const bias = x.bias.map((b) => b * unit);
    const range = { lo: Math.min(0, lo) * unit, hi: Math.max(0, hi) * unit };
    const input: NeuronInput = { finer, ...range, bias, weights: x.weights };
    const neuron = chipNeuron(view, timestepsOf(op.type.time), input, this.chip, this.options.allow);
    if ("code" in neuron) throw new NotLegal(neuron.code, neuron.reason, neuron.hint);
    const attrs = {
      decay_u: neuron.decayU,
      decay_v: neuron.decayV,
      v_th: this.perChannel(op, "v_th", neuron.thresholds),
      ...(neuron.bias.every((b) => b === 0) ? {} : { bias: this.perChannel(op, "bias", neuron.bias) }),
    };
    this.fires(op, this.scaled(source, 2 ** (neuron.shift - finer)), attrs, "neurons");
    const thresholds = new Set(neuron.thresholds).size;
    this.note(op, "neurons", { thresholds, shift: neuron.shift, proved: neuron.proved, moved: neuron.moved });
  }

  /** What arrives at a neuron, which may be nothing but its bias. */
  private driven({ value }: Current): string {
    if (value !== undefined) return value;
    throw new NotLegal("unsupported-value", "nothing but constants reaches it", "run canonicalize and drop-dead");
  }

  private fires(op: Op, x: string, attrs: Readonly<Record<string, AttrValue>>, what: string): void {
    this.emit.define(op.result, "neuron.loihi", [x], { attrs, layer: op.layer, origin: op.origin });
    this.population(op, op.result, "neuron", what);
    this.define(op, op.result, { exp: 0 });
  }

  /** Fires above `mantissa` * 2^6 and forgets its potential. */
  private counter(op: Op, x: string, mantissa: AttrValue, what: string): void {
    this.fires(op, x, { decay_u: MOST_DECAY, decay_v: MOST_DECAY, v_th: mantissa }, what);
    this.note(op, what);
  }

  private given(op: Op): void {
    const profile = String(op.attrs["profile"] ?? "loihi");
    const chip = this.chip.numerics.profile;
    if (chip !== profile) {
      throw new NotLegal(
        "chip-arithmetic",
        `it follows profile ${profile}, the chip ${chip}`,
        "compile for a chip of its profile",
      );
    }
    const source = this.inOwnUnits(op);
    for (const { attr } of symbolAttrs(op)) {
      const constant = this.net.constants.get(attr);
      if (constant !== undefined) this.emit.constant(attr, constant);
    }
    this.fires(op, source, op.attrs, "neurons");
    this.note(op, "neurons", { proved: false });
  }

  /** The integers of the operand, where no relay in front of it counts in finer units. */
  private inOwnUnits(op: Op): string {
    if (this.finerBy(op) === 0) return this.messages(op, 0);
    throw new NotLegal("unsupported-value", "a relay in front of it counts in finer units", "unroll streams");
  }

  /** s = x >= v_th without memory: x * 2^j against a register, j such that what is left of the potential is lost. */
  private threshold(op: Op): void {
    const x = this.inOwnUnits(op);
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
    if (number.kind === "int") {
      checkPayload(this.chip, [number.lo, number.hi], "results of attention", "shorter chunks or fewer tokens");
    }
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
