/* Into which parts calls may be divided, and how long they take. */
import type { AttendQueries } from "./attend.js";
import type { Division } from "./board.js";
import type { FireJob } from "./fire.js";
import {
  HEADER_BYTES,
  mostListBytes,
  positionsOf,
  QUAD,
  type MapWindow,
  type SpikeWindow,
  type WeightedSum,
} from "./kernels.js";
import type { Multiplication } from "./multiply.js";
import { FIRE_FIELDS, LIST_FIELDS, MULTIPLY_FIELDS, QUERY_FIELDS, SUM_FIELDS, WINDOW_FIELDS } from "./records.js";

/** What a division says beside the record. */
export type Plan = Omit<Division, "call" | "argument" | "record" | "piece"> & {
  /** Nanoseconds that the call takes, about; 0 where units depend on each other. */
  readonly cost: number;
};

/**
 * Nanoseconds of one thread of the machine of docs/performance.md, rounded: per row of a list and lane, in 32 and 8 bits; per
 * neuron and timestep; per scan word that is sorted; per product; per row of counters that a query could add, times its channels.
 */
const SUM_32 = 0.1;
const SUM_8 = 0.03;
const UPDATE = 1;
const SORTED_WORD = 50;
const PRODUCT = 0.4;
const QUERY = 1.5;

/** By positions. */
export function planSum(job: WeightedSum, bits: 8 | 32): Plan {
  const { lists, positions, lanes, positionBytes, stepBytes } = job;
  const rows = (lists.rows * positions) / Math.max(1, lists.positions);
  const apart = areApart(positions, lists.steps, positionBytes, stepBytes, 4 * lanes);
  return {
    cost: apart ? rows * lanes * (bits === 8 ? SUM_8 : SUM_32) : 0,
    units: positions,
    unitsField: SUM_FIELDS.positions,
    moves: [
      [SUM_FIELDS.headers, Math.ceil(lists.steps / QUAD) * lists.planes * HEADER_BYTES],
      [SUM_FIELDS.output, positionBytes],
    ],
    scratchField: SUM_FIELDS.scratch,
    countsField: -1,
  };
}

/** By positions. */
export function planFire(job: FireJob): Plan {
  const { positions, lanes, steps } = job;
  return {
    cost: isSeparate(job) ? positions * lanes * steps * UPDATE : 0,
    units: positions,
    unitsField: FIRE_FIELDS.positions,
    moves: [
      [FIRE_FIELDS.current, job.currentPositionBytes],
      [FIRE_FIELDS.state, job.statePositionBytes],
      [FIRE_FIELDS.output, job.outputPositionBytes],
    ],
    scratchField: -1,
    countsField: FIRE_FIELDS.counts,
  };
}

/** By rows of the tile: each takes the room for lists that it needs at most. */
export function planLists(window: SpikeWindow): Plan {
  const { steps, planes, outRows, outWidth, kernel, blocks } = window;
  const lists = outWidth * Math.ceil(steps / QUAD) * planes;
  return {
    cost: outRows * lists * kernel ** 2 * blocks * SORTED_WORD,
    units: outRows,
    unitsField: WINDOW_FIELDS.outRows,
    moves: [
      [WINDOW_FIELDS.outRow, 1],
      [LIST_FIELDS.headers, lists * HEADER_BYTES],
      [LIST_FIELDS.rows, mostRowBytes(window)],
    ],
    scratchField: -1,
    countsField: -1,
  };
}

/** Bytes that the rows of all lists of a row of the tile take at most. */
function mostRowBytes(window: SpikeWindow): number {
  const row = { ...window, outRows: 1 };
  return mostListBytes(row) - mostListBytes({ ...row, channels: 0 });
}

/** By rows of the tile. */
export function planMultiply(job: Multiplication, scratchBytes: number): Plan {
  const { outRows, outWidth, slots, kernel, channels, lanes, positionBytes, stepBytes } = job;
  const inputs = kernel ** 2 * channels;
  const positions = positionsOf(job);
  const apart = areApart(positions, slots, positionBytes, stepBytes, 4 * lanes) && isApartFromInput(job);
  return {
    cost: apart && 16 * inputs <= scratchBytes ? positions * slots * inputs * lanes * PRODUCT : 0,
    units: outRows,
    unitsField: WINDOW_FIELDS.outRows,
    moves: [
      [WINDOW_FIELDS.outRow, 1],
      [MULTIPLY_FIELDS.output, outWidth * positionBytes],
      [MULTIPLY_FIELDS.counts, outWidth * slots * 4],
      [MULTIPLY_FIELDS.rows, outWidth * slots * inputs * 4],
    ],
    scratchField: MULTIPLY_FIELDS.patch,
    countsField: -1,
  };
}

/** By positions. */
export function planQueries(job: AttendQueries, scratchBytes: number): Plan {
  const { positions, steps, d, lanes, blocks, timesteps, positionBytes, stepBytes } = job;
  const apart = areApart(positions, steps, positionBytes, stepBytes, 4 * d);
  return {
    cost: apart && 4 * d <= scratchBytes ? positions * steps * d * QUERY : 0,
    units: positions,
    unitsField: QUERY_FIELDS.positions,
    moves: [
      [QUERY_FIELDS.first, (blocks * lanes * timesteps) / 8],
      [QUERY_FIELDS.events, 4 * steps],
      [QUERY_FIELDS.output, positionBytes],
    ],
    scratchField: QUERY_FIELDS.bytes,
    countsField: -1,
  };
}

/** Whether all results of `word` bytes lie apart, so that it does not matter who writes first. */
function areApart(positions: number, steps: number, positionBytes: number, stepBytes: number, word: number): boolean {
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

/** Whether no result lies among the inputs of a window. */
function isApartFromInput(job: Multiplication): boolean {
  const { input, output, slots, positionBytes, stepBytes, lanes } = job;
  const inputs = input + (slots - 1) * job.slotBytes + mapBytes(job);
  const outputs = output + (positionsOf(job) - 1) * positionBytes + (slots - 1) * stepBytes + 4 * lanes;
  return inputs <= output || outputs <= input;
}

/** Bytes of the rows of a data map from `firstRow` on. */
function mapBytes({ height, firstRow, width, blocks, lanes }: MapWindow): number {
  return (height - firstRow) * width * blocks * 4 * lanes;
}
