import type { InstructionFor } from "../../../backends/program/instruction.js";
import { addRow, writeInt, writeReal } from "./rows.js";
import { AC, ROW } from "./counts.js";
import { BUSY, PORT, type Hardware } from "./hardware.js";
import type { Parameters } from "./parameters.js";
import { Fifo, Scanner } from "./scanner.js";
import { WeightRow } from "./weight-words.js";

/** What the adder wants in this cycle. */
const NOTHING = 0;
const ADD_ROW = 1;
const WRITE = 2;

/** Weighted sums of spikes: scanner, FIFO and adder. */
export class Accumulate {
  ended = false;
  private readonly fifo: Fifo;
  private readonly scanner: Scanner;
  private readonly sums: Float64Array;
  private readonly row: WeightRow;
  private layer = 0;
  private firstStep = 0;
  private steps = 0;
  private lanesUsed = 0;
  private output = 0;
  private outputStride = 0;
  private outputStepStride = 0;
  private int = false;
  private limit = 0;
  private positions = 0;
  /** The adder: its wish, the lane of the row it asks for, the position it sums, and the write phase. */
  private wish = NOTHING;
  private granted = false;
  private lane = 0;
  private position = 0;
  private writing = false;
  private step = 0;

  constructor(
    private readonly hardware: Hardware,
    private readonly parameters: Parameters,
    fifoDepth: number,
  ) {
    this.fifo = new Fifo(fifoDepth, hardware.lanes, hardware.parallelTimesteps);
    this.scanner = new Scanner(hardware, this.fifo);
    this.row = new WeightRow(hardware);
    this.sums = new Float64Array(hardware.lanes * hardware.parallelTimesteps);
  }

  start(instruction: InstructionFor<"accumulate">): void {
    const f = instruction.fields;
    this.ended = false;
    this.layer = instruction.layer;
    this.firstStep = f.firstStep;
    this.steps = f.steps;
    this.lanesUsed = f.lanesUsed;
    this.output = f.output;
    this.outputStride = f.outputStride;
    this.outputStepStride = f.outputStepStride;
    this.int = f.format === 1;
    this.limit = f.resultBits === 0 ? Infinity : 2 ** (f.resultBits - 1) - 1;
    this.positions = f.outRows * f.outWidth;
    this.position = this.step = 0;
    this.writing = false;
    this.fifo.head = this.fifo.count = 0;
    this.sums.fill(0);
    this.parameters.start(f.parameters, instruction.layer);
    this.scanner.start(instruction);
  }

  request(): number {
    if (!this.parameters.ready) {
      this.wish = NOTHING;
      this.granted = this.parameters.request() === BUSY;
      return this.granted ? BUSY : PORT;
    }
    this.requestAdder();
    this.scanner.request();
    return this.granted || this.scanner.granted ? BUSY : PORT;
  }

  private requestAdder(): void {
    const { fifo } = this;
    this.granted = false;
    this.wish = NOTHING;
    if (this.writing) this.wish = WRITE;
    else if (fifo.count > 0) this.wish = this.lowestBit() ? ADD_ROW : WRITE;
    if (this.wish === WRITE) {
      const word = this.output + this.position * this.outputStride + this.step * this.outputStepStride;
      this.granted = this.hardware.memories.data.askWrite(word, this.layer);
    } else if (this.wish === ADD_ROW) {
      this.granted = this.hardware.memories.weight.askRead(fifo.row[fifo.head]! + this.lane, this.layer);
    }
  }

  /** Finds the lowest bit of the oldest word; false where it has none. */
  private lowestBit(): boolean {
    const { or, ints, head } = this.fifo;
    const at = head * ints;
    for (let i = 0; i < ints; i++) {
      const word = or[at + i]!;
      if (word === 0) continue;
      this.lane = 32 * i + 31 - Math.clz32(word & -word);
      return true;
    }
    return false;
  }

  /** Second phase, but for writes. */
  commit(): void {
    if (!this.parameters.ready) {
      if (this.granted) this.parameters.commit();
      this.granted = false;
      return;
    }
    // The scanner pushes behind the words that the adder saw; the adder pops the oldest.
    this.scanner.commit();
    if (this.granted && this.wish === ADD_ROW) this.addLowestRow();
  }

  private addLowestRow(): void {
    const { fifo, lane } = this;
    const { ints, head } = fifo;
    const i = lane >>> 5;
    const bit = 1 << (lane & 31);
    const at = head * fifo.timesteps * ints + i;
    const { lanes, counts } = this.hardware;
    let gates = 0;
    for (let s = 0; s < this.steps; s++) {
      if ((fifo.bits[at + s * ints]! & bit) === 0) continue;
      gates |= 1 << s;
      counts.add(this.layer, AC, this.firstStep + s, this.lanesUsed);
    }
    counts.add(this.layer, ROW, this.firstStep, 1);
    const { row } = this;
    row.fetch(fifo.row[head]! + lane);
    addRow(this.sums, row.values, row.from, lanes, gates, fifo.scale[head]!);
    fifo.or[head * ints + i] = fifo.or[head * ints + i]! & ~bit;
    if (this.lowestBit()) return;
    this.writing = fifo.last[head] === 1;
    fifo.pop();
  }

  /** Second phase of the write phase. */
  write(): void {
    if (!this.granted || this.wish !== WRITE) return;
    const { lanes, memories } = this.hardware;
    const to = (this.output + this.position * this.outputStride + this.step * this.outputStepStride) * lanes;
    const { bias, scales } = this.parameters;
    const from = this.step * lanes;
    if (this.int) writeInt(this.sums, from, bias, scales, lanes, memories.data.i32, to, this.limit);
    else writeReal(this.sums, from, bias, scales, lanes, memories.data.f32, to);
    // The last word of a position without any bit leaves with the first write.
    if (!this.writing) this.fifo.pop();
    this.writing = true;
    if (++this.step < this.steps) return;
    this.sums.fill(0);
    this.step = 0;
    this.writing = false;
    this.position++;
    this.ended = this.position === this.positions;
  }
}
