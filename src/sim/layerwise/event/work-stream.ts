import type { RingReader, RingWriter } from "./ring.js";
import type { ScanWork, Work } from "./work.js";

/* Work from the thread that does instructions to that of the clock: a head of six numbers, then the arrays that it announces. */

const NOTHING = 0;
const SCAN = 1;
/** A scan that the other side still has. */
const KNOWN_SCAN = 2;
const VALUES = 3;
const ATTENTION = 4;
const ROUNDS = 5;
const FAULT = 6;
const HEAD = 6;

/** Scans that both sides keep: the tiles that the executor keeps (execute/tiles.ts). */
const KEPT = 4;

/** What the clock's thread throws when it comes to an instruction that failed in the other one. */
export class FaultReached extends Error {}

export class WorkWriter {
  /** The scans sent last, each in its place of those that are kept. */
  private readonly kept: (ScanWork | undefined)[] = Array.from({ length: KEPT });
  private sent = 0;
  private readonly head = new Int32Array(HEAD);

  constructor(private readonly ring: RingWriter) {}

  /** Whether nobody reads any more. */
  get isOver(): boolean {
    return this.ring.left;
  }

  send(work: Work): void {
    if (work === undefined) this.announce(NOTHING);
    else if ("words" in work) this.sendScan(work);
    else if ("counts" in work) {
      this.announce(VALUES, work.counts.length, work.rows.length);
      this.ring.write(work.counts);
      this.ring.write(work.rows);
    } else if ("events" in work) {
      this.announce(ATTENTION, work.events.length);
      this.ring.write(work.events);
    } else this.announce(ROUNDS, work.rounds);
  }

  /** Instead of the work of an instruction that failed; nothing may follow. */
  sendFault(): void {
    this.announce(FAULT);
  }

  private sendScan(work: ScanWork): void {
    const known = this.kept.indexOf(work);
    if (known >= 0) return this.announce(KNOWN_SCAN, known);
    const place = this.sent++ % KEPT;
    this.kept[place] = work;
    const { words, rows, spikes, first } = work;
    this.announce(SCAN, place, words.length, rows, spikes.length, first);
    this.ring.write(words);
    this.ring.write(spikes);
  }

  private announce(...numbers: readonly number[]): void {
    this.head.fill(0);
    this.head.set(numbers);
    this.ring.write(this.head);
  }
}

export class WorkReader {
  private readonly kept: (ScanWork | undefined)[] = Array.from({ length: KEPT });
  private readonly head = new Int32Array(HEAD);

  constructor(private readonly ring: RingReader) {}

  /** The work of the next instruction. Throws {@link FaultReached} where that failed. */
  receive(): Work {
    const { head } = this;
    this.ring.read(head);
    const [kind, a, b, rows, bytes, first] = head as unknown as [number, number, number, number, number, number];
    switch (kind) {
      case SCAN: {
        const words = this.array(b);
        const spikes = new Uint8Array(bytes);
        this.ring.read(spikes);
        return (this.kept[a] = { words, rows, spikes, first });
      }
      case KNOWN_SCAN:
        return this.kept[a];
      case VALUES:
        return { counts: this.array(a), rows: this.array(b) };
      case ATTENTION:
        return { events: this.array(a) };
      case ROUNDS:
        return { rounds: a };
      case FAULT:
        throw new FaultReached();
      default:
        return undefined;
    }
  }

  private array(length: number): Int32Array {
    const values = new Int32Array(length);
    this.ring.read(values);
    return values;
  }
}
