import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { LoihiLinkCounts, LoihiStepTimes } from "../result.js";
import { ArrivalLists, NONE } from "./arrivals.js";
import { DIRECTIONS, EAST, NORTH, SOUTH, WEST, type Link, type Mesh } from "./mesh.js";
import type { Messages } from "./messages.js";
import { WaitingLine } from "./waiting-line.js";

/**
 * When messages go through ports, links and ingresses: docs/loihi-chip.md, section 3. Routing along X, then Y, has no cycles, so
 * servers are worked off one after the other, each with all messages that it gets in a step.
 */
export class Traffic {
  /** By core: longest queues, messages, and ps of the ingress over the run. */
  readonly injectionPeaks: Int32Array;
  readonly ingressPeaks: Int32Array;
  readonly received: Float64Array;
  readonly ingressTimes: Float64Array;
  /** Of the present step. */
  readonly ingressStep: LoihiStepTimes["ingress"];
  private readonly links: readonly Link[];
  /** By index of a link. */
  private readonly linkPeaks: Int32Array;
  private readonly linkMessages: Float64Array;
  /** By core: where it is. */
  private readonly x: Int32Array;
  private readonly y: Int32Array;
  private readonly width: number;
  /** One list for each link, then for the ingress of each core. */
  private readonly lists: ArrivalLists;
  private readonly ingress: number;
  private readonly line = new WaitingLine();

  constructor(
    private readonly program: LoihiProgram,
    mesh: Mesh,
  ) {
    const { cores } = program;
    this.links = mesh.links();
    this.width = mesh.width;
    this.x = Int32Array.from(cores, ({ tile }) => mesh.xOf(tile));
    this.y = Int32Array.from(cores, ({ tile }) => mesh.yOf(tile));
    this.ingress = DIRECTIONS * mesh.routers;
    this.lists = new ArrivalLists(this.ingress + cores.length);
    this.linkPeaks = new Int32Array(this.ingress);
    this.linkMessages = new Float64Array(this.ingress);
    this.injectionPeaks = new Int32Array(cores.length);
    this.ingressPeaks = new Int32Array(cores.length);
    this.received = new Float64Array(cores.length);
    this.ingressTimes = new Float64Array(cores.length);
    const perCore = (): Float64Array => new Float64Array(cores.length);
    this.ingressStep = { begin: perCore(), end: perCore(), busy: perCore(), messages: perCore() };
  }

  /** A new sample. */
  begin(): void {
    const perServer = [this.linkPeaks, this.linkMessages, this.injectionPeaks, this.ingressPeaks, this.received];
    for (const counts of [...perServer, this.ingressTimes]) counts.fill(0);
  }

  /**
   * Brings the messages of a step to their cores; those of core c are first[c]..first[c + 1] - 1. Returns when the last ingress is
   * done, ps from the beginning of the step; 0 without messages.
   */
  deliver(messages: Messages, first: Int32Array): number {
    for (const times of Object.values(this.ingressStep)) times.fill(0);
    if (messages.count === 0) return 0;
    this.lists.reserve(messages.count);
    this.line.reserve(messages.count);
    const cores = this.program.cores.length;
    for (let core = 0; core < cores; core++) this.inject(core, first[core]!, first[core + 1]!, messages);
    for (const link of this.links) this.pass(link, messages);
    let done = 0;
    for (let core = 0; core < cores; core++) done = Math.max(done, this.arrive(core, messages));
    return done;
  }

  /** Links that carried a message. */
  linkCounts(): LoihiLinkCounts[] {
    return this.links
      .filter(({ index }) => this.linkMessages[index]! > 0)
      .map(({ index, from, to }) => ({
        from,
        to,
        messages: this.linkMessages[index]!,
        peak: this.linkPeaks[index]!,
      }))
      .sort((a, b) => a.from - b.from || a.to - b.to);
  }

  /** The injection port of a core: its messages are in order as they are. */
  private inject(source: number, from: number, to: number, { arrival, core }: Messages): void {
    const { injection, injectionHop } = this.program.chip.time;
    const { lists, line } = this;
    const [x, y] = [this.x[source]!, this.y[source]!];
    line.open(this.injectionPeaks[source]!);
    let free = 0;
    for (let message = from; message < to; message++) {
      const arrived = arrival[message]!;
      const start = arrived > free ? arrived : free;
      free = start + injection;
      line.join(arrived, start);
      arrival[message] = start + injectionHop;
      lists.append(this.onward(x, y, core[message]!), message);
    }
    this.injectionPeaks[source] = line.peak;
  }

  private pass({ index, x, y, service, hop }: Link, { arrival, core }: Messages): void {
    const { lists, line } = this;
    let message = lists.take(index, arrival);
    if (message === NONE) return;
    const { next } = lists;
    line.open(this.linkPeaks[index]!);
    let free = 0;
    while (message !== NONE) {
      const following = next[message]!;
      const arrived = arrival[message]!;
      const start = arrived > free ? arrived : free;
      free = start + service;
      line.join(arrived, start);
      arrival[message] = start + hop;
      lists.append(this.onward(x, y, core[message]!), message);
      message = following;
    }
    this.linkPeaks[index] = line.peak;
    this.linkMessages[index]! += line.length;
  }

  /** The ingress of a core; returns when it is done. */
  private arrive(target: number, { arrival, synapseTime }: Messages): number {
    const { lists, line } = this;
    let message = lists.take(this.ingress + target, arrival);
    if (message === NONE) return 0;
    const { next } = lists;
    const { messageIn } = this.program.chip.time;
    // The first message waits for nobody.
    const begin = arrival[message]!;
    line.open(this.ingressPeaks[target]!);
    let free = 0;
    let work = 0;
    for (; message !== NONE; message = next[message]!) {
      const arrived = arrival[message]!;
      const start = arrived > free ? arrived : free;
      const service = messageIn + synapseTime[message]!;
      free = start + service;
      work += service;
      line.join(arrived, start);
    }
    this.ingressPeaks[target] = line.peak;
    this.ingressTimes[target]! += work;
    this.received[target]! += line.length;
    const { ingressStep } = this;
    ingressStep.begin[target] = begin;
    ingressStep.end[target] = free;
    ingressStep.busy[target] = work;
    ingressStep.messages[target] = line.length;
    return free;
  }

  /** The list that a message to a core joins behind the router at (x, y). */
  private onward(x: number, y: number, core: number): number {
    const router = DIRECTIONS * (y * this.width + x);
    const toX = this.x[core]!;
    if (toX !== x) return router + (toX > x ? EAST : WEST);
    const toY = this.y[core]!;
    if (toY !== y) return router + (toY > y ? SOUTH : NORTH);
    return this.ingress + core;
  }
}
