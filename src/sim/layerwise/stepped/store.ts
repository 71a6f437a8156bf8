import { MEMORIES, type InstructionFor } from "../../../backends/program/instruction.js";
import { BUSY, PORT, WAIT_DRAM, type Hardware } from "./hardware.js";
import type { Memory } from "./memory.js";

/** Memory to DRAM: a reader of words and a writer of bursts with a small buffer between them. */
export class StoreEngine {
  ended = false;
  /** The writer asks for a burst in this cycle. */
  wantsBurst = false;
  private reads = false;
  private memory: Memory;
  private layer = 0;
  private address = 0;
  private stride = 0;
  private dram = 0;
  private dramStride = 0;
  private words = 0;
  private chunks = 0;
  private chunk = 0;
  /** Words of the chunk already read, and bytes of it already in DRAM. */
  private word = 0;
  private written = 0;
  /** Bytes of the chunk between reader and writer, from the first one of `buffer` on. */
  private readonly buffer: Uint8Array;
  private held = 0;

  constructor(private readonly hardware: Hardware) {
    const { memories, dram } = hardware;
    this.memory = memories.data;
    const word = Math.max(memories.data.wordBytes, memories.spike.wordBytes, memories.weight.wordBytes);
    this.buffer = new Uint8Array(dram.burstBytes + word);
  }

  start({ layer, fields: f }: InstructionFor<"store">): void {
    this.ended = false;
    this.memory = this.hardware.memories[MEMORIES[f.memory] ?? "data"];
    this.layer = layer;
    this.address = f.address;
    this.stride = f.stride;
    this.dram = f.dram;
    this.dramStride = f.dramStride;
    this.words = f.words;
    this.chunks = f.chunks;
    this.chunk = this.word = this.written = this.held = 0;
  }

  request(): number {
    const { burstBytes } = this.hardware.dram;
    const chunkRead = this.word === this.words;
    this.wantsBurst = this.held >= burstBytes || (chunkRead && this.held > 0);
    this.reads = false;
    if (chunkRead || this.held >= burstBytes) return WAIT_DRAM;
    this.reads = this.memory.askRead(this.address + this.chunk * this.stride + this.word, this.layer);
    return this.reads ? BUSY : PORT;
  }

  /** Second phase of the reader. */
  commit(): void {
    if (!this.reads) return;
    const { u8, wordBytes } = this.memory;
    const from = (this.address + this.chunk * this.stride + this.word) * wordBytes;
    for (let i = 0; i < wordBytes; i++) this.buffer[this.held + i] = u8[from + i]!;
    this.held += wordBytes;
    this.word++;
  }

  /** Second phase of a granted burst. With the last burst of a chunk the reader turns to the next chunk. */
  giveBurst(): void {
    const { dram } = this.hardware;
    const n = Math.min(dram.burstBytes, this.held);
    const to = this.dram + this.chunk * this.dramStride + this.written;
    for (let i = 0; i < n; i++) dram.bytes[to + i] = this.buffer[i]!;
    this.buffer.copyWithin(0, n, this.held);
    this.held -= n;
    this.written += n;
    dram.writeBytes[this.layer] = dram.writeBytes[this.layer]! + dram.burstBytes;
    if (this.word < this.words || this.held > 0) return;
    this.word = this.written = 0;
    this.chunk++;
    this.ended = this.chunk === this.chunks;
  }
}
