import type { LoihiProgram } from "../backends/program/loihi/program.js";
import { sum } from "../math/numbers.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";

/** Where the time of a run on a step-by-step chip goes, as fractions of it that add up to 1. */
export interface LoihiTime extends Readonly<Record<string, number>> {
  /** Until the last core of a step has updated its neurons. */
  readonly "neuron phases": number;
  /** From then until the last message has been taken in, and stops for attention. */
  readonly messages: number;
  readonly barriers: number;
}

/** Of the run of a program. Barriers cost what the description says for the tiles in use (docs/loihi-chip.md, section 4). */
export function loihiTime(run: LoihiRunFile, { chip, cores }: LoihiProgram): LoihiTime {
  const tiles = new Set(cores.map(({ tile }) => tile)).size;
  const keys = Object.keys(chip.time.barrier).map(Number);
  const barrier = chip.time.barrier[Math.max(...keys.filter((key) => key <= tiles))] ?? 0;
  const all = sum(run.stepTimes);
  const [neurons, barriers] = [sum(run.neuronTimes) / all, (run.barriers * run.samples.length * barrier) / all];
  return { "neuron phases": neurons, messages: 1 - neurons - barriers, barriers };
}
