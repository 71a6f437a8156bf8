import { Worker, type Work } from "./clock.js";

/** A spike or a value on its way from core to core. */
export interface Message {
  /** Index of the sending core, and how many messages of this step it sent before. */
  readonly source: number;
  readonly sequence: number;
  readonly target: number;
  readonly axon: number;
  readonly payload: number;
  /** Layer of the sender. */
  readonly layer: number;
}

/** Injection port, link or ingress: serves messages one after the other in the order of their arrival. */
export class Server {
  /** Longest queue so far. */
  peak = 0;
  /** Messages that were served. */
  served = 0;
  readonly worker = new Worker();
  /** Messages under way to here, by instant of arrival. */
  private readonly underWay = new Map<number, Message[]>();
  private queue: Message[] = [];

  /** `serve` is the work of one message that starts at instant `now`. */
  constructor(private readonly serve: (message: Message, now: number) => Work) {}

  /** Whether nothing waits here or is on its way to here. */
  get empty(): boolean {
    return this.underWay.size === 0 && this.queue.length === 0;
  }

  send(message: Message, arrival: number): void {
    const others = this.underWay.get(arrival);
    if (others === undefined) this.underWay.set(arrival, [message]);
    else others.push(message);
  }

  /** Everything of instant `now`; all that arrives at it is known. */
  goOn(now: number): void {
    if (this.empty && !this.worker.busy) return;
    const arriving = this.underWay.get(now) ?? [];
    this.underWay.delete(now);
    arriving.sort((a, b) => a.source - b.source || a.sequence - b.sequence);
    const before = this.queue.length;
    this.queue.push(...arriving);

    this.worker.goOn();
    let started = 0;
    while (!this.worker.busy && started < this.queue.length) {
      this.worker.start(this.serve(this.queue[started]!, now));
      started++;
    }
    if (started > 0) this.queue = this.queue.slice(started);
    this.served += started;
    const startedAtOnce = Math.max(0, started - before);
    this.peak = Math.max(this.peak, this.queue.length + startedAtOnce);
  }

  /** A new step begins: whatever was in service is over. */
  release(): void {
    this.worker.stop();
  }
}
