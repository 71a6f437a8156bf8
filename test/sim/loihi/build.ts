import type {
  AttentionCore,
  Group,
  InputAxons,
  LoihiInput,
  LoihiProgram,
  NeuroCore,
  Routes,
  SynapseLists,
} from "../../../src/backends/program/loihi/program.js";
import { loihiChipSchema, type LoihiChip } from "../../../src/chips/loihi.js";

/** Programs of the step-by-step chip from lists of objects, and the lists back from typed arrays. */

export interface Synapse {
  readonly target: number;
  readonly weight: number;
  readonly delay: number;
}

export interface SynapseList {
  readonly format: number;
  readonly synapses: readonly Synapse[];
}

export interface AxonEntry {
  readonly list: number;
  readonly base: number;
}

export interface Route {
  readonly core: number;
  readonly axon: number;
}

export interface NeuroCoreParts {
  readonly tile: number;
  readonly slot: number;
  readonly groups: readonly Group[];
  readonly axons: readonly (readonly AxonEntry[])[];
  readonly lists: readonly SynapseList[];
  /** By compartment. */
  readonly routes: readonly (readonly Route[])[];
}

function starts(lists: readonly (readonly unknown[])[]): Int32Array {
  const start = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (start[i + 1] = start[i]! + list.length));
  return start;
}

export function packRoutes(routes: readonly (readonly Route[])[]): Routes {
  const all = routes.flat();
  return {
    start: starts(routes),
    core: Int32Array.from(all, ({ core }) => core),
    axon: Int32Array.from(all, ({ axon }) => axon),
  };
}

function packAxons(axons: readonly (readonly AxonEntry[])[]): InputAxons {
  const all = axons.flat();
  return {
    start: starts(axons),
    list: Int32Array.from(all, ({ list }) => list),
    base: Int32Array.from(all, ({ base }) => base),
  };
}

function packLists(lists: readonly SynapseList[]): SynapseLists {
  const all = lists.flatMap(({ synapses }) => synapses);
  return {
    start: starts(lists.map(({ synapses }) => synapses)),
    target: Int32Array.from(all, ({ target }) => target),
    weight: Int32Array.from(all, ({ weight }) => weight),
    delay: Uint8Array.from(all, ({ delay }) => delay),
    format: Uint8Array.from(lists, ({ format }) => format),
  };
}

export function neuroCore({ tile, slot, groups, axons, lists, routes }: NeuroCoreParts): NeuroCore {
  return {
    kind: "neuro",
    tile,
    slot,
    groups,
    axons: packAxons(axons),
    lists: packLists(lists),
    routes: packRoutes(routes),
  };
}

/** A group of neurons that only add up and never leak, with what is given. */
export function group(
  population: number,
  first: number,
  neurons: readonly number[],
  more: Partial<Omit<Group, "threshold" | "bias">> & { threshold?: readonly number[]; bias?: readonly number[] } = {},
): Group {
  return {
    population,
    first,
    kind: "neuron",
    decayU: 4095,
    decayV: 0,
    refractory: 1,
    vMin: -(2 ** 23) + 1,
    vMax: 2 ** 23 - 1,
    currentShift: 0,
    ...more,
    neurons: Int32Array.from(neurons),
    threshold: Int32Array.from(more.threshold ?? neurons.map(() => 0)),
    bias: Int32Array.from(more.bias ?? neurons.map(() => 0)),
  };
}

/** What the chip holds is generous; everything that takes time takes none but what is given. */
export interface ChipParts {
  readonly time?: Partial<LoihiChip["time"]>;
  readonly mesh?: Partial<LoihiChip["mesh"]>;
  readonly numerics?: Partial<LoihiChip["numerics"]>;
  readonly attention?: Partial<NonNullable<LoihiChip["attention"]>>;
  readonly synapseFormats?: LoihiChip["synapseFormats"];
}

export const DENSE = {
  name: "dense",
  weightBits: 9,
  indexBits: 0,
  delayBits: 6,
  tagBits: 0,
  blockSynapses: 64,
  headerBits: 0,
  shared: true,
};

export function chip(parts: ChipParts = {}): LoihiChip {
  const formats = parts.synapseFormats ?? [DENSE];
  const byFormat = (value: number): Record<string, number> =>
    Object.fromEntries(formats.map(({ name }) => [name, value]));
  return loihiChipSchema.parse({
    name: "test",
    target: "loihi",
    description: "a chip of the tests",
    mesh: { tilesX: 4, tilesY: 4, coresPerTile: 4, chipsX: 1, chipsY: 1, queueMessages: 16, ...parts.mesh },
    core: {
      compartments: 1024,
      inputAxons: 4096,
      outputAxons: 4096,
      synapseBits: 2 ** 20,
      wordBits: 64,
      compartmentConfigs: 32,
      thresholdConfigs: 1024,
      synapseFormats: 16,
    },
    synapseFormats: formats,
    numerics: {
      profile: "loihi",
      weightExponent: [-7, 7],
      mixedSignDropsLowBit: false,
      maxDelay: 63,
      thresholdMantissaBits: 17,
      thresholdShift: 6,
      biasMantissaBits: 13,
      biasExponent: [0, 7],
      maxRefractory: 64,
      stateBits: 24,
      gradedBits: 24,
      ...parts.numerics,
    },
    ...(parts.attention === undefined
      ? {}
      : {
          attention: {
            cores: 1,
            inputAxons: 65_536,
            outputAxons: 65_536,
            counters: 65_536,
            counterBits: 16,
            sets: 2,
            queryBits: 2 ** 20,
            lanes: 4,
            mode: "pipelined",
            ...parts.attention,
          },
        }),
    time: {
      neuronAccess: 0,
      neuronUpdate: 0,
      spikeOut: 0,
      messageOut: 0,
      injection: 0,
      injectionHop: 0,
      link: 0,
      hopX: 0,
      hopY: 0,
      chipLink: 0,
      chipHop: 0,
      messageIn: 0,
      synapse: byFormat(0),
      hostInput: 0,
      attention: 0,
      barrier: { 1: 0 },
      ...parts.time,
    },
    energy: {
      neuronAccess: 1,
      neuronUpdate: 1,
      spikeOut: 1,
      messageOut: 1,
      messageIn: 1,
      withinTile: 1,
      hopX: 1,
      hopY: 1,
      chipHop: 1,
      synapse: byFormat(1),
      hostInput: 1,
      attention: 1,
      barrier: 1,
      staticPerChip: 1,
    },
    sources: {},
  });
}

/** A population per entry of `starts`, each a layer of its own; all outputs are read. */
export function program(parts: {
  readonly chip: LoihiChip;
  readonly timesteps: number;
  readonly steps?: number;
  /** Neurons and start of each population. */
  readonly populations: readonly (readonly [neurons: number, start: number])[];
  readonly cores: readonly (NeuroCore | AttentionCore)[];
  readonly inputs?: readonly LoihiInput[];
}): LoihiProgram {
  const { timesteps, populations } = parts;
  const last = Math.max(...populations.map(([, start]) => start));
  return {
    name: "test",
    target: "loihi",
    chip: parts.chip,
    timesteps,
    steps: parts.steps ?? last + timesteps,
    layers: populations.map(([neurons], i) => ({
      name: `layer${i}`,
      kind: "neuron.loihi",
      recorded: true,
      positions: 1,
      channels: neurons,
    })),
    populations: populations.map(([neurons, start], i) => ({ name: `population${i}`, layer: i, neurons, start })),
    cores: parts.cores,
    inputs: parts.inputs ?? [],
    outputs: populations.map(([neurons], i) => ({ name: `output${i}`, population: i, shape: [neurons] })),
    host: {},
    notes: [],
  };
}

/** Routes of sender i. */
export function routesOf({ start, core, axon }: Routes, i: number): Route[] {
  const routes: Route[] = [];
  for (let r = start[i]!; r < start[i + 1]!; r++) routes.push({ core: core[r]!, axon: axon[r]! });
  return routes;
}

/** All synapses of an axon, bases applied. */
export function synapsesOf({ axons, lists }: NeuroCore, axon: number): (Synapse & { readonly format: number })[] {
  const synapses: (Synapse & { readonly format: number })[] = [];
  for (let e = axons.start[axon]!; e < axons.start[axon + 1]!; e++) {
    const list = axons.list[e]!;
    for (let s = lists.start[list]!; s < lists.start[list + 1]!; s++) {
      synapses.push({
        target: axons.base[e]! + lists.target[s]!,
        weight: lists.weight[s]!,
        delay: lists.delay[s]!,
        format: lists.format[list]!,
      });
    }
  }
  return synapses;
}
