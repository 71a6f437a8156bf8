import type { LoihiChip } from "../../chips/loihi.js";
import {
  channelsOf,
  positionsOf,
  realTensor,
  usersOf,
  valueTypes,
  type AttrValue,
  type Net,
  type Op,
  type ValueType,
} from "../../ir/index.js";
import { NotLegal, ONE, QUANTISE, zeros, type Current } from "./current.js";
import type { Emitter } from "./emitter.js";
import type { LegalPopulation } from "./legal-net.js";
import type { Approximation } from "./lower-neuron.js";

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

/** What each value of a net is on the chip, and the populations so far. */
export class Values {
  readonly populations: LegalPopulation[] = [];
  readonly notes: NeuronNote[] = [];
  protected readonly types: ReadonlyMap<string, ValueType>;
  protected readonly users: ReadonlyMap<string, readonly Op[]>;
  protected readonly currents = new Map<string, Current>();

  constructor(
    protected readonly net: Net,
    protected readonly chip: LoihiChip,
    protected readonly options: LowerOptions,
    protected readonly emit: Emitter,
  ) {
    this.types = valueTypes(net);
    this.users = usersOf(net);
    for (const { name, type } of emit.inputs) {
      const exp = this.exponentOf(name);
      this.currents.set(name, { value: name, bias: zeros(channelsOf(type)), exp, weights: [ONE] });
    }
  }

  protected type(value: string): ValueType {
    return this.types.get(value)!;
  }

  protected exponentOf(value: string): number {
    const { number } = this.type(value);
    return number.kind === "int" ? number.exp : 0;
  }

  protected operand(op: Op, index: number): Current {
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
  protected messages(op: Op, index: number): string {
    const { value, bias } = this.operand(op, index);
    if (value !== undefined && bias.every((b) => b === 0)) return value;
    throw new NotLegal(
      "unsupported-value",
      `its operand \`%${op.operands[index]}\` holds a constant part`,
      "train without it",
    );
  }

  /** How much finer the units of the first operand are than the net's: relays may count 2^-k. */
  protected finerBy(op: Op): number {
    const [x] = op.operands;
    const current = this.currents.get(x ?? "");
    return x === undefined || current === undefined ? 0 : this.exponentOf(x) - current.exp;
  }

  protected define(op: Op, value: string | undefined, more: Partial<Current> = {}): void {
    const { number } = op.type;
    if (number.kind === "real") throw new NotLegal("unsupported-op", "it is on real numbers", QUANTISE);
    const bias = more.bias ?? zeros(channelsOf(op.type));
    this.currents.set(op.result, {
      value,
      bias,
      exp: more.exp ?? number.exp - this.finerBy(op),
      weights: more.weights ?? [ONE],
    });
  }

  protected population(op: Op, value: string, kind: LegalPopulation["kind"], what: string, latency = 0): void {
    const elements = positionsOf(this.emit.typeOf(value)) * channelsOf(this.emit.typeOf(value));
    const layer = op.layer?.name ?? `${what} ${op.result}`;
    this.populations.push({ value, kind, layer, elements, latency });
  }

  protected note(op: Op, what: string, more: Partial<NeuronNote> = {}): void {
    const elements = positionsOf(op.type) * channelsOf(op.type);
    const layer = op.layer?.name ?? `%${op.result}`;
    this.notes.push({ layer, what, elements, thresholds: 1, shift: 0, proved: true, moved: 0, ...more });
  }

  protected scaled(value: string, weight: number): string {
    if (weight === 1) return value;
    return this.emit.add(`${value}.q`, "synapse.one-to-one", [value], { attrs: { weight } });
  }

  protected perChannel(op: Op, what: string, values: Float32Array): AttrValue {
    if (values.every((value) => value === values[0])) return values[0] ?? 0;
    return {
      symbol: this.emit.constant(`${op.layer?.name ?? op.result}.${what}`, realTensor([values.length], values)),
    };
  }
}
