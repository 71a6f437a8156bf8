import { internalError } from "../../diagnostics/index.js";
import type { Net, Op } from "../../ir/index.js";
import type { LegalPopulation } from "./legal-net.js";

/**
 * Local time: population l runs its timestep t in chip step start_l + t. A connection takes one step at least, so starts are the
 * longest ways through the net; docs/loihi-chip.md 1, 5 and 6.
 */

/** A way of messages from a source (population or input) to a population, over linear ops with `delay` timesteps of the net. */
export interface Connection {
  readonly from: string;
  readonly to: string;
  readonly delay: number;
}

export interface LocalTime {
  readonly starts: ReadonlyMap<string, number>;
  /** Populations that no starts suit. */
  readonly contradiction: readonly string[];
}

/** start_to - start_from >= least. */
interface Constraint {
  readonly from: string;
  readonly to: string;
  readonly least: number;
}

/** Everything about a net that local time and what uses it have to look up. */
export class Graph {
  readonly producers: ReadonlyMap<string, Op>;
  private readonly populations: ReadonlyMap<string, LegalPopulation>;
  private readonly inputs: ReadonlySet<string>;
  private readonly reached = new Map<string, ReadonlyMap<string, readonly number[]>>();

  constructor(
    readonly net: Net,
    populations: readonly LegalPopulation[],
  ) {
    this.producers = new Map(net.ops.map((op) => [op.result, op]));
    this.populations = new Map(populations.map((population) => [population.value, population]));
    this.inputs = new Set(net.inputs.map(({ name }) => name));
  }

  isInput(value: string): boolean {
    return this.inputs.has(value);
  }

  isSource(value: string): boolean {
    return this.inputs.has(value) || this.populations.has(value);
  }

  latencyOf(value: string): number {
    return this.populations.get(value)?.latency ?? 0;
  }

  producer(value: string): Op {
    const op = this.producers.get(value);
    if (op === undefined) throw internalError(`no op makes %${value}`);
    return op;
  }

  /** The sources of a value, and the delays of the net on the ways to it: each once, ascending. */
  sourcesOf(value: string): ReadonlyMap<string, readonly number[]> {
    if (this.isSource(value)) return new Map([[value, [0]]]);
    const known = this.reached.get(value);
    if (known !== undefined) return known;
    const op = this.producer(value);
    const later = op.name === "delay" ? Number(op.attrs["timesteps"] ?? 1) : 0;
    const found = new Map<string, readonly number[]>();
    for (const operand of op.operands) {
      for (const [source, delays] of this.sourcesOf(operand)) {
        const all = [...(found.get(source) ?? []), ...delays.map((delay) => delay + later)];
        found.set(
          source,
          [...new Set(all)].sort((a, b) => a - b),
        );
      }
    }
    this.reached.set(value, found);
    return found;
  }

  /** Every way into a population: of an attention the operands of both its ops. */
  connectionsTo({ value, kind }: LegalPopulation): readonly Connection[] {
    const op = this.producer(value);
    const operands = kind === "attention" ? [op.operands[0]!, ...this.producer(op.operands[1]!).operands] : op.operands;
    const found = operands.flatMap((operand) =>
      [...this.sourcesOf(operand)].flatMap(([from, delays]) => delays.map((delay) => ({ from, to: value, delay }))),
    );
    const key = ({ from, delay }: Connection): string => `${delay} ${from}`;
    return [...new Map(found.map((connection) => [key(connection), connection])).values()];
  }
}

/** Delay of the synapses of a connection, steps. Host values of timestep t arrive as if sent in step start + t - 1. */
export function synapticDelay(
  graph: Graph,
  starts: ReadonlyMap<string, number>,
  { from, to, delay }: Connection,
): number {
  const [source, target] = [starts.get(from), starts.get(to)];
  if (source === undefined || target === undefined) throw internalError(`no start of %${from} or %${to}`);
  return target - source + delay - graph.latencyOf(from) + (graph.isInput(from) ? 1 : 0);
}

function constraintsOf(graph: Graph, populations: readonly LegalPopulation[]): readonly Constraint[] {
  return populations.flatMap((population) =>
    graph.connectionsTo(population).flatMap(({ from, to, delay }): Constraint[] => {
      const soonest = graph.isInput(from) ? 0 : 1 + graph.latencyOf(from);
      const least = { from, to, least: soonest - delay };
      // An attention core has no synapses that could delay: what it reads is sent in the step before.
      return population.kind === "attention" ? [least, { from: to, to: from, least: delay - soonest }] : [least];
    }),
  );
}

/** The earliest starts (Bellman-Ford on longest ways). */
export function localTime(graph: Graph, populations: readonly LegalPopulation[]): LocalTime {
  const constraints = constraintsOf(graph, populations);
  const nodes = [...graph.net.inputs.map(({ name }) => name), ...populations.map(({ value }) => value)];
  const starts = new Map(nodes.map((node) => [node, 0]));
  let late: Set<string> = new Set();
  for (let round = 0; round <= nodes.length; round++) {
    late = new Set();
    for (const { from, to, least } of constraints) {
      const start = (starts.get(from) ?? 0) + least;
      if (start <= (starts.get(to) ?? 0)) continue;
      starts.set(to, start);
      late.add(to);
    }
    if (late.size === 0) break;
  }
  return { starts, contradiction: [...late] };
}
