import type { Dram } from "./dram.js";

/**
 * The bursts of a transfer that are granted, as runs in which each is granted as early as DRAM allows after the one before. They may
 * be granted ahead of time, by whoever has DRAM to itself, and withdrawn as long as their cycles are still to come. A ring: of a
 * load as many bursts matter as may be under way.
 */
export class Bursts {
  /** Bursts granted since `restart`. */
  granted = 0;
  /** Runs since the start; by run, modulo the ring: number of its first burst, cycles of its first and last grant. */
  private runs = 0;
  private readonly first: Float64Array;
  private readonly start: Float64Array;
  private readonly end: Float64Array;
  private readonly mask: number;
  /** The runs that `grantOf` and `grantsIn` looked at last: both are asked about later and later bursts. */
  private found = 0;
  private seen = 0;

  constructor(
    private readonly dram: Dram,
    outstanding: number,
  ) {
    // One more for the last grant before those under way.
    const length = 2 ** Math.ceil(Math.log2(outstanding + 1));
    this.mask = length - 1;
    this.first = new Float64Array(length);
    this.start = new Float64Array(length);
    this.end = new Float64Array(length).fill(-1);
  }

  /** Counts bursts from zero again; all granted ones lie in the past. */
  restart(): void {
    this.granted = 0;
    this.found = this.seen = this.runs;
  }

  /** The cycle of the last grant; -1 where there was none. */
  get last(): number {
    return this.end[(this.runs - 1) & this.mask]!;
  }

  /** Grants `count` bursts, one after the other, from `cycle` on. */
  grant(count: number, cycle: number): void {
    const { dram, runs, mask } = this;
    const start = Math.max(cycle, dram.free);
    const end = start + (count - 1) * dram.spacing;
    const before = (runs - 1) & mask;
    if (this.granted > 0 && start === this.end[before]! + dram.spacing) this.end[before] = end;
    else {
      this.first[runs & mask] = this.granted;
      this.start[runs & mask] = start;
      this.end[runs & mask] = end;
      this.runs++;
    }
    this.granted += count;
    dram.free = end + dram.spacing;
  }

  /** Takes back the bursts of `cycle` and later cycles. Says how many. */
  withdraw(cycle: number): number {
    const { dram, mask } = this;
    const before = this.granted;
    while (this.last >= cycle) {
      const run = (this.runs - 1) & mask;
      const kept = Math.max(0, Math.ceil((cycle - this.start[run]!) / dram.spacing));
      this.granted = this.first[run]! + kept;
      // A burst still to come was planned by the last one who had DRAM to itself, so that its cycle is the first free one again.
      dram.free = this.start[run]! + kept * dram.spacing;
      if (kept > 0) this.end[run] = dram.free - dram.spacing;
      else this.runs--;
    }
    // No run that is gone is looked at.
    this.found = Math.min(this.found, this.runs - 1);
    this.seen = Math.min(this.seen, this.runs - 1);
    return before - this.granted;
  }

  /** The cycle in which a burst is granted; no burst before the one asked for last. */
  grantOf(burst: number): number {
    while (this.found + 1 < this.runs && this.first[(this.found + 1) & this.mask]! <= burst) this.found++;
    const run = this.found & this.mask;
    return this.start[run]! + (burst - this.first[run]!) * this.dram.spacing;
  }

  /** Whether a burst is granted in a cycle; no cycle before the one asked for last. */
  grantsIn(cycle: number): boolean {
    while (this.seen + 1 < this.runs && this.end[this.seen & this.mask]! < cycle) this.seen++;
    const run = this.seen & this.mask;
    const since = cycle - this.start[run]!;
    // One burst a cycle is the common case, and needs no division.
    return since >= 0 && cycle <= this.end[run]! && (this.dram.spacing === 1 || since % this.dram.spacing === 0);
  }
}
