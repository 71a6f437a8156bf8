import { MEMORIES, type FieldsOf } from "../../../../backends/program/instruction.js";
import { wordBytes, type LayerwiseChip } from "../../../../chips/layerwise.js";
import { Bursts } from "./bursts.js";
import type { Dram } from "./dram.js";
import { accessOf, bankOf, type Access } from "./script.js";
import { UNKNOWN } from "./stretch.js";

const NEXT_BANK = accessOf(0, 1) - accessOf(0, 0);

/**
 * What load and store have in common. Nothing changes about a transfer but when it moves a word or is granted a burst. Whoever has
 * DRAM to itself is granted its bursts ahead of time, as soon as they are sure to be asked for.
 */
export abstract class Transfer {
  active = false;
  /** What moving the next word asks for, and from which cycle on; Infinity as long as a burst must be granted first. */
  access: Access = 0;
  wordAt = Infinity;
  /** The cycle of the last piece of work; Infinity until it is known. */
  endAt = Infinity;
  memory = 0;
  /** What the only other engine at the memory asks of it. */
  rival = UNKNOWN;
  /** Accesses of the instruction that were denied a port, and the cycles of those in which nothing else was done. */
  denied = 0;
  ported = 0;
  readonly bursts: Bursts;
  protected words = 0;
  protected chunks = 0;
  protected wordBytes = 0;
  /** The next word: its chunk and place in the chunk. */
  protected chunk = 0;
  protected word = 0;
  protected readonly burstBytes: number;
  private address = 0;
  private stride = 0;
  protected lastBank: Access = 0;
  private readonly banks: readonly number[];

  constructor(
    private readonly chip: LayerwiseChip,
    dram: Dram,
    outstanding: number,
  ) {
    this.banks = MEMORIES.map((name) => chip.memories[name].banks);
    this.burstBytes = chip.dram.burstBytes;
    this.bursts = new Bursts(dram, outstanding);
  }

  /** Bursts that are asked for and not yet granted. */
  abstract readonly wanted: number;

  /** Cycles of the instruction, once it has ended, in which a word was moved or a burst granted. */
  abstract readonly busy: number;

  /** The next word is moved in `cycle`. */
  abstract moveWord(cycle: number): void;

  /** The next word is denied its port in `cycle`. */
  abstract deny(cycle: number): void;

  /** Bursts are granted from `cycle` on. */
  abstract grant(count: number, cycle: number): void;

  /** Bursts granted ahead for `cycle` and later cycles are taken back. */
  abstract withdraw(cycle: number): void;

  /** Grants what is asked for, with nobody else at DRAM from `cycle` on. */
  grantAll(cycle: number): void {
    const { wanted } = this;
    if (wanted > 0) this.grant(wanted, cycle);
  }

  /**
   * Moves words before `to` and grants bursts, with nobody else at DRAM, as long as that is simple: `rival`, which is known up to
   * `to`, is not met.
   */
  moveOn(_to: number): void {}

  end(): void {
    this.active = false;
    this.wordAt = this.endAt = Infinity;
  }

  protected take(f: FieldsOf<"load" | "store">): void {
    this.active = true;
    this.memory = f.memory;
    this.address = f.address;
    this.stride = f.stride;
    this.words = f.words;
    this.chunks = f.chunks;
    this.wordBytes = wordBytes(this.chip, MEMORIES[f.memory] ?? "data");
    this.lastBank = accessOf(f.memory, this.banks[f.memory]! - 1);
    this.denied = this.ported = 0;
    this.bursts.restart();
    this.startChunk(0);
  }

  protected startChunk(chunk: number): void {
    this.chunk = chunk;
    this.word = 0;
    this.access = accessOf(this.memory, bankOf(this.address + chunk * this.stride, this.banks[this.memory]!));
  }

  /** Turns to the next word of the chunk, which lies in the next bank. */
  protected nextWord(): void {
    this.word++;
    this.access = this.access === this.lastBank ? accessOf(this.memory, 0) : this.access + NEXT_BANK;
  }
}

/** DRAM to memory: bursts asked for ahead, words written as their bytes arrive. */
export class LoadTiming extends Transfer {
  private burstsPerChunk = 0;
  private allBursts = 0;
  /** Bursts whose bytes are all written. */
  private usedUp = 0;
  /** The burst that holds the last byte of the next word, and how many of its bytes that word and those before it take. */
  private needed = 0;
  private taken = 0;
  /** Words moved in a cycle in which a burst was granted. */
  private together = 0;
  private readonly latency: number;

  constructor(
    chip: LayerwiseChip,
    dram: Dram,
    private readonly outstanding = chip.dram.outstanding,
  ) {
    super(chip, dram, outstanding);
    this.latency = dram.latency;
  }

  begin(f: FieldsOf<"load">): void {
    this.take(f);
    this.burstsPerChunk = Math.ceil((this.words * this.wordBytes) / this.burstBytes);
    this.allBursts = this.chunks * this.burstsPerChunk;
    this.together = 0;
    this.needFirst();
  }

  get wanted(): number {
    return Math.min(this.allBursts, this.usedUp + this.outstanding) - this.bursts.granted;
  }

  get busy(): number {
    return this.allBursts + this.words * this.chunks - this.together;
  }

  moveWord(cycle: number): void {
    if (this.bursts.grantsIn(cycle)) this.together++;
    this.nextWord();
    if (this.word < this.words) this.needNext();
    else {
      this.startChunk(this.chunk + 1);
      this.needFirst();
    }
    if (this.chunk === this.chunks) this.endAt = cycle;
    this.aim(cycle + 1);
  }

  /** moveWord and grantAll for one word of a chunk after the other, but for the last one. */
  override moveOn(to: number): void {
    const { bursts, rival, words, lastBank, wordBytes, burstBytes, latency } = this;
    const firstBank = accessOf(this.memory, 0);
    let { word, access, wordAt, needed, taken, together } = this;
    while (wordAt < to && word + 1 < words && !rival.meets(access, wordAt)) {
      if (bursts.grantsIn(wordAt)) together++;
      word++;
      access = access === lastBank ? firstBank : access + NEXT_BANK;
      this.usedUp = taken === burstBytes ? needed + 1 : needed;
      taken += wordBytes;
      for (; taken > burstBytes; needed++) taken -= burstBytes;
      wordAt++;
      const { wanted } = this;
      if (wanted > 0) bursts.grant(wanted, wordAt);
      wordAt = Math.max(wordAt, bursts.grantOf(needed) + latency);
    }
    this.word = word;
    this.access = access;
    this.wordAt = wordAt;
    this.needed = needed;
    this.taken = taken;
    this.together = together;
  }

  deny(cycle: number): void {
    this.denied++;
    if (!this.bursts.grantsIn(cycle)) this.ported++;
    this.wordAt = cycle + 1;
  }

  grant(count: number, cycle: number): void {
    this.bursts.grant(count, cycle);
    if (this.wordAt === Infinity) this.aim(cycle);
  }

  withdraw(cycle: number): void {
    this.bursts.withdraw(cycle);
    if (this.needed >= this.bursts.granted) this.wordAt = Infinity;
  }

  /** The next word is written from `cycle` on, when its bytes have arrived. */
  private aim(cycle: number): void {
    this.wordAt =
      this.needed < this.bursts.granted ? Math.max(cycle, this.bursts.grantOf(this.needed) + this.latency) : Infinity;
  }

  /** The bytes of a chunk begin with a burst of their own. */
  private needFirst(): void {
    this.usedUp = this.chunk * this.burstsPerChunk;
    this.needed = this.usedUp;
    this.taken = this.wordBytes;
    this.needTaken();
  }

  /** The bytes of the next word follow those of the one before it. */
  private needNext(): void {
    this.usedUp = this.taken === this.burstBytes ? this.needed + 1 : this.needed;
    this.taken += this.wordBytes;
    this.needTaken();
  }

  private needTaken(): void {
    for (; this.taken > this.burstBytes; this.needed++) this.taken -= this.burstBytes;
  }
}

/**
 * Memory to DRAM: words read into a buffer, which leaves in bursts. Reader and writer are never at work in the same cycle, so that
 * after each word it is known how many bursts leave before the next one.
 */
export class StoreTiming extends Transfer {
  /** Bytes in the buffer when the next word is read, and bursts that leave before. */
  private held = 0;
  private due = 0;

  constructor(chip: LayerwiseChip, dram: Dram) {
    // What a word fills up, and what was left in the buffer before it.
    super(chip, dram, Math.ceil(Math.max(...MEMORIES.map((name) => wordBytes(chip, name))) / chip.dram.burstBytes) + 1);
  }

  /** Starts an instruction whose first word is read in `cycle`. */
  begin(f: FieldsOf<"store">, cycle: number): void {
    this.take(f);
    this.held = this.due = 0;
    this.wordAt = cycle;
  }

  get wanted(): number {
    return this.due - this.bursts.granted;
  }

  get busy(): number {
    return this.due + this.words * this.chunks;
  }

  moveWord(cycle: number): void {
    const bytes = this.held + this.wordBytes;
    this.nextWord();
    if (this.word < this.words) {
      const whole = bytes < this.burstBytes ? 0 : Math.floor(bytes / this.burstBytes);
      this.due += whole;
      this.held = bytes - whole * this.burstBytes;
    } else {
      this.due += Math.ceil(bytes / this.burstBytes);
      this.held = 0;
      this.startChunk(this.chunk + 1);
    }
    this.wordAt = this.wanted > 0 ? Infinity : cycle + 1;
  }

  deny(cycle: number): void {
    this.denied++;
    this.ported++;
    this.wordAt = cycle + 1;
  }

  grant(count: number, cycle: number): void {
    this.bursts.grant(count, cycle);
    if (this.wanted > 0) return;
    if (this.chunk === this.chunks) this.endAt = this.bursts.last;
    else this.wordAt = this.bursts.last + 1;
  }

  withdraw(cycle: number): void {
    if (this.bursts.withdraw(cycle) > 0) this.wordAt = this.endAt = Infinity;
  }
}
