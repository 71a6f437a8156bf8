/* The records of assembly/job.ts, field by field in their order. */
import { counterRowBytes, type AttendKeys, type AttendQueries } from "./attend.js";
import type { FireJob } from "./fire.js";
import { HEADER_BYTES, QUAD, type MapWindow, type SpikeWindow, type WeightedSum } from "./kernels.js";
import type { Multiplication } from "./multiply.js";
import type { MaxPool, OrPool } from "./vector.js";

type Fields = readonly number[];

/* Fields that differ between the parts of a call, by their place in its record. */
export const WINDOW_FIELDS = { outRow: 8, outRows: 9 };
export const LIST_FIELDS = { headers: 19, rows: 20 };
export const MULTIPLY_FIELDS = { output: 20, counts: 24, patch: 25, rows: 27 };
export const QUERY_FIELDS = { first: 0, positions: 2, events: 13, bytes: 14, output: 16 };
export const SUM_FIELDS = { headers: 0, positions: 1, output: 11, scratch: 15 };
export const FIRE_FIELDS = { current: 0, positions: 3, state: 8, output: 16, counts: 19 };

/** Window. */
function windowFields(window: MapWindow, wordBytes: number): Fields {
  return [
    window.input,
    window.blocks * wordBytes,
    window.height,
    window.width,
    window.firstRow,
    window.kernel,
    window.stride,
    window.padding,
    window.outRow,
    window.outRows,
    window.outWidth,
  ];
}

/** SpikeWindow. */
export function spikeWindowFields(window: SpikeWindow): Fields {
  const stepBytes = window.lanes / 8;
  const wordBytes = stepBytes * window.timesteps;
  return [
    ...windowFields(window, wordBytes),
    window.blocks,
    wordBytes,
    stepBytes,
    window.lanes,
    window.steps,
    window.channels,
    window.planes,
    window.planeBytes,
  ];
}

/** ListJob. */
export function listFields(window: SpikeWindow, headers: number, rows: number): Fields {
  return [...spikeWindowFields(window), headers, rows];
}

/** MultiplyJob. */
export function multiplyFields(
  job: Multiplication,
  counts: number,
  patch: number,
  doubles: number,
  rows: number,
): Fields {
  return [
    ...windowFields(job, 4 * job.lanes),
    job.channels,
    Number(job.inputFormat === "int"),
    job.slots,
    job.slotBytes,
    job.weights,
    job.rowBytes,
    job.lanes,
    job.bias,
    job.scales,
    job.output,
    job.positionBytes,
    job.stepBytes,
    Number(job.format === "int"),
    counts,
    patch,
    doubles,
    rows,
  ];
}

/** PoolJob over spike words. */
export function orPoolFields(job: OrPool): Fields {
  const wordBytes = (job.lanes * job.timesteps) / 8;
  return [...windowFields(job, wordBytes), job.blocks * wordBytes, 1, 0, job.output, job.positionBytes, 0];
}

/** PoolJob over data words. */
export function maxPoolFields(job: MaxPool): Fields {
  return [
    ...windowFields(job, 4 * job.lanes),
    4 * job.lanes * job.blocks,
    job.steps,
    job.inputStepBytes,
    job.output,
    job.positionBytes,
    job.stepBytes,
  ];
}

/** AttendJob, but for what only queries have. */
export function attendFields(
  job: AttendKeys | AttendQueries,
  first: number,
  values: number,
  counters: number,
  events: number,
  bytes: number,
  spread: number,
): Fields {
  const stepBytes = job.lanes / 8;
  const wordBytes = stepBytes * job.timesteps;
  return [
    first,
    values,
    job.positions,
    job.blocks * wordBytes,
    wordBytes,
    stepBytes,
    job.lanes,
    job.channel,
    job.d,
    job.bit,
    job.steps,
    counters,
    counterRowBytes(job.d),
    events,
    bytes,
    spread,
  ];
}

/** The rest of AttendJob. */
export function queryFields(job: AttendQueries): Fields {
  const kind = job.sequential ? 2 : Number(job.format === "int");
  return [job.output + 4 * job.channel, job.positionBytes, job.stepBytes, kind];
}

/** SumJob. */
export function sumFields(job: WeightedSum, safeRows: number, scratch: number): Fields {
  const { lists } = job;
  return [
    lists.headers + job.firstPosition * Math.ceil(lists.steps / QUAD) * lists.planes * HEADER_BYTES,
    job.positions,
    lists.planes,
    lists.steps,
    job.weights,
    job.rows,
    job.rowBytes,
    job.lanes,
    safeRows,
    job.bias,
    job.scales,
    job.output,
    job.positionBytes,
    job.stepBytes,
    Number(job.format === "int"),
    scratch,
  ];
}

/** FireJob. */
export function fireFields(
  job: FireJob,
  rule: number,
  ruleArguments: number,
  thresholds: number,
  counts: number,
): Fields {
  const { neuron, lanes } = job;
  return [
    job.current,
    job.currentPositionBytes,
    job.currentStepBytes,
    job.positions,
    lanes,
    job.used,
    job.steps,
    rule,
    job.state,
    job.statePositionBytes,
    Number(job.read),
    Number(job.write),
    ruleArguments,
    thresholds,
    neuron.gt,
    neuron.soft,
    job.output,
    job.outputPositionBytes,
    (lanes * job.timesteps) / 8,
    counts,
    neuron.fractionBits,
    2 ** (neuron.stateBits - 1),
    neuron.vReset,
    neuron.v0,
    bitsOf(neuron.vReset),
    bitsOf(neuron.v0),
  ];
}

/** A number as an f32, bit for bit in 32 bits. */
function bitsOf(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}
