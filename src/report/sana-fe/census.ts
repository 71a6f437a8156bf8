import type { LoihiProgram } from "../../backends/program/loihi/program.js";
import { forEachSynapse, neuroCores, sendersOf } from "./synapses.js";

/** What arrives at the compartments of one core. */
export interface CoreCensus {
  /** By compartment: sum of the positive and of the negative weights that can arrive in one step. */
  readonly highest: Float64Array;
  readonly lowest: Float64Array;
  /** Number of synapses, [compartments, formats]. */
  readonly formats: Uint32Array;
  /** Longest synaptic delay, steps; 0 where there is no synapse. */
  longestDelay: number;
}

export interface Census {
  /** By index of the program's cores. */
  readonly cores: readonly CoreCensus[];
  readonly synapses: number;
  /** Synapses over which a spike can arrive outside the local time of its target, where the chip drops it. */
  readonly early: number;
}

/**
 * Counts all synapses. What is sent in local timestep t arrives in that of the target t + (start of sender) + delay - (start of
 * target); a sender that SANA-FE lets run on, behind its local time, stays outside that of the target exactly if this is at least t.
 */
export function takeCensus(program: LoihiProgram): Census {
  const formatCount = program.chip.synapseFormats.length;
  const cores = neuroCores(program);
  const starts = cores.map(({ groups }) =>
    groups.flatMap(({ population, neurons }) =>
      Array<number>(neurons.length).fill(program.populations[population]!.start),
    ),
  );
  const found = starts.map((compartments): CoreCensus => {
    const n = compartments.length;
    return {
      highest: new Float64Array(n),
      lowest: new Float64Array(n),
      formats: new Uint32Array(n * formatCount),
      longestDelay: 0,
    };
  });
  let [synapses, early] = [0, 0];
  for (const { routes, first, count, start } of sendersOf(program)) {
    for (let r = routes.start[first]!; r < routes.start[first + count]!; r++) {
      const index = routes.core[r]!;
      const [core, ofTarget] = [found[index]!, starts[index]!];
      forEachSynapse(cores[index]!, routes.axon[r]!, (target, weight, delay, format) => {
        synapses++;
        if (start + delay < ofTarget[target]!) early++;
        if (weight > 0) core.highest[target]! += weight;
        else core.lowest[target]! += weight;
        core.formats[target * formatCount + format]!++;
        core.longestDelay = Math.max(core.longestDelay, delay);
      });
    }
  }
  return { cores: found, synapses, early };
}
