/* The kernels in plain TypeScript: what runs where WebAssembly has no SIMD, and what `simd` is tested against. */
import {
  HEADER_BYTES,
  headersOf,
  mostListBytes,
  mostScanWords,
  packedRowBytes,
  positionsOf,
  QUAD,
  type Kernels,
  type Lists,
  type Scan,
  type SpikeWindow,
  type WeightedSum,
} from "./kernels.js";
import type { KernelMemory } from "./memory.js";
import { multiplyPlain } from "./multiply.js";
import { attendKeysPlain, attendQueriesPlain } from "./attend.js";
import { checkSum, fitsLanes } from "./check-sum.js";
import { firePlain } from "./fire.js";
import { sumLarge } from "./large-sums.js";
import { forEachWord, writeResult } from "./plain-parts.js";
import { addPlain, convertPlain, poolMaxPlain, poolOrPlain } from "./vector.js";

export function createPlain(memory: KernelMemory): Kernels {
  return {
    name: "plain",
    memory,
    scan: (window) => scan(memory, window),
    buildLists: (window) => buildLists(memory, window),
    magnitude: (weights, rows, rowBytes, lanes) => magnitude(memory, weights, rows, rowBytes, lanes),
    sum32: (job) => weightedSum(memory, job, 32),
    pack8: (weights, rows, rowBytes, lanes, to) => pack8(memory, weights, rows, rowBytes, lanes, to),
    sum8: (job) => weightedSum(memory, job, 8),
    fire: (job) => firePlain(memory, job),
    multiply: (job) => multiplyPlain(memory, job),
    add: (job) => addPlain(memory, job),
    convert: (job) => convertPlain(memory, job),
    poolOr: (job) => poolOrPlain(memory, job),
    poolMax: (job) => poolMaxPlain(memory, job),
    attendKeys: (job) => attendKeysPlain(memory, job),
    attendQueries: (job) => attendQueriesPlain(memory, job),
    invite: () => undefined,
    close: () => undefined,
  };
}

/** Bit s of the result: the lane spikes in timestep from + s. */
function patternOf(u8: Uint8Array, word: number, lanes: number, lane: number, from: number, steps: number): number {
  let pattern = 0;
  for (let s = 0; s < steps; s++) {
    const byte = u8[word + ((from + s) * lanes) / 8 + (lane >> 3)]!;
    pattern |= ((byte >> (lane & 7)) & 1) << s;
  }
  return pattern;
}

function scan(memory: KernelMemory, window: SpikeWindow): Scan {
  const { u8, i32 } = memory;
  const spikes = new Float64Array(window.steps);
  const from = memory.take(4 * mostScanWords(window), "the counts of scan words");
  let next = from;
  for (let position = 0; position < positionsOf(window); position++) {
    for (let plane = 0; plane < window.planes; plane++) {
      forEachWord(window, position, plane, (word, _row, channels) => {
        let active = 0;
        for (let lane = 0; lane < channels; lane++) {
          const pattern = patternOf(u8, word, window.lanes, lane, 0, window.steps);
          if (pattern !== 0) active++;
          for (let s = 0; s < window.steps; s++) spikes[s] = spikes[s]! + ((pattern >> s) & 1);
        }
        i32[next >> 2] = active;
        next += 4;
      });
    }
  }
  memory.release(next);
  return { words: i32.subarray(from >> 2, next >> 2), spikes };
}

function buildLists(memory: KernelMemory, window: SpikeWindow): Lists {
  const { u8, u32 } = memory;
  const headers = memory.take(mostListBytes(window), "lists of rows");
  let header = headers;
  const first = headers + headersOf(window) * HEADER_BYTES;
  let rows = first;
  for (let position = 0; position < positionsOf(window); position++) {
    for (let step = 0; step < window.steps; step += QUAD) {
      const steps = Math.min(QUAD, window.steps - step);
      for (let plane = 0; plane < window.planes; plane++) {
        const byPattern: number[][] = Array.from({ length: 16 }, () => []);
        forEachWord(window, position, plane, (word, row, channels) => {
          for (let lane = 0; lane < channels; lane++) {
            byPattern[patternOf(u8, word, window.lanes, lane, step, steps)]!.push(row + lane);
          }
        });
        for (let pattern = 1; pattern <= 15; pattern++) {
          u32[(header >> 2) + pattern - 1] = rows;
          u32.set(byPattern[pattern]!, rows >> 2);
          rows += 4 * byPattern[pattern]!.length;
        }
        u32[(header >> 2) + 15] = rows;
        header += HEADER_BYTES;
      }
    }
  }
  memory.release(rows);
  const { steps, planes } = window;
  return { headers, positions: positionsOf(window), steps, planes, rows: (rows - first) / 4 };
}

function magnitude({ i32 }: KernelMemory, weights: number, rows: number, rowBytes: number, lanes: number): number {
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    const row = (weights + r * rowBytes) >>> 2;
    for (let l = 0; l < lanes; l++) largest = Math.max(largest, Math.abs(i32[row + l]!));
  }
  return largest;
}

function pack8(
  { u8, i32 }: KernelMemory,
  weights: number,
  rows: number,
  rowBytes: number,
  lanes: number,
  to: number,
): void {
  const packed = packedRowBytes(lanes);
  for (let r = 0; r < rows; r++) {
    const row = (weights + r * rowBytes) >>> 2;
    for (let l = 0; l < packed; l++) {
      const weight = l < lanes ? i32[row + l]! : 0;
      u8[to + r * packed + placeOf(l)] = l % 16 < 8 ? weight + 128 : weight;
    }
  }
}

/** Byte of weight `lane` in a packed row: the weights of lanes i and 8 + i of sixteen stand side by side (assembly/rows8.ts). */
function placeOf(lane: number): number {
  const i = lane % 16;
  return lane - i + (i < 8 ? 2 * i : 2 * (i - 8) + 1);
}

/** Sums over the lists, position by position: rows of a pattern first, exactly in doubles. */
function weightedSum(memory: KernelMemory, job: WeightedSum, bits: 8 | 32): void {
  checkSum(job, bits);
  if (!fitsLanes(job)) {
    sumLarge(memory, job);
    return;
  }
  const { u8, i32, u32 } = memory;
  const { lists, lanes, weights, rowBytes } = job;
  const i8 = new Int8Array(u8.buffer);
  const places = Int32Array.from({ length: lanes }, (_, l) => placeOf(l));
  const group = new Float64Array(lanes);
  const sums = new Float64Array(QUAD * lanes);
  const quads = Math.ceil(lists.steps / QUAD);
  let header = (lists.headers >>> 2) + job.firstPosition * quads * lists.planes * (HEADER_BYTES >> 2);
  for (let position = 0; position < job.positions; position++) {
    for (let step = 0; step < lists.steps; step += QUAD) {
      const steps = Math.min(QUAD, lists.steps - step);
      sums.fill(0);
      for (let plane = 0; plane < lists.planes; plane++, header += HEADER_BYTES >> 2) {
        for (let pattern = 1; pattern < 1 << steps; pattern++) {
          const end = u32[header + pattern]! >>> 2;
          let at = u32[header + pattern - 1]! >>> 2;
          if (at === end) continue;
          group.fill(0);
          for (; at < end; at++) {
            const row = weights + u32[at]! * rowBytes;
            if (bits === 32) for (let l = 0; l < lanes; l++) group[l] = group[l]! + i32[(row >>> 2) + l]!;
            else for (let l = 0; l < lanes; l++) group[l] = group[l]! + unpack(i8[row + places[l]!]!, l);
          }
          const value = 2 ** plane;
          for (let s = 0; s < steps; s++) {
            if (((pattern >> s) & 1) === 0) continue;
            for (let l = 0; l < lanes; l++) sums[s * lanes + l] = sums[s * lanes + l]! + group[l]! * value;
          }
        }
      }
      for (let s = 0; s < steps; s++) {
        const to = job.output + position * job.positionBytes + (step + s) * job.stepBytes;
        writeResult(memory, job, sums, s * lanes, lanes, to);
      }
    }
  }
}

/** The weight behind a packed byte: the first eight of sixteen have 128 added. */
function unpack(byte: number, lane: number): number {
  return lane % 16 < 8 ? (byte & 255) - 128 : byte;
}
