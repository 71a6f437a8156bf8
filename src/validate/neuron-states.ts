import type { LayerAgreement } from "./agreement.js";
import type { NeuronCase } from "./neuron-case.js";
import type { Rung } from "./rung.js";

/** Computed states of integer neurons against recorded ones: current u, potential v and spike at the end of every timestep. */

/** What one neuron holds at the end of a timestep. */
export interface NeuronState {
  readonly u: number;
  readonly v: number;
  readonly spike: number;
}

/** The first place in time where the two sides part; before it they agree, so the input is that of both. */
export interface StateDifference {
  readonly layer: string;
  readonly timestep: number;
  readonly neuron: number;
  readonly recorded: NeuronState;
  readonly computed: NeuronState;
  /** Both sides at the end of the timestep before. */
  readonly before: Omit<NeuronState, "spike">;
  /** What the synapses deliver in this timestep; a chip does not say it. */
  readonly input?: number;
  /** As compared with v: mantissa * 2^6. */
  readonly threshold: number;
}

export interface StateAgreement {
  /** Agreement counts (neuron, timestep) pairs in which u, v and spike are all equal. */
  readonly layers: readonly LayerAgreement[];
  readonly first?: StateDifference;
}

/** One layer, by neuron; or by timestep and neuron. */
export interface LayerStates {
  readonly u: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly spikes: ArrayLike<number>;
}

export type RecordedStates = Pick<NeuronCase, "network" | "layers">;

interface Count {
  spikes: number;
  compared: number;
  mismatches: number;
}

/** Compares layer by layer, in the order of timesteps, and then of layers. */
export class StateTally {
  private readonly counts: readonly Count[];
  private first: StateDifference | undefined;

  constructor(private readonly recorded: RecordedStates) {
    this.counts = recorded.network.layers.map(() => ({ spikes: 0, compared: 0, mismatches: 0 }));
  }

  /** `before`: the computed states of the timestep before; none before the first. */
  compare(
    index: number,
    timestep: number,
    computed: LayerStates,
    before: Pick<LayerStates, "u" | "v"> | undefined,
    input?: ArrayLike<number>,
  ): void {
    const layer = this.recorded.network.layers[index]!;
    const count = this.counts[index]!;
    for (let neuron = 0; neuron < layer.neurons; neuron++) {
      const expected = stateAt(this.recorded.layers[index]!, timestep * layer.neurons + neuron);
      const got = stateAt(computed, neuron);
      count.compared++;
      count.spikes += expected.spike;
      if (got.u === expected.u && got.v === expected.v && got.spike === expected.spike) continue;
      count.mismatches++;
      this.first ??= {
        layer: layer.name,
        timestep,
        neuron,
        recorded: expected,
        computed: got,
        before: { u: before?.u[neuron] ?? 0, v: before?.v[neuron] ?? 0 },
        ...(input === undefined ? {} : { input: input[neuron]! }),
        threshold: layer.vTh * 64,
      };
    }
  }

  finish(): StateAgreement {
    const layers = this.recorded.network.layers.map(({ name }, i) => agreementOf(name, this.counts[i]!));
    return { layers, ...(this.first === undefined ? {} : { first: this.first }) };
  }
}

function stateAt({ u, v, spikes }: LayerStates, at: number): NeuronState {
  return { u: u[at]!, v: v[at]!, spike: spikes[at]! };
}

function agreementOf(name: string, { spikes, compared, mismatches }: Count): LayerAgreement {
  const agreement = 1 - mismatches / compared;
  // Integers have no margin.
  return { name, removedChannels: 0, spikes, agreement, mismatches, outsideMargin: mismatches };
}

/** The first difference in words. */
export function differenceText(at: StateDifference): string {
  const side = ({ u, v, spike }: NeuronState): string => `u = ${u}, v = ${v}, ${spike === 1 ? "spike" : "no spike"}`;
  const input = at.input === undefined ? "" : `input ${at.input}, `;
  return [
    `first difference: ${at.layer}, timestep ${at.timestep}, neuron ${at.neuron}`,
    `recorded ${side(at.recorded)}`,
    `computed ${side(at.computed)}`,
    `both before u = ${at.before.u}, v = ${at.before.v}, ${input}threshold ${at.threshold}`,
  ].join("; ");
}

/** The rung of a comparison, which `facts` say more about; `fault`: what is wrong beside it. */
export function stateRung(
  name: string,
  { network }: RecordedStates,
  { layers, first }: StateAgreement,
  facts: string,
  fault?: string,
): Rung {
  const what = `u, v, spikes of ${layers.length} ${layers.length === 1 ? "layer" : "layers"} x ${network.timesteps} timesteps`;
  const wrong = layers.reduce((sum, { mismatches }) => sum + mismatches, 0);
  const spikes = layers.reduce((sum, layer) => sum + layer.spikes, 0);
  const detail = [
    first === undefined ? `${what} equal` : `${what}: ${wrong.toLocaleString("en-US")} neuron states differ`,
    `${spikes.toLocaleString("en-US")} spikes`,
    facts,
    ...(first === undefined ? [] : [differenceText(first)]),
    ...(fault === undefined ? [] : [fault]),
  ];
  const passed = first === undefined && fault === undefined;
  return { name, status: passed ? "passed" : "failed", detail: detail.join("; "), layers };
}
