import type { SynapseLists } from "../../../backends/program/loihi/program.js";
import type { AxonKinds } from "./axon-kinds.js";
import { HEADER, KIND, STRETCH, STRETCHES, type Deliveries } from "./deliveries.js";
import type { Messages } from "./messages.js";

/** Fields of a synapse: target, counted from the base, and weight. */
const SYNAPSE = 2;

/** Before everything: what the host puts in at step 0 counts as sent in step -1. */
const NEVER = -2;

/**
 * The synapses of one core, and the sums of what has arrived for its compartments: one row for each of the steps that can still be
 * reached, used in turn.
 */
export class Synapses {
  /** [rows, compartments]. */
  readonly sums: Float64Array;
  /** Rows are a power of two; this is that less one. */
  private readonly lastRow: number;
  /** [synapses, SYNAPSE]: one place in memory for both. */
  private readonly synapses: Int32Array;
  /** By kind of axon of a crossbar core, each of which is one axon: the step of sending whose bit was set last. Undefined for other cores. */
  private readonly lastSent: Int32Array | undefined;

  constructor(
    { delay, target, weight }: SynapseLists,
    private readonly compartments: number,
    private readonly kinds: AxonKinds,
    private readonly deliveries: Deliveries,
    crossbar: boolean,
  ) {
    this.lastSent = crossbar ? new Int32Array(kinds.time.length).fill(NEVER) : undefined;
    const longest = delay.reduce((a, b) => Math.max(a, b), 1);
    // The row of a step is free when its messages arrive: its sums have been used.
    const rows = 2 ** Math.ceil(Math.log2(longest));
    this.lastRow = rows - 1;
    this.sums = new Float64Array(rows * compartments);
    this.synapses = new Int32Array(SYNAPSE * target.length);
    for (let synapse = 0; synapse < target.length; synapse++) {
      this.synapses[SYNAPSE * synapse] = target[synapse]!;
      this.synapses[SYNAPSE * synapse + 1] = weight[synapse]!;
    }
  }

  /** Where the sums of a step begin. */
  row(step: number): number {
    return (step & this.lastRow) * this.compartments;
  }

  /** Everything that was on its way is gone. */
  clear(): void {
    this.sums.fill(0);
    this.lastSent?.fill(NEVER);
  }

  /** The sums of a step have been used. */
  clearRow(step: number): void {
    this.sums.fill(0, this.row(step), this.row(step) + this.compartments);
  }

  /** Adds what messages order[from..to - 1] of step `sent` bring to the steps that see it. */
  receive(messages: Messages, from: number, to: number, sent: number): void {
    const { sums, synapses, lastRow, compartments, lastSent } = this;
    const { words } = this.deliveries;
    const { time, arrived } = this.kinds;
    const { order, delivery, payload, synapseTime } = messages;
    for (let i = from; i < to; i++) {
      const message = order[i]!;
      const at = delivery[message]!;
      const kind = words[at + KIND]!;
      arrived[kind]!++;
      synapseTime[message] = time[kind]!;
      if (lastSent !== undefined) {
        if (lastSent[kind] === sent) continue;
        lastSent[kind] = sent;
      }
      const brought = payload[message]!;
      const behind = at + HEADER + STRETCH * words[at + STRETCHES]!;
      for (let stretch = at + HEADER; stretch < behind; stretch += STRETCH) {
        const end = SYNAPSE * words[stretch + 1]!;
        const row = (sent + words[stretch + 3]!) & lastRow;
        const base = row * compartments + words[stretch + 2]!;
        for (let field = SYNAPSE * words[stretch]!; field < end; field += SYNAPSE) {
          sums[base + synapses[field]!]! += synapses[field + 1]! * brought;
        }
      }
    }
  }
}
