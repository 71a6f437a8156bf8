import type { Group, LoihiInput, LoihiProgram, NeuroCore, Routes } from "../src/backends/program/loihi/program.js";
import { loihiChipSchema, type LoihiChip } from "../src/chips/loihi.js";
import { Random } from "../test/support/random.js";

/**
 * An event-camera network on 128 cores, as large as SANA-FE's DVS gesture example and as busy: convolutions over 32 x 32 events of two
 * polarities, seeded weights, rates set by the thresholds. Every core holds two rows of some channels, so a spike goes to about ten cores.
 */

const SEED = 7;
export const TIMESTEPS = 1000;
const EVENT_RATE = 0.05;
/** Compartments of a core lie [rows, columns, channels]; so many rows of a map are in one core. */
const ROWS = 2;

interface Convolution {
  readonly name: string;
  /** Input and output. */
  readonly from: MapShape;
  readonly to: MapShape;
  readonly kernel: number;
  readonly stride: number;
  /** Channels of one core. */
  readonly channels: number;
  /** In units of 2^6, as weights. */
  readonly threshold: number;
}

interface MapShape {
  readonly side: number;
  readonly channels: number;
}

const PIXELS: MapShape = { side: 32, channels: 2 };
const FIRST: MapShape = { side: 32, channels: 6 };
const SECOND: MapShape = { side: 16, channels: 24 };
const THIRD: MapShape = { side: 8, channels: 64 };

const LAYERS: readonly Convolution[] = [
  { name: "conv1", from: PIXELS, to: FIRST, kernel: 3, stride: 1, channels: 2, threshold: 740 },
  { name: "conv2", from: FIRST, to: SECOND, kernel: 5, stride: 2, channels: 4, threshold: 11_500 },
  { name: "conv3", from: SECOND, to: THIRD, kernel: 3, stride: 2, channels: 8, threshold: 12_000 },
];

/** The first generation of Loihi, with the times that SANA-FE fitted to it (arch/loihi.yaml); ports and links as fast as a router. */
const CHIP: LoihiChip = loihiChipSchema.parse({
  name: "bench",
  target: "loihi",
  description: "128 cores on a mesh",
  mesh: { tilesX: 8, tilesY: 4, coresPerTile: 4, chipsX: 1, chipsY: 1, queueMessages: 16 },
  core: {
    compartments: 1024,
    inputAxons: 4096,
    outputAxons: 4096,
    synapseBits: 2 ** 20,
    wordBits: 64,
    compartmentConfigs: 32,
    thresholdConfigs: 8,
    synapseFormats: 8,
  },
  synapseFormats: [
    {
      name: "convolution",
      weightBits: 8,
      indexBits: 10,
      delayBits: 0,
      tagBits: 0,
      blockSynapses: 64,
      headerBits: 10,
      shared: true,
    },
  ],
  numerics: {
    profile: "loihi",
    weightExponent: [-6, 7],
    mixedSignDropsLowBit: true,
    maxDelay: 8,
    thresholdMantissaBits: 17,
    thresholdShift: 6,
    biasMantissaBits: 12,
    biasExponent: [0, 7],
    maxRefractory: 63,
    stateBits: 24,
    gradedBits: 0,
  },
  time: {
    neuronAccess: 6000,
    neuronUpdate: 3700,
    spikeOut: 30_000,
    messageOut: 5100,
    injection: 291,
    injectionHop: 2100,
    link: 291,
    hopX: 4100,
    hopY: 6500,
    chipLink: 2910,
    chipHop: 65_000,
    messageIn: 16_000,
    synapse: { convolution: 3100 },
    hostInput: 16_000,
    attention: 0,
    barrier: { 1: 600_000, 2: 1_000_000, 4: 1_400_000, 29: 1_800_000 },
  },
  energy: {
    neuronAccess: 0,
    neuronUpdate: 0,
    spikeOut: 0,
    messageOut: 0,
    messageIn: 0,
    withinTile: 0,
    hopX: 0,
    hopY: 0,
    chipHop: 0,
    synapse: { convolution: 0 },
    hostInput: 0,
    attention: 0,
    barrier: 0,
    staticPerChip: 0,
  },
  sources: {},
});

const neuronsOf = ({ side, channels }: MapShape): number => side * side * channels;

/** A core's part of a layer: rows and channels from here on. */
interface Part {
  readonly layer: number;
  readonly row: number;
  readonly channel: number;
}

/** Synapses of one core while it is built: equal lists are stored once. */
class CoreLists {
  readonly axonStart = [0];
  readonly entries: { list: number; base: number }[] = [];
  readonly listStart = [0];
  readonly target: number[] = [];
  readonly weight: number[] = [];
  private readonly known = new Map<string, number>();

  /** A new axon with one list; returns its number. */
  addAxon(synapses: readonly (readonly [target: number, weight: number])[]): number {
    const base = synapses[0]![0];
    const key = synapses.map(([target, weight]) => `${target - base}:${weight}`).join();
    let list = this.known.get(key);
    if (list === undefined) {
      list = this.listStart.length - 1;
      this.known.set(key, list);
      for (const [target, weight] of synapses) {
        this.target.push(target - base);
        this.weight.push(weight);
      }
      this.listStart.push(this.target.length);
    }
    this.entries.push({ list, base });
    this.axonStart.push(this.entries.length);
    return this.axonStart.length - 2;
  }
}

/** Where the spikes of each neuron of a map go. */
type Fanout = { core: number; axon: number }[][];

/** The program, and the events of one recording. */
export function eventCameraNetwork(): { program: LoihiProgram; inputs: ReadonlyMap<string, Uint8Array> } {
  const random = new Random(SEED);
  // Cores of all layers that see the same rows of the picture are neighbours.
  const height = ({ row, layer }: Part): number => row / LAYERS[layer]!.to.side;
  const parts = LAYERS.flatMap(({ to, channels }, layer): Part[] =>
    range(0, to.side, ROWS).flatMap((row) =>
      range(0, to.channels, channels).map((channel) => ({ layer, row, channel })),
    ),
  ).sort((a, b) => height(a) - height(b));
  const lists = parts.map(() => new CoreLists());
  const fanouts = LAYERS.map((convolution, layer) => connect(convolution, layer, parts, lists, random));
  const { coresPerTile } = CHIP.mesh;
  const cores = parts.map((part, i): NeuroCore => {
    const { to, channels, threshold } = LAYERS[part.layer]!;
    const neurons = neuronsOfPart(part, to, channels);
    const fanout = fanouts[part.layer + 1];
    const group: Group = {
      population: part.layer,
      first: 0,
      neurons: Int32Array.from(neurons),
      kind: "neuron",
      decayU: 2047,
      decayV: 128,
      refractory: 1,
      vMin: -(2 ** 23) + 1,
      vMax: 2 ** 23 - 1,
      currentShift: 0,
      threshold: new Int32Array(neurons.length).fill(64 * threshold),
      bias: new Int32Array(neurons.length),
    };
    const { axonStart, entries, listStart, target, weight } = lists[i]!;
    return {
      kind: "neuro",
      tile: Math.floor(i / coresPerTile),
      slot: i % coresPerTile,
      groups: [group],
      axons: {
        start: Int32Array.from(axonStart),
        list: Int32Array.from(entries, ({ list }) => list),
        base: Int32Array.from(entries, ({ base }) => base),
      },
      lists: {
        start: Int32Array.from(listStart),
        target: Int32Array.from(target),
        weight: Int32Array.from(weight),
        delay: new Uint8Array(target.length).fill(1),
        format: new Uint8Array(listStart.length - 1),
      },
      routes: pack(neurons.map((neuron) => fanout?.[neuron] ?? [])),
    };
  });
  const shape = [PIXELS.side, PIXELS.side, PIXELS.channels];
  const camera: LoihiInput = { name: "events", format: "spike", shape, start: 0, routes: pack(fanouts[0]!) };
  const program: LoihiProgram = {
    name: "event camera, 32 x 32",
    target: "loihi",
    chip: CHIP,
    timesteps: TIMESTEPS - LAYERS.length + 1,
    steps: TIMESTEPS,
    layers: LAYERS.map(({ name, to }) => ({
      name,
      kind: "neuron.loihi",
      recorded: true,
      positions: to.side ** 2,
      channels: to.channels,
    })),
    populations: LAYERS.map(({ name, to }, layer) => ({ name, layer, neurons: neuronsOf(to), start: layer })),
    cores,
    inputs: [camera],
    outputs: [{ name: "features", population: LAYERS.length - 1, shape: [THIRD.side, THIRD.side, THIRD.channels] }],
    host: {},
    notes: [],
  };
  const events = Uint8Array.from({ length: program.timesteps * neuronsOf(PIXELS) }, () => +random.chance(EVENT_RATE));
  return { program, inputs: new Map([["events", events]]) };
}

/** Adds the axons of a convolution to the cores of its layer; returns where the neurons in front of it send to. */
function connect(
  { from, to, kernel, stride, channels }: Convolution,
  layer: number,
  parts: readonly Part[],
  lists: readonly CoreLists[],
  random: Random,
): Fanout {
  const weights = Int32Array.from(
    { length: kernel ** 2 * from.channels * to.channels },
    () => 64 * random.int(-80, 127),
  );
  const reach = kernel >> 1;
  const fanout: Fanout = Array.from({ length: neuronsOf(from) }, () => []);
  for (let neuron = 0; neuron < fanout.length; neuron++) {
    const channel = neuron % from.channels;
    const x = Math.floor(neuron / from.channels) % from.side;
    const y = Math.floor(neuron / (from.channels * from.side));
    for (const [core, part] of parts.entries()) {
      if (part.layer !== layer) continue;
      const synapses: [number, number][] = [];
      for (let row = 0; row < ROWS; row++) {
        const ky = y - stride * (part.row + row) + reach;
        if (ky < 0 || ky >= kernel) continue;
        for (let column = 0; column < to.side; column++) {
          const kx = x - stride * column + reach;
          if (kx < 0 || kx >= kernel) continue;
          for (let c = 0; c < channels; c++) {
            const weight = weights[((ky * kernel + kx) * from.channels + channel) * to.channels + part.channel + c]!;
            synapses.push([(row * to.side + column) * channels + c, weight]);
          }
        }
      }
      if (synapses.length > 0) fanout[neuron]!.push({ core, axon: lists[core]!.addAxon(synapses) });
    }
  }
  return fanout;
}

function neuronsOfPart({ row, channel }: Part, { side, channels }: MapShape, width: number): number[] {
  return range(row, row + ROWS, 1).flatMap((y) =>
    range(0, side, 1).flatMap((x) => range(channel, channel + width, 1).map((c) => (y * side + x) * channels + c)),
  );
}

function pack(fanout: Fanout): Routes {
  const start = [0];
  for (const routes of fanout) start.push(start.at(-1)! + routes.length);
  return {
    start: Int32Array.from(start),
    core: Int32Array.from(fanout.flat(), ({ core }) => core),
    axon: Int32Array.from(fanout.flat(), ({ axon }) => axon),
  };
}

const range = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);
