import type { Group, NeuroCore } from "../../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../../chips/loihi.js";
import { outOfRange, wideMessage } from "../../diagnostics.js";
import type { Work } from "./clock.js";
import type { RunningCore, Surroundings } from "./core.js";
import { fits, type HostValue } from "./host.js";
import { RULES, type Parameters, type Rule, type State } from "./rules.js";

/** A place of a core's neuron phase. */
interface Compartment {
  readonly index: number;
  readonly kind: Group["kind"];
  readonly population: number;
  readonly neuron: number;
  readonly layer: number;
  readonly parameters: Parameters;
  state: State;
}

const EMPTY: State = { u: 0, v: 0, rest: 0 };

function parametersOf({ crossbar, ...group }: Group, compartment: number, { numerics }: LoihiChip): Parameters {
  const [threshold, bias] = [group.threshold[compartment]!, group.bias[compartment]!];
  const { stateBits } = numerics;
  return { ...group, threshold, bias, ...(crossbar && { crossbar: { ...crossbar, stateBits } }) };
}

/** Compartments with their synapses: docs/loihi-chip.md, section 2. */
export class RunningNeuroCore implements RunningCore {
  private readonly compartments: readonly Compartment[];
  /** What has arrived for each compartment, by step modulo their number: no synapse reaches further. */
  private readonly sums: readonly Float64Array[];
  private readonly rule: Rule;
  /** Whether this is a crossbar core: section 9. */
  private readonly crossbar: boolean;
  /**
   * By axon of a crossbar core: the steps of sending whose bit was set last, the even one and the odd one. Messages of a step may
   * overtake the host's values, which count as sent in the step before.
   */
  private readonly lastSent: [even: number, odd: number][];

  constructor(
    private readonly core: NeuroCore,
    private readonly at: Surroundings,
  ) {
    const { populations, chip } = at.program;
    this.rule = RULES[chip.numerics.profile];
    this.crossbar = chip.numerics.profile === "truenorth";
    this.lastSent = Array.from(core.axons.start, () => [-Infinity, -Infinity]);
    this.compartments = core.groups.flatMap((group) =>
      Array.from(group.neurons, (neuron, i) => ({
        index: group.first + i,
        kind: group.kind,
        population: group.population,
        neuron,
        layer: populations[group.population]!.layer,
        parameters: parametersOf(group, i, chip),
        state: EMPTY,
      })),
    );
    const furthest = core.lists.delay.reduce((most, delay) => Math.max(most, delay), 0);
    this.sums = Array.from({ length: furthest + 1 }, () => new Float64Array(this.compartments.length));
  }

  *phase(step: number, values: readonly HostValue[]): Work {
    const { ticks, counts, program } = this.at;
    for (const { axon, payload } of values) {
      yield ticks.hostInput;
      counts.add("hostInput", this.layerOfAxon(axon));
      yield* this.deliver(axon, payload, step - 1);
    }
    for (const compartment of this.compartments) {
      yield ticks.neuronAccess;
      counts.add("access", compartment.layer);
      const q = this.take(compartment, step);
      const timestep = step - program.populations[compartment.population]!.start;
      if (timestep < 0 || timestep >= program.timesteps) continue;
      if (compartment.kind === "relay") yield* this.relay(compartment, q, step, timestep);
      else yield* this.update(compartment, q, step, timestep);
    }
  }

  receive(axon: number, payload: number, step: number): Work {
    return this.deliver(axon, payload, step);
  }

  /** The synapses of an axon, one after the other, for what was sent in step `sent`. */
  private *deliver(axon: number, payload: number, sent: number): Work {
    const { ticks, counts } = this.at;
    const { axons, lists } = this.core;
    const acts = this.acts(axon, sent);
    for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
      const list = axons.list[entry]!;
      const format = lists.format[list]!;
      for (let s = lists.start[list]!; s < lists.start[list + 1]!; s++) {
        yield ticks.synapse[format]!;
        const target = this.compartments[axons.base[entry]! + lists.target[s]!]!;
        counts.addSynapse(format, target.layer);
        if (acts) this.sumsOf(sent + lists.delay[s]!)[target.index]! += lists.weight[s]! * payload;
      }
    }
  }

  /** Whether what arrives at an axon acts: an axon of a crossbar core is a bit, set once for each step of sending. */
  private acts(axon: number, sent: number): boolean {
    if (!this.crossbar) return true;
    const bits = this.lastSent[axon]!;
    const parity = sent % 2 === 0 ? 0 : 1;
    if (bits[parity] === sent) return false;
    bits[parity] = sent;
    return true;
  }

  private sumsOf(step: number): Float64Array {
    return this.sums[step % this.sums.length]!;
  }

  /** What has arrived for a compartment in this step. */
  private take(compartment: Compartment, step: number): number {
    const sums = this.sumsOf(step);
    const q = sums[compartment.index]!;
    sums[compartment.index] = 0;
    if (!Number.isSafeInteger(q)) throw outOfRange(this.nameOf(compartment), step, "the input", q, 53);
    return q;
  }

  private *relay(compartment: Compartment, q: number, step: number, timestep: number): Work {
    if (q === 0) return;
    const { gradedBits } = this.at.program.chip.numerics;
    if (!fits(q, gradedBits)) throw wideMessage(this.nameOf(compartment), step, q, gradedBits);
    yield this.at.ticks.neuronUpdate;
    this.at.counts.add("update", compartment.layer);
    yield* this.send(compartment, timestep, q);
  }

  private *update(compartment: Compartment, q: number, step: number, timestep: number): Work {
    const { ticks, counts, recorder } = this.at;
    const { state, parameters, layer, population, neuron } = compartment;
    if (this.crossbar || q !== 0 || state.u !== 0 || state.v !== 0 || parameters.bias !== 0) {
      yield ticks.neuronUpdate;
      counts.add("update", layer);
    }
    const outcome = this.rule(state, q, parameters);
    for (const name of ["u", "v"] as const) {
      const value = outcome[name];
      if (value !== (value | 0)) throw outOfRange(this.nameOf(compartment), step, name, value, 32);
    }
    counts.add("saturation", layer, outcome.saturated);
    compartment.state = outcome;
    recorder.state(population, timestep, neuron, outcome.u, outcome.v);
    if (outcome.fired) yield* this.send(compartment, timestep, 1);
  }

  /** A message for each route. */
  private *send(compartment: Compartment, timestep: number, payload: number): Work {
    const { ticks, counts, recorder } = this.at;
    const { start, core, axon } = this.core.routes;
    yield ticks.spikeOut;
    counts.add("spike", compartment.layer);
    recorder.spike(compartment.population, timestep, compartment.neuron);
    for (let route = start[compartment.index]!; route < start[compartment.index + 1]!; route++) {
      yield ticks.messageOut;
      this.at.send(core[route]!, axon[route]!, payload, compartment.layer);
    }
  }

  /** The layer of what an axon's first synapse reaches; without any, that of the first group. */
  private layerOfAxon(axon: number): number {
    const { axons, lists } = this.core;
    for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
      const first = lists.start[axons.list[entry]!]!;
      if (first === lists.start[axons.list[entry]! + 1]!) continue;
      return this.compartments[axons.base[entry]! + lists.target[first]!]!.layer;
    }
    return this.compartments[0]!.layer;
  }

  private nameOf({ index, population, neuron }: Compartment): string {
    const { name } = this.at.program.populations[population]!;
    return `compartment ${index} of core ${this.at.index} (neuron ${neuron} of \`${name}\`)`;
  }
}
