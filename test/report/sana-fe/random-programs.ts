import type { Group, LoihiInput, LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import type { LoihiChip } from "../../../src/chips/loihi.js";
import {
  chip,
  DENSE,
  neuroCore,
  packRoutes,
  program,
  type AxonEntry,
  type Route,
  type SynapseList,
} from "../../sim/loihi/build.js";
import { Random } from "../../support/random.js";

/** Random programs that SANA-FE can follow exactly: spikes alone, currents emptied at once, nothing arrives out of time. */

export interface SpikingCase {
  readonly program: LoihiProgram;
  readonly inputs: ReadonlyMap<string, Int32Array>;
}

export interface SpikingCaseOptions {
  /** Timesteps; random by default. */
  readonly timesteps?: number;
  /** Most neurons of a population. */
  readonly neurons?: number;
  readonly chip?: LoihiChip;
  /** Latest start of a local time, 4 by default. */
  readonly latest?: number;
}

const FORMATS = [DENSE, { ...DENSE, name: "sparse.1" }, { ...DENSE, name: "con volution" }];

function randomChip(random: Random): LoihiChip {
  return chip({
    synapseFormats: FORMATS.slice(0, random.int(1, 3)),
    mesh: { tilesX: random.int(1, 3), tilesY: random.int(1, 3), coresPerTile: 2, chipsX: random.int(1, 2) },
    numerics: {
      profile: random.pick<LoihiChip["numerics"]["profile"]>(["loihi", "nengo", "lava", "brian2"]),
      maxDelay: 6,
      gradedBits: 0,
    },
  });
}

export function randomSpikingCase(seed: number, options: SpikingCaseOptions = {}): SpikingCase {
  const random = new Random(seed);
  const description = options.chip ?? randomChip(random);
  const { mesh, numerics, synapseFormats } = description;
  const brian2 = numerics.profile === "brian2";
  const timesteps = options.timesteps ?? random.int(1, 12);
  const most = options.neurons ?? 12;
  const latest = options.latest ?? 4;
  const slots = mesh.tilesX * mesh.chipsX * mesh.tilesY * mesh.chipsY * mesh.coresPerTile;
  const places = random.shuffle(Array.from({ length: slots }, (_, i) => i)).slice(0, random.int(1, 6));

  const populations = Array.from(
    { length: random.int(1, 4) },
    () => [random.int(1, most), random.int(0, latest)] as const,
  );
  const groups: Group[][] = places.map(() => []);
  const size = (core: number): number => groups[core]!.reduce((sum, { neurons }) => sum + neurons.length, 0);
  populations.forEach(([neurons], population) => {
    const left = random.shuffle(Array.from({ length: neurons }, (_, i) => i));
    while (left.length > 0) {
      const core = random.int(0, places.length - 1);
      const members = left.splice(0, random.int(1, left.length));
      groups[core]!.push({
        population,
        first: size(core),
        neurons: Int32Array.from(members),
        kind: "neuron",
        decayU: brian2 ? 4096 : 4095,
        decayV: random.pick([0, 1, 409, 2048, random.int(0, 4095), 4095, brian2 ? 4096 : 4095]),
        refractory: numerics.profile === "lava" ? 1 : random.pick([1, 1, 2, 5]),
        vMin: brian2 ? -(2 ** 23) + 1 : random.pick([0, -1, -500, -(2 ** 23) + 1]),
        vMax: 2 ** 23 - 1,
        currentShift: numerics.profile === "lava" ? random.int(0, 3) : 0,
        threshold: Int32Array.from(members, () => 64 * random.int(0, 20)),
        bias: Int32Array.from(members, () => (brian2 || random.chance(0.4) ? 0 : random.int(-700, 700))),
      });
    }
  });
  const used = groups.flatMap((list, i) => (list.length > 0 ? [{ place: places[i]!, groups: list }] : []));
  const starts = used.map((core) =>
    core.groups.flatMap(({ population, neurons }) => Array.from(neurons, () => populations[population]![1])),
  );

  const axons: AxonEntry[][][] = used.map(() => []);
  const lists: SynapseList[][] = used.map(() => []);
  /** Routes of a sender to some cores; its spike of timestep 0 is sent in step `start`. */
  const routesFrom = (start: number): Route[] =>
    random
      .shuffle(used.map((_, i) => i))
      .slice(0, random.int(0, 3))
      .map((core) => {
        const entries = Array.from({ length: random.int(1, 2) }, () => {
          const compartments = starts[core]!.map((_, i) => i);
          const some = compartments.filter(() => random.chance(0.5));
          // Few axons reach nothing at all.
          const reached = some.length > 0 || random.chance(0.1) ? some : [random.pick(compartments)];
          const base = Math.min(...reached, compartments.length);
          const synapses = reached.map((target) => {
            const least = Math.max(1, starts[core]![target]! - start);
            // lava's are mantissas.
            const weight = numerics.profile === "lava" ? random.int(-10, 14) : random.int(-600, 900);
            return { target: target - base, weight, delay: random.chance(0.6) ? least : random.int(least, 6) };
          });
          lists[core]!.push({ format: random.int(0, synapseFormats.length - 1), synapses });
          return { list: lists[core]!.length - 1, base };
        });
        axons[core]!.push(entries);
        return { core, axon: axons[core]!.length - 1 };
      });

  const inputs = Array.from({ length: random.int(0, 2) }, (_, i) => {
    const [elements, start] = [random.int(1, most), random.int(0, latest)];
    const input: LoihiInput = {
      name: `input.${i}`,
      format: "spike",
      shape: [elements],
      start,
      routes: packRoutes(Array.from({ length: elements }, () => routesFrom(start - 1))),
    };
    const density = random.next();
    return { input, values: Int32Array.from({ length: timesteps * elements }, () => +random.chance(density)) };
  });
  const routes = used.map((core) =>
    core.groups.flatMap(({ population, neurons }) =>
      Array.from(neurons, () => routesFrom(populations[population]![1])),
    ),
  );
  const cores = used.map(({ place, groups: list }, i) =>
    neuroCore({
      tile: Math.floor(place / mesh.coresPerTile),
      slot: place % mesh.coresPerTile,
      groups: list,
      axons: axons[i]!,
      lists: lists[i]!,
      routes: routes[i]!,
    }),
  );
  return {
    program: program({ chip: description, timesteps, populations, cores, inputs: inputs.map(({ input }) => input) }),
    inputs: new Map(inputs.map(({ input, values }) => [input.name, values])),
  };
}

/**
 * Layers of so many neurons, the first of them an input, each fully connected with the next, which begins a step later; every core
 * holds up to 256 neurons. `density` of the inputs' elements are spikes; biases are up to `bias` units of 64, thresholds 300.
 */
export function layeredCase(
  seed: number,
  description: LoihiChip,
  sizes: readonly number[],
  timesteps: number,
  { density, bias }: { readonly density: number; readonly bias: number },
): SpikingCase {
  const random = new Random(seed);
  const { mesh } = description;
  const layers = sizes.slice(1);
  const coresOf: { readonly population: number; readonly neurons: readonly number[] }[] = layers.flatMap(
    (neurons, population) =>
      Array.from({ length: Math.ceil(neurons / 256) }, (_, part) => ({
        population,
        neurons: Array.from({ length: Math.min(256, neurons - 256 * part) }, (__, i) => 256 * part + i),
      })),
  );
  const places = random.shuffle(Array.from({ length: mesh.tilesX * mesh.tilesY * mesh.coresPerTile }, (_, i) => i));
  const routesTo = (layer: number, sender: number): Route[] =>
    coresOf.flatMap(({ population }, core) => (population === layer ? [{ core, axon: sender }] : []));
  const cores = coresOf.map(({ population, neurons }, core) => {
    const senders = sizes[population]!;
    const lists = Array.from({ length: senders }, () => ({
      format: 0,
      synapses: neurons.map((_, target) => ({ target, weight: 64 * random.int(-28, 32), delay: 1 })),
    }));
    const members = Int32Array.from(neurons);
    return neuroCore({
      tile: Math.floor(places[core]! / mesh.coresPerTile),
      slot: places[core]! % mesh.coresPerTile,
      groups: [
        {
          population,
          first: 0,
          neurons: members,
          kind: "neuron",
          decayU: 4095,
          decayV: 1024,
          refractory: 1,
          vMin: -(2 ** 20),
          vMax: 2 ** 23 - 1,
          currentShift: 0,
          threshold: members.map(() => 64 * 300),
          bias: members.map(() => 64 * random.int(-4, bias)),
        },
      ],
      axons: lists.map((_, list) => [{ list, base: 0 }]),
      lists,
      routes: neurons.map((neuron) => (population + 1 < layers.length ? routesTo(population + 1, neuron) : [])),
    });
  });
  const input: LoihiInput = {
    name: "input",
    format: "spike",
    shape: [sizes[0]!],
    start: 0,
    routes: packRoutes(Array.from({ length: sizes[0]! }, (_, element) => routesTo(0, element))),
  };
  const values = Int32Array.from({ length: timesteps * sizes[0]! }, () => +random.chance(density));
  const populations = layers.map((neurons, layer) => [neurons, layer] as const);
  return {
    program: program({ chip: description, timesteps, populations, cores, inputs: [input] }),
    inputs: new Map([["input", values]]),
  };
}
