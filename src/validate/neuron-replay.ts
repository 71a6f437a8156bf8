import { internalError } from "../diagnostics/index.js";
import { evaluate, retime, type Net, type NetState, type OpState, type Slot } from "../ir/index.js";
import type { LayerAgreement } from "./agreement.js";
import type { NeuronCase, RecordedNeurons } from "./neuron-case.js";
import type { Rung } from "./rung.js";

/** Integer neurons against a recording: current u, potential v and spike of every neuron, at the end of every timestep. */

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
  /** What the synapses deliver in this timestep. */
  readonly input: number;
  /** As compared with v: mantissa * 2^6. */
  readonly threshold: number;
}

export interface NeuronReplay {
  /** Agreement counts (neuron, timestep) pairs in which u, v and spike are all equal. */
  readonly layers: readonly LayerAgreement[];
  readonly first?: StateDifference;
}

type Recording = Pick<NeuronCase, "network" | "input" | "layers">;

/** One layer in one timestep of a run. */
interface LayerMoment {
  readonly layer: number;
  readonly timestep: number;
  readonly input: Slot;
  readonly spikes: Slot;
  readonly before: OpState | undefined;
  readonly after: OpState;
}

/**
 * Runs a net one timestep at a time, so that u and v can be read off the state that is handed over. Teacher-forced: what a layer
 * hands on are the recorded spikes.
 */
function* moments(recorded: Recording, net: Net, forced: boolean): Generator<LayerMoment> {
  const { timesteps, layers } = recorded.network;
  const { net: single } = retime(net, 1);
  if (single === undefined) throw internalError("a net of neurons and delays cannot be re-timed");
  const layerOf = new Map(layers.map(({ name }, i) => [name, i]));
  const width = recorded.input.length / timesteps;
  let state: NetState = new Map();
  for (let timestep = 0; timestep < timesteps; timestep++) {
    const computed = new Map<string, Slot>();
    const input = Array.from({ length: width }, (_, i) => recorded.input[timestep * width + i]!);
    const run = evaluate(single, new Map([["x", input]]), {
      state,
      intercept: (op, slot) => {
        const layer = layerOf.get(op.layer?.name ?? "");
        if (layer === undefined) return slot;
        computed.set(op.result, slot);
        return forced ? slot.map((_, n) => recorded.layers[layer]!.spikes[timestep * slot.length + n]!) : slot;
      },
    });
    for (const { result, operands, layer: identity } of single.ops) {
      if (identity === undefined) continue;
      const layer = layerOf.get(identity.name);
      const after = run.state.get(result);
      const spikes = computed.get(result);
      const [current] = run.values.get(operands[0] ?? "") ?? [];
      if (layer === undefined || after === undefined || spikes === undefined || current === undefined) {
        throw internalError(`%${result} is no neuron of a recorded layer`);
      }
      yield { layer, timestep, input: current, spikes, before: state.get(result), after };
    }
    state = run.state;
  }
}

/** Compares every state of a run of `net` with a recording; the net has the recorded layers, though not always their parameters. */
export function replayNeurons(recorded: Recording, net: Net, options: { readonly forced: boolean }): NeuronReplay {
  const { layers } = recorded.network;
  const counts = layers.map((): Count => ({ spikes: 0, compared: 0, mismatches: 0 }));
  let first: StateDifference | undefined;
  for (const { layer: i, timestep, input, spikes, before, after } of moments(recorded, net, options.forced)) {
    const layer = layers[i]!;
    const count = counts[i]!;
    for (let neuron = 0; neuron < layer.neurons; neuron++) {
      const expected = recordedState(recorded.layers[i]!, timestep * layer.neurons + neuron);
      const computed = { u: after["u"]![neuron]!, v: after["v"]![neuron]!, spike: spikes[neuron]! };
      count.compared++;
      count.spikes += expected.spike;
      if (computed.u === expected.u && computed.v === expected.v && computed.spike === expected.spike) continue;
      count.mismatches++;
      first ??= {
        layer: layer.name,
        timestep,
        neuron,
        recorded: expected,
        computed,
        before: { u: before?.["u"]?.[neuron] ?? 0, v: before?.["v"]?.[neuron] ?? 0 },
        input: input[neuron]!,
        threshold: layer.vTh * 64,
      };
    }
  }
  const agreements = layers.map(({ name }, i) => agreementOf(name, counts[i]!));
  return { layers: agreements, ...(first === undefined ? {} : { first }) };
}

interface Count {
  spikes: number;
  compared: number;
  mismatches: number;
}

function recordedState({ u, v, spikes }: RecordedNeurons, at: number): NeuronState {
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
  return [
    `first difference: ${at.layer}, timestep ${at.timestep}, neuron ${at.neuron}`,
    `recorded ${side(at.recorded)}`,
    `computed ${side(at.computed)}`,
    `both before u = ${at.before.u}, v = ${at.before.v}, input ${at.input}, threshold ${at.threshold}`,
  ].join("; ");
}

/** The rungs of a recorded case of integer neurons. */
export function runNeuronLadder(recorded: NeuronCase, onRung: (rung: Rung) => void = () => {}): readonly Rung[] {
  const { network, net } = recorded;
  const sizes = [network.layers[0]?.inputs, ...network.layers.map(({ neurons }) => neurons)].join("-");
  const imported: Rung = {
    name: "import",
    status: "passed",
    detail: `${network.profile}, ${net.ops.length} ops, ${sizes} neurons, ${network.timesteps} timesteps`,
    layers: [],
  };
  onRung(imported);
  const replayed = [true, false].map((forced) => {
    const rung = replayRung(recorded, forced);
    onRung(rung);
    return rung;
  });
  return [imported, ...replayed];
}

function replayRung(recorded: NeuronCase, forced: boolean): Rung {
  const { layers, first } = replayNeurons(recorded, recorded.net, { forced });
  const what = `u, v, spikes of ${layers.length} ${layers.length === 1 ? "layer" : "layers"} x ${recorded.network.timesteps} timesteps`;
  const wrong = layers.reduce((sum, { mismatches }) => sum + mismatches, 0);
  const spikes = layers.reduce((sum, layer) => sum + layer.spikes, 0);
  const detail = [
    first === undefined ? `${what} equal` : `${what}: ${wrong.toLocaleString("en-US")} neuron states differ`,
    `${spikes.toLocaleString("en-US")} spikes`,
    `layer inputs: ${forced ? "recorded" : "computed"}`,
    ...(first === undefined ? [] : [differenceText(first)]),
  ];
  const name = `recorded, ${forced ? "teacher-forced" : "free-running"}`;
  return { name, status: first === undefined ? "passed" : "failed", detail: detail.join("; "), layers };
}
