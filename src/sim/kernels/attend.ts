/* Attention with counters, in plain code. */
import { roundUp, type KernelMemory } from "./memory.js";

/** Which spikes of a map belong to a head, and its counters. */
interface Head {
  /** Lanes and timesteps per spike word, words per position; tokens. */
  readonly lanes: number;
  readonly timesteps: number;
  readonly blocks: number;
  readonly positions: number;
  /** Channels channel..channel + d of the map; timesteps bit..bit + steps of the words. */
  readonly channel: number;
  readonly d: number;
  readonly bit: number;
  readonly steps: number;
  /** Address of {@link counterBytes} bytes of i32 counters, which stay below 2^24. */
  readonly counters: number;
}

/** Counters of the pairs (k, v) of channels, to which the tokens and timesteps are added in which both spike. */
export interface AttendKeys extends Head {
  /** Spike words of position 0, block 0. */
  readonly keys: number;
  readonly values: number;
  /** Counters start at zero. */
  readonly clear: boolean;
}

/** Per token and timestep the sum of the counters' rows of the query's channels. */
export interface AttendQueries extends Head {
  readonly queries: number;
  /** `sequential`: counters times scale, rounded, are added in f32 in ascending order; else sums are exact, then scaled. */
  readonly scale: number;
  readonly sequential: boolean;
  /** `int`: unscaled sums. */
  readonly format: "real" | "int";
  /** Address of the result of channel 0 of the map at the first token and timestep; bytes to the next token and timestep. */
  readonly output: number;
  readonly positionBytes: number;
  readonly stepBytes: number;
}

/** Bytes of one row of counters, and of all of them. */
export function counterRowBytes(d: number): number {
  return 4 * roundUp(d, 16);
}

export function counterBytes(d: number): number {
  return d * counterRowBytes(d);
}

/** Channels of the head that spike at a token in a timestep. */
function channelsOf({ u8 }: KernelMemory, head: Head, map: number, position: number, step: number): readonly number[] {
  const { lanes, timesteps, blocks, channel, d, bit } = head;
  const found: number[] = [];
  for (let i = 0; i < d; i++) {
    const block = Math.floor((channel + i) / lanes);
    const lane = channel + i - block * lanes;
    const word = map + ((position * blocks + block) * lanes * timesteps) / 8;
    if (((u8[word + ((bit + step) * lanes) / 8 + (lane >> 3)]! >> (lane & 7)) & 1) === 1) found.push(i);
  }
  return found;
}

export function attendKeysPlain(memory: KernelMemory, job: AttendKeys): Int32Array {
  const { i32 } = memory;
  const counters = job.counters >>> 2;
  const row = counterRowBytes(job.d) >> 2;
  if (job.clear) i32.fill(0, counters, counters + (counterBytes(job.d) >> 2));
  const events = new Int32Array(job.positions * job.steps);
  for (let e = 0; e < events.length; e++) {
    const [position, step] = [Math.floor(e / job.steps), e % job.steps];
    const keys = channelsOf(memory, job, job.keys, position, step);
    const values = channelsOf(memory, job, job.values, position, step);
    for (const k of keys) for (const v of values) i32[counters + k * row + v] = i32[counters + k * row + v]! + 1;
    events[e] = keys.length;
  }
  return events;
}

export function attendQueriesPlain(memory: KernelMemory, job: AttendQueries): Int32Array {
  const { i32, f32 } = memory;
  const { d, sequential, format } = job;
  const counters = job.counters >>> 2;
  const row = counterRowBytes(d) >> 2;
  const scale = Math.fround(job.scale);
  const events = new Int32Array(job.positions * job.steps);
  for (let e = 0; e < events.length; e++) {
    const [position, step] = [Math.floor(e / job.steps), e % job.steps];
    const queries = channelsOf(memory, job, job.queries, position, step);
    events[e] = queries.length;
    const to = ((job.output + position * job.positionBytes + step * job.stepBytes) >>> 2) + job.channel;
    for (let j = 0; j < d; j++) {
      let sum = 0;
      for (const q of queries) {
        const count = i32[counters + q * row + j]!;
        sum = sequential ? Math.fround(sum + Math.fround(count * scale)) : sum + count;
      }
      if (format === "int") i32[to + j] = sum;
      else f32[to + j] = sequential ? sum : sum * job.scale;
    }
  }
  return events;
}
