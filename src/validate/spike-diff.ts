import { stateAt, type NeuronState, type ProbeRecord } from "../sim/probes.js";
import { probeFromJson, unpackSpikes } from "../sim/recording.js";
import { placeOf, type Compartment } from "../sim/loihi/places.js";
import { membraneAt } from "../sim/loihi/probes.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import type { RecordedCase } from "./recorded-case.js";

/** Where two recordings of a network's spikes part: runs of the chip with recorded spikes, or recorded cases. */

export interface SpikeLayer {
  readonly name: string;
  readonly positions: number;
  readonly channels: number;
  /** 0 or 1, [timesteps, positions, channels] of one sample. */
  spikes(sample: number): Uint8Array;
}

/** What is known of a neuron in a timestep. */
export interface KnownState extends Partial<NeuronState> {
  /** Of a step-by-step chip: the current, and which compartment computes the neuron; tile and slot say where its core is. */
  readonly u?: number;
  readonly place?: Compartment & { readonly tile: number; readonly slot: number };
}

export interface SpikeRecording {
  readonly samples: number;
  readonly timesteps: number;
  /** In network order. */
  readonly layers: readonly SpikeLayer[];
  /** What is known of one neuron (position * channels + channel) beside its spike. */
  state(layer: string, sample: number, timestep: number, neuron: number): KnownState;
}

/** A run as a recording; undefined where its samples have no spikes, or spikes of other sizes than their layers. */
export function recordingOfRun(run: RunFile | LoihiRunFile): SpikeRecording | undefined {
  const { timesteps, samples } = run;
  const unpacked = samples.map(({ spikes }) =>
    spikes?.map((layer) => ({ ...layer, map: unpackSpikes(layer, timesteps) })),
  );
  const [first] = unpacked;
  if (first === undefined) return undefined;
  const sameLayers = unpacked.every(
    (layers) =>
      layers?.length === first.length &&
      layers.every(({ layer, map }, i) => layer === first[i]!.layer && map?.length === first[i]!.map?.length),
  );
  if (!sameLayers || first.some(({ map }) => map === undefined)) return undefined;
  return {
    samples: samples.length,
    timesteps,
    layers: first.map(({ layer: name, positions, channels }, i) => ({
      name,
      positions,
      channels,
      spikes: (sample) => unpacked[sample]![i]!.map!,
    })),
    state: "target" in run ? statesOnSteps(run) : statesOnLayers(run),
  };
}

/** What probes of a layer-by-layer chip saw. */
function statesOnLayers({ samples }: RunFile): SpikeRecording["state"] {
  const probes = samples.map((sample): readonly ProbeRecord[] => (sample.probes ?? []).map(probeFromJson));
  return (layer, sample, timestep, neuron) => {
    const states = (probes[sample] ?? [])
      .filter((record) => record.layer === layer)
      .map((record) => stateAt(record, timestep, neuron));
    return states.find((state) => state !== undefined) ?? {};
  };
}

/** What probes of a step-by-step chip saw, and where neurons lie. */
function statesOnSteps({ samples, layers, cores }: LoihiRunFile): SpikeRecording["state"] {
  return (name, sample, timestep, neuron) => {
    const states = (samples[sample]?.probes ?? [])
      .filter((probe) => probe.layer === name)
      .map((probe) => membraneAt(probe, timestep, neuron));
    const state = states.find((candidate) => candidate !== undefined);
    const compartment = placeOf(layers.find((layer) => layer.name === name)?.places ?? [], neuron);
    const core = compartment && cores[compartment.core];
    const place = core && { ...compartment, tile: core.tile, slot: core.slot };
    return { ...state, ...(place && { place }) };
  };
}

/** A recorded case as a recording; of potentials it knows the thresholds. */
export function recordingOfCase(recorded: RecordedCase): SpikeRecording {
  const thresholds = new Map(recorded.layers.map(({ name, vTh }) => [name, vTh]));
  return {
    samples: recorded.samples,
    timesteps: recorded.timesteps,
    layers: recorded.layers.map(({ name, positions, channels, spikes }) => {
      const size = recorded.timesteps * positions * channels;
      const of = (sample: number): Uint8Array => spikes.subarray(sample * size, (sample + 1) * size);
      return { name, positions, channels, spikes: of };
    }),
    state: (layer) => {
      const threshold = thresholds.get(layer);
      return threshold === undefined ? {} : { threshold };
    },
  };
}

/** The first spike that only one side has. */
export interface FirstDifference {
  readonly sample: number;
  readonly layer: string;
  readonly timestep: number;
  readonly position: number;
  readonly channel: number;
  /** `spike` always, the rest where it is known. */
  readonly sides: readonly [KnownState, KnownState];
}

export interface SpikeDifference {
  /** Samples compared: those that both sides have. */
  readonly samples: number;
  /** Layers that both have in one size, in network order, with the number of spikes that differ over all samples. */
  readonly layers: readonly { readonly name: string; readonly compared: number; readonly differ: number }[];
  /** Layers that cannot be compared, and why. */
  readonly apart: readonly { readonly name: string; readonly why: "first only" | "second only" | "other size" }[];
  /** First by sample, then by layer in network order, timestep and neuron. */
  readonly first: FirstDifference | undefined;
}

/** Compares two recordings of the same number of timesteps. */
export function diffSpikes(a: SpikeRecording, b: SpikeRecording): SpikeDifference {
  const samples = Math.min(a.samples, b.samples);
  const other = new Map(b.layers.map((layer) => [layer.name, layer]));
  const names = new Set(a.layers.map(({ name }) => name));
  const apart: SpikeDifference["apart"][number][] = [];
  const pairs: { readonly left: SpikeLayer; readonly right: SpikeLayer; differ: number }[] = [];
  for (const left of a.layers) {
    const right = other.get(left.name);
    if (right === undefined) apart.push({ name: left.name, why: "first only" });
    else if (right.positions !== left.positions || right.channels !== left.channels)
      apart.push({ name: left.name, why: "other size" });
    else pairs.push({ left, right, differ: 0 });
  }
  for (const { name } of b.layers) if (!names.has(name)) apart.push({ name, why: "second only" });
  let first: FirstDifference | undefined;
  for (let sample = 0; sample < samples; sample++) {
    for (const pair of pairs) {
      const [x, y] = [pair.left.spikes(sample), pair.right.spikes(sample)];
      for (let i = 0; i < x.length; i++) {
        if (x[i] === y[i]) continue;
        pair.differ++;
        first ??= locate(a, b, pair.left, sample, i, [x[i]!, y[i]!]);
      }
    }
  }
  const layers = pairs.map(({ left, differ }) => {
    const compared = samples * a.timesteps * left.positions * left.channels;
    return { name: left.name, compared, differ };
  });
  return { samples, layers, apart, first };
}

function locate(
  a: SpikeRecording,
  b: SpikeRecording,
  { name, positions, channels }: SpikeLayer,
  sample: number,
  element: number,
  spikes: readonly [number, number],
): FirstDifference {
  const timestep = Math.floor(element / (positions * channels));
  const neuron = element % (positions * channels);
  const side = (of: SpikeRecording, spike: number): KnownState => ({
    ...of.state(name, sample, timestep, neuron),
    spike,
  });
  return {
    sample,
    layer: name,
    timestep,
    position: Math.floor(neuron / channels),
    channel: neuron % channels,
    sides: [side(a, spikes[0]), side(b, spikes[1])],
  };
}
