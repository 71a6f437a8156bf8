import type { InstructionFor } from "../../../../backends/program/instruction.js";
import type { LayerwiseChip } from "../../../../chips/layerwise.js";
import { Dram } from "./dram.js";
import { UNKNOWN } from "./stretch.js";
import { LoadTiming, StoreTiming, type Transfer } from "./transfer.js";

/** What becomes of an access of load or store; `disturbs`: it would take the port from another engine. */
export type Fate = "granted" | "denied" | "disturbs";

/**
 * Load, store and the DRAM between them. While only one of them is at work, all its bursts are granted ahead of time, and it moves
 * word by word; while both are, burst by burst.
 */
export class Transfers {
  readonly load: LoadTiming;
  readonly store: StoreTiming;
  private readonly dram: Dram;

  constructor(
    chip: LayerwiseChip,
    /** What becomes of the next word in a cycle. */
    private readonly fate: (transfer: Transfer, cycle: number) => Fate,
  ) {
    this.dram = new Dram(chip.dram);
    this.load = new LoadTiming(chip, this.dram);
    this.store = new StoreTiming(chip, this.dram);
  }

  /** Whether one of them is at work. It needs nobody else to get on, so the machine is not stuck then. */
  get active(): boolean {
    return this.load.active || this.store.active;
  }

  private get shared(): boolean {
    return this.load.active && this.store.active;
  }

  /** Starts an instruction whose first work is in `cycle`. */
  begin({ op, fields }: InstructionFor<"load"> | InstructionFor<"store">, cycle: number): void {
    const { load, store } = this;
    if (op === "load") {
      store.withdraw(cycle);
      load.begin(fields);
    } else {
      load.withdraw(cycle);
      store.begin(fields, cycle);
    }
    if (!this.shared) this.grantAhead(cycle);
  }

  /** Ends the instruction of one of them; the other has DRAM to itself from `cycle` on. */
  end(transfer: Transfer, cycle: number): void {
    transfer.end();
    this.grantAhead(cycle);
  }

  private grantAhead(cycle: number): void {
    if (this.load.active) this.load.grantAll(cycle);
    if (this.store.active) this.store.grantAll(cycle);
  }

  /**
   * The cycles from..to-1, in which workers do not meet each other. Ends before a cycle in which ports must be shared out, because
   * somebody else may be denied one, and behind a cycle in which an instruction ends. Returns the first cycle that is left to do.
   */
  move(from: number, to: number): number {
    // Workers may have begun, ended, or been denied a port since the last time.
    this.load.rival = this.store.rival = UNKNOWN;
    if (this.shared) return this.moveBoth(from, to);
    return this.load.active ? this.moveAlone(this.load, to) : this.moveAlone(this.store, to);
  }

  private moveAlone(one: Transfer, to: number): number {
    for (;;) {
      if (one.endAt < to) return one.endAt + 1;
      const cycle = one.wordAt;
      if (cycle >= to) return to;
      const fate = this.fate(one, cycle);
      if (fate === "disturbs") return cycle;
      if (fate === "denied") one.deny(cycle);
      else {
        one.moveWord(cycle);
        one.grantAll(cycle + 1);
        one.moveOn(Math.min(to, one.rival.until));
      }
    }
  }

  private moveBoth(from: number, to: number): number {
    const { load, store, dram } = this;
    let cycle = from;
    for (;;) {
      const end = Math.min(load.endAt, store.endAt);
      if (end < to) return end + 1;
      // The next cycle in which a word can be moved or a burst granted: in all before it both wait for DRAM.
      const loadWants = load.wanted;
      const storeWants = store.wanted;
      const wordAt = Math.min(load.wordAt, store.wordAt);
      cycle = Math.max(cycle, loadWants > 0 || storeWants > 0 ? Math.min(wordAt, dram.free) : wordAt);
      if (cycle >= to) return to;
      if (cycle < wordAt && (loadWants === 0 || storeWants === 0)) {
        // Until a word is moved nobody else asks for a burst.
        const room = Math.ceil((Math.min(wordAt, to) - cycle) / dram.spacing);
        if (loadWants > 0) load.grant(Math.min(loadWants, room), cycle);
        else store.grant(Math.min(storeWants, room), cycle);
        cycle = dram.free - dram.spacing + 1;
        continue;
      }
      const loadAsks = load.wordAt <= cycle;
      const storeAsks = store.wordAt <= cycle;
      if (loadAsks && storeAsks && load.access === store.access) return cycle;
      const loadFate = loadAsks ? this.fate(load, cycle) : "denied";
      if (loadFate === "disturbs") return cycle;
      const storeFate = storeAsks ? this.fate(store, cycle) : "denied";
      if (storeFate === "disturbs") return cycle;
      this.commit(cycle, loadFate === "granted", storeFate === "granted");
      cycle++;
    }
  }

  /** Second phase of a cycle: its burst, and the words that got a port. */
  commit(cycle: number, loadMoves: boolean, storeMoves: boolean): void {
    const { load, store, shared } = this;
    const loadAsks = load.wordAt <= cycle;
    const storeAsks = store.wordAt <= cycle;
    if (shared && this.dram.free <= cycle) this.shareBurst(cycle);
    if (loadMoves) load.moveWord(cycle);
    else if (loadAsks) load.deny(cycle);
    if (storeMoves) store.moveWord(cycle);
    else if (storeAsks) store.deny(cycle);
    if (!shared) this.grantAhead(cycle + 1);
  }

  /** The burst of a cycle, if anybody wants it, while both are at work: round-robin. */
  private shareBurst(cycle: number): void {
    const { load, store } = this;
    const storeWants = store.wanted > 0;
    const lastWasLoad = load.bursts.last > store.bursts.last;
    if (load.wanted > 0 && !(storeWants && lastWasLoad)) load.grant(1, cycle);
    else if (storeWants) store.grant(1, cycle);
  }
}
