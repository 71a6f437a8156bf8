import { parseYaml, type Yaml } from "./yaml.js";

/** A plain reading of what SANA-FE does with exported files, as far as spikes go: written from its documents, in doubles. */

type Fields = { readonly [key: string]: Yaml };

export interface ReadNeuron {
  readonly group: string;
  readonly soma: Fields;
  readonly spikes: readonly number[];
  readonly synapses: string | undefined;
  core?: string;
  somaUnit?: string;
  dendriteUnit?: string;
}

export interface ReadEdge {
  readonly source: string;
  readonly target: string;
  readonly weight: number;
  readonly delay: number;
}

export interface ReadNetwork {
  /** By address, `group.neuron`. */
  readonly neurons: ReadonlyMap<string, ReadNeuron>;
  readonly edges: readonly ReadEdge[];
}

export const fields = (value: Yaml | undefined): Fields => {
  if (typeof value !== "object" || Array.isArray(value)) throw new Error("expected a mapping");
  return value as Fields;
};

export const list = (value: Yaml | undefined): readonly Yaml[] => {
  if (!Array.isArray(value)) throw new Error("expected a list");
  return value as readonly Yaml[];
};

/** `3` or `3..5` as numbers. */
function members(range: string): readonly number[] {
  const [first, last = first] = range.split("..").map(Number);
  return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
}

/** The one entry of an item of a list. */
function entry(item: Yaml): readonly [string, Yaml] {
  const entries = Object.entries(fields(item));
  if (entries.length !== 1) throw new Error("expected one entry");
  return entries[0]!;
}

/** Reads a network file; a neuron or a mapping that is written twice is an error. */
export function readNetwork(text: string): ReadNetwork {
  const file = fields(parseYaml(text));
  const network = fields(file["network"]);
  const neurons = new Map<string, ReadNeuron>();
  for (const item of list(network["groups"])) {
    const group = fields(item);
    let next = 0;
    for (const [range, value] of list(group["neurons"]).map(entry)) {
      for (const i of members(range)) {
        if (i !== next++) throw new Error(`neuron ${i} out of order`);
        const attributes = fields(value);
        neurons.set(`${String(group["name"])}.${i}`, {
          group: String(group["name"]),
          soma: fields(attributes["soma"] ?? {}),
          spikes: list(attributes["spikes"] ?? []).map(Number),
          synapses: attributes["synapse_hw_name"] as string | undefined,
        });
      }
    }
  }
  const edges = list(network["edges"]).map((item): ReadEdge => {
    const [key, value] = entry(item);
    const [source, target] = key.split(" -> ") as [string, string];
    const { weight, delay = 0 } = fields(value);
    return { source, target, weight: Number(weight), delay: Number(delay) };
  });
  for (const [address, value] of list(file["mappings"]).map(entry)) {
    const neuron = neurons.get(address);
    if (neuron === undefined || neuron.core !== undefined)
      throw new Error(`${address} is mapped twice, or is no neuron`);
    const place = fields(value);
    neuron.core = String(place["core"]);
    neuron.somaUnit = String(place["soma"]);
    neuron.dendriteUnit = String(place["dendrite"]);
  }
  return { neurons, edges };
}

/** Addresses that fire, by timestep. */
export function simulate({ neurons, edges }: ReadNetwork, timesteps: number): readonly (readonly string[])[] {
  const outgoing = new Map<string, ReadEdge[]>();
  for (const edge of edges) outgoing.set(edge.source, [...(outgoing.get(edge.source) ?? []), edge]);
  const number = ({ soma }: ReadNeuron, name: string, otherwise: number): number => Number(soma[name] ?? otherwise);
  const states = new Map(
    [...neurons].map(([address, neuron]) => [
      address,
      { u: 0, v: number(neuron, "potential", 0), rest: 0, arriving: new Map<number, number>() },
    ]),
  );
  return Array.from({ length: timesteps }, (_, now) => {
    const fired = [...neurons].filter(([address, neuron]) => {
      if (neuron.synapses === undefined) return neuron.spikes[now] === 1;
      const state = states.get(address)!;
      if (now > 0) {
        state.u *= number(neuron, "input_decay", 0);
        state.v *= number(neuron, "leak_decay", 1);
      }
      state.v = Math.trunc(state.v * 64) / 64;
      const resting = state.rest > 0;
      state.rest = Math.max(0, state.rest - 1);
      if (resting) return false;
      state.u += state.arriving.get(now) ?? 0;
      state.v += number(neuron, "bias", 0) + state.u;
      const fires = state.v > number(neuron, "threshold", 0);
      if (fires) {
        state.v = 0;
        state.rest = Math.max(0, number(neuron, "refractory_delay", 0) - 1);
      }
      if (neuron.soma["reverse_reset_mode"] === "saturate") {
        state.v = Math.max(state.v, number(neuron, "reverse_threshold", 0));
      }
      return fires;
    });
    for (const [address] of fired) {
      for (const { target, weight, delay } of outgoing.get(address) ?? []) {
        const { arriving } = states.get(target)!;
        const at = now + 1 + delay;
        arriving.set(at, (arriving.get(at) ?? 0) + weight);
      }
    }
    return fired.map(([address]) => address);
  });
}
