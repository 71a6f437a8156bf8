import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { LoihiChip } from "../chips/index.js";
import { gcd } from "../math/numbers.js";
import { LOIHI_SIMULATORS, type LoihiRunOptions, type LoihiRunResult } from "../sim/loihi/index.js";

/** Runs of the plain simulator of step-by-step chips, which goes tick by tick, at times that it can go through. */

/** Looks at a server, one per tick and server, up to which a run of `stepped` takes a minute or so. */
const MOST_WORK = 1e8;
/** ps; with coarser ticks, events and not waiting are what costs. */
const COARSEST_TICK = 1e8;

/** Every time of a chip, ps, by a function of it. */
function mapTimes({ synapse, barrier, ...times }: LoihiChip["time"], of: (ps: number) => number): LoihiChip["time"] {
  const all = <T extends Record<string, number>>(some: T): T =>
    Object.fromEntries(Object.entries(some).map(([name, ps]) => [name, of(ps)])) as T;
  return { ...all(times), synapse: all(synapse), barrier: all(barrier) };
}

/** The tick that `stepped` goes by, ps. */
function tickOf(time: LoihiChip["time"]): number {
  let tick = 0;
  mapTimes(time, (ps) => (tick = gcd(ps, tick)));
  return Math.max(1, tick);
}

/** The program on a chip whose times are multiples of `tick`, rounded up. */
function coarse(program: LoihiProgram, tick: number): LoihiProgram {
  const time = mapTimes(program.chip.time, (ps) => Math.ceil(ps / tick) * tick);
  return { ...program, chip: { ...program.chip, time } };
}

/** A run of the plain simulator beside one of the fast one with the same times, and in words which those are; or why there is none. */
export type SteppedRun =
  | { readonly plain: LoihiRunResult; readonly fast: LoihiRunResult; readonly times: string }
  | { readonly skipped: string };

/**
 * Runs `stepped` on what `event` was run on, with the same options. Where single ticks of the chip are too many, both run the program
 * with the chip's times rounded up to as many picoseconds as it takes: what happens is the same, when it happens is coarser.
 */
export function runStepped(
  program: LoihiProgram,
  given: ReadonlyMap<string, ArrayLike<number>>,
  event: LoihiRunResult,
  options: LoihiRunOptions,
): SteppedRun {
  const exact = tickOf(program.chip.time);
  let [tick, chosen, fast] = [exact, program, event];
  const work = (): number => (fast.time / tick) * (3 * program.cores.length + fast.links.length);
  while (work() > MOST_WORK && tick < COARSEST_TICK) {
    tick = 10 ** (Math.floor(Math.log10(tick)) + 1);
    chosen = coarse(program, tick);
    fast = LOIHI_SIMULATORS.event(chosen).run(given, options);
  }
  if (work() > MOST_WORK) {
    const skipped = `too large to go tick by tick: ${work().toExponential(1)} looks at a server even with times rounded up to ${tick / 1000} ns`;
    return { skipped };
  }
  const plain = LOIHI_SIMULATORS.stepped(chosen).run(given, options);
  const times =
    tick === exact ? "the chip's times" : `times rounded up to ${tick / 1000} ns, for single ticks are too many`;
  return { plain, fast, times };
}
