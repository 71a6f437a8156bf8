import { z } from "zod";
import type { LoihiProgram } from "../../backends/program/loihi/program.js";
import { internalError } from "../../diagnostics/index.js";
import { probeFields, rowOf, type ProbeTarget } from "../probes.js";
import { groupsOf, populationOf } from "./places.js";
import type { LoihiRunResult } from "./result.js";

/** Probes of a step-by-step chip: u, v and spikes of single neurons, or of all of a layer, in each timestep of one sample. */

const integers = z.array(z.number().int());

/** What was seen of one target, as it stands in a run file. */
export const loihiProbeSchema = z.object({
  ...probeFields,
  /** At the end of each timestep: v is what it was reset to where the neuron fired. */
  u: integers,
  v: integers,
  /** 0 or 1. */
  spikes: z.array(z.number().int().min(0).max(1)),
  /** By watched neuron. */
  threshold: integers,
});
export type LoihiProbe = z.infer<typeof loihiProbeSchema>;

/** Values of one neuron in one timestep; `before` is v at its beginning. */
export interface MembraneState {
  readonly u: number;
  readonly before: number;
  readonly after: number;
  readonly threshold: number;
  readonly spike: number;
}

/** Takes what probes ask for out of the states that a run kept. */
export function loihiProbes(
  program: LoihiProgram,
  states: LoihiRunResult["states"],
  targets: readonly ProbeTarget[],
): readonly LoihiProbe[] {
  return targets.map(({ layer, neuron }) => {
    const index = populationOf(program, layer);
    const population = program.populations[index]!;
    const kept = states?.get(population.name);
    if (kept === undefined) throw internalError(`a run without the states of ${population.name} is probed`);
    const { timesteps } = program;
    const { name, positions, channels } = program.layers[layer]!;
    const { neurons } = population;
    const watched = (row: ArrayLike<number>): number[] =>
      neuron === undefined
        ? Array.from(row)
        : Array.from({ length: row.length / neurons }, (_, t) => row[t * neurons + neuron]!);
    const threshold = new Int32Array(neurons);
    for (const { group } of groupsOf(program, index))
      group.neurons.forEach((n, compartment) => (threshold[n] = group.threshold[compartment]!));
    return {
      layer: name,
      positions,
      channels,
      timesteps,
      neuron: neuron ?? null,
      u: watched(kept.u),
      v: watched(kept.v),
      spikes: watched(kept.spikes),
      threshold: watched(threshold),
    };
  });
}

/** What a probe knows of one neuron (position * channels + channel); undefined where it did not watch it. */
export function membraneAt(probe: LoihiProbe, timestep: number, neuron: number): MembraneState | undefined {
  const row = rowOf(probe, timestep, neuron);
  if (row === undefined) return undefined;
  const { at, size } = row;
  return {
    u: probe.u[at]!,
    // Every sample starts from 0.
    before: timestep === 0 ? 0 : probe.v[at - size]!,
    after: probe.v[at]!,
    threshold: probe.threshold[at % size]!,
    spike: probe.spikes[at]!,
  };
}
