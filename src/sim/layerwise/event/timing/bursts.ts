import type { Dram } from "./dram.js";

/**
 * The bursts of a transfer that are granted. They may be granted ahead of time, by whoever has DRAM to itself, and withdrawn as long
 * as their cycles are still to come. A ring: what matters are those under way, or still to come, and the last one before.
 */
export class Bursts {
  /** Bursts granted since `restart`. */
  granted = 0;
  /** By burst, modulo the ring: the cycle of its grant. */
  private readonly cycles: Float64Array;
  private readonly mask: number;
  /** The place of the first burst since `restart`. */
  private first = 0;
  /** The cycle of the last grant; -1 where there was none. */
  last = -1;
  /** From the grant in this cycle to the last one, each is granted as early as DRAM allows after the one before. */
  private since = -1;

  constructor(
    private readonly dram: Dram,
    /** Most bursts that are under way or still to come. */
    outstanding: number,
  ) {
    // One more for the last one before.
    const length = 2 ** Math.ceil(Math.log2(outstanding + 1));
    this.mask = length - 1;
    this.cycles = new Float64Array(length).fill(-1);
  }

  /** Counts bursts from zero again; all granted ones lie in the past. */
  restart(): void {
    this.first = (this.first + this.granted) & this.mask;
    this.granted = 0;
  }

  /** Grants `count` bursts, one after the other, from `cycle` on. */
  grant(count: number, cycle: number): void {
    const { dram, cycles, first, mask } = this;
    const end = this.granted + count;
    let at = Math.max(cycle, dram.free);
    if (at !== this.last + dram.spacing) this.since = at;
    for (let burst = this.granted; burst < end; burst++, at += dram.spacing) cycles[(first + burst) & mask] = at;
    this.granted = end;
    this.last = at - dram.spacing;
    dram.free = at;
  }

  /** Takes back the bursts of `cycle` and later cycles. Says how many. */
  withdraw(cycle: number): number {
    const before = this.granted;
    while (this.last >= cycle) {
      // It was planned by the last one who had DRAM to itself, so that its cycle is the first free one again.
      this.dram.free = this.last;
      this.granted--;
      this.last = this.grantOf(this.granted - 1);
    }
    return before - this.granted;
  }

  /** The cycle of the grant of a burst that the ring still holds. */
  grantOf(burst: number): number {
    return this.cycles[(this.first + burst) & this.mask]!;
  }

  /** Whether a burst is granted in a cycle; no cycle before the last run of grants, which begins behind the last word moved. */
  grantsIn(cycle: number): boolean {
    const { since, last, dram } = this;
    // One burst a cycle is the common case, and needs no division.
    return cycle >= since && cycle <= last && (dram.spacing === 1 || (cycle - since) % dram.spacing === 0);
  }
}
