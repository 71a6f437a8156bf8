/* The kernels in WebAssembly: calls into the module that `npm run build` makes from assembly/. */
import { readFileSync } from "node:fs";
import { internalError } from "../../diagnostics/index.js";
import { checkSum } from "./check-sum.js";
import {
  HEADER_BYTES,
  headersOf,
  mostListBytes,
  mostScanWords,
  positionsOf,
  QUAD,
  type Kernels,
  type Lists,
  type Scan,
  type SpikeWindow,
  type WeightedSum,
} from "./kernels.js";
import type { KernelMemory } from "./memory.js";
import { webAssembly } from "./webassembly.js";

/** What assembly/index.ts exports; records are addresses of the fields of assembly/job.ts. */
interface Exports {
  scan(window: number, words: number, counts: number): number;
  buildLists(window: number, headers: number, rows: number): number;
  magnitude(weights: number, rows: number, rowBytes: number, lanes: number): number;
  pack8(weights: number, rows: number, rowBytes: number, lanes: number, to: number): void;
  sum32(job: number, limit: number): void;
  sum8(job: number, limit: number): void;
}

const FILE = new URL("./kernels.wasm", import.meta.url);

/** Additions of i8 weights that a 16-bit lane holds: 255 * 128 < 2^15. */
const SAFE_ROWS_8 = 255;

let code: Uint8Array | undefined;

/** The module's bytes; absence means that the build did not run, which nothing else can make up for. */
function readCode(): Uint8Array {
  try {
    return (code ??= readFileSync(FILE));
  } catch (error) {
    throw new Error(`no compiled kernels at ${FILE.pathname}; npm run build makes them`, { cause: error });
  }
}

/** Whether the host can run the SIMD kernels: WebAssembly with vectors and shared memory. */
export function hasSimd(): boolean {
  return webAssembly !== undefined && webAssembly.validate(readCode());
}

export function createSimd(memory: KernelMemory): Kernels {
  const { wasm } = memory;
  if (webAssembly === undefined || wasm === undefined) throw internalError("simd kernels without WebAssembly");
  const module = new webAssembly.Module(readCode());
  const exports = new webAssembly.Instance(module, { env: { memory: wasm } }).exports as unknown as Exports;
  const record = memory.take(128, "the record of a call");
  const counts = memory.take(64, "counts per timestep");
  const scratch = memory.take(4096, "sums of patterns");

  const writeRecord = (fields: readonly number[]): number => {
    memory.i32.set(fields, record >>> 2);
    return record;
  };

  const sum = (job: WeightedSum, bits: 8 | 32): void => {
    checkSum(job, bits);
    const safeRows = bits === 8 ? SAFE_ROWS_8 : Math.max(1, Math.floor((2 ** 31 - 1) / Math.max(job.magnitude, 1)));
    const at = writeRecord(sumRecord(job, Math.min(safeRows, job.rows), scratch));
    const limit = job.format === "int" ? job.limit : Infinity;
    if (bits === 8) exports.sum8(at, limit);
    else exports.sum32(at, limit);
  };

  return {
    name: "simd",
    memory,
    scan(window) {
      const from = memory.take(4 * mostScanWords(window), "the counts of scan words");
      memory.f64.fill(0, counts >>> 3, (counts >>> 3) + window.steps);
      const to = exports.scan(writeRecord(windowRecord(window)), from, counts) >>> 0;
      memory.release(to);
      return {
        words: memory.i32.subarray(from >>> 2, to >>> 2),
        spikes: memory.f64.slice(counts >>> 3, (counts >>> 3) + window.steps),
      } satisfies Scan;
    },
    buildLists(window) {
      const headers = memory.take(mostListBytes(window), "lists of rows");
      const rows = headers + headersOf(window) * HEADER_BYTES;
      memory.release(exports.buildLists(writeRecord(windowRecord(window)), headers, rows) >>> 0);
      return { headers, positions: positionsOf(window), steps: window.steps, planes: window.planes } satisfies Lists;
    },
    magnitude: (weights, rows, rowBytes, lanes) => exports.magnitude(weights, rows, rowBytes, lanes) >>> 0,
    pack8: (weights, rows, rowBytes, lanes, to) => exports.pack8(weights, rows, rowBytes, lanes, to),
    sum32: (job) => sum(job, 32),
    sum8: (job) => sum(job, 8),
  };
}

/** The fields of SpikeWindow in assembly/job.ts, in order. */
function windowRecord(w: SpikeWindow): readonly number[] {
  const stepBytes = w.lanes / 8;
  return [
    w.spikes,
    stepBytes * w.timesteps,
    stepBytes,
    w.lanes,
    w.steps,
    w.height,
    w.width,
    w.firstRow,
    w.blocks,
    w.kernel,
    w.stride,
    w.padding,
    w.outRow,
    w.outRows,
    w.outWidth,
    w.channels,
    w.planes,
    w.planeBytes,
  ];
}

/** The fields of SumJob in assembly/job.ts, in order. */
function sumRecord(job: WeightedSum, safeRows: number, scratch: number): readonly number[] {
  const { lists, lanes } = job;
  const headers = lists.headers + job.firstPosition * Math.ceil(lists.steps / QUAD) * lists.planes * HEADER_BYTES;
  return [
    headers,
    job.positions,
    lists.planes,
    lists.steps,
    job.weights,
    job.rowBytes,
    lanes,
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
