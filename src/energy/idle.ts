import { sum } from "../math/numbers.js";
import type { AnyRun } from "./run-counts.js";

/**
 * Time in which a part of the chip does no work: it waits, or has nothing to do. No table has a price for it but static power and
 * the clock, which run all the time.
 */
export interface IdleTime {
  /** An engine; `neuron phases` or `ingress` of the cores of a step-by-step chip, which work side by side. */
  readonly part: string;
  /** How many there are. */
  readonly units: number;
  /** s of all samples and units together: without work, and of how much. */
  readonly idle: number;
  readonly of: number;
}

const PS = 1e-12;

/** What a run says about idle time, part by part. */
export function idleTimes(run: AnyRun): readonly IdleTime[] {
  if (!("target" in run)) {
    const { cycles, chip, seconds } = run;
    return Object.entries(run.engines).map(([part, { busy }]) => {
      return { part, units: 1, idle: (cycles - busy) / chip.clockHz, of: seconds };
    });
  }
  const units = run.cores.length;
  const of = units * run.seconds;
  const part = (name: string, work: readonly number[]): IdleTime => {
    return { part: name, units, idle: of - PS * sum(work), of };
  };
  return [
    part(
      "neuron phases",
      run.cores.map(({ neuronTime }) => neuronTime),
    ),
    part(
      "ingress",
      run.cores.map(({ ingressTime }) => ingressTime),
    ),
  ];
}
