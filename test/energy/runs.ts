import fc from "fast-check";
import { loihiRunSchema, type LoihiRunFile } from "../../src/sim/loihi/run-file.js";
import { LOIHI_EVENTS } from "../../src/sim/loihi/result.js";
import { EVENTS } from "../../src/sim/layerwise/result.js";
import { runFileSchema, type RunFile } from "../../src/sim/run-file.js";

/** Runs with any counts, and parts of runs: the same run with some of its counts set to 0. */

export type LayerwiseLayer = RunFile["layers"][number];
export type LoihiLayer = LoihiRunFile["layers"][number];

export function layerwiseRun(layers: readonly LayerwiseLayer[], samples = 1, seconds = 2e-9): RunFile {
  const states = { busy: 1, port: 0, dram: 0, token: 0, queue: 0, idle: 0 };
  return runFileSchema.parse({
    format: "spikec-run",
    version: 1,
    program: "test",
    timesteps: 2,
    chip: {
      name: "chip",
      clockHz: 5e8,
      memories: {
        spike: { bytes: 8192, wordBytes: 32 },
        weight: { bytes: 1 << 20, wordBytes: 256 },
        data: { bytes: 32768, wordBytes: 256 },
      },
    },
    cycles: 1,
    seconds,
    engines: { load: states, accumulate: states, fire: states, attend: states, vector: states, store: states },
    layers,
    samples: Array.from({ length: samples }, (_, i) => ({
      name: String(i),
      cycles: 1,
      predicted: null,
      label: null,
      outputs: {},
    })),
  });
}

/** A chip of 4 chips and 8 lanes, all of whose own figures are `prices`, pJ, else 0. */
export function loihiRun(
  layers: readonly LoihiLayer[],
  prices: Readonly<Record<string, number>> = {},
  synapse: Readonly<Record<string, number>> = { dense: 0, sparse: 0 },
  staticPerChip = 0,
): LoihiRunFile {
  const events =
    "neuronAccess neuronUpdate spikeOut messageOut messageIn withinTile hopX hopY chipHop hostInput attention barrier";
  const zero = Object.fromEntries(events.split(" ").map((name) => [name, 0]));
  const sample = { name: "0", time: 1, predicted: 0, label: null, outputs: {} };
  return loihiRunSchema.parse({
    format: "spikec-run",
    version: 1,
    target: "loihi",
    program: "p",
    timesteps: 2,
    steps: 2,
    barriers: 3,
    chip: { name: "c", chips: 4, lanes: 8, energy: { ...zero, ...prices, synapse, staticPerChip } },
    seconds: 0.5,
    stepTimes: [1, 1],
    neuronTimes: [1, 1],
    layers,
    cores: [],
    links: [],
    host: { ops: [], crossings: [] },
    samples: [sample, sample],
  });
}

const anyCount = fc.integer({ min: 0, max: 1e6 });
const perStep = fc.tuple(anyCount, anyCount).map((counts) => [...counts]);
const events = <K extends string>(names: readonly K[]): fc.Arbitrary<Record<K, number[]>> =>
  fc
    .array(perStep, { minLength: names.length, maxLength: names.length })
    .map((counts) => Object.fromEntries(names.map((name, i) => [name, counts[i]!])) as Record<K, number[]>);
const accesses = fc.record({ reads: anyCount, writes: anyCount });

export const anyLayerwiseLayer: fc.Arbitrary<LayerwiseLayer> = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  kind: fc.constantFrom("synapse.dense", "tokens.score"),
  events: events(EVENTS),
  accesses: fc.record({ spike: accesses, weight: accesses, data: accesses }),
  dram: fc.record({ read: anyCount, written: anyCount }),
});

/** Only compartments that are accessed can be updated. */
export const anyLoihiLayer: fc.Arbitrary<LoihiLayer> = fc
  .record({
    name: fc.constantFrom("a", "b", "c"),
    kind: fc.constant("neuron.loihi"),
    events: events(LOIHI_EVENTS),
    synapses: fc.record({ dense: perStep, sparse: perStep }),
  })
  .map((layer) => {
    const access = layer.events.access.map((n, step) => n + layer.events.update[step]!);
    return { ...layer, events: { ...layer.events, access } };
  });

/** The counts that `keep` keeps, by name and timestep; those that are not counted by timestep have none. */
export function partOfLayerwise(
  layer: LayerwiseLayer,
  keep: (what: string, timestep: number | undefined) => boolean,
): LayerwiseLayer {
  const { spike, weight, data } = layer.accesses;
  const only = (what: string, n: number): number => (keep(what, undefined) ? n : 0);
  const memory = (name: string, { reads, writes }: typeof spike) => ({
    reads: only(name, reads),
    writes: only(name, writes),
  });
  return {
    ...layer,
    events: Object.fromEntries(
      EVENTS.map((name) => [name, layer.events[name].map((n, t) => (keep(name, t) ? n : 0))]),
    ) as LayerwiseLayer["events"],
    accesses: { spike: memory("spike", spike), weight: memory("weight", weight), data: memory("data", data) },
    dram: { read: only("dram", layer.dram.read), written: only("dram", layer.dram.written) },
  };
}

export function partOfLoihi(layer: LoihiLayer, keep: (what: string, step: number) => boolean): LoihiLayer {
  const only = (what: string, counts: readonly number[]): number[] => counts.map((n, t) => (keep(what, t) ? n : 0));
  return {
    ...layer,
    events: Object.fromEntries(
      LOIHI_EVENTS.map((name) => [name, only(name, layer.events[name])]),
    ) as LoihiLayer["events"],
    synapses: Object.fromEntries(Object.entries(layer.synapses).map(([name, n]) => [name, only(name, n)])),
  };
}
