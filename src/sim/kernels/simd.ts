/* The kernels in WebAssembly: calls into the module that `npm run build` makes from assembly/. */
import { readFileSync } from "node:fs";
import { internalError } from "../../diagnostics/index.js";
import { counterBytes, counterRowBytes, type AttendKeys, type AttendQueries } from "./attend.js";
import { checkSum, fitsLanes } from "./check-sum.js";
import { perLane, type FireJob } from "./fire.js";
import {
  HEADER_BYTES,
  headersOf,
  mostListBytes,
  mostScanWords,
  positionsOf,
  type Kernels,
  type Lists,
  type Result,
  type Scan,
  type SpikeWindow,
  type WeightedSum,
} from "./kernels.js";
import type { KernelMemory } from "./memory.js";
import { mostRowBytes, type Multiplication, type Multiplied } from "./multiply.js";
import { createPlain } from "./plain.js";
import { SCRATCH_BYTES, type Calls, type DividedCall } from "./board.js";
import { planFire, planLists, planMultiply, planQueries, planSum, type Plan } from "./divide.js";
import { GRAIN, Team, type HelperStart, type Threading } from "./team.js";
import * as records from "./records.js";
import { vectorRule } from "./simd-neurons.js";
import type { Addition, Conversion } from "./vector.js";
import { webAssembly } from "./webassembly.js";

/** What assembly/index.ts exports, beside the calls that can be divided; jobs and windows are addresses of records (records.ts). */
interface Exports extends Calls {
  scan(window: number, words: number, counts: number): number;
  magnitude(weights: number, rows: number, rowBytes: number, lanes: number): number;
  pack8(weights: number, rows: number, rowBytes: number, lanes: number, to: number): void;
  convertWeights(job: number): void;
  addReal(a: number, b: number, to: number, bytes: number): void;
  addInt(a: number, b: number, to: number, bytes: number, aShift: number, bShift: number, limit: number): void;
  addWrapping(a: number, b: number, to: number, bytes: number, aShift: number, bShift: number): void;
  convertToInt(from: number, to: number, bytes: number, unit: number, lo: number, hi: number): void;
  convertToReal(from: number, to: number, bytes: number, unit: number): void;
  poolOr(job: number): void;
  poolMaxReal(job: number): void;
  poolMaxInt(job: number): void;
  attendKeys(job: number): void;
  scaleCounters(counters: number, to: number, bytes: number, scale: number): void;
}

const FILE = new URL("./kernels.wasm", import.meta.url);
const RECORD_BYTES = 256;
/** Number of a list's header that says where its rows end. */
const QUAD_END = HEADER_BYTES / 4 - 1;
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

/** Kernels over a memory, which must be WebAssembly's. */
export function createSimd(memory: KernelMemory, threading: Threading = {}): Kernels {
  const { wasm } = memory;
  if (webAssembly === undefined || wasm === undefined) throw internalError("simd kernels without WebAssembly");
  const module = new webAssembly.Module(readCode());
  const exports = new webAssembly.Instance(module, { env: { memory: wasm } }).exports as unknown as Exports;
  return new Simd(memory, exports, new Team(module, memory, exports, threading), threading.grain ?? GRAIN);
}

class Simd implements Kernels {
  readonly name = "simd";
  private readonly plain: Kernels;
  private readonly record: number;
  /** Room of this thread: counts per timestep, sums of patterns and the like. */
  private readonly counts: number;
  private readonly scratch: number;

  constructor(
    readonly memory: KernelMemory,
    private readonly exports: Exports,
    private readonly team: Team,
    private readonly grain: number,
  ) {
    this.plain = createPlain(memory);
    this.record = memory.take(RECORD_BYTES, "the record of a call");
    this.counts = team.own.counts;
    this.scratch = team.own.scratch;
  }

  /** Writes a record and returns its address. */
  private write(fields: readonly number[]): number {
    this.memory.i32.set(fields, this.record >>> 2);
    return this.record;
  }

  private limitOf({ format, limit }: Pick<Result, "format" | "limit">): number {
    return format === "int" ? limit : Infinity;
  }

  /** Units of a piece of a call; all of them where it is not divided. */
  private pieceOf({ cost, units }: Plan): number {
    const pieces = this.team.hands.length === 1 || cost === 0 ? 1 : Math.min(units, Math.floor(cost / this.grain));
    return pieces < 2 ? units : Math.ceil(units / pieces);
  }

  /** Runs a call in pieces of so many units. */
  private call(call: DividedCall, plan: Plan, piece: number, record: readonly number[], argument = 0): void {
    if (piece === plan.units) this.exports[call](this.write(record), argument);
    else this.team.run({ ...plan, call, piece, record, argument });
  }

  scan(window: SpikeWindow): Scan {
    const { memory, counts } = this;
    const from = memory.take(4 * mostScanWords(window), "the counts of scan words");
    const spikes = memory.f64.subarray(counts >>> 3, (counts >>> 3) + window.steps);
    spikes.fill(0);
    const to = this.exports.scan(this.write(records.spikeWindowFields(window)), from, counts) >>> 0;
    memory.release(to);
    return { words: memory.i32.subarray(from >>> 2, to >>> 2), spikes: spikes.slice() };
  }

  buildLists(window: SpikeWindow): Lists {
    const { memory } = this;
    const { steps, planes } = window;
    const headers = memory.take(mostListBytes(window), "lists of rows");
    const end = headers + headersOf(window) * HEADER_BYTES;
    const plan = planLists(window);
    this.call("buildLists", plan, this.pieceOf(plan), records.listFields(window, headers, end));
    let rows = 0;
    for (let at = headers >>> 2; at < end >>> 2; at += HEADER_BYTES >> 2) {
      rows += (memory.u32[at + QUAD_END]! - memory.u32[at]!) >>> 2;
    }
    memory.release(headers === end ? end : memory.u32[(end >>> 2) - 1]!);
    return { headers, positions: positionsOf(window), steps, planes, rows };
  }

  magnitude(weights: number, rows: number, rowBytes: number, lanes: number): number {
    return this.exports.magnitude(weights, rows, rowBytes, lanes) >>> 0;
  }

  pack8(weights: number, rows: number, rowBytes: number, lanes: number, to: number): void {
    this.exports.pack8(weights, rows, rowBytes, lanes, to);
  }

  sum32(job: WeightedSum): void {
    if (!fitsLanes(job)) {
      this.plain.sum32(job);
      return;
    }
    checkSum(job, 32);
    const safeRows = Math.max(1, Math.floor((2 ** 31 - 1) / Math.max(job.magnitude, 1)));
    this.sum("sum32", job, Math.min(safeRows, job.rows));
  }

  sum8(job: WeightedSum): void {
    checkSum(job, 8);
    this.sum("sum8", job, SAFE_ROWS_8);
  }

  private sum(call: "sum32" | "sum8", job: WeightedSum, safeRows: number): void {
    const plan = planSum(job, call === "sum8" ? 8 : 32);
    const fields = records.sumFields(job, safeRows, this.scratch);
    this.call(call, plan, this.pieceOf(plan), fields, this.limitOf(job));
  }

  multiply(job: Multiplication): Multiplied {
    const { memory } = this;
    const start = memory.mark;
    const inputs = job.kernel ** 2 * job.channels;
    const sums = positionsOf(job) * job.slots;
    const counts = memory.take(4 * sums, "numbers of inputs");
    const patch = memory.take(16 * inputs, "inputs of a window");
    const doubles = memory.take(8 * inputs * job.lanes, "weights as doubles");
    const rows = memory.take(mostRowBytes(job), "rows of inputs");
    const fields = records.multiplyFields(job, counts, patch, doubles, rows);
    const plan = planMultiply(job, SCRATCH_BYTES);
    const piece = this.pieceOf(plan);
    this.exports.convertWeights(this.write(fields));
    this.call("multiply", plan, piece, fields, this.limitOf(job));
    memory.release(start);
    const found = memory.i32.slice(counts >>> 2, (counts >>> 2) + sums);
    // The rows of a piece lie behind the room that those before it could have needed.
    const all = new Int32Array(found.reduce((sum, n) => sum + n, 0));
    const sumsOfPiece = piece * job.outWidth * job.slots;
    let to = 0;
    for (let first = 0; first < sums; first += sumsOfPiece) {
      const values = found.subarray(first, first + sumsOfPiece).reduce((sum, n) => sum + n, 0);
      const from = (rows >>> 2) + first * inputs;
      all.set(memory.i32.subarray(from, from + values), to);
      to += values;
    }
    return { counts: found, rows: all };
  }

  fire(job: FireJob): Int32Array {
    const { memory } = this;
    const constants = perLane(memory, job);
    const vector = vectorRule(job, constants);
    if (vector === undefined) return this.plain.fire(job);
    const start = memory.mark;
    const int = job.neuron.format === 1;
    const place = (values: Float64Array): number => {
      const at = memory.take(4 * job.lanes, "constants of neurons");
      (int ? memory.i32 : memory.f32).set(values, at >>> 2);
      return at;
    };
    const ruleArguments = place(vector.arguments);
    const thresholds = place(constants.threshold);
    const call = int ? "fireInt" : "fireReal";
    const plan = planFire(job);
    const piece = this.pieceOf(plan);
    const hands = piece === plan.units ? [this.team.own] : this.team.hands;
    for (const { counts } of hands) memory.i32.fill(0, counts >>> 2, (counts >>> 2) + job.steps);
    this.call(call, plan, piece, records.fireFields(job, vector.rule, ruleArguments, thresholds, this.counts));
    const spikes = new Int32Array(job.steps);
    for (const { counts } of hands) {
      for (let s = 0; s < job.steps; s++) spikes[s]! += memory.i32[(counts >>> 2) + s]!;
    }
    memory.release(start);
    return spikes;
  }

  add(job: Addition): void {
    const { a, b, output, values, aShift, bShift, limit } = job;
    // Beyond 2^53 a plain sum is rounded before it wraps; no proved program comes there.
    const exact = Math.max(aShift, bShift) <= 20;
    if (job.format === "real") this.exports.addReal(a, b, output, 4 * values);
    else if (limit !== Infinity) this.exports.addInt(a, b, output, 4 * values, aShift, bShift, limit);
    else if (exact) this.exports.addWrapping(a, b, output, 4 * values, aShift, bShift);
    else this.plain.add(job);
  }

  convert({ input, output, values, format, unit, lo, hi }: Conversion): void {
    if (format === "int") this.exports.convertToInt(input, output, 4 * values, 1 / unit, lo, hi);
    else this.exports.convertToReal(input, output, 4 * values, unit);
  }

  poolOr(job: Parameters<Kernels["poolOr"]>[0]): void {
    this.exports.poolOr(this.write(records.orPoolFields(job)));
  }

  poolMax(job: Parameters<Kernels["poolMax"]>[0]): void {
    const at = this.write(records.maxPoolFields(job));
    if (job.format === "int") this.exports.poolMaxInt(at);
    else this.exports.poolMaxReal(at);
  }

  invite(guest: number): HelperStart {
    return this.team.invite(guest);
  }

  close(): void {
    this.team.close();
  }

  attendKeys(job: AttendKeys): Int32Array {
    const { memory } = this;
    const { d, positions, steps, counters, keys, values } = job;
    if (job.clear) memory.i32.fill(0, counters >>> 2, (counters + counterBytes(d)) >>> 2);
    const start = memory.mark;
    const events = memory.take(4 * positions * steps, "events");
    const row = counterRowBytes(d) >>> 2;
    const bytes = memory.take(d * row, "counters of one byte");
    const spread = memory.take(row, "values of one byte");
    this.exports.attendKeys(this.write(records.attendFields(job, keys, values, counters, events, bytes, spread)));
    memory.release(start);
    return memory.i32.slice(events >>> 2, (events >>> 2) + positions * steps);
  }

  attendQueries(job: AttendQueries): Int32Array {
    const { memory } = this;
    const { d, positions, steps, queries } = job;
    const start = memory.mark;
    const events = memory.take(4 * positions * steps, "events");
    const rows = memory.take(4 * d, "rows of counters");
    let { counters } = job;
    if (job.sequential) {
      counters = memory.take(counterBytes(d), "scaled counters");
      this.exports.scaleCounters(job.counters, counters, counterBytes(d), job.scale);
    }
    const fields = records.attendFields(job, queries, 0, counters, events, rows, 0);
    const plan = planQueries(job, SCRATCH_BYTES);
    this.call("attendQueries", plan, this.pieceOf(plan), [...fields, ...records.queryFields(job)], job.scale);
    memory.release(start);
    return memory.i32.slice(events >>> 2, (events >>> 2) + positions * steps);
  }
}
