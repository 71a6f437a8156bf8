import type { LoihiStepTimes } from "../result.js";
import type { Worker } from "./clock.js";
import type { Server } from "./server.js";

/** What has been seen of one core in a step; instants in ticks, undefined where nothing has happened yet. */
interface Seen {
  neuronsDone: number | undefined;
  ingressBegin: number | undefined;
  ingressEnd: number | undefined;
  /** The ingress: whether it was at work when last looked at, and what it had served. */
  busy: boolean;
  served: number;
  readonly servedBefore: number;
  readonly busyTicksBefore: number;
}

/** Looks at all cores at every instant of a step, and notes when they work. */
export class Watch {
  private readonly seen: readonly Seen[];
  private readonly rounds: { readonly begin: number; readonly work: readonly number[] }[] = [];

  /** A step begins. Workers do the cores' neuron phases. */
  constructor(
    private readonly workers: readonly Worker[],
    private readonly ingresses: readonly Server[],
  ) {
    this.seen = ingresses.map(({ served, worker }) => ({
      neuronsDone: undefined,
      ingressBegin: undefined,
      ingressEnd: undefined,
      busy: false,
      served,
      servedBefore: served,
      busyTicksBefore: worker.busyTicks,
    }));
  }

  /** Everything that is due at instant `now` has been done. */
  look(now: number): void {
    for (const [i, seen] of this.seen.entries()) {
      const { served, worker } = this.ingresses[i]!;
      if (!this.workers[i]!.busy) seen.neuronsDone ??= now;
      const begun = served > seen.served;
      if (begun) seen.ingressBegin ??= now;
      if (begun || seen.busy) seen.ingressEnd = now;
      seen.busy = worker.busy;
      seen.served = served;
    }
  }

  /** A round of a lockstep stop: its first instant, and ticks of work by core. */
  round(begin: number, work: readonly number[]): void {
    this.rounds.push({ begin, work });
  }

  /** The step is over. `tick` is in ps, `delivered` and `end` are instants. */
  times(step: number, delivered: number, end: number, tick: number): LoihiStepTimes {
    const { seen, ingresses } = this;
    const ps = (of: (seen: Seen, core: number) => number | undefined): Float64Array =>
      Float64Array.from(seen, (one, core) => (of(one, core) ?? 0) * tick);
    return {
      step,
      neurons: ps(({ neuronsDone }) => neuronsDone),
      ingress: {
        begin: ps(({ ingressBegin }) => ingressBegin),
        end: ps(({ ingressEnd }) => ingressEnd),
        busy: ps(({ busyTicksBefore }, core) => ingresses[core]!.worker.busyTicks - busyTicksBefore),
        messages: Float64Array.from(seen, ({ served, servedBefore }) => served - servedBefore),
      },
      delivered: delivered * tick,
      rounds: this.rounds.map(({ begin, work }) => ({
        begin: begin * tick,
        work: Float64Array.from(work, (ticks) => ticks * tick),
      })),
      end: end * tick,
    };
  }
}
