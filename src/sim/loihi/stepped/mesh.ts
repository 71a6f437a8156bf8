import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { LoihiLinkCounts } from "../result.js";
import type { Ticks, Work } from "./clock.js";
import type { Counts } from "./counts.js";
import { Server, type Message } from "./server.js";

/** From one router to the next. */
interface Link {
  readonly from: number;
  readonly to: number;
  readonly server: Server;
}

/** Routers of all chips, with the servers that messages go through: docs/loihi-chip.md, section 3. */
export class Mesh {
  /** By core. */
  readonly injections: readonly Server[];
  readonly ingresses: readonly Server[];
  private readonly links: ReadonlyMap<string, Link>;
  /** In an order in which no message goes back. */
  private readonly servers: readonly Server[];
  private readonly width: number;
  private readonly sequence: number[];
  private now = 0;

  /** `deliver` is what the ingress of a core does with a message. */
  constructor(
    private readonly program: LoihiProgram,
    private readonly ticks: Ticks,
    private readonly counts: Counts,
    deliver: (message: Message) => Work,
  ) {
    const { cores, chip } = program;
    this.width = chip.mesh.tilesX * chip.mesh.chipsX;
    this.sequence = cores.map(() => 0);
    this.injections = cores.map(({ tile }) => new Server((message, now) => this.inject(tile, message, now)));
    this.ingresses = cores.map(() => new Server(deliver));
    this.links = this.linksInUse();
    const order = [...this.links.values()].sort((a, b) => this.depth(a) - this.depth(b));
    this.servers = [...this.injections, ...order.map(({ server }) => server), ...this.ingresses];
  }

  /** A core gives off a message, now. */
  send(source: number, target: number, axon: number, payload: number, layer: number): void {
    const sequence = this.sequence[source]!++;
    this.injections[source]!.send({ source, sequence, target, axon, payload, layer }, this.now);
    this.counts.add("message", layer);
    if (this.tileOf(source) === this.tileOf(target)) this.counts.add("withinTile", layer);
  }

  /** All servers are free, and the next message of every core is its first. */
  beginStep(): void {
    this.now = 0;
    this.sequence.fill(0);
    for (const server of this.servers) server.release();
  }

  /** Everything that is due at this instant. */
  goOn(): void {
    for (const server of this.servers) server.goOn(this.now);
  }

  tick(): void {
    this.now++;
    for (const { worker } of this.servers) worker.tick();
  }

  /** Whether no message waits or is under way, and no ingress is at work. */
  get idle(): boolean {
    return this.servers.every(({ empty }) => empty) && this.ingresses.every(({ worker }) => !worker.busy);
  }

  /** Links that carried a message. */
  linkCounts(): LoihiLinkCounts[] {
    return [...this.links.values()]
      .filter(({ server }) => server.served > 0)
      .map(({ from, to, server }) => ({ from, to, messages: server.served, peak: server.peak }))
      .sort((a, b) => a.from - b.from || a.to - b.to);
  }

  private *inject(tile: number, message: Message, now: number): Work {
    this.forward(message, tile, now + this.ticks.injectionHop);
    yield this.ticks.injection;
  }

  private *pass(from: number, to: number, message: Message, now: number): Work {
    const { ticks } = this;
    const between = this.chipOf(from) !== this.chipOf(to);
    const alongX = Math.abs(to - from) === 1 && this.yOf(from) === this.yOf(to);
    const event = between ? "chipHop" : alongX ? "hopX" : "hopY";
    this.counts.add(event, message.layer);
    this.forward(message, to, now + ticks[event]);
    yield between ? ticks.chipLink : ticks.link;
  }

  /** From a router to the next server. */
  private forward(message: Message, tile: number, arrival: number): void {
    const target = this.tileOf(message.target);
    const server =
      tile === target ? this.ingresses[message.target]! : this.links.get(`${tile}>${this.next(tile, target)}`)!.server;
    server.send(message, arrival);
  }

  /** X first, then Y. */
  private next(tile: number, target: number): number {
    const dx = Math.sign(this.xOf(target) - this.xOf(tile));
    return dx !== 0 ? tile + dx : tile + Math.sign(this.yOf(target) - this.yOf(tile)) * this.width;
  }

  /** The links that some route of the program takes. */
  private linksInUse(): Map<string, Link> {
    const links = new Map<string, Link>();
    for (const { tile, routes } of this.program.cores) {
      for (const target of new Set(Array.from(routes.core, (core) => this.tileOf(core)))) {
        for (let from = tile; from !== target; from = this.next(from, target)) {
          const to = this.next(from, target);
          const key = `${from}>${to}`;
          if (links.has(key)) continue;
          links.set(key, { from, to, server: new Server((message, now) => this.pass(from, to, message, now)) });
        }
      }
    }
    return links;
  }

  /** Grows along every way of a message: X links by their place in their direction, then Y links likewise. */
  private depth({ from, to }: Link): number {
    const [dx, dy] = [this.xOf(to) - this.xOf(from), this.yOf(to) - this.yOf(from)];
    const height = this.program.chip.mesh.tilesY * this.program.chip.mesh.chipsY;
    if (dx !== 0) return dx > 0 ? this.xOf(from) : this.width - this.xOf(from);
    return this.width + 1 + (dy > 0 ? this.yOf(from) : height - this.yOf(from));
  }

  private tileOf(core: number): number {
    return this.program.cores[core]!.tile;
  }

  private xOf(tile: number): number {
    return tile % this.width;
  }

  private yOf(tile: number): number {
    return Math.floor(tile / this.width);
  }

  /** A number that tells chips apart. */
  private chipOf(tile: number): number {
    const { tilesX, tilesY, chipsX } = this.program.chip.mesh;
    return Math.floor(this.yOf(tile) / tilesY) * chipsX + Math.floor(this.xOf(tile) / tilesX);
  }
}
