import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { RunningCore } from "./core.js";
import type { Counts } from "./counts.js";
import type { Mesh } from "./mesh.js";
import type { Messages } from "./messages.js";

/** Events of one message. */
const MESSAGE_EVENTS = ["hopX", "hopY", "chipHop", "withinTile"] as const;
const KINDS = MESSAGE_EVENTS.length;

/** Sends the messages of one core, whose work they do at once: what they bring is not seen before the next step. */
export class Sender {
  /** Messages over the run. */
  sent = 0;
  /** By sender: MESSAGE_EVENTS of all its messages together. */
  private readonly events: Uint32Array;
  private readonly tally = new Float64Array(KINDS);
  private messagesOfLayer = 0;

  /** `cores` are all of the chip; they need not be there yet. */
  constructor(
    private readonly program: LoihiProgram,
    private readonly index: number,
    mesh: Mesh,
    private readonly cores: readonly RunningCore[],
    private readonly messages: Messages,
    private readonly counts: Counts,
  ) {
    const { routes, tile } = program.cores[index]!;
    const ways = program.cores.map((core) => mesh.hops(tile, core.tile));
    this.events = new Uint32Array(KINDS * (routes.start.length - 1));
    for (let sender = 0; sender < routes.start.length - 1; sender++) {
      for (let route = routes.start[sender]!; route < routes.start[sender + 1]!; route++) {
        const { x, y, chip } = ways[routes.core[route]!]!;
        const within = x + y + chip === 0 ? 1 : 0;
        [x, y, chip, within].forEach((count, kind) => (this.events[KINDS * sender + kind]! += count));
      }
    }
  }

  /** A new sample. */
  begin(): void {
    this.sent = 0;
    this.messagesOfLayer = 0;
    this.tally.fill(0);
  }

  /** Sends to all routes of a sender, from `time` on; returns when the last message has left. */
  send(sender: number, payload: number, step: number, time: number): number {
    const { cores, messages } = this;
    const { messageOut, messageIn } = this.program.chip.time;
    const { start, core, axon } = this.program.cores[this.index]!.routes;
    const first = start[sender]!;
    const last = start[sender + 1]!;
    let sent = time;
    for (let route = first; route < last; route++) {
      const target = core[route]!;
      const receiver = cores[target]!;
      sent += messageOut;
      messages.send(target, sent, messageIn + receiver.synapseTime[axon[route]!]!);
      receiver.receive(axon[route]!, payload, step);
    }
    this.messagesOfLayer += last - first;
    for (let kind = 0; kind < KINDS; kind++) this.tally[kind]! += this.events[KINDS * sender + kind]!;
    return sent;
  }

  /** Counts what was sent since the last call for a layer. */
  count(layer: number, step: number): void {
    if (this.messagesOfLayer === 0) return;
    this.sent += this.messagesOfLayer;
    this.counts.add(layer, "message", step, this.messagesOfLayer);
    MESSAGE_EVENTS.forEach((event, kind) => this.counts.add(layer, event, step, this.tally[kind]!));
    this.messagesOfLayer = 0;
    this.tally.fill(0);
  }
}
