import type { LoihiProgram, NeuroCore } from "../../../backends/program/loihi/program.js";
import type { Counts } from "./counts.js";

/** Synaptic events that one message brings to one layer in one format. */
interface Events {
  readonly layer: number;
  readonly format: number;
  readonly count: number;
}

/**
 * Axons whose messages cost and count the same. There are few kinds, so a step counts messages by kind, and events behind it. On a
 * crossbar core each axon is a kind of its own, because it is a bit of its own.
 */
interface Kind {
  readonly events: readonly Events[];
  /** The layer of the compartment that the first synapse reaches; without any, that of the first compartment. */
  readonly layer: number;
}

/** The kinds of axon of one core. */
export class AxonKinds {
  /** By axon. */
  readonly of: Int32Array;
  /** By kind: ps of the synaptic events of a message, and messages that have arrived and were not counted yet. */
  readonly time: Float64Array;
  readonly arrived: Float64Array;
  private readonly kinds: readonly Kind[];

  constructor(core: NeuroCore, { chip, populations }: LoihiProgram) {
    const layers = core.groups.flatMap(({ neurons, population }) =>
      Array<number>(neurons.length).fill(populations[population]!.layer),
    );
    const kinds = new Map<string, Kind>();
    const numbers = new Map<string, number>();
    this.of = new Int32Array(core.axons.start.length - 1);
    for (let axon = 0; axon < this.of.length; axon++) {
      const kind = kindOf(core, layers, axon);
      const key = JSON.stringify(chip.numerics.profile === "truenorth" ? [kind, axon] : kind);
      if (!kinds.has(key)) numbers.set(key, kinds.size);
      kinds.set(key, kind);
      this.of[axon] = numbers.get(key)!;
    }
    this.kinds = [...kinds.values()];
    const ofFormat = chip.synapseFormats.map(({ name }) => chip.time.synapse[name]!);
    this.time = Float64Array.from(this.kinds, ({ events }) =>
      events.reduce((time, { format, count }) => time + count * ofFormat[format]!, 0),
    );
    this.arrived = new Float64Array(this.kinds.length);
  }

  /** Counts the events of what has arrived in a step. */
  count(counts: Counts, step: number, fromHost: boolean): void {
    for (let i = 0; i < this.kinds.length; i++) {
      const messages = this.arrived[i]!;
      if (messages === 0) continue;
      this.arrived[i] = 0;
      const { events, layer } = this.kinds[i]!;
      for (const e of events) counts.addSynapses(e.layer, e.format, step, messages * e.count);
      if (fromHost) counts.add(layer, "hostInput", step, messages);
    }
  }
}

/** `layers` has the layer of each compartment. */
function kindOf({ axons, lists }: NeuroCore, layers: readonly number[], axon: number): Kind {
  const found = new Map<string, Events>();
  let first: number | undefined;
  for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
    const list = axons.list[entry]!;
    const format = lists.format[list]!;
    const end = lists.start[list + 1]!;
    for (let synapse = lists.start[list]!; synapse < end;) {
      const layer = layers[axons.base[entry]! + lists.target[synapse]!]!;
      first ??= layer;
      const from = synapse++;
      while (synapse < end && layers[axons.base[entry]! + lists.target[synapse]!] === layer) synapse++;
      const key = `${layer} ${format}`;
      found.set(key, { layer, format, count: (found.get(key)?.count ?? 0) + synapse - from });
    }
  }
  return { events: [...found.values()], layer: first ?? layers[0]! };
}
