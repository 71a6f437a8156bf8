import { MEMORIES, type InstructionFor } from "../../../backends/program/instruction.js";
import { BUSY, PORT, WAIT_DRAM, type Hardware } from "./hardware.js";
import type { Memory } from "./memory.js";

/** DRAM to memory: a requester of bursts, and a writer of words behind it. */
export class LoadEngine {
  ended = false;
  /** The requester asks for a burst in this cycle. */
  wantsBurst = false;
  private writes = false;
  private memory: Memory;
  private layer = 0;
  private address = 0;
  private stride = 0;
  private dram = 0;
  private dramStride = 0;
  private words = 0;
  private chunkBytes = 0;
  private burstsPerChunk = 0;
  private bursts = 0;
  /** Next burst to request: number since the start, chunk, burst within the chunk. */
  private granted = 0;
  private burstChunk = 0;
  private burst = 0;
  /** Bursts whose bytes are all written. */
  private usedUp = 0;
  /** Next word to write: chunks left, word within the chunk, its address. */
  private chunk = 0;
  private chunks = 0;
  private word = 0;
  /** Bursts under way, a ring: their bytes, and the cycle from which these can be used. */
  private readonly staging: Uint8Array;
  private readonly arrival: Float64Array;

  constructor(
    private readonly hardware: Hardware,
    private readonly outstanding: number,
  ) {
    this.memory = hardware.memories.data;
    this.staging = new Uint8Array(outstanding * hardware.dram.burstBytes);
    this.arrival = new Float64Array(outstanding);
  }

  start({ layer, fields: f }: InstructionFor<"load">): void {
    this.ended = false;
    this.memory = this.hardware.memories[MEMORIES[f.memory] ?? "data"];
    this.layer = layer;
    this.address = f.address;
    this.stride = f.stride;
    this.dram = f.dram;
    this.dramStride = f.dramStride;
    this.words = f.words;
    this.chunks = f.chunks;
    this.chunkBytes = f.words * this.memory.wordBytes;
    this.burstsPerChunk = Math.ceil(this.chunkBytes / this.hardware.dram.burstBytes);
    this.bursts = f.chunks * this.burstsPerChunk;
    this.granted = this.burstChunk = this.burst = this.usedUp = this.chunk = this.word = 0;
  }

  request(cycle: number): number {
    this.wantsBurst = this.granted < this.bursts && this.granted - this.usedUp < this.outstanding;
    this.writes = false;
    if (!this.arrived(cycle)) return WAIT_DRAM;
    this.writes = this.memory.askWrite(this.address + this.chunk * this.stride + this.word, this.layer);
    return this.writes ? BUSY : PORT;
  }

  /** Whether all bytes of the next word are here. */
  private arrived(cycle: number): boolean {
    const lastByte = (this.word + 1) * this.memory.wordBytes - 1;
    const last = this.chunk * this.burstsPerChunk + Math.floor(lastByte / this.hardware.dram.burstBytes);
    return last < this.granted && this.arrival[last % this.outstanding]! <= cycle;
  }

  /** Whether a granted burst is still on its way after this cycle. */
  underWay(cycle: number): boolean {
    return this.granted > 0 && this.arrival[(this.granted - 1) % this.outstanding]! > cycle;
  }

  /** Second phase of a granted burst: its bytes leave DRAM and arrive after the latency. */
  takeBurst(cycle: number): void {
    const { dram } = this.hardware;
    const slot = this.granted % this.outstanding;
    const offset = this.burst * dram.burstBytes;
    const from = this.dram + this.burstChunk * this.dramStride + offset;
    const to = slot * dram.burstBytes;
    const n = Math.min(dram.burstBytes, this.chunkBytes - offset);
    for (let i = 0; i < n; i++) this.staging[to + i] = dram.bytes[from + i]!;
    this.arrival[slot] = cycle + 1 + dram.latency;
    dram.readBytes[this.layer] = dram.readBytes[this.layer]! + dram.burstBytes;
    this.granted++;
    if (++this.burst === this.burstsPerChunk) {
      this.burst = 0;
      this.burstChunk++;
    }
  }

  write(): void {
    if (!this.writes) return;
    const { burstBytes } = this.hardware.dram;
    const { u8, wordBytes } = this.memory;
    const first = this.chunk * this.burstsPerChunk;
    const to = (this.address + this.chunk * this.stride + this.word) * wordBytes;
    const start = this.word * wordBytes;
    let burst = Math.floor(start / burstBytes);
    let within = start - burst * burstBytes;
    let from = ((first + burst) % this.outstanding) * burstBytes;
    for (let i = 0; i < wordBytes; i++) {
      u8[to + i] = this.staging[from + within]!;
      if (++within === burstBytes) {
        within = 0;
        burst++;
        from = ((first + burst) % this.outstanding) * burstBytes;
      }
    }
    this.usedUp = first + burst;
    if (++this.word < this.words) return;
    this.word = 0;
    this.chunk++;
    this.usedUp = this.chunk * this.burstsPerChunk;
    this.ended = this.chunk === this.chunks;
  }
}
