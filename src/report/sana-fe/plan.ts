import type { Group, LoihiProgram } from "../../backends/program/loihi/program.js";
import type { Census, CoreCensus } from "./census.js";
import { APPROXIMATIONS, inexact, kept, restingPotential, type Approximation } from "./neuron.js";
import { neuroCores } from "./synapses.js";
import { identifier } from "./text.js";

/** What becomes of the parts of a program in SANA-FE's files: names, hardware units, host cores, and where it is not the same. */

/**
 * SANA-FE's timestep n, counted from 0, is our chip step n - 1: an input neuron fires one timestep before its spike acts, and a host
 * value acts in the step in which it is given.
 */
export const LEAD = 1;

/** Neurons that one unit of SANA-FE's built-in dendrites and somas holds: `loihi_max_compartments`. */
export const UNIT_NEURONS = 1024;

/** A neuron that fires in each timestep of one local time, for neurons whose bias cannot be an attribute. */
export interface BiasSource {
  readonly kind: "bias";
  readonly name: string;
  readonly tile: number;
  readonly start: number;
}

/** Elements of an input that reach cores of one tile; SANA-FE's hops would cost if they came from elsewhere. */
export interface InputCopy {
  readonly kind: "input";
  readonly name: string;
  readonly tile: number;
  readonly input: number;
  /** Element of each neuron, ascending, and neuron of each element. */
  readonly elements: readonly number[];
  readonly neuronOf: ReadonlyMap<number, number>;
}

export type HostGroup = InputCopy | BiasSource;

export const sizeOf = (group: HostGroup): number => (group.kind === "bias" ? 1 : group.elements.length);

/** How one compartment is written. */
export interface NeuronPlan {
  readonly core: number;
  readonly group: Group;
  /** Its index in `group`; with `group.first`, its compartment. */
  readonly index: number;
  /** Attributes: potential at the very beginning, and bias, in our unit. */
  readonly potential: number;
  readonly bias: number;
  /** What gives it its bias, where that is no attribute. */
  readonly source: BiasSource | undefined;
  /** Format whose costs all synapses of the neuron have. */
  readonly format: number;
}

export interface Plan {
  /** Name of each population's group. */
  readonly names: readonly string[];
  /** By population and neuron. */
  readonly neurons: readonly (readonly NeuronPlan[])[];
  readonly hosts: readonly HostGroup[];
  /** Number of neurons and compartments by approximation. */
  readonly inexact: ReadonlyMap<Approximation, number>;
  /** Synapses whose time and energy are those of another format. */
  readonly mispriced: number;
}

/** Copies of inputs by tile, in order of inputs and tiles. */
function inputCopies(program: LoihiProgram): readonly InputCopy[] {
  return program.inputs.flatMap(({ name, routes }, input) => {
    const byTile = new Map<number, Set<number>>();
    for (let element = 0; element + 1 < routes.start.length; element++) {
      for (let r = routes.start[element]!; r < routes.start[element + 1]!; r++) {
        const { tile } = program.cores[routes.core[r]!]!;
        const elements = byTile.get(tile) ?? new Set();
        byTile.set(tile, elements.add(element));
      }
    }
    const tiles = [...byTile].sort(([a], [b]) => a - b);
    return tiles.map(([tile, set]): InputCopy => {
      const elements = [...set];
      const neuronOf = new Map(elements.map((element, i) => [element, i]));
      return { kind: "input", name: identifier(`in${input}_t${tile}`, name), tile, input, elements, neuronOf };
    });
  });
}

/** Index of the largest number of `counts[from..from + n - 1]`, the first of several. */
function mostFrequent(counts: ArrayLike<number>, from: number, n: number): number {
  let best = 0;
  for (let i = 1; i < n; i++) if (counts[from + i]! > counts[from + best]!) best = i;
  return best;
}

/**
 * SANA-FE's costs of a synapse belong to its target neuron. Where some delay is longer than a step they belong to the whole core: its
 * dendrites find delays by the number of a synapse within its unit, so a second unit would overwrite them.
 */
function formatOf({ formats, longestDelay }: CoreCensus, compartment: number, count: number): number {
  if (longestDelay <= 1) return mostFrequent(formats, compartment * count, count);
  const ofCore = Array.from({ length: count }, (_, format) => {
    let sum = 0;
    for (let at = format; at < formats.length; at += count) sum += formats[at]!;
    return sum;
  });
  return mostFrequent(ofCore, 0, count);
}

export function makePlan(program: LoihiProgram, census: Census): Plan {
  const { chip, populations } = program;
  const { profile } = chip.numerics;
  const formatCount = chip.synapseFormats.length;
  const sources = new Map<string, BiasSource>();
  const counts = new Map<Approximation, number>();
  const note = (approximation: Approximation, n = 1): void =>
    void counts.set(approximation, (counts.get(approximation) ?? 0) + n);
  const sourceOf = (tile: number, start: number): BiasSource => {
    const name = `bias_t${tile}_s${start}`;
    const source = sources.get(name) ?? { kind: "bias", name, tile, start };
    sources.set(name, source);
    return source;
  };

  let mispriced = 0;
  const neurons: NeuronPlan[][] = populations.map(() => []);
  neuroCores(program).forEach(({ groups, tile }, core) => {
    const found = census.cores[core]!;
    for (const group of groups) {
      const { start } = populations[group.population]!;
      for (let index = 0; index < group.neurons.length; index++) {
        const compartment = group.first + index;
        const [low, high] = [found.lowest[compartment]!, found.highest[compartment]!];
        for (const approximation of inexact(group, index, profile, low, high)) note(approximation);
        const format = formatOf(found, compartment, formatCount);
        for (let other = 0; other < formatCount; other++) {
          if (other !== format) mispriced += found.formats[compartment * formatCount + other]!;
        }
        const bias = group.bias[index]!;
        const potential = restingPotential(group, index, profile, start + LEAD);
        // A bias that comes as a current would stay in a current that decays.
        const asCurrent = potential === undefined && kept(group, profile).u === 0;
        if (potential === undefined && !asCurrent) note("early-bias");
        neurons[group.population]![group.neurons[index]!] = {
          core,
          group,
          index,
          potential: potential ?? 0,
          bias: asCurrent ? 0 : bias,
          source: asCurrent ? sourceOf(tile, start) : undefined,
          format,
        };
      }
    }
  });
  if (census.early > 0) note("early-arrival", census.early);
  const order = Object.keys(APPROXIMATIONS) as Approximation[];
  return {
    names: populations.map(({ name }, i) => identifier(`p${i}`, name)),
    neurons,
    hosts: [...inputCopies(program), ...sources.values()],
    inexact: new Map(order.flatMap((name) => (counts.has(name) ? [[name, counts.get(name)!] as const] : []))),
    mispriced,
  };
}
