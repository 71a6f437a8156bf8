import type { LoihiProgram, NeuroCore, Routes } from "../../backends/program/loihi/program.js";

/** The synapses of a program, sender by sender. */

/** Senders `first`..`first + count - 1` of a table of routes. */
export interface Sender {
  readonly routes: Routes;
  readonly first: number;
  readonly count: number;
  /** Chip step in which its spike of timestep 0 is sent; a host value of step s acts as if it were sent in step s - 1. */
  readonly start: number;
  /** What sends: neuron i of a group is neuron `neurons[i]` of a population, sender i of an input is element i. */
  readonly of:
    | { readonly kind: "population"; readonly population: number; readonly neurons: Int32Array }
    | { readonly kind: "input"; readonly input: number };
}

/** Cores of a program that has no attention cores. */
export function neuroCores(program: LoihiProgram): readonly NeuroCore[] {
  return program.cores.filter((core) => core.kind === "neuro");
}

/** Inputs first, then the groups of all cores. */
export function sendersOf(program: LoihiProgram): readonly Sender[] {
  const inputs = program.inputs.map(({ routes, start }, input): Sender => {
    return { routes, first: 0, count: routes.start.length - 1, start: start - 1, of: { kind: "input", input } };
  });
  const groups = neuroCores(program).flatMap(({ groups, routes }) =>
    groups.map(({ population, first, neurons }): Sender => {
      const { start } = program.populations[population]!;
      return { routes, first, count: neurons.length, start, of: { kind: "population", population, neurons } };
    }),
  );
  return [...inputs, ...groups];
}

/** Calls `visit` for each synapse of an axon; `target` is the compartment of the core. */
export function forEachSynapse(
  { axons, lists }: NeuroCore,
  axon: number,
  visit: (target: number, weight: number, delay: number, format: number) => void,
): void {
  for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
    const list = axons.list[entry]!;
    const base = axons.base[entry]!;
    for (let s = lists.start[list]!; s < lists.start[list + 1]!; s++) {
      visit(base + lists.target[s]!, lists.weight[s]!, lists.delay[s]!, lists.format[list]!);
    }
  }
}
