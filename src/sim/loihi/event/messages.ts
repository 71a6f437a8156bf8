/**
 * The messages of one step, in the order of (source core, sequence): which message goes first where two arrive at once is a
 * comparison of their indices.
 */
export class Messages {
  count = 0;
  /** Index of the receiving core. */
  core = new Int32Array(1024);
  /** Instant at which it arrives at the server that it goes to next, ps from the beginning of the step. */
  arrival = new Float64Array(1024);
  /** ps that the receiving ingress will work on it. */
  service = new Float64Array(1024);

  /** Appends a message that leaves its core at `sent`. */
  send(core: number, sent: number, service: number): void {
    if (this.count === this.core.length) this.grow();
    const message = this.count++;
    this.core[message] = core;
    this.arrival[message] = sent;
    this.service[message] = service;
  }

  private grow(): void {
    const capacity = 2 * this.core.length;
    const { core, arrival, service } = this;
    this.core = new Int32Array(capacity);
    this.arrival = new Float64Array(capacity);
    this.service = new Float64Array(capacity);
    this.core.set(core);
    this.arrival.set(arrival);
    this.service.set(service);
  }
}
