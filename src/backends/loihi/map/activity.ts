import type { LegalNet } from "../legal-net.js";
import type { Sources } from "./synapses.js";

/** How often inputs and populations send: what decides where cores lie and which of them are slow, and never what they compute. */
export interface Activity {
  /** Where the numbers are from, for people. */
  readonly source: string;
  /** Messages per timestep, 0 to 1, of each element, by value of the legal net. What is not named is estimated. */
  readonly rates: ReadonlyMap<string, ArrayLike<number>>;
}

/** Nothing was measured. */
export const ESTIMATED: Activity = { source: "estimated", rates: new Map() };

/**
 * Messages per timestep where nothing was measured. Neurons: a rate between those of shallow and deep layers of the recorded
 * transformers; sums and host values are hardly ever 0.
 */
const ESTIMATES = { input: 1, neuron: 0.2, relay: 1, attention: 1 } as const;

/** Messages per timestep of the elements of all sources, counted through. */
export function ratesOf({ populations }: LegalNet, sources: Sources, { rates }: Activity): Float64Array {
  const kinds = new Map(populations.map(({ value, kind }) => [value, kind]));
  const { names, first } = sources;
  const all = new Float64Array(first[names.length]!);
  names.forEach((name, i) => {
    const measured = rates.get(name);
    if (measured === undefined) all.fill(ESTIMATES[kinds.get(name) ?? "input"], first[i], first[i + 1]);
    else all.set(measured, first[i]);
  });
  return all;
}
