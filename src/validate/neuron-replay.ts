import { internalError } from "../diagnostics/index.js";
import { evaluate, retime, type Net, type NetState, type OpState, type Slot } from "../ir/index.js";
import type { NeuronCase } from "./neuron-case.js";
import { StateTally, type StateAgreement } from "./neuron-states.js";

/** Integer neurons by the evaluator against a recording. */

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
export function replayNeurons(recorded: Recording, net: Net, options: { readonly forced: boolean }): StateAgreement {
  const tally = new StateTally(recorded);
  for (const { layer, timestep, input, spikes, before, after } of moments(recorded, net, options.forced)) {
    tally.compare(layer, timestep, { ...statesOf(after), spikes }, before && statesOf(before), input);
  }
  return tally.finish();
}

const statesOf = (state: OpState): { readonly u: Slot; readonly v: Slot } => ({ u: state["u"]!, v: state["v"]! });
