import { internalError } from "../../../diagnostics/index.js";
import { slotSize, valueTypes, viewOf, type ValueType } from "../../../ir/index.js";
import type { LegalNet, LegalPopulation } from "../legal-net.js";
import { Graph, synapticDelay } from "../local-time.js";
import { spreadOf, type Spread } from "./linear.js";

/** The synapses of one population by neuron: those of neuron j are start[j]..start[j + 1] - 1, ascending by source. */
export interface Incoming {
  /** Elements of all sources of the net. */
  readonly sources: number;
  readonly start: Int32Array;
  /** Element of a source, counted through all sources of the net. */
  readonly source: Int32Array;
  readonly weight: Int32Array;
  /** Steps, at least 1. */
  readonly delay: Uint8Array;
}

/** Inputs and populations of a net, their elements numbered through. */
export interface Sources {
  readonly names: readonly string[];
  /** First element of each, and behind the last the number of all. */
  readonly first: readonly number[];
  readonly index: ReadonlyMap<string, number>;
}

/** A value on the way to a population, with the delays of the net that lie behind it. */
interface Place {
  readonly sums: Float64Array;
  /** Which elements something was added to, and in what order. */
  readonly seen: Uint8Array;
  readonly touched: number[];
}

interface Step {
  readonly from: Place;
  readonly to: Place;
  readonly spread: Spread;
}

/** What grows without knowing its end. */
class Growing {
  private length = 0;
  private data = new Int32Array(1024);

  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Int32Array(2 * this.length);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length++] = value;
  }

  get values(): Int32Array {
    return this.data.subarray(0, this.length);
  }
}

/** The synapses between populations: the products and sums of the linear ops on the ways between them. */
export class SynapseReader {
  readonly sources: Sources;
  private readonly graph: Graph;
  private readonly types: ReadonlyMap<string, ValueType>;

  constructor(private readonly legal: LegalNet) {
    const { net, populations } = legal;
    this.types = valueTypes(net);
    this.graph = new Graph(net, populations);
    const names = [...net.inputs.map(({ name }) => name), ...populations.map(({ value }) => value)];
    const first = [0];
    for (const name of names) first.push(first[first.length - 1]! + slotSize(this.types.get(name)!));
    this.sources = { names, first, index: new Map(names.map((name, i) => [name, i])) };
  }

  /** All synapses of a population of neurons or relays; a synapse whose weight is 0 is none. */
  into(population: LegalPopulation): Incoming {
    const source = new Growing();
    const target = new Growing();
    const weight = new Growing();
    const delay = new Growing();
    const operand = this.graph.producer(population.value).operands[0] ?? "";
    const reached = new Map(
      [...this.graph.sourcesOf(operand)].sort(([a], [b]) => this.sources.index.get(a)! - this.sources.index.get(b)!),
    );
    for (const name of reached.keys()) {
      const { start, steps, ends } = this.planOf(name, operand);
      const delays = ends.map(({ later }) =>
        synapticDelay(this.graph, this.legal.starts, { from: name, to: population.value, delay: later }),
      );
      const first = this.sources.first[this.sources.index.get(name)!]!;
      const size = slotSize(this.types.get(name)!);
      for (let element = 0; element < size; element++) {
        spreadThrough(start, steps, element);
        ends.forEach(({ place }, k) => {
          place.touched.sort((a, b) => a - b);
          for (const j of place.touched) {
            const sum = place.sums[j]!;
            if (sum === 0) continue;
            if (Math.abs(sum) >= 2 ** 31) throw internalError(`a synapse of %${population.value} weighs ${sum}`);
            source.push(first + element);
            target.push(j);
            weight.push(sum);
            delay.push(delays[k]!);
          }
        });
        clear(start, steps);
      }
    }
    const { first } = this.sources;
    return byTarget(
      first[first.length - 1]!,
      population.elements,
      source.values,
      target.values,
      weight.values,
      delay.values,
    );
  }

  /** The linear ops between a source and a value, in order, each for every sum of delays with which it is reached. */
  private planOf(
    source: string,
    end: string,
  ): {
    readonly start: Place;
    readonly steps: Step[];
    readonly ends: { readonly place: Place; readonly later: number }[];
  } {
    const { net } = this.legal;
    const needed = this.between(end);
    const places = new Map<string, Map<number, Place>>();
    const placeOf = (value: string, later: number): Place => {
      const known = places.get(value)?.get(later);
      if (known !== undefined) return known;
      const size = slotSize(this.types.get(value)!);
      const made = { sums: new Float64Array(size), seen: new Uint8Array(size), touched: [] };
      const all = places.get(value) ?? new Map<number, Place>();
      places.set(value, all.set(later, made));
      return made;
    };
    const start = placeOf(source, 0);
    const steps: Step[] = [];
    for (const op of net.ops) {
      if (!needed.has(op.result)) continue;
      const more = op.name === "delay" ? Number(op.attrs["timesteps"] ?? 1) : 0;
      const spread = spreadOf(viewOf(net, op, this.types), op.type);
      for (const operand of op.operands) {
        for (const [later, from] of places.get(operand) ?? []) {
          steps.push({ from, to: placeOf(op.result, later + more), spread });
        }
      }
    }
    const ends = [...(places.get(end) ?? [])].sort(([a], [b]) => a - b).map(([later, place]) => ({ place, later }));
    return { start, steps, ends };
  }

  /** The linear values that a value is computed from, itself among them. */
  private between(end: string): ReadonlySet<string> {
    const found = new Set<string>();
    const todo = [end];
    for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
      if (found.has(value) || this.graph.isSource(value)) continue;
      found.add(value);
      todo.push(...this.graph.producer(value).operands);
    }
    return found;
  }
}

function addTo({ sums, seen, touched }: Place, target: number, weight: number): void {
  sums[target]! += weight;
  if (seen[target] === 1) return;
  seen[target] = 1;
  touched.push(target);
}

/** One element of the source, value 1, through all steps. */
function spreadThrough(start: Place, steps: readonly Step[], element: number): void {
  addTo(start, element, 1);
  for (const { from, to, spread } of steps) {
    const add = (target: number, weight: number): void => addTo(to, target, weight);
    for (const each of from.touched) {
      const sum = from.sums[each]!;
      if (sum !== 0) spread(each, sum, add);
    }
  }
}

function clear(start: Place, steps: readonly Step[]): void {
  for (const { sums, seen, touched } of [start, ...steps.map(({ to }) => to)]) {
    for (const each of touched) {
      sums[each] = 0;
      seen[each] = 0;
    }
    touched.length = 0;
  }
}

/** Sorts synapses by their target; those of one target keep their order. */
function byTarget(
  sources: number,
  neurons: number,
  source: Int32Array,
  target: Int32Array,
  weight: Int32Array,
  delay: Int32Array,
): Incoming {
  const start = new Int32Array(neurons + 1);
  for (const j of target) start[j + 1]!++;
  for (let j = 0; j < neurons; j++) start[j + 1]! += start[j]!;
  const next = start.slice(0, neurons);
  const sorted = {
    source: new Int32Array(source.length),
    weight: new Int32Array(source.length),
    delay: new Uint8Array(source.length),
  };
  for (let k = 0; k < source.length; k++) {
    const at = next[target[k]!]!++;
    sorted.source[at] = source[k]!;
    sorted.weight[at] = weight[k]!;
    sorted.delay[at] = delay[k]!;
  }
  return { sources, start, ...sorted };
}
