import fc from "fast-check";
import type { AttentionCore, Group, LoihiInput, LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import type { LoihiChip } from "../../../src/chips/loihi.js";
import { Random } from "../../support/random.js";
import {
  chip,
  group,
  neuroCore,
  packRoutes,
  type AxonEntry,
  type Route,
  type Synapse,
  type SynapseList,
} from "./build.js";

/** Random programs of the step-by-step chip on random chips, with inputs: small, but of everything that the machine can do. */

export interface LoihiCase {
  readonly program: LoihiProgram;
  readonly inputs: ReadonlyMap<string, Int32Array>;
}

/** Cases by seed; with a profile, of it alone. */
export const loihiCases = (profile?: Profile): fc.Arbitrary<LoihiCase> =>
  fc.nat().map((seed) => randomLoihiCase(seed, profile));

export function randomLoihiCase(seed: number, profile?: Profile): LoihiCase {
  return new Generator(new Random(seed), profile).generate();
}

type Profile = LoihiChip["numerics"]["profile"];

/** Payloads grow from relay to relay; this many bits hold all that these programs can send. */
const GRADED_BITS = 30;

function randomTimes(random: Random, formats: readonly string[]): LoihiChip["time"] {
  const unit = random.pick([1, 7, 50, 100, 333, 1000]);
  // Few different times make many arrivals equal.
  const most = random.pick([1, 3, 20, 20]);
  const time = (): number => (random.chance(0.08) ? 0 : unit * random.int(1, most));
  // Fast neurons fill the queues behind them.
  const fast = random.chance(0.5);
  const ofNeurons = (): number => (fast ? unit * random.int(0, 1) : time());
  return {
    neuronAccess: ofNeurons(),
    neuronUpdate: ofNeurons(),
    spikeOut: ofNeurons(),
    messageOut: ofNeurons(),
    injection: ofNeurons(),
    injectionHop: time(),
    link: time(),
    hopX: time(),
    hopY: time(),
    chipLink: time(),
    chipHop: time(),
    messageIn: time(),
    synapse: Object.fromEntries(formats.map((name) => [name, time()])),
    hostInput: time(),
    attention: time(),
    barrier: Object.fromEntries([1, 2, 3, 5, 9].filter((n) => n === 1 || random.chance(0.6)).map((n) => [n, time()])),
  };
}

const ANY_PROFILE: readonly Profile[] = ["loihi", "loihi", "nengo", "lava", "brian2", "truenorth"];

function randomChip(random: Random, profile = random.pick(ANY_PROFILE)): LoihiChip {
  const formats = Array.from({ length: random.int(1, 3) }, (_, i) => ({
    name: `format${i}`,
    weightBits: random.int(1, 9),
    indexBits: random.pick([0, 6, 10]),
    delayBits: random.pick([0, 1, 3, 6]),
    tagBits: 0,
    blockSynapses: random.int(1, 64),
    headerBits: random.int(0, 16),
    shared: random.chance(0.6),
  }));
  return chip({
    synapseFormats: formats,
    mesh: {
      tilesX: random.int(1, 3),
      tilesY: random.int(1, 3),
      coresPerTile: random.int(2, 3),
      chipsX: random.pick([1, 1, 2, 3]),
      chipsY: random.pick([1, 1, 2]),
      queueMessages: random.int(1, 4),
    },
    numerics: {
      profile,
      maxDelay: random.pick([1, 3, 63]),
      stateBits: profile === "truenorth" ? random.pick([4, 9, 20, 32]) : 24,
      gradedBits: profile !== "truenorth" && random.chance(0.7) ? GRADED_BITS : 0,
    },
    ...(random.chance(0.5)
      ? { attention: { cores: 1, lanes: random.int(1, 5), mode: random.pick(["pipelined", "lockstep"]) } }
      : {}),
    time: randomTimes(
      random,
      formats.map(({ name }) => name),
    ),
  });
}

interface Place {
  readonly tile: number;
  readonly slot: number;
}

/** Slots of neuro-cores and of attention cores; these take the last of each chip. */
function places({ mesh, attention }: LoihiChip): { neuro: Place[]; attention: Place[] } {
  const found: { neuro: Place[]; attention: Place[] } = { neuro: [], attention: [] };
  const perChip = mesh.tilesX * mesh.tilesY * mesh.coresPerTile;
  const width = mesh.tilesX * mesh.chipsX;
  for (let c = 0; c < mesh.chipsX * mesh.chipsY; c++) {
    const [x0, y0] = [(c % mesh.chipsX) * mesh.tilesX, Math.floor(c / mesh.chipsX) * mesh.tilesY];
    for (let i = 0; i < perChip; i++) {
      const local = Math.floor(i / mesh.coresPerTile);
      const [x, y] = [x0 + (local % mesh.tilesX), y0 + Math.floor(local / mesh.tilesX)];
      const kind = i >= perChip - (attention?.cores ?? 0) ? "attention" : "neuro";
      found[kind].push({ tile: y * width + x, slot: i % mesh.coresPerTile });
    }
  }
  return found;
}

/** An axon of a neuro-core while it is built. `rank` is the lowest of the relay populations that it reaches. */
interface Axon {
  readonly entries: readonly AxonEntry[];
  readonly rank: number;
}

/** A list while it is built; `small` weights may go to relays. */
interface GrowingList extends SynapseList {
  readonly small: boolean;
  uses: number;
}

interface GrowingCore {
  readonly place: Place;
  readonly groups: Group[];
  /** By compartment: its relay population, or Infinity. */
  readonly ranks: number[];
  readonly axons: Axon[];
  readonly lists: GrowingList[];
}

class Generator {
  private readonly chip: LoihiChip;
  private readonly timesteps: number;
  private readonly chunk: number;
  private readonly populations: { name: string; layer: number; neurons: number; start: number }[] = [];
  private readonly kinds: ("neuron" | "relay" | "attention")[] = [];
  private readonly neuroCores: GrowingCore[];
  private readonly attentionCores: Omit<AttentionCore, "routes">[] = [];

  constructor(
    private readonly random: Random,
    profile?: Profile,
  ) {
    this.chip = randomChip(random, profile);
    this.chunk = random.int(1, 3);
    this.timesteps = this.chunk * random.int(1, 3);
    const free = random.shuffle(places(this.chip).neuro);
    const cores = Math.max(1, Math.min(free.length, random.int(1, 10)));
    this.neuroCores = free.slice(0, cores).map((place) => ({ place, groups: [], ranks: [], axons: [], lists: [] }));
  }

  generate(): LoihiCase {
    const { random, chip: description } = this;
    const graded = description.numerics.gradedBits > 0;
    for (let i = random.int(1, 5); i > 0; i--) this.addPopulation("neuron");
    if (graded) for (let i = random.int(0, 2); i > 0; i--) this.addPopulation("relay");
    if (graded && description.attention !== undefined) this.addAttention();

    const used = this.neuroCores.filter(({ groups }) => groups.length > 0);
    this.neuroCores.splice(0, this.neuroCores.length, ...used);
    const inputs = Array.from({ length: random.int(1, 3) }, (_, i) => this.input(i));
    const routes = this.neuroCores.map(({ groups, ranks }) =>
      groups.flatMap(({ kind, neurons }, g) =>
        Array.from(neurons, (_, n) => this.routesOf(kind === "relay" ? ranks[groups[g]!.first + n]! : -1, kind)),
      ),
    );
    const attentionRoutes = this.attentionCores.map(({ tokens, heads, headDim }) =>
      Array.from({ length: tokens * heads * headDim }, () => this.routesOf(-1, "attention")),
    );
    const cores = [
      ...this.neuroCores.map(({ place, groups, axons, lists }, i) =>
        neuroCore({ ...place, groups, axons: axons.map(({ entries }) => entries), lists, routes: routes[i]! }),
      ),
      ...this.attentionCores.map((core, i) => ({ ...core, routes: packRoutes(attentionRoutes[i]!) })),
    ];
    const ends = this.populations.map(
      ({ start }, i) => start + this.timesteps + (this.kinds[i] === "attention" ? this.chunk : 0),
    );
    const program: LoihiProgram = {
      name: "random",
      target: "loihi",
      chip: description,
      timesteps: this.timesteps,
      // An input may come too late to matter, but not behind the end.
      steps: Math.max(...ends, ...inputs.map(({ input }) => input.start)) + random.int(0, 2),
      layers: this.populations.map(({ neurons }, i) => ({
        name: `layer${i}`,
        kind: this.kinds[i]!,
        recorded: this.kinds[i] === "neuron" && random.chance(0.7),
        positions: 1,
        channels: neurons,
      })),
      populations: this.populations,
      cores,
      inputs: inputs.map(({ input }) => input),
      outputs: this.populations.flatMap(({ neurons }, population) =>
        this.kinds[population] === "neuron" ? [{ name: `output${population}`, population, shape: [neurons] }] : [],
      ),
      host: {},
      notes: [],
    };
    return { program, inputs: new Map(inputs.map(({ input, values }) => [input.name, values])) };
  }

  /** Neurons in groups all over the cores. */
  private addPopulation(kind: "neuron" | "relay"): void {
    const { random } = this;
    const population = this.populations.length;
    const neurons = random.int(1, 14);
    // Some share a layer with the population before.
    const layer = random.chance(0.2) ? Math.max(0, population - 1) : population;
    this.populations.push({ name: `population${population}`, layer, neurons, start: random.int(0, 3) });
    this.kinds.push(kind);
    const left = random.shuffle(Array.from({ length: neurons }, (_, i) => i));
    while (left.length > 0) {
      const core = random.pick(this.neuroCores);
      const members = left.splice(0, random.int(1, left.length));
      core.groups.push(this.group(population, core.ranks.length, members, kind));
      for (const _ of members) core.ranks.push(kind === "relay" ? population : Infinity);
    }
  }

  private group(population: number, first: number, neurons: readonly number[], kind: Group["kind"]): Group {
    const { random } = this;
    const { profile } = this.chip.numerics;
    if (profile === "truenorth") return this.crossbarGroup(population, first, neurons);
    const most = profile === "brian2" ? 4096 : 4095;
    const decay = (): number => random.pick([0, most, random.int(0, most), random.int(0, 300)]);
    const perNeuron = (value: () => number): Int32Array => Int32Array.from(neurons, value);
    const unclipped = random.chance(0.5) || profile === "lava";
    return {
      population,
      first,
      neurons: Int32Array.from(neurons),
      kind,
      decayU: decay(),
      decayV: decay(),
      refractory: profile === "lava" ? 1 : random.pick([1, 1, 2, 3, 63]),
      vMin: unclipped ? -(2 ** 23) + 1 : random.pick([0, -1, -1000]),
      vMax: unclipped ? 2 ** 23 - 1 : random.pick([511, 2 ** 13 - 1]),
      currentShift: profile === "lava" ? random.int(-7, 1) : 0,
      threshold: perNeuron(() => 64 * random.pick([0, 0, 1, 2, 10, random.int(0, 300)])),
      bias: perNeuron(() => (profile === "brian2" || random.chance(0.6) ? 0 : random.int(-4096, 4095))),
    };
  }

  /** Numbers up to where states wrap, few of them far from 0. */
  private crossbarGroup(population: number, first: number, neurons: readonly number[]): Group {
    const { random } = this;
    const half = 2 ** (this.chip.numerics.stateBits - 1);
    const few = Math.min(half - 1, 20);
    const number = (): number => random.pick([0, 0, random.int(-few, few), random.int(-half, half - 1)]);
    const threshold = (): number => random.pick([0, 1, random.int(-few, few), random.int(0, half - 1)]);
    return {
      ...group(population, first, neurons),
      crossbar: {
        negativeThreshold: random.pick([0, -1, -few, random.int(-half, half - 1)]),
        reset: random.pick(["absolute", "linear"]),
        resetPotential: random.pick([0, number(), -half]),
      },
      threshold: Int32Array.from(neurons, threshold),
      bias: Int32Array.from(neurons, number),
    };
  }

  /** One layer of attention on one or more cores, by heads. */
  private addAttention(): void {
    const { random, chip: description } = this;
    const free = random.shuffle(places(description).attention);
    const [headDim, tokens] = [random.int(1, 6), random.int(1, 3)];
    const population = this.populations.length;
    let firstChannel = 0;
    for (const place of free.slice(0, random.int(1, 2))) {
      const heads = random.int(1, 2);
      this.attentionCores.push({
        kind: "attention",
        ...place,
        population,
        heads,
        headDim,
        tokens,
        chunk: this.chunk,
        firstChannel,
      });
      firstChannel += heads * headDim;
    }
    const start = random.int(1, 3);
    this.populations.push({ name: "attention", layer: population, neurons: tokens * firstChannel, start });
    this.kinds.push("attention");
  }

  private input(index: number): { input: LoihiInput; values: Int32Array } {
    const { random, timesteps } = this;
    const graded = this.chip.numerics.gradedBits > 0 && random.chance(0.5);
    const shape = random.pick([[random.int(1, 8)], [2, random.int(1, 2), random.int(1, 3)]]);
    const elements = shape.reduce((product, n) => product * n, 1);
    const density = random.pick([0.1, 0.5, 0.9]);
    const value = (): number => (!random.chance(density) ? 0 : graded ? random.int(-100, 100) : 1);
    const routes = Array.from({ length: elements }, () => this.routesOf(-1, graded ? "relay" : "neuron"));
    return {
      input: {
        name: `input${index}`,
        format: graded ? "graded" : "spike",
        shape,
        start: random.int(0, 3),
        routes: packRoutes(routes),
      },
      values: Int32Array.from({ length: timesteps * elements }, value),
    };
  }

  /** At most one route per core. Only spikes go to attention cores; relays of rank r reach relays behind them alone. */
  private routesOf(rank: number, sender: "neuron" | "relay" | "attention"): Route[] {
    const { random } = this;
    const neuro = this.neuroCores.map((_, i) => i);
    const others = sender === "neuron" ? this.attentionCores.map((_, i) => neuro.length + i) : [];
    const targets = random.shuffle([...neuro, ...others]).slice(0, random.int(0, 6));
    return targets.map((core) => {
      const attention = this.attentionCores[core - neuro.length];
      if (attention === undefined) return { core, axon: this.axon(this.neuroCores[core]!, rank) };
      return { core, axon: random.int(0, 3 * attention.tokens * attention.heads * attention.headDim - 1) };
    });
  }

  /** An axon of a core, new or shared with other senders. */
  private axon(core: GrowingCore, rank: number): number {
    const { random } = this;
    const old = core.axons.flatMap((axon, i) => (axon.rank > rank ? [i] : []));
    if (old.length > 0 && random.chance(0.4)) return random.pick(old);
    const entries: AxonEntry[] = [];
    let lowest = Infinity;
    for (let i = random.pick([0, 1, 1, 1, 2, 3]); i > 0; i--) {
      const list = this.list(core);
      const { synapses, small } = core.lists[list]!;
      const span = 1 + Math.max(0, ...synapses.map(({ target }) => target));
      const base = random.int(0, core.ranks.length - span);
      const reached = Math.min(Infinity, ...synapses.map(({ target }) => core.ranks[base + target]!));
      if (reached < Infinity && (!small || reached <= rank)) continue;
      core.lists[list]!.uses++;
      entries.push({ list, base });
      lowest = Math.min(lowest, reached);
    }
    core.axons.push({ entries, rank: lowest });
    return core.axons.length - 1;
  }

  /** A list of a core, new or one that may be shared. */
  private list(core: GrowingCore): number {
    const { random, chip: description } = this;
    const formats = description.synapseFormats;
    const open = core.lists.flatMap(({ format, uses }, i) => (uses === 0 || formats[format]!.shared ? [i] : []));
    if (open.length > 0 && random.chance(0.5)) return random.pick(open);
    const format = random.int(0, formats.length - 1);
    const { indexBits, delayBits } = formats[format]!;
    const compartments = core.ranks.length;
    const small = random.chance(0.4);
    const furthest = Math.min(description.numerics.maxDelay, 2 ** delayBits);
    const first = random.int(0, compartments - 1);
    const consecutive = Array.from({ length: random.int(0, compartments - first) }, (_, i) => first + i);
    const scattered = Array.from({ length: random.int(0, compartments) }, () => random.int(0, compartments - 1));
    const synapses = (indexBits === 0 ? consecutive : scattered).map((target): Synapse => ({
      target,
      weight: this.weight(small),
      delay: random.pick([1, 1, furthest, random.int(1, furthest)]),
    }));
    core.lists.push({ format, synapses, small, uses: 0 });
    return core.lists.length - 1;
  }

  /** Up to where 21 and 23 bits wrap, where the profile wraps. */
  private weight(small: boolean): number {
    const { random } = this;
    if (small) return random.int(-3, 3);
    const wraps = !["lava", "brian2"].includes(this.chip.numerics.profile);
    const most = random.pick(wraps ? [255, 256 * 64, 2 ** 20] : [64, 255]);
    return random.int(-most / 2, most);
  }
}
