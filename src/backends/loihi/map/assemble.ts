import type { LoihiChip } from "../../../chips/loihi.js";
import { channelsOf, positionsOf, slotSize, valueTypes } from "../../../ir/index.js";
import type {
  AttentionCore,
  Group,
  InputAxons,
  LoihiProgram,
  NeuroCore,
  Population,
  Routes,
  SynapseLists,
} from "../../program/loihi/program.js";
import type { ProgramLayer } from "../../program/program.js";
import type { LegalNet } from "../legal-net.js";
import { attentionAxon, headElements } from "./attention.js";
import { entriesKey, storedContent, type CoreMemory, type Placed } from "./core-memory.js";
import type { Cores } from "./cores.js";
import type { NeuronConfiguration } from "./neurons.js";
import type { Slot } from "./place.js";

/** A core without its place. */
export type UnplacedCore = Omit<NeuroCore, keyof Slot> | Omit<AttentionCore, keyof Slot>;

/** What a mapped network is besides places, host parts and notes. */
export type Assembled = Omit<LoihiProgram, "name" | "host" | "notes" | "cores"> & {
  readonly cores: readonly UnplacedCore[];
};

interface Route {
  readonly core: number;
  readonly axon: number;
}

/** Writes the tables of all cores: neuro-cores first, then attention cores. */
export function assemble(
  legal: LegalNet,
  cores: Cores,
  configurations: ReadonlyMap<string, NeuronConfiguration>,
  chip: LoihiChip,
): Assembled {
  const { net, populations, starts, timesteps } = legal;
  const types = valueTypes(net);
  const axons = cores.neuro.map(({ memory }) => axonTable(memory));
  const routes = routesOf(legal, cores, axons);
  const { sources } = cores.reader;
  const firstOf = (value: string): number => sources.first[sources.index.get(value)!]!;
  const startOf = (value: string): number => starts.get(value)!;

  const neuro = cores.neuro.map(({ parts, memory }, i): UnplacedCore => {
    const elements = parts.flatMap(({ part }) =>
      Array.from(part.neurons, (j) => firstOf(populations[part.population]!.value) + j),
    );
    return {
      kind: "neuro",
      groups: parts.map((placed) => groupOf(placed, configurations.get(populations[placed.part.population]!.value)!)),
      axons: axons[i]!.table,
      lists: listsOf(memory),
      routes: routeTable(elements.map((element) => routes[element]!)),
    };
  });
  const attention = cores.attention.map((group): UnplacedCore => {
    const { population, heads, headDim, tokens, chunk, firstChannel } = group;
    const { value, elements: size } = populations[population]!;
    const elements = headElements(group, size).map((element) => firstOf(value) + element);
    return {
      kind: "attention",
      population,
      heads,
      headDim,
      tokens,
      chunk,
      firstChannel,
      routes: routeTable(elements.map((element) => routes[element]!)),
    };
  });
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  return {
    target: "loihi",
    chip,
    timesteps,
    steps: Math.max(...populations.map(({ value, latency }) => startOf(value) + timesteps + latency)),
    layers: populations.map(({ value, layer }): ProgramLayer => {
      const op = producers.get(value)!;
      const recorded = op.layer !== undefined;
      return { name: layer, kind: op.name, recorded, positions: positionsOf(op.type), channels: channelsOf(op.type) };
    }),
    populations: populations.map(({ value, elements }, i): Population => ({
      name: value,
      layer: i,
      neurons: elements,
      start: startOf(value),
    })),
    cores: [...neuro, ...attention],
    inputs: legal.inputs.map(({ name, format }) => {
      const type = types.get(name)!;
      const elements = Array.from({ length: slotSize(type) }, (_, i) => routes[firstOf(name) + i]!);
      return { name, format, shape: type.shape, start: startOf(name), routes: routeTable(elements) };
    }),
    outputs: net.outputs.map(({ name, value }) => ({
      name,
      population: populations.findIndex((population) => population.value === value),
      shape: types.get(value)!.shape,
    })),
  };
}

interface AxonTable {
  readonly table: InputAxons;
  /** Axon of each source. */
  readonly of: ReadonlyMap<number, number>;
}

/** Sources with equal entries share an axon. */
function axonTable({ entries }: CoreMemory): AxonTable {
  const known = new Map<string, number>();
  const of = new Map<number, number>();
  const start = [0];
  const [list, base]: [number[], number[]] = [[], []];
  for (const [source, each] of [...entries].sort(([a], [b]) => a - b)) {
    const key = entriesKey(each);
    let axon = known.get(key);
    if (axon === undefined) {
      axon = known.size;
      known.set(key, axon);
      for (const entry of each) {
        list.push(entry.list);
        base.push(entry.base);
      }
      start.push(list.length);
    }
    of.set(source, axon);
  }
  const table = { start: Int32Array.from(start), list: Int32Array.from(list), base: Int32Array.from(base) };
  return { table, of };
}

/** Of every element of every source, the axons that hear it, by core. */
function routesOf({ net, populations }: LegalNet, cores: Cores, axons: readonly AxonTable[]): readonly Route[][] {
  const { first, index } = cores.reader.sources;
  const types = valueTypes(net);
  const routes = Array.from({ length: first[first.length - 1]! }, (): Route[] => []);
  axons.forEach(({ of }, core) => {
    for (const [source, axon] of of) routes[source]!.push({ core, axon });
  });
  cores.attention.forEach((group, i) => {
    const channels = channelsOf(types.get(populations[group.population]!.value)!);
    group.operands.forEach((value, operand) => {
      const source = first[index.get(value)!]!;
      for (let element = 0; element < slotSize(types.get(value)!); element++) {
        const axon = attentionAxon(group, operand, element, channels);
        if (axon !== undefined) routes[source + element]!.push({ core: axons.length + i, axon });
      }
    });
  });
  return routes;
}

function routeTable(senders: readonly (readonly Route[])[]): Routes {
  const start = new Int32Array(senders.length + 1);
  senders.forEach((routes, i) => (start[i + 1] = start[i]! + routes.length));
  const all = senders.flat();
  return { start, core: Int32Array.from(all, ({ core }) => core), axon: Int32Array.from(all, ({ axon }) => axon) };
}

function groupOf({ part, first }: Placed, configuration: NeuronConfiguration): Group {
  const { threshold, bias, ...rest } = configuration;
  const channels = threshold.length;
  return {
    population: part.population,
    first,
    neurons: part.neurons,
    ...rest,
    threshold: part.neurons.map((j) => threshold[j % channels]!),
    bias: part.neurons.map((j) => bias[j % channels]!),
  };
}

function listsOf({ lists }: CoreMemory): SynapseLists {
  const contents = lists.map(storedContent);
  const start = new Int32Array(lists.length + 1);
  contents.forEach(({ target }, i) => (start[i + 1] = start[i]! + target.length));
  const total = start[lists.length]!;
  const target = new Int32Array(total);
  const weight = new Int32Array(total);
  const delay = new Uint8Array(total);
  contents.forEach((list, i) => {
    target.set(list.target, start[i]);
    weight.set(list.weight, start[i]);
    delay.set(list.delay, start[i]);
  });
  return { start, target, weight, delay, format: Uint8Array.from(lists, ({ format }) => format) };
}
