/* How positions are divided among threads, and when they may be. */
import type { FireJob } from "./fire.js";
import { HEADER_BYTES, QUAD, type WeightedSum } from "./kernels.js";
import type { KernelMemory } from "./memory.js";

/** Additions, or updates of neurons, that are worth waking a thread for. */
export const GRAIN = 2 ** 17;

/** What a position costs beside its rows, in bytes of lists (4 per row): combining patterns and rounding. */
const POSITION_BYTES = 128;

/** First positions of the shares of a job, and the end; a single share where its outputs overlap or it is small. */
export function sharesOfSum(memory: KernelMemory, job: WeightedSum, threads: number, grain: number): readonly number[] {
  const { lists, positions } = job;
  const headers = Math.ceil(lists.steps / QUAD) * lists.planes * HEADER_BYTES;
  const first = lists.headers + job.firstPosition * headers;
  // Lists lie one behind the other: where a position's begin says how many rows come before it.
  const before = (p: number): number =>
    (p === 0 ? 0 : memory.u32[(first + p * headers - HEADER_BYTES) / 4 + 15]! - memory.u32[first / 4]!) +
    p * POSITION_BYTES;
  const total = before(positions);
  if ((total / 4) * job.lanes < grain || !areApart(job, lists.steps)) return [0, positions];
  const shares = [0];
  for (let thread = 1; thread < threads; thread++) {
    let [low, high] = [shares.at(-1)!, positions];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(middle) < (total * thread) / threads) low = middle + 1;
      else high = middle;
    }
    shares.push(low);
  }
  return [...shares, positions];
}

/** The part of a job from position `from` to before `end`. */
export function shareOfSum(job: WeightedSum, from: number, end: number): WeightedSum {
  return {
    ...job,
    firstPosition: job.firstPosition + from,
    positions: end - from,
    output: job.output + from * job.positionBytes,
  };
}

export function sharesOfFire(job: FireJob, threads: number, grain: number): readonly number[] {
  const { positions, lanes, steps } = job;
  if (positions * lanes * steps < grain || !isSeparate(job)) return [0, positions];
  return Array.from({ length: threads + 1 }, (_, i) => Math.floor((i * positions) / threads));
}

export function shareOfFire(job: FireJob, from: number, end: number): FireJob {
  return {
    ...job,
    positions: end - from,
    current: job.current + from * job.currentPositionBytes,
    state: job.state + from * job.statePositionBytes,
    output: job.output + from * job.outputPositionBytes,
  };
}

/** Whether all results of a sum lie apart, so that it does not matter who writes first. */
function areApart({ positions, lanes, positionBytes, stepBytes }: WeightedSum, steps: number): boolean {
  const word = 4 * lanes;
  if (positionBytes < word) return false;
  return (
    steps === 1 ||
    stepBytes >= (positions - 1) * positionBytes + word ||
    positionBytes >= (steps - 1) * stepBytes + word
  );
}

/** Whether potentials and spikes of a position lie apart from those of others and from all currents. */
function isSeparate(job: FireJob): boolean {
  const { positions, lanes, steps, timesteps } = job;
  const word = 4 * lanes;
  if (job.outputPositionBytes < (lanes * timesteps) / 8) return false;
  if (!job.write) return true;
  const end = (from: number, bytes: number, more: number): number => from + (positions - 1) * bytes + more + word;
  const currents = end(job.current, job.currentPositionBytes, (steps - 1) * job.currentStepBytes);
  const states = end(job.state, job.statePositionBytes, 0);
  return job.statePositionBytes >= word && (states <= job.current || currents <= job.state);
}
