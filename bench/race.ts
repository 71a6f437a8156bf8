import { median } from "./median.js";

/** Rounds that are run and not counted: the engine compiles code in them. */
const WARM_UP = 2;

/** Processor seconds of some work, all threads of the process together; other processes on the machine do not count. */
export function processorSeconds(work: () => unknown): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1e-6;
}

/** Wall seconds of some work. */
export function wallSeconds(work: () => unknown): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1e-3;
}

/** The fastest run: on a busy machine the one least disturbed. */
export const best = (times: readonly number[]): number => Math.min(...times);

/**
 * Seconds of each contender, of `rounds` rounds the middle ones or what `summary` makes of them; in each round everyone runs once, so
 * that load hits all alike.
 */
export function race<K extends string>(
  contenders: Readonly<Record<K, () => unknown>>,
  rounds: number,
  seconds: (work: () => unknown) => number = processorSeconds,
  summary: (times: readonly number[]) => number = median,
): Record<K, number> {
  const entries = Object.entries<() => unknown>(contenders).map(([name, work]) => {
    const times: number[] = [];
    return { name, work, times };
  });
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const { work, times } of entries) {
      const time = seconds(work);
      if (round >= 0) times.push(time);
    }
  }
  return Object.fromEntries(entries.map(({ name, times }) => [name, summary(times)])) as Record<K, number>;
}
