import { ENGINES, type EngineName } from "../backends/program/instruction.js";
import type { EngineState } from "../sim/layerwise/index.js";

/** States in which an engine holds an instruction: it works, or it is kept from working. The others are waits for other engines. */
const OCCUPIED = ["busy", "port", "dram"] as const satisfies readonly EngineState[];

export interface Bottleneck {
  readonly engine: EngineName;
  /** Fraction of all cycles in which the engine held an instruction. */
  readonly occupied: number;
  /** What it did in most of them: work, wait for a memory port, or wait for DRAM. */
  readonly state: (typeof OCCUPIED)[number];
  /** Fraction of all cycles in that state. */
  readonly share: number;
}

/** The engine that held instructions for the most cycles; of equals the first in {@link ENGINES}. */
export function bottleneck(run: {
  readonly cycles: number;
  readonly engines: Readonly<Record<EngineName, Readonly<Record<EngineState, number>>>>;
}): Bottleneck {
  const most = <T>(list: readonly T[], value: (item: T) => number): T =>
    list.reduce((best, item) => (value(item) > value(best) ? item : best));
  const occupied = (engine: EngineName): number => OCCUPIED.reduce((sum, s) => sum + run.engines[engine][s], 0);
  const engine = most(ENGINES, occupied);
  const state = most(OCCUPIED, (s) => run.engines[engine][s]);
  const share = run.engines[engine][state] / run.cycles;
  return { engine, occupied: occupied(engine) / run.cycles, state, share };
}
