import { MEMORIES } from "../../../../backends/program/instruction.js";

/** Memories by number: positions in MEMORIES. */
export const SPIKE = MEMORIES.indexOf("spike");
export const WEIGHT = MEMORIES.indexOf("weight");
export const DATA = MEMORIES.indexOf("data");

/**
 * An access as one number: 0 for none; else two accesses have the same number exactly if they compete for the same bank of the
 * same memory.
 */
export type Access = number;

export function accessOf(memory: number, bank: number): Access {
  return (bank << 2) | (memory + 1);
}

/** The bank of a word. Nearly always banks are a power of two, and a division takes longer than all else about an access. */
export function bankOf(address: number, banks: number): number {
  return (banks & (banks - 1)) === 0 ? address & (banks - 1) : address % banks;
}

/** An access to the bank `turn` banks further on, modulo `banks`; none for none. */
export function turned(access: Access, turn: number, banks: number): Access {
  if (access === 0 || turn === 0) return access;
  const further = access + (turn << 2);
  return further >> 2 < banks ? further : further - (banks << 2);
}

export function memoryOf(access: Access): number {
  return (access & 3) - 1;
}

/** The work of an engine with one unit: one step after the other, each of one cycle and at most one access. */
export class Script {
  /** By step; valid up to `length`. */
  accesses = new Int32Array(1024);
  length = 0;
  /** Accesses by memory. */
  readonly reads = [0, 0, 0];
  readonly writes = [0, 0, 0];

  constructor(private readonly banks: readonly number[]) {}

  clear(): void {
    this.length = 0;
    this.reads.fill(0);
    this.writes.fill(0);
  }

  /** Steps without an access. */
  compute(steps: number): void {
    this.grow(steps);
    this.accesses.fill(0, this.length, this.length + steps);
    this.length += steps;
  }

  read(memory: number, address: number): void {
    this.reads[memory]!++;
    this.push(memory, address);
  }

  /** Reads of `words` words, `stride` apart. */
  readRun(memory: number, first: number, stride: number, words: number): void {
    this.reads[memory]! += words;
    this.grow(words);
    const { accesses } = this;
    const banks = this.banks[memory]!;
    let { length } = this;
    let address = first;
    for (let i = 0; i < words; i++, address += stride) accesses[length++] = accessOf(memory, bankOf(address, banks));
    this.length = length;
  }

  /** Reads of the words base + offsets[from..end-1]. */
  readAt(memory: number, base: number, offsets: Int32Array, from: number, end: number): void {
    this.reads[memory]! += end - from;
    this.grow(end - from);
    const { accesses } = this;
    const banks = this.banks[memory]!;
    let { length } = this;
    for (let i = from; i < end; i++) accesses[length++] = accessOf(memory, bankOf(base + offsets[i]!, banks));
    this.length = length;
  }

  write(memory: number, address: number): void {
    this.writes[memory]!++;
    this.push(memory, address);
  }

  private push(memory: number, address: number): void {
    if (this.length === this.accesses.length) this.grow(1);
    this.accesses[this.length++] = accessOf(memory, bankOf(address, this.banks[memory]!));
  }

  private grow(steps: number): void {
    if (this.length + steps <= this.accesses.length) return;
    const larger = new Int32Array(2 * (this.length + steps));
    larger.set(this.accesses);
    this.accesses = larger;
  }
}
