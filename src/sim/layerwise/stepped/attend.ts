import type { InstructionFor } from "../../../backends/program/instruction.js";
import { laneInts, loadBits } from "./bits.js";
import { KV, QA } from "./counts.js";
import { BUSY, PORT, type Hardware } from "./hardware.js";

/** Zeroing or scaling of counters. */
const PREPARE = 0;
/** Words of k or q. */
const READ_FIRST = 1;
const READ_VALUES = 2;
const ADD = 3;
const WRITE = 4;

/** K^T V into counters, and Q times the counters, of one head. */
export class AttendEngine {
  ended = false;
  /** Counts of K^T V [d, d]; and their scaled and rounded copies for the sequential rule. */
  private readonly counters: Int32Array;
  private readonly scaled: Float32Array;
  /** Result of one token and timestep. */
  private readonly sums: Float64Array;
  private readonly sumsReal: Float32Array;
  /** One 0/1 per channel of the head and timestep of the group: of k or q, and of v. */
  private readonly first: Uint8Array;
  private readonly values: Uint8Array;
  private readonly word: Int32Array;
  private granted = false;
  private phase = PREPARE;
  private query = false;
  private sequential = false;
  private scale = 0;
  private int = false;
  private layer = 0;
  private firstMap = 0;
  private valueMap = 0;
  private blocks = 0;
  private positions = 0;
  private channel0 = 0;
  private d = 0;
  private bit = 0;
  private steps = 0;
  private firstStep = 0;
  private output = 0;
  private outputStride = 0;
  private outputStepStride = 0;
  /** Channel blocks that overlap the head. */
  private blockFrom = 0;
  private blockTo = 0;
  private position = 0;
  private block = 0;
  private step = 0;
  /** The current event's channel in the head, and the next lanes of its row or of the counters. */
  private channel = 0;
  private done = 0;

  constructor(
    private readonly hardware: Hardware,
    counters: number,
  ) {
    this.counters = new Int32Array(counters);
    this.scaled = new Float32Array(counters);
    const d = Math.floor(Math.sqrt(counters));
    this.sums = new Float64Array(d);
    this.sumsReal = new Float32Array(d);
    this.first = new Uint8Array(d * hardware.parallelTimesteps);
    this.values = new Uint8Array(d * hardware.parallelTimesteps);
    this.word = new Int32Array(laneInts(hardware.lanes) * hardware.parallelTimesteps);
  }

  /** A sample starts with all counters at zero. */
  clear(): void {
    this.counters.fill(0);
    this.scaled.fill(0);
  }

  start(instruction: InstructionFor<"attend-kv" | "attend-q">): void {
    const f = instruction.fields;
    const { lanes } = this.hardware;
    this.ended = false;
    this.layer = instruction.layer;
    this.blocks = f.blocks;
    this.positions = f.positions;
    this.d = f.headDim;
    this.channel0 = f.head * f.headDim;
    this.blockFrom = Math.floor(this.channel0 / lanes);
    this.blockTo = Math.floor((this.channel0 + this.d - 1) / lanes) + 1;
    this.bit = f.bit;
    this.steps = f.steps;
    this.firstStep = f.firstStep;
    this.query = instruction.op === "attend-q";
    if (instruction.op === "attend-kv") {
      const { keys, values, clear } = instruction.fields;
      this.firstMap = keys;
      this.valueMap = values;
      this.phase = clear === 1 ? PREPARE : READ_FIRST;
    } else {
      const q = instruction.fields;
      this.firstMap = q.queries;
      this.scale = q.scale;
      this.sequential = q.sequential === 1;
      this.int = q.format === 1;
      this.output = q.output;
      this.outputStride = q.outputStride;
      this.outputStepStride = q.outputStepStride;
      this.phase = this.sequential ? PREPARE : READ_FIRST;
    }
    this.position = this.step = this.done = 0;
    this.block = this.blockFrom;
  }

  request(): number {
    this.granted = this.ask();
    return this.granted ? BUSY : PORT;
  }

  private ask(): boolean {
    const { spike, data } = this.hardware.memories;
    switch (this.phase) {
      case READ_FIRST:
        return spike.askRead(this.firstMap + this.position * this.blocks + this.block, this.layer);
      case READ_VALUES:
        return spike.askRead(this.valueMap + this.position * this.blocks + this.block, this.layer);
      case WRITE:
        return data.askWrite(this.outputWord(), this.layer);
      default:
        return true;
    }
  }

  private outputWord(): number {
    return this.output + this.position * this.outputStride + this.step * this.outputStepStride + this.block;
  }

  /** Second phase, but for writes. */
  commit(): void {
    if (!this.granted) return;
    switch (this.phase) {
      case PREPARE:
        this.prepare();
        break;
      case READ_FIRST:
        this.read(this.firstMap, this.first);
        if (++this.block < this.blockTo) break;
        this.block = this.blockFrom;
        if (this.query) this.startSums();
        else this.phase = READ_VALUES;
        break;
      case READ_VALUES:
        this.read(this.valueMap, this.values);
        if (++this.block < this.blockTo) break;
        this.block = this.blockFrom;
        this.nextKey(0, -1);
        break;
      case ADD:
        this.add();
        break;
      default:
        return;
    }
    this.granted = false;
  }

  /** Zeroes or scales the counters of one cycle. */
  private prepare(): void {
    const all = this.d * this.d;
    const to = Math.min(all, this.done + this.hardware.lanes);
    if (this.query) {
      const scale = Math.fround(this.scale);
      for (let i = this.done; i < to; i++) this.scaled[i] = this.counters[i]! * scale;
    } else this.counters.fill(0, this.done, to);
    this.done = to;
    if (to < all) return;
    this.done = 0;
    this.phase = READ_FIRST;
  }

  /** Takes the head's channels out of a spike word. */
  private read(map: number, into: Uint8Array): void {
    const { lanes, memories } = this.hardware;
    const { spike } = memories;
    const ints = laneInts(lanes);
    const word = map + this.position * this.blocks + this.block;
    loadBits(spike.u8, spike.i32, word * spike.wordBytes, lanes, this.bit + this.steps, this.word, 0);
    const from = Math.max(this.channel0, this.block * lanes);
    const to = Math.min(this.channel0 + this.d, (this.block + 1) * lanes);
    for (let s = 0; s < this.steps; s++) {
      for (let c = from; c < to; c++) {
        const lane = c - this.block * lanes;
        into[s * this.d + c - this.channel0] = (this.word[(this.bit + s) * ints + (lane >>> 5)]! >>> (lane & 31)) & 1;
      }
    }
  }

  /** The next channel with a bit of k or q after `channel` in a timestep; -1 where none is. */
  private nextBit(step: number, channel: number): number {
    const at = this.first.indexOf(1, step * this.d + channel + 1) - step * this.d;
    return at >= 0 && at < this.d ? at : -1;
  }

  /** Turns to the next K event, or else to the next token. */
  private nextKey(step: number, after: number): void {
    this.done = 0;
    this.step = step;
    this.channel = this.nextBit(step, after);
    while (this.channel < 0 && ++this.step < this.steps) this.channel = this.nextBit(this.step, -1);
    if (this.channel >= 0) this.phase = ADD;
    else this.nextToken();
  }

  private nextToken(): void {
    this.step = 0;
    this.phase = READ_FIRST;
    this.position++;
    this.ended = this.position === this.positions;
  }

  /** Starts the sums of the current timestep. */
  private startSums(): void {
    this.sums.fill(0, 0, this.d);
    this.sumsReal.fill(0, 0, this.d);
    this.done = 0;
    this.channel = this.nextBit(this.step, -1);
    this.phase = this.channel >= 0 ? ADD : WRITE;
  }

  /** Adds `lanes` values of an event's row. */
  private add(): void {
    const { lanes, counts } = this.hardware;
    const to = Math.min(this.d, this.done + lanes);
    const row = this.channel * this.d;
    if (this.query) this.addQuery(row, to);
    else {
      const v = this.step * this.d;
      for (let j = this.done; j < to; j++) this.counters[row + j] = this.counters[row + j]! + this.values[v + j]!;
    }
    this.done = to;
    if (to < this.d) return;
    counts.add(this.layer, this.query ? QA : KV, this.firstStep + this.step, this.d);
    if (!this.query) return this.nextKey(this.step, this.channel);
    this.done = 0;
    this.channel = this.nextBit(this.step, this.channel);
    if (this.channel < 0) this.phase = WRITE;
  }

  private addQuery(row: number, to: number): void {
    const { sums, sumsReal, counters, scaled } = this;
    if (this.sequential) for (let j = this.done; j < to; j++) sumsReal[j] = sumsReal[j]! + scaled[row + j]!;
    else for (let j = this.done; j < to; j++) sums[j] = sums[j]! + counters[row + j]!;
  }

  /** Second phase of a write: the lanes of the word that belong to the head. */
  write(): void {
    if (!this.granted) return;
    const { lanes, memories } = this.hardware;
    const { f32, i32 } = memories.data;
    const base = this.outputWord() * lanes;
    const from = Math.max(this.channel0, this.block * lanes);
    const to = Math.min(this.channel0 + this.d, (this.block + 1) * lanes);
    for (let c = from; c < to; c++) {
      const j = c - this.channel0;
      const at = base + c - this.block * lanes;
      if (this.int) i32[at] = this.sums[j]!;
      else f32[at] = this.sequential ? this.sumsReal[j]! : this.sums[j]! * this.scale;
    }
    if (++this.block < this.blockTo) return;
    this.block = this.blockFrom;
    if (++this.step < this.steps) this.startSums();
    else this.nextToken();
  }
}
