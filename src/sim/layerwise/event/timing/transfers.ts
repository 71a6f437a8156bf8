import { MEMORIES, type FieldsOf } from "../../../../backends/program/instruction.js";
import { wordBytes, type LayerwiseChip } from "../../../../chips/layerwise.js";
import { accessOf, type Access } from "./script.js";

/** States of a transfer engine with an instruction: positions in ENGINE_STATES. */
export const BUSY = 0;
export const PORT = 1;
export const DRAM_WAIT = 2;

/** The fields that both transfers derive from an instruction. */
abstract class Transfer {
  active = false;
  /** What the unit at the memory asks for in this cycle. */
  access: Access = 0;
  wantsBurst = false;
  /** What the cycle was: one of the three states, and whether the instruction ended in it. */
  state = BUSY;
  ended = false;
  memory = 0;
  protected address = 0;
  protected stride = 0;
  protected words = 0;
  protected chunks = 0;
  protected wordBytes = 0;
  /** The next word: its chunk and place in the chunk. */
  protected chunk = 0;
  protected word = 0;

  /** What moving the next word asks for. */
  protected wordAccess: Access = 0;

  private readonly banks: readonly number[];

  constructor(protected readonly chip: LayerwiseChip) {
    this.banks = MEMORIES.map((name) => chip.memories[name].banks);
  }

  protected take(f: FieldsOf<"load" | "store">): void {
    this.active = true;
    this.memory = f.memory;
    this.address = f.address;
    this.stride = f.stride;
    this.words = f.words;
    this.chunks = f.chunks;
    this.wordBytes = wordBytes(this.chip, MEMORIES[f.memory] ?? "data");
    this.chunk = this.word = 0;
    this.aimAtWord();
  }

  /** To be called when the next word is another one. */
  protected aimAtWord(): void {
    const address = this.address + this.chunk * this.stride + this.word;
    this.wordAccess = accessOf(this.memory, address % this.banks[this.memory]!);
  }
}

/** DRAM to memory: bursts asked for ahead, words written as their bytes arrive. */
class LoadTiming extends Transfer {
  private burstsPerChunk = 0;
  private bursts = 0;
  /** Bursts granted, and bursts whose bytes are all written. */
  private granted = 0;
  private usedUp = 0;
  /** The burst without which the next word cannot be written. */
  private needed = 0;
  /** By burst under way, a ring of 2^n: the cycle from which its bytes can be used. */
  private readonly arrival: Float64Array;
  private readonly ringMask: number;

  private readonly burstBytes: number;
  private readonly outstanding: number;

  constructor(chip: LayerwiseChip) {
    super(chip);
    this.burstBytes = chip.dram.burstBytes;
    this.outstanding = chip.dram.outstanding;
    this.arrival = new Float64Array(2 ** Math.ceil(Math.log2(this.outstanding)));
    this.ringMask = this.arrival.length - 1;
  }

  begin(f: FieldsOf<"load">): void {
    this.take(f);
    this.burstsPerChunk = Math.ceil((this.words * this.wordBytes) / this.burstBytes);
    this.bursts = this.chunks * this.burstsPerChunk;
    this.granted = this.usedUp = 0;
    this.needBurst();
  }

  /** Notes the burst that holds the last byte of the next word. */
  private needBurst(): void {
    const lastByte = (this.word + 1) * this.wordBytes - 1;
    this.needed = this.chunk * this.burstsPerChunk + Math.floor(lastByte / this.burstBytes);
  }

  /** From which cycle the next word can be written; Infinity as long as a burst of it is not granted. */
  arrives(): number {
    return this.needed < this.granted ? this.arrival[this.needed & this.ringMask]! : Infinity;
  }

  /** The cycle in which the last burst granted arrives. */
  lastArrival(): number {
    return this.granted === 0 ? -Infinity : this.arrival[(this.granted - 1) & this.ringMask]!;
  }

  request(cycle: number): void {
    this.wantsBurst = this.granted < this.bursts && this.granted - this.usedUp < this.outstanding;
    this.access = this.arrives() <= cycle ? this.wordAccess : 0;
  }

  /**
   * Bursts that can be granted from this cycle on, one per cycle, before a word can be written. Needs that none can in this
   * cycle: then no burst is used up in between, and one that is granted now arrives behind the latency.
   */
  grantsBeforeWord(cycle: number): number {
    const wanted = Math.min(this.bursts - this.granted, this.outstanding - (this.granted - this.usedUp));
    return Math.min(wanted, Math.min(this.arrives(), cycle + 1 + this.chip.dram.latencyCycles) - cycle);
  }

  takeBurst(cycle: number): void {
    this.arrival[this.granted++ & this.ringMask] = cycle + 1 + this.chip.dram.latencyCycles;
  }

  /** A word was written; whether it was the last one. */
  wordMoved(): boolean {
    this.word++;
    if (this.word === this.words) {
      this.word = 0;
      this.chunk++;
    }
    this.usedUp = this.chunk * this.burstsPerChunk + Math.floor((this.word * this.wordBytes) / this.burstBytes);
    this.needBurst();
    this.aimAtWord();
    return this.chunk === this.chunks;
  }
}

/** Memory to DRAM: words read into a buffer, which leaves in bursts. */
class StoreTiming extends Transfer {
  /** Bytes in the buffer. */
  private held = 0;

  private readonly burstBytes: number;

  constructor(chip: LayerwiseChip) {
    super(chip);
    this.burstBytes = chip.dram.burstBytes;
  }

  begin(f: FieldsOf<"store">): void {
    this.take(f);
    this.held = 0;
  }

  request(): void {
    const chunkRead = this.word === this.words;
    this.wantsBurst = this.held >= this.burstBytes || (chunkRead && this.held > 0);
    this.access = chunkRead || this.held >= this.burstBytes ? 0 : this.wordAccess;
  }

  /** A word was read. */
  wordMoved(): void {
    this.held += this.wordBytes;
    this.word++;
    this.aimAtWord();
  }

  /** A burst has left; whether it was the last one. The next chunk begins behind the last burst of a chunk. */
  giveBurst(): boolean {
    this.held -= Math.min(this.burstBytes, this.held);
    if (this.word < this.words || this.held > 0) return false;
    this.word = 0;
    this.chunk++;
    this.aimAtWord();
    return this.chunk === this.chunks;
  }
}

/** What becomes of an access of load; `disturbs`: it would take the port from another engine. */
export type Fate = "granted" | "denied" | "disturbs";

/** Cycles of a load: the first one left to do, those in each state, denied accesses, and whether the load ended in the last one. */
interface LoadRun {
  cycle: number;
  busy: number;
  waiting: number;
  ported: number;
  denied: number;
  ended: boolean;
}

/** Load, store and the DRAM between them. */
export class Transfers {
  readonly load: LoadTiming;
  readonly store: StoreTiming;
  private readonly income: number;
  private readonly price: number;
  private credit = 0;
  /** Whose burst was granted last. */
  private lastWasLoad = false;

  constructor(chip: LayerwiseChip) {
    this.load = new LoadTiming(chip);
    this.store = new StoreTiming(chip);
    this.income = chip.dram.bandwidth.bytes;
    this.price = chip.dram.burstBytes * chip.dram.bandwidth.cycles;
  }

  get active(): boolean {
    return this.load.active || this.store.active;
  }

  /** First phase of a cycle: what both ask for. */
  request(cycle: number): void {
    const { load, store } = this;
    load.access = store.access = 0;
    load.wantsBurst = store.wantsBurst = false;
    if (load.active) load.request(cycle);
    if (store.active) store.request();
  }

  /** Whether a burst is wanted or under way: the machine is not stuck. */
  waiting(cycle: number): boolean {
    const { load, store } = this;
    return load.wantsBurst || store.wantsBurst || (load.active && load.lastArrival() > cycle);
  }

  /**
   * Cycles from this one on in which neither has anything to move and no burst can be granted; Infinity where that will not
   * change. Needs the wishes of `request`.
   */
  idleCycles(cycle: number): number {
    const { load, store, credit, income, price } = this;
    if (load.access !== 0 || store.access !== 0) return 0;
    const arrival = load.active ? load.arrives() - cycle : Infinity;
    const grant = load.wantsBurst || store.wantsBurst ? Math.ceil((price - credit) / income) - 1 : Infinity;
    return Math.max(0, Math.min(arrival, grant));
  }

  /** Lets cycles without grants go by. */
  skip(cycles: number): void {
    this.credit = Math.min(this.credit + cycles * this.income, this.price);
  }

  /**
   * Cycles in which load alone is active, up to `to`: the phases below for one engine, at once. `fate` says what becomes of an
   * access in a cycle. Ends before a cycle in which somebody else would be denied a port, or with the last word.
   */
  moveLoad(from: number, to: number, fate: (access: Access, cycle: number) => Fate): LoadRun {
    const { load, income, price } = this;
    const run: LoadRun = { cycle: from, busy: 0, waiting: 0, denied: 0, ported: 0, ended: false };
    while (run.cycle < to && !run.ended) {
      load.request(run.cycle);
      if (load.access === 0 && load.wantsBurst && income >= price) {
        const grants = Math.min(load.grantsBeforeWord(run.cycle), to - run.cycle);
        for (let i = 0; i < grants; i++) load.takeBurst(run.cycle++);
        run.busy += grants;
        this.credit = 0;
        this.lastWasLoad = true;
        continue;
      }
      if (load.access === 0) {
        const idle = Math.min(this.idleCycles(run.cycle), to - run.cycle);
        if (idle === Infinity) break;
        if (idle > 0) {
          this.skip(idle);
          run.waiting += idle;
          run.cycle += idle;
          continue;
        }
      }
      const met = load.access === 0 ? "granted" : fate(load.access, run.cycle);
      if (met === "disturbs") break;
      const moves = load.access !== 0 && met === "granted";
      this.credit = Math.min(this.credit + income, price);
      const grants = load.wantsBurst && this.credit >= price;
      if (grants) {
        this.credit -= price;
        this.lastWasLoad = true;
        load.takeBurst(run.cycle);
      }
      if (met === "denied") run.denied++;
      if (moves || grants) run.busy++;
      else if (met === "denied") run.ported++;
      else run.waiting++;
      run.ended = moves && load.wordMoved();
      run.cycle++;
    }
    return run;
  }

  /** Second phase: the burst of this cycle, and the words that got a port. Sets `state` and `ended` of both. */
  commit(cycle: number, loadMoves: boolean, storeMoves: boolean): void {
    const { load, store } = this;
    this.skip(1);
    const grants = (load.wantsBurst || store.wantsBurst) && this.credit >= this.price;
    const toLoad = grants && load.wantsBurst && !(store.wantsBurst && this.lastWasLoad);
    const toStore = grants && !toLoad;
    if (grants) {
      this.credit -= this.price;
      this.lastWasLoad = toLoad;
    }
    load.state = loadMoves || toLoad ? BUSY : load.access !== 0 ? PORT : DRAM_WAIT;
    store.state = storeMoves || toStore ? BUSY : store.access !== 0 ? PORT : DRAM_WAIT;
    if (storeMoves) store.wordMoved();
    if (toLoad) load.takeBurst(cycle);
    store.ended = toStore && store.giveBurst();
    load.ended = loadMoves && load.wordMoved();
  }
}
