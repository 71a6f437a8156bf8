import type { NeuroCore } from "../../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../../chips/loihi.js";
import type { Counts } from "./counts.js";

/** In place of the delay of a list whose synapses have several. */
const SEVERAL = 0;

/**
 * The synapses of one core, and the sums of what has arrived for its compartments: one row for each of the steps that can still be
 * reached, used in turn.
 */
export class Synapses {
  /** By axon: ps of its synaptic events. */
  readonly time: Float64Array;
  /** [rows, compartments]. */
  readonly sums: Float64Array;
  /** Rows are a power of two; this is that less one. */
  private readonly lastRow: number;
  /** By list: the delay of its synapses, or SEVERAL. */
  private readonly delays: Uint8Array;
  /** Entries starts[a]..starts[a + 1] - 1 of axon a: a tally of synaptic events, and how many of them. */
  private readonly tallyStart: Int32Array;
  private readonly tally: Int32Array;
  private readonly events: Int32Array;

  /** `layers` has the layer of each compartment. */
  constructor(
    private readonly core: NeuroCore,
    chip: LoihiChip,
    private readonly layers: Int32Array,
    private readonly counts: Counts,
  ) {
    const { lists, axons } = core;
    const longest = lists.delay.reduce((a, b) => Math.max(a, b), 1);
    const rows = 2 ** Math.ceil(Math.log2(longest + 1));
    this.lastRow = rows - 1;
    this.sums = new Float64Array(rows * layers.length);
    this.delays = Uint8Array.from(lists.format, (_, list) => this.delayOf(list));
    const ofFormat = chip.synapseFormats.map(({ name }) => chip.time.synapse[name]!);
    const count = axons.start.length - 1;
    this.time = new Float64Array(count);
    this.tallyStart = new Int32Array(count + 1);
    const tally: number[] = [];
    const events: number[] = [];
    for (let axon = 0; axon < count; axon++) {
      for (const [slot, synapses] of this.eventsOf(axon)) {
        tally.push(slot);
        events.push(synapses);
        this.time[axon]! += synapses * ofFormat[this.counts.formatOf(slot)]!;
      }
      this.tallyStart[axon + 1] = tally.length;
    }
    this.tally = Int32Array.from(tally);
    this.events = Int32Array.from(events);
  }

  /** Where the sums of a step begin. */
  row(step: number): number {
    return (step & this.lastRow) * this.layers.length;
  }

  /** Everything that was on its way is gone. */
  clear(): void {
    this.sums.fill(0);
  }

  /** The sums of a step have been used. */
  clearRow(step: number): void {
    this.sums.fill(0, this.row(step), this.row(step) + this.layers.length);
  }

  /** Adds what a message of a step brings to the steps that see it, and counts its synaptic events. */
  receive(axon: number, payload: number, step: number): void {
    const { sums, lastRow, delays, tally, events, tallyStart } = this;
    const { axons, lists } = this.core;
    const { target, weight } = lists;
    const compartments = this.layers.length;
    for (let entry = axons.start[axon]!, end = axons.start[axon + 1]!; entry < end; entry++) {
      const list = axons.list[entry]!;
      const base = axons.base[entry]!;
      const last = lists.start[list + 1]!;
      let synapse = lists.start[list]!;
      const delay = delays[list]!;
      if (delay !== SEVERAL) {
        const at = ((step + delay) & lastRow) * compartments + base;
        for (; synapse < last; synapse++) sums[at + target[synapse]!]! += weight[synapse]! * payload;
      } else {
        for (; synapse < last; synapse++) {
          const at = ((step + lists.delay[synapse]!) & lastRow) * compartments + base;
          sums[at + target[synapse]!]! += weight[synapse]! * payload;
        }
      }
    }
    const counted = this.counts.synapses;
    for (let i = tallyStart[axon]!, end = tallyStart[axon + 1]!; i < end; i++) counted[tally[i]!]! += events[i]!;
  }

  /** The layer of the compartment that the first synapse of an axon reaches; without any, that of the first compartment. */
  layerOf(axon: number): number {
    const { axons, lists } = this.core;
    for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
      const list = axons.list[entry]!;
      const first = lists.start[list]!;
      if (first < lists.start[list + 1]!) return this.layers[axons.base[entry]! + lists.target[first]!]!;
    }
    return this.layers[0]!;
  }

  private delayOf(list: number): number {
    const { start, delay } = this.core.lists;
    const first = start[list]!;
    for (let synapse = first; synapse < start[list + 1]!; synapse++) {
      if (delay[synapse]! !== delay[first]!) return SEVERAL;
    }
    return first < start[list + 1]! ? delay[first]! : 1;
  }

  /** Synaptic events of one message at an axon, by tally. */
  private eventsOf(axon: number): Map<number, number> {
    const { axons, lists } = this.core;
    const found = new Map<number, number>();
    for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
      const list = axons.list[entry]!;
      const base = axons.base[entry]!;
      for (let synapse = lists.start[list]!; synapse < lists.start[list + 1]!; synapse++) {
        const slot = this.counts.synapseSlot(this.layers[base + lists.target[synapse]!]!, lists.format[list]!);
        found.set(slot, (found.get(slot) ?? 0) + 1);
      }
    }
    return found;
  }
}
