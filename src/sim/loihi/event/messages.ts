/**
 * What is on its way in one step, in the order of (source core, sequence): which message goes first where two arrive at once is
 * a comparison of their indices. The host's values of a step are kept likewise.
 */
export class Messages {
  count = 0;
  /** Index of the receiving core, and what the message brings there. */
  core = new Int32Array(0);
  delivery = new Int32Array(0);
  payload = new Float64Array(0);
  /** Instant at which it arrives at the server that it goes to next, ps from the beginning of the step. */
  arrival = new Float64Array(0);
  /** ps of its synaptic events, from when its core has received it. */
  synapseTime = new Float64Array(0);
  /** Messages by receiving core: those of core c are order[first[c]..first[c + 1] - 1]. */
  order = new Int32Array(0);
  readonly first: Int32Array;

  constructor(private readonly cores: number) {
    this.first = new Int32Array(cores + 1);
  }

  /** Appends a message that leaves its core at `sent`. */
  push(core: number, delivery: number, payload: number, sent: number): void {
    if (this.count === this.core.length) this.grow();
    const message = this.count++;
    this.core[message] = core;
    this.delivery[message] = delivery;
    this.payload[message] = payload;
    this.arrival[message] = sent;
  }

  /** Fills `order` and `first`. */
  sortByCore(): void {
    const { first, order, core, count } = this;
    first.fill(0);
    for (let message = 0; message < count; message++) first[core[message]!]!++;
    let end = 0;
    for (let c = 0; c <= this.cores; c++) first[c] = end += first[c]!;
    for (let message = count - 1; message >= 0; message--) order[--first[core[message]!]!] = message;
  }

  private grow(): void {
    const capacity = Math.max(1024, 2 * this.core.length);
    const { core, delivery, payload, arrival } = this;
    this.core = new Int32Array(capacity);
    this.delivery = new Int32Array(capacity);
    this.payload = new Float64Array(capacity);
    this.arrival = new Float64Array(capacity);
    this.synapseTime = new Float64Array(capacity);
    this.order = new Int32Array(capacity);
    this.core.set(core);
    this.delivery.set(delivery);
    this.payload.set(payload);
    this.arrival.set(arrival);
  }
}
