import type { Group, LoihiProgram, NeuroCore } from "../../../backends/program/loihi/program.js";
import { outOfRange, wideMessage } from "../../diagnostics.js";
import type { AxonKinds } from "./axon-kinds.js";
import type { Arrival, RunningCore } from "./core.js";
import type { Counts } from "./counts.js";
import type { Deliveries } from "./deliveries.js";
import type { Messages } from "./messages.js";
import { fits } from "./payload.js";
import type { Recorder } from "./recorder.js";
import type { Sender } from "./sender.js";
import { Synapses } from "./synapses.js";
import { Outcome, updateRelay, UPDATES, type GroupState, type Update } from "./updates.js";

/** A group as it runs. */
interface RunningGroup extends GroupState {
  readonly update: Update;
  readonly layer: number;
  /** First step of its window. */
  readonly start: number;
}

/** A core of compartments. */
export class RunningNeuroCore implements RunningCore {
  private readonly groups: readonly RunningGroup[];
  private readonly synapses: Synapses;
  private readonly outcome: Outcome;

  constructor(
    core: NeuroCore,
    private readonly index: number,
    private readonly program: LoihiProgram,
    private readonly kinds: AxonKinds,
    deliveries: Deliveries,
    private readonly sender: Sender,
    private readonly recorder: Recorder,
    private readonly counts: Counts,
  ) {
    const { profile, stateBits } = program.chip.numerics;
    const update = UPDATES[profile];
    this.groups = core.groups.map((group) => {
      const { layer, start } = program.populations[group.population]!;
      const perCompartment = (): Int32Array => new Int32Array(group.neurons.length);
      const state = { u: perCompartment(), v: perCompartment(), rest: perCompartment(), stateBits };
      return { group, ...state, update: group.kind === "relay" ? updateRelay : update, layer, start };
    });
    const compartments = this.groups.reduce((sum, { u }) => sum + u.length, 0);
    this.synapses = new Synapses(core.lists, compartments, kinds, deliveries, profile === "truenorth");
    this.outcome = new Outcome(this.groups.reduce((most, { u }) => Math.max(most, u.length), 0));
  }

  receive(messages: Messages, from: number, to: number, step: number, kind: Arrival): void {
    const fromHost = kind === "hostInput";
    this.synapses.receive(messages, from, to, fromHost ? step - 1 : step);
    this.kinds.count(this.counts, step, fromHost);
  }

  begin(): void {
    this.sender.begin();
    this.synapses.clear();
    for (const { u, v, rest } of this.groups) for (const state of [u, v, rest]) state.fill(0);
  }

  phase(step: number, begin: number): number {
    const { neuronAccess } = this.program.chip.time;
    let time = begin;
    for (const state of this.groups) {
      const compartments = state.u.length;
      this.counts.add(state.layer, "access", step, compartments);
      const timestep = step - state.start;
      if (timestep >= 0 && timestep < this.program.timesteps) time = this.run(state, step, timestep, time);
      else time += compartments * neuronAccess;
    }
    this.synapses.clearRow(step);
    return time;
  }

  /** One timestep of a group; returns when it is done. */
  private run(state: RunningGroup, step: number, timestep: number, begin: number): number {
    const { outcome, counts, recorder } = this;
    const { group, layer, u, v } = state;
    const { neuronAccess, neuronUpdate } = this.program.chip.time;
    outcome.fault = undefined;
    state.update(state, this.synapses.sums, this.synapses.row(step) + group.first, outcome);
    if (outcome.fault !== undefined) {
      const { compartment, what, value, bits } = outcome.fault;
      throw outOfRange(this.nameOf(group, compartment), step, what, value, bits);
    }
    if (outcome.updated > 0) counts.add(layer, "update", step, outcome.updated);
    if (outcome.saturated > 0) counts.add(layer, "saturation", step, outcome.saturated);
    recorder.states(group, timestep, u, v);
    const sending = outcome.fired > 0 ? this.fire(state, step, timestep, begin) : 0;
    return begin + u.length * neuronAccess + outcome.updated * neuronUpdate + sending;
  }

  /** Sends what the compartments of a group have to say; returns how long that takes alone. */
  private fire({ group, layer }: RunningGroup, step: number, timestep: number, begin: number): number {
    const { outcome, counts, recorder, sender } = this;
    const { chip } = this.program;
    const { neuronAccess, neuronUpdate, spikeOut } = chip.time;
    const relay = group.kind === "relay";
    let sending = 0;
    for (let i = 0; i < outcome.fired; i++) {
      const compartment = outcome.compartment[i]!;
      const payload = relay ? outcome.payload[i]! : 1;
      if (relay && !fits(payload, chip.numerics.gradedBits)) {
        throw wideMessage(this.nameOf(group, compartment), step, payload, chip.numerics.gradedBits);
      }
      const computing = (compartment + 1) * neuronAccess + outcome.updatedThen[i]! * neuronUpdate;
      const decided = begin + computing + sending;
      sending += sender.send(group.first + compartment, payload, decided + spikeOut) - decided;
      recorder.spike(group, timestep, compartment);
    }
    counts.add(layer, "spike", step, outcome.fired);
    sender.count(layer, step);
    return sending;
  }

  private nameOf({ first, population, neurons }: Group, compartment: number): string {
    const { name } = this.program.populations[population]!;
    return `compartment ${first + compartment} of core ${this.index} (neuron ${neurons[compartment]!} of \`${name}\`)`;
  }
}
