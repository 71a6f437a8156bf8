import { valueTypes, type Net, type Op } from "../../ir/index.js";
import { Emitter } from "./emitter.js";
import type { LegalInput, LegalPopulation } from "./legal-net.js";
import { Graph, synapticDelay } from "./local-time.js";
import { MOST_DECAY, UNIT } from "./numerics.js";

/**
 * Connections longer than the longest synaptic delay. A source is heard again every `maxDelay` steps by a copy of itself: neurons that
 * fire one spike per spike, relays of what is graded, and for values of the host the same values put in later. A reader takes the
 * last copy in front of it, so all readers share one chain.
 */
export interface Chained {
  readonly net: Net;
  readonly populations: readonly LegalPopulation[];
  readonly inputs: readonly LegalInput[];
  readonly starts: ReadonlyMap<string, number>;
  /** Neurons and relays that were added. */
  readonly neurons: number;
  readonly copies: number;
}

export interface Unchained {
  readonly net: Net;
  readonly populations: readonly LegalPopulation[];
  readonly inputs: readonly LegalInput[];
  readonly starts: ReadonlyMap<string, number>;
}

const IDENTITY = { decay_u: MOST_DECAY, decay_v: MOST_DECAY, v_th: 0 };

class Chaining {
  private readonly graph: Graph;
  private readonly emit: Emitter;
  private readonly inputs: LegalInput[];
  private readonly populations: LegalPopulation[] = [];
  private readonly starts: Map<string, number>;
  /** The n-th copy of a source, by `n source`. */
  private readonly copies = new Map<string, string>();
  /** Linear values over copies, by value and the copies that they read. */
  private readonly variants = new Map<string, string>();
  private neurons = 0;

  constructor(
    private readonly before: Unchained,
    private readonly maxDelay: number,
  ) {
    this.graph = new Graph(before.net, before.populations);
    this.inputs = [...before.inputs];
    this.starts = new Map(before.starts);
    const copied = this.lateInputs();
    this.emit = new Emitter([...before.net.inputs, ...copied]);
  }

  /** How many whole delays stand before the last part of a connection. */
  private hops(delay: number): number {
    return Math.ceil(delay / this.maxDelay) - 1;
  }

  /** The copy of each source that a population reads: the last one that all its ways from there can use. */
  private hopsTo(population: LegalPopulation): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const connection of this.graph.connectionsTo(population)) {
      const delay = synapticDelay(this.graph, this.before.starts, connection);
      found.set(connection.from, Math.max(found.get(connection.from) ?? 0, this.hops(delay)));
    }
    return new Map([...found].filter(([, hops]) => hops > 0));
  }

  private lateInputs(): Net["inputs"] {
    const types = valueTypes(this.before.net);
    const added: { name: string; type: Net["inputs"][number]["type"] }[] = [];
    for (const population of this.before.populations) {
      for (const [source, hops] of this.hopsTo(population)) {
        const input = this.before.inputs.find(({ name }) => name === source);
        if (input === undefined || this.copies.has(`${hops} ${source}`)) continue;
        const start = (this.before.starts.get(source) ?? 0) + hops * this.maxDelay;
        const name = `${source}.at${start}`;
        added.push({ name, type: types.get(source)! });
        this.inputs.push({ ...input, name });
        this.starts.set(name, start);
        this.copies.set(`${hops} ${source}`, name);
      }
    }
    return added;
  }

  private copyOf(source: string, hops: number): string {
    if (hops === 0) return source;
    const known = this.copies.get(`${hops} ${source}`);
    if (known !== undefined) return known;
    const before = this.copyOf(source, hops - 1);
    const original = this.before.populations.find(({ value }) => value === source)!;
    const graded = original.kind !== "neuron";
    const driven = graded
      ? before
      : this.emit.add(`${before}.q`, "synapse.one-to-one", [before], { attrs: { weight: UNIT } });
    const copy = this.emit.add(
      `${source}.late`,
      graded ? "stream.relay" : "neuron.loihi",
      [driven],
      graded ? {} : { attrs: IDENTITY },
    );
    const { elements, layer } = original;
    this.populations.push({
      value: copy,
      kind: graded ? "relay" : "neuron",
      layer: `${layer} (late)`,
      elements,
      latency: 0,
    });
    this.starts.set(copy, this.before.starts.get(source)! + original.latency + hops * this.maxDelay);
    this.copies.set(`${hops} ${source}`, copy);
    this.neurons += elements;
    return copy;
  }

  /** A value with copies in place of some of its sources. */
  private variant(value: string, hops: ReadonlyMap<string, number>): string {
    if (this.graph.isSource(value)) return this.copyOf(value, hops.get(value) ?? 0);
    const used = [...this.graph.sourcesOf(value).keys()].filter((source) => hops.has(source));
    if (used.length === 0) return value;
    const key = `${value} <- ${used.map((source) => `${hops.get(source)} ${source}`).join(", ")}`;
    const known = this.variants.get(key);
    if (known !== undefined) return known;
    const op = this.graph.producer(value);
    const operands = op.operands.map((operand) => this.variant(operand, hops));
    const copy = this.emit.add(`${value}.late`, op.name, operands, op);
    this.variants.set(key, copy);
    return copy;
  }

  run(): Chained {
    const { net, populations } = this.before;
    for (const symbol of net.constants.keys()) this.emit.constant(symbol, net.constants.get(symbol)!);
    for (const { result, type } of net.ops) this.emit.declare(result, type);
    const readers = new Map(populations.map((population) => [population.value, population]));
    for (const op of net.ops) {
      const population = readers.get(op.result);
      const hops = population === undefined ? new Map<string, number>() : this.hopsTo(population);
      const operands = hops.size === 0 ? op.operands : op.operands.map((operand) => this.variant(operand, hops));
      this.emit.define(op.result, op.name, operands, op);
      if (population !== undefined) this.populations.push(population);
    }
    return {
      net: this.read(this.emit.finish(net.name, net.outputs)),
      populations: this.populations,
      inputs: this.inputs,
      starts: this.starts,
      neurons: this.neurons,
      copies: this.populations.length - populations.length,
    };
  }

  /** Without linear ops whose readers all have variants of their own. */
  private read(net: Net): Net {
    const read = new Set(net.outputs.map(({ value }) => value));
    const kept: Op[] = [];
    const populations = new Set(this.populations.map(({ value }) => value));
    // A delay may be read by what is defined before it reads: keep those.
    for (const op of net.ops.toReversed()) {
      const alive = read.has(op.result) || populations.has(op.result) || op.name === "delay";
      if (!alive) continue;
      kept.unshift(op);
      for (const operand of op.operands) read.add(operand);
    }
    return { ...net, ops: kept };
  }
}

/** Adds what connections longer than `maxDelay` steps need; the same net where there are none. */
export function chainDelays(before: Unchained, maxDelay: number): Chained {
  return new Chaining(before, maxDelay).run();
}
