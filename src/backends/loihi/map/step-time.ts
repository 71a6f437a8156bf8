import type { LoihiChip } from "../../../chips/loihi.js";
import type { LegalNet } from "../legal-net.js";
import { headElements, type HeadGroup } from "./attention.js";
import type { CoreMemory, Placed } from "./core-memory.js";
import type { Sources } from "./synapses.js";

/**
 * How long cores are expected to work in each chip step, by docs/loihi-chip.md, sections 2 to 6: the longer one of neuron phase and
 * ingress. Every neuron of a window counts as updated, messages by how often their senders send; ways, and waiting for messages that come late,
 * are left out.
 */

/** Expected times of one core by chip step, ps. */
export interface CoreTime {
  /** Neuron phase without what is sent. */
  readonly own: Float64Array;
  /** What is sent, which changes with the cores that hear it. */
  readonly sending: Float64Array;
  readonly ingress: Float64Array;
}

export function timeAt({ own, sending, ingress }: CoreTime, step: number): number {
  return Math.max(own[step]! + sending[step]!, ingress[step]!);
}

/** The longest step of a core, ps. */
export function longestStep(time: CoreTime): number {
  return time.own.reduce((most, _, step) => Math.max(most, timeAt(time, step)), 0);
}

export class StepTimes {
  readonly steps: number;
  /** By source of the net: first step in which it sends, and whether it is the host. */
  private readonly sent: readonly { readonly from: number; readonly host: boolean }[];

  /** `rates`: messages per timestep of every element; `routes`: cores that hear it, read anew with each call. */
  constructor(
    private readonly legal: LegalNet,
    private readonly chip: LoihiChip,
    private readonly sources: Sources,
    private readonly rates: Float64Array,
    private readonly routes: Int32Array,
  ) {
    const { populations, starts, timesteps } = legal;
    const latencies = new Map(populations.map(({ value, latency }) => [value, latency]));
    this.sent = sources.names.map((name) => {
      const latency = latencies.get(name);
      return { from: starts.get(name)! + (latency ?? 0), host: latency === undefined };
    });
    this.steps = Math.max(...populations.map(({ value, latency }) => starts.get(value)! + timesteps + latency));
  }

  neuro(parts: readonly Placed[], memory: CoreMemory): CoreTime {
    const { time, synapseFormats } = this.chip;
    const compartments = parts.reduce((sum, { part }) => sum + part.neurons.length, 0);
    const own = new Float64Array(this.steps).fill(compartments * time.neuronAccess);
    for (const { part } of parts) {
      const { value } = this.legal.populations[part.population]!;
      this.add(own, this.legal.starts.get(value)!, part.neurons.length * time.neuronUpdate);
    }
    const ingress = new Float64Array(this.steps);
    const eventTimes = memory.lists.map(({ content, filled, format }) => {
      const { target } = content;
      const synapses = filled ? target[target.length - 1]! - target[0]! + 1 : target.length;
      return synapses * time.synapse[synapseFormats[format]!.name]!;
    });
    const received = this.sources.names.map(() => 0);
    const { first } = this.sources;
    let source = 0;
    for (const element of [...memory.entries.keys()].sort((a, b) => a - b)) {
      while (element >= first[source + 1]!) source++;
      const each = this.sent[source]!.host ? time.hostInput : time.messageIn;
      const events = memory.entries.get(element)!.reduce((sum, { list }) => sum + eventTimes[list]!, 0);
      received[source]! += this.rates[element]! * (each + events);
    }
    received.forEach((work, i) => this.add(this.sent[i]!.host ? own : ingress, this.sent[i]!.from, work));
    return { own, sending: this.sendingOf(parts), ingress };
  }

  /** What the neurons of parts take to send, which changes with the cores that hear them. */
  sendingOf(parts: readonly Placed[]): Float64Array {
    const sending = new Float64Array(this.steps);
    for (const { part } of parts) {
      const { value } = this.legal.populations[part.population]!;
      const first = this.firstOf(value);
      const work = part.neurons.reduce((sum, j) => sum + this.sendingTime(first + j), 0);
      this.add(sending, this.legal.starts.get(value)!, work);
    }
    return sending;
  }

  attention(group: HeadGroup): CoreTime {
    const { chunk, heads, headDim, operands } = group;
    const { time, attention: limits } = this.chip;
    const { value, elements } = this.legal.populations[group.population]!;
    const begin = this.legal.starts.get(value)!;
    const own = headElements(group, elements);
    const sumOf = (name: string, of: (element: number) => number): number => {
      const first = this.firstOf(name);
      return own.reduce((sum, element) => sum + of(first + element), 0);
    };
    const perEvent = time.attention * Math.ceil(headDim / limits!.lanes);
    const phase = new Float64Array(this.steps);
    const sending = new Float64Array(this.steps);
    const ingress = new Float64Array(this.steps);
    const messages = operands.map((name) => {
      const { from, host } = this.sent[this.sources.index.get(name)!]!;
      const each = sumOf(name, (element) => this.rates[element]!);
      this.add(host ? phase : ingress, from, each * (host ? time.hostInput : time.messageIn));
      return each;
    });
    const [q, k] = messages;
    this.add(phase, begin, k! * perEvent);
    this.add(phase, begin + chunk, q! * perEvent);
    for (let t = 0; t < this.legal.timesteps; t += chunk) {
      phase[begin + t]! += heads * time.attention * Math.ceil(headDim ** 2 / limits!.lanes);
    }
    this.add(
      sending,
      begin + chunk,
      sumOf(value, (element) => this.sendingTime(element)),
    );
    return { own: phase, sending, ingress };
  }

  /** Of all steps of a sample, each as long as its slowest core takes, and the barriers for so many cores, ps. */
  ofSample(cores: readonly CoreTime[]): number {
    const { time, mesh } = this.chip;
    const tiles = Math.ceil(cores.length / mesh.coresPerTile);
    const key = Math.max(
      ...Object.keys(time.barrier)
        .map(Number)
        .filter((each) => each <= tiles),
    );
    let all = this.steps * time.barrier[key]!;
    for (let step = 0; step < this.steps; step++) {
      all += cores.reduce((most, core) => Math.max(most, timeAt(core, step)), 0);
    }
    return all;
  }

  private firstOf(value: string): number {
    return this.sources.first[this.sources.index.get(value)!]!;
  }

  private sendingTime(element: number): number {
    const { spikeOut, messageOut } = this.chip.time;
    return this.rates[element]! * (spikeOut + this.routes[element]! * messageOut);
  }

  /** Adds the work of a timestep to every step of a window. */
  private add(steps: Float64Array, from: number, work: number): void {
    for (let step = Math.max(0, from); step < from + this.legal.timesteps; step++) steps[step]! += work;
  }
}
