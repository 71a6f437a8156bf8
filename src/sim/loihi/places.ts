import { z } from "zod";
import type { Group, LoihiProgram } from "../../backends/program/loihi/program.js";

/** Where the neurons of a layer lie on the chip. */

const count = z.number().int().nonnegative();

/** Neurons neuron..neuron + count - 1 of a layer are compartments compartment..compartment + count - 1 of a core: [neuron, count, core, compartment]. */
export const stretchSchema = z.tuple([count, count, count, count]);
export type Stretch = z.infer<typeof stretchSchema>;

/** A compartment of one of the program's cores. */
export interface Compartment {
  readonly core: number;
  readonly compartment: number;
}

/** The population whose spikes are those of a layer: its first; -1 where it has none. */
export function populationOf({ populations }: LoihiProgram, layer: number): number {
  return populations.findIndex((population) => population.layer === layer);
}

/** The groups of a population, with the core of each. */
export function groupsOf({ cores }: LoihiProgram, population: number): readonly { core: number; group: Group }[] {
  return cores.flatMap((core, i) =>
    core.kind === "neuro"
      ? core.groups.flatMap((group) => (group.population === population ? [{ core: i, group }] : []))
      : [],
  );
}

/** The neurons of a layer in order; empty where no compartment computes it. */
export function placesOf(program: LoihiProgram, layer: number): readonly Stretch[] {
  const stretches = groupsOf(program, populationOf(program, layer)).flatMap(({ core, group }) => {
    const { first, neurons } = group;
    const found: Stretch[] = [];
    let begin = 0;
    for (let i = 1; i <= neurons.length; i++) {
      if (i < neurons.length && neurons[i] === neurons[i - 1]! + 1) continue;
      found.push([neurons[begin]!, i - begin, core, first + begin]);
      begin = i;
    }
    return found;
  });
  return stretches.sort(([a], [b]) => a - b);
}

/** Where a neuron lies; undefined where no stretch has it. */
export function placeOf(stretches: readonly Stretch[], neuron: number): Compartment | undefined {
  const stretch = stretches.find(([first, many]) => first <= neuron && neuron < first + many);
  if (stretch === undefined) return undefined;
  const [first, , core, compartment] = stretch;
  return { core, compartment: compartment + neuron - first };
}
