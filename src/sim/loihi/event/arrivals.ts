/** Ends a list. */
export const NONE = -1;

/**
 * Lists of messages, linked by their indices: a message waits for one server at a time, so one array holds the lists of all
 * servers. What a server hands on is in order; a list is therefore a few ordered runs, one of each sender, and sorting merges them.
 */
export class ArrivalLists {
  /** By message: the one behind it. The last element stands in front of a list while it is merged. */
  next = new Int32Array(1);
  /** First messages of the runs of a list. */
  private runs = new Int32Array(0);
  private readonly head: Int32Array;
  private readonly tail: Int32Array;

  constructor(lists: number) {
    this.head = new Int32Array(lists).fill(NONE);
    this.tail = new Int32Array(lists);
  }

  /** Makes room for so many messages; all lists are empty. */
  reserve(messages: number): void {
    if (this.next.length > messages) return;
    this.next = new Int32Array(2 * messages + 1);
    this.runs = new Int32Array(2 * messages);
  }

  append(list: number, message: number): void {
    if (this.head[list]! === NONE) this.head[list] = message;
    else this.next[this.tail[list]!] = message;
    this.tail[list] = message;
    this.next[message] = NONE;
  }

  /** Empties a list and returns its first message; the others follow by `next`, in the order of (arrival, message). */
  take(list: number, arrival: Float64Array): number {
    const head = this.head[list]!;
    if (head === NONE) return NONE;
    this.head[list] = NONE;
    const { runs } = this;
    let count = this.split(head, arrival);
    // Neighbours are merged, round by round: every message moves about log2(runs) times.
    while (count > 1) {
      const pairs = count >> 1;
      for (let i = 0; i < pairs; i++) runs[i] = this.merge(runs[2 * i]!, runs[2 * i + 1]!, arrival);
      if (count % 2 === 1) runs[pairs] = runs[count - 1]!;
      count -= pairs;
    }
    return runs[0]!;
  }

  /** Cuts a list where its order breaks; returns the number of runs. */
  private split(head: number, arrival: Float64Array): number {
    const { next, runs } = this;
    let count = 0;
    for (let first = head; first !== NONE;) {
      runs[count++] = first;
      let last = first;
      let at = arrival[last]!;
      let message = next[last]!;
      while (message !== NONE) {
        const then = arrival[message]!;
        if (then < at || (then === at && message < last)) break;
        last = message;
        at = then;
        message = next[last]!;
      }
      next[last] = NONE;
      first = message;
    }
    return count;
  }

  /** One ordered list of two. */
  private merge(first: number, second: number, arrival: Float64Array): number {
    const { next } = this;
    const front = next.length - 1;
    let last = front;
    let a = first;
    let b = second;
    let atA = arrival[a]!;
    let atB = arrival[b]!;
    for (;;) {
      if (atA < atB || (atA === atB && a < b)) {
        next[last] = a;
        last = a;
        a = next[a]!;
        if (a === NONE) {
          next[last] = b;
          return next[front]!;
        }
        atA = arrival[a]!;
      } else {
        next[last] = b;
        last = b;
        b = next[b]!;
        if (b === NONE) {
          next[last] = a;
          return next[front]!;
        }
        atB = arrival[b]!;
      }
    }
  }
}
