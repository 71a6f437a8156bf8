const RINGS = 0;
const ASLEEP = 1;

/** Looks so often before it sleeps: what a thread waits for mostly comes within microseconds, and waking takes tens of them. */
const SPINS = 4000;

/**
 * Wakes one thread that waits for any of several things. Others ring when one of them may have come; the thread notes `rings`,
 * looks for itself, and waits for another ring only if it found nothing.
 */
export class Bell {
  private readonly words: Int32Array;

  /** A new bell, or the one that another thread shares. */
  constructor(readonly shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.words = new Int32Array(shared);
  }

  /** A number that every ring changes. */
  get rings(): number {
    return Atomics.load(this.words, RINGS);
  }

  ring(): void {
    Atomics.add(this.words, RINGS, 1);
    if (Atomics.load(this.words, ASLEEP) !== 0) Atomics.notify(this.words, RINGS);
  }

  /** Waits for a ring behind `rings`; false if there is none for `patience` ms. */
  wait(rings: number, patience = Infinity): boolean {
    for (let i = 0; i < SPINS; i++) if (this.rings !== rings) return true;
    Atomics.store(this.words, ASLEEP, 1);
    const answer = Atomics.wait(this.words, RINGS, rings, patience);
    Atomics.store(this.words, ASLEEP, 0);
    return answer !== "timed-out";
  }
}
