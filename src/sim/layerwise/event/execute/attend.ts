import type { FieldsOf, InstructionFor } from "../../../../backends/program/instruction.js";
import type { AttendWork } from "../work.js";
import type { Chip } from "./chip.js";

/** K^T V into counters, and Q times the counters, of one head. The counters stay from one instruction to the next. */
export class Attend {
  /** Counts of K^T V [d, d]; and their scaled and rounded copies for the sequential rule. */
  private readonly counters: Int32Array;
  private readonly scaled: Float32Array;
  /** Channels of the head with a spike, for k or q, and for v. */
  private readonly events: Int32Array;
  private readonly values: Int32Array;

  constructor(
    private readonly chip: Chip,
    counters: number,
  ) {
    this.counters = new Int32Array(counters);
    this.scaled = new Float32Array(counters);
    this.events = new Int32Array(counters);
    this.values = new Int32Array(counters);
  }

  clear(): void {
    this.counters.fill(0);
    this.scaled.fill(0);
  }

  keysAndValues({ layer, fields: f }: InstructionFor<"attend-kv">): AttendWork {
    const { counters, events, values } = this;
    const d = f.headDim;
    if (f.clear === 1) counters.fill(0, 0, d * d);
    const work = new Int32Array(f.positions * f.steps);
    for (let p = 0; p < f.positions; p++) {
      for (let s = 0; s < f.steps; s++) {
        const keys = this.channels(f.keys + p * f.blocks, s, f, events);
        work[p * f.steps + s] = keys;
        if (keys === 0) continue;
        const ones = this.channels(f.values + p * f.blocks, s, f, values);
        for (let i = 0; i < keys; i++) {
          const row = events[i]! * d;
          for (let j = 0; j < ones; j++) counters[row + values[j]!]!++;
        }
      }
    }
    this.count(layer, "kv", f, work);
    return { events: work };
  }

  queries({ layer, fields: f }: InstructionFor<"attend-q">): AttendWork {
    const { counters, scaled, events, chip } = this;
    const { lanes } = chip;
    const { f32, i32 } = chip.memories.data;
    const d = f.headDim;
    const sequential = f.sequential === 1;
    if (sequential) {
      const scale = Math.fround(f.scale);
      for (let i = 0; i < d * d; i++) scaled[i] = counters[i]! * scale;
    }
    const work = new Int32Array(f.positions * f.steps);
    const sums = sequential ? new Float32Array(d) : new Float64Array(d);
    const from = sequential ? scaled : counters;
    for (let p = 0; p < f.positions; p++) {
      for (let s = 0; s < f.steps; s++) {
        const queries = this.channels(f.queries + p * f.blocks, s, f, events);
        work[p * f.steps + s] = queries;
        sums.fill(0);
        for (let i = 0; i < queries; i++) {
          const row = events[i]! * d;
          for (let j = 0; j < d; j++) sums[j] = sums[j]! + from[row + j]!;
        }
        const to = (f.output + p * f.outputStride + s * f.outputStepStride) * lanes + f.head * d;
        if (f.format === 1) for (let j = 0; j < d; j++) i32[to + j] = sums[j]!;
        else for (let j = 0; j < d; j++) f32[to + j] = sequential ? sums[j]! : sums[j]! * f.scale;
      }
    }
    this.count(layer, "qa", f, work);
    return { events: work };
  }

  /** Lists the head's channels that spike in a step of the token whose block 0 is at `word`; returns their number. */
  private channels(
    word: number,
    step: number,
    f: { head: number; headDim: number; bit: number },
    into: Int32Array,
  ): number {
    const { lanes } = this.chip;
    const { u8, wordBytes } = this.chip.memories.spike;
    const first = f.head * f.headDim;
    const stepByte = ((f.bit + step) * lanes) >> 3;
    let n = 0;
    for (let c = first; c < first + f.headDim; c++) {
      const lane = c % lanes;
      const byte = (word + (c - lane) / lanes) * wordBytes + stepByte + (lane >> 3);
      if (((u8[byte]! >> (lane & 7)) & 1) === 1) into[n++] = c - first;
    }
    return n;
  }

  private count(
    layer: number,
    event: "kv" | "qa",
    f: FieldsOf<"attend-kv"> | FieldsOf<"attend-q">,
    work: Int32Array,
  ): void {
    for (let i = 0; i < work.length; i++) {
      this.chip.counters.add(layer, event, f.firstStep + (i % f.steps), work[i]! * f.headDim);
    }
  }
}
