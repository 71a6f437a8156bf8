import { BUSY, PORT, type Hardware } from "./hardware.js";
import type { Memory } from "./memory.js";
import { dataOp, type DataInstruction } from "./vector-data.js";
import { spikeOp, type SpikeInstruction } from "./vector-spikes.js";
import { tokenOp, type TokenInstruction } from "./vector-tokens.js";

/**
 * How a vector instruction works: items one after the other, each of some reads and then some writes, one access per cycle.
 * The engine asks for the words; the op says which, takes what was read and gives what is written.
 */
export interface VectorOp {
  readonly from: "spike" | "data";
  /** Where reads come from both memories: the memory of the i-th. */
  fromOf?(i: number): "spike" | "data";
  readonly to: "spike" | "data";
  readonly items: number;
  /** Turns to an item and sets its number of reads and writes. */
  begin(item: number): void;
  reads: number;
  readonly writes: number;
  readWord(i: number): number;
  take(i: number, word: number): void;
  writeWord(i: number): number;
  give(i: number, word: number): void;
}

/** Element-wise operations, pooling and reductions. */
export class VectorEngine {
  ended = false;
  private op: VectorOp | undefined;
  private from: Memory;
  private to: Memory;
  private layer = 0;
  private item = 0;
  /** Accesses of the item so far: reads, then writes. */
  private done = 0;
  private granted = false;
  private reading = false;

  constructor(private readonly hardware: Hardware) {
    this.from = hardware.memories.data;
    this.to = hardware.memories.data;
  }

  start(instruction: VectorInstruction): void {
    const op = opOf(instruction, this.hardware);
    this.ended = false;
    this.op = op;
    this.from = this.hardware.memories[op.from];
    this.to = this.hardware.memories[op.to];
    this.layer = instruction.layer;
    this.item = this.done = 0;
    op.begin(0);
  }

  request(): number {
    const op = this.op!;
    this.reading = this.done < op.reads;
    this.granted = this.reading
      ? this.fromOf(op).askRead(op.readWord(this.done), this.layer)
      : this.to.askWrite(op.writeWord(this.done - op.reads), this.layer);
    return this.granted ? BUSY : PORT;
  }

  private fromOf(op: VectorOp): Memory {
    return op.fromOf === undefined ? this.from : this.hardware.memories[op.fromOf(this.done)];
  }

  /** Second phase of a read. */
  commit(): void {
    if (!this.granted || !this.reading) return;
    const op = this.op!;
    op.take(this.done, op.readWord(this.done));
    this.done++;
    this.granted = false;
  }

  /** Second phase of a write. */
  write(): void {
    if (!this.granted) return;
    const op = this.op!;
    const i = this.done - op.reads;
    op.give(i, op.writeWord(i));
    this.done++;
    if (i + 1 < op.writes) return;
    this.done = 0;
    this.item++;
    this.ended = this.item === op.items;
    if (!this.ended) op.begin(this.item);
  }
}

export type VectorInstruction = DataInstruction | SpikeInstruction | TokenInstruction;

function opOf(instruction: VectorInstruction, hardware: Hardware): VectorOp {
  switch (instruction.op) {
    case "add":
    case "pool-max":
    case "mean-positions":
    case "mean-steps":
    case "convert":
      return dataOp(instruction, hardware);
    case "score-tokens":
    case "score-kv":
    case "top-k":
    case "mask-tokens":
    case "mask-data":
      return tokenOp(instruction, hardware);
    default:
      return spikeOp(instruction, hardware);
  }
}
