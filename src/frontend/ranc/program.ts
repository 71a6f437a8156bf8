import type {
  Group,
  InputAxons,
  LoihiInput,
  LoihiProgram,
  NeuroCore,
  Routes,
  SynapseLists,
} from "../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../chips/loihi.js";
import { rancError } from "./diagnostics.js";
import { isIdle, weightOf, type RancBench, type RancCore, type RancGrid, type RancNeuron } from "./grid.js";
import { layOut, targetOf, type RancLayout } from "./layout.js";

/** A grid on a chip, with the inputs of its test bench. */
export interface RancRun {
  readonly program: LoihiProgram;
  /** By name of the program's input, [timesteps, elements]; tick t of the bench acts in step t. */
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly layout: RancLayout;
  /** Step of the first tick of the bench's outputs. */
  readonly latency: number;
  /** Neurons that send to the output bus: where the program's outputs have them, and which axon of the bus they reach. */
  readonly senders: readonly { readonly output: string; readonly neuron: number; readonly axon: number }[];
}

/** Axons of the output bus that get a packet in a step, ascending. `outputs` are those of a run of the program. */
export function packetsAt(run: RancRun, outputs: ReadonlyMap<string, Uint8Array>, step: number): readonly number[] {
  const { neurons } = run.program.populations[0]!;
  const sent = run.senders.filter(({ output, neuron }) => outputs.get(output)![step * neurons + neuron] === 1);
  return [...new Set(sent.map(({ axon }) => axon))].sort((a, b) => a - b);
}

/**
 * The program of a grid: each core that has a working neuron in its place, neurons as compartments in their order. Throws `ranc/width`,
 * `ranc/output-bus`, `ranc/unsupported` and `ranc/chip`.
 */
export function buildProgram(grid: RancGrid, bench: RancBench, chip: LoihiChip, width?: number): RancRun {
  return new Builder(grid, bench, chip, layOut(grid, bench, width)).run();
}

const INPUT = "packets";

/** Sums up lengths: where each list begins, and the end. */
function starts(lists: readonly (readonly unknown[])[]): Int32Array {
  const start = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (start[i + 1] = start[i]! + list.length));
  return start;
}

interface Target {
  /** Of the grid. */
  readonly core: number;
  readonly axon: number;
}

function packRoutes(routes: readonly (readonly Target[])[], indexOf: ReadonlyMap<number, number>): Routes {
  const all = routes.flat();
  return {
    start: starts(routes),
    core: Int32Array.from(all, ({ core }) => indexOf.get(core)!),
    axon: Int32Array.from(all, ({ axon }) => axon),
  };
}

class Builder {
  /** Working cores of the grid, in the order of the program's. */
  private readonly working: readonly number[];
  /** From the grid's cores to the program's. */
  private readonly indexOf: ReadonlyMap<number, number>;
  /** Steps from a packet to the step that sees it, and who sends it, by `core axon` of the grid. */
  private readonly delays = new Map<string, { readonly delay: number; readonly sender: string }>();

  constructor(
    private readonly grid: RancGrid,
    private readonly bench: RancBench,
    private readonly chip: LoihiChip,
    private readonly layout: RancLayout,
  ) {
    const indices = grid.cores.flatMap((core, i) => (core.neurons.some((each) => !isIdle(core, each)) ? [i] : []));
    this.working = indices;
    this.indexOf = new Map(indices.map((core, i) => [core, i]));
  }

  run(): RancRun {
    const { grid, bench, chip, layout } = this;
    this.checkChip();
    const inputs = this.inputTargets();
    const elements = [...inputs.values()];
    for (const { core, axon } of elements) this.setDelay(core, axon, 1, "the host");
    const routes = this.working.map((core) => this.routesOf(core));
    const latency = this.latency(elements);
    const names = this.working.map((core) => this.nameOf(core));
    const waiting = bench.inputs.map(
      (packets, tick) => tick + 1 + Math.max(0, ...packets.map((packet) => packet.tick)),
    );
    const timesteps = Math.max(1, latency + bench.outputs.length, ...waiting);
    const senders = this.working.flatMap((core, i) =>
      this.sendersOf(core).map(({ neuron, axon }) => ({ output: names[i]!, neuron, axon })),
    );
    const senderCores = new Set(senders.map(({ output }) => output));
    const input: LoihiInput = {
      name: INPUT,
      format: "spike",
      shape: [elements.length],
      start: 0,
      routes: packRoutes(
        elements.map((element) => [element]),
        this.indexOf,
      ),
    };
    const program: LoihiProgram = {
      name: grid.folder,
      target: "loihi",
      chip,
      timesteps,
      steps: timesteps,
      layers: names.map((name) => ({ name, kind: "crossbar", recorded: true, positions: 1, channels: grid.neurons })),
      populations: names.map((name, i) => ({ name, layer: i, neurons: grid.neurons, start: 0 })),
      cores: this.working.map((core, i) => this.coreOf(core, i, routes[i]!)),
      inputs: elements.length > 0 ? [input] : [],
      outputs: names.flatMap((name, population) =>
        senderCores.has(name) ? [{ name, population, shape: [grid.neurons] }] : [],
      ),
      host: {},
      notes: [`${layout.width} x ${layout.height} cores, ${this.working.length} of them working`],
    };
    return { program, inputs: new Map([[INPUT, this.inputValues(inputs, timesteps)]]), layout, latency, senders };
  }

  private checkChip(): void {
    const { grid, chip, layout } = this;
    const { mesh, core, numerics } = chip;
    const location = { kind: "file", file: grid.folder } as const;
    if (numerics.profile !== "truenorth") {
      const message = `the neurons of chip \`${chip.name}\` follow profile ${numerics.profile}, a grid needs truenorth`;
      throw rancError("chip", message, { location, hint: "--chip truenorth-grid" });
    }
    const needs: readonly (readonly [what: string, needed: number, has: number])[] = [
      ["cores in a row", layout.width, mesh.tilesX * mesh.chipsX],
      ["rows of cores", layout.height, mesh.tilesY * mesh.chipsY],
      ["axons of a core", grid.axons, core.inputAxons],
      ["neurons of a core", grid.neurons, Math.min(core.compartments, core.outputAxons)],
      ["bits of a potential", 9, numerics.stateBits],
      ["steps of delay", this.longestDelay(), numerics.maxDelay],
    ];
    for (const [what, needed, has] of needs) {
      if (needed <= has) continue;
      const message = `the grid needs ${needed} ${what}, chip \`${chip.name}\` has ${has}`;
      throw rancError("chip", message, { location, hint: "use a description with more, --chip my-chip.json" });
    }
  }

  private longestDelay(): number {
    const ticks = this.grid.cores.flatMap((core) =>
      core.neurons.filter((neuron) => !isIdle(core, neuron)).map(({ packet }) => packet.tick),
    );
    return 1 + ticks.reduce((most, tick) => Math.max(most, tick), 0);
  }

  private nameOf(core: number): string {
    const { width } = this.layout;
    return `core ${core % width},${Math.floor(core / width)}`;
  }

  /** All packets to an axon have one delay: in a program it belongs to the axon. */
  private setDelay(core: number, axon: number, delay: number, sender: string): void {
    const key = `${core} ${axon}`;
    const other = this.delays.get(key);
    if (other === undefined) this.delays.set(key, { delay, sender });
    else if (other.delay !== delay) {
      const message = `axon ${axon} of ${this.nameOf(core)} is reached by ${other.sender} in ${other.delay} ticks and by ${sender} in ${delay}`;
      throw this.unsupported(message, "give packets to the same axon the same tick");
    }
  }

  private unsupported(message: string, hint: string) {
    return rancError("unsupported", message, { location: { kind: "file", file: this.grid.folder }, hint });
  }

  /** Axons that the host reaches, by `core axon`. */
  private inputTargets(): ReadonlyMap<string, Target> {
    const targets = this.bench.inputs.flat().map((packet) => {
      // The layout has no packet outside of the grid.
      return { core: targetOf(packet, 0, this.layout)!, axon: packet.axon };
    });
    targets.sort((a, b) => a.core - b.core || a.axon - b.axon);
    return new Map(targets.map((target) => [`${target.core} ${target.axon}`, target]));
  }

  /** Several packets to an axon in a tick are one. */
  private inputValues(targets: ReadonlyMap<string, Target>, timesteps: number): Uint8Array {
    const elements = [...targets.keys()];
    const elementOf = new Map(elements.map((key, element) => [key, element]));
    const values = new Uint8Array(timesteps * elements.length);
    this.bench.inputs.forEach((packets, tick) => {
      for (const packet of packets) {
        const element = elementOf.get(`${targetOf(packet, 0, this.layout)!} ${packet.axon}`)!;
        values[(tick + packet.tick) * elements.length + element] = 1;
      }
    });
    return values;
  }

  /** Working neurons whose packets go to the output bus. */
  private sendersOf(core: number): { readonly neuron: number; readonly axon: number }[] {
    const { cores } = this.grid;
    return cores[core]!.neurons.flatMap((neuron, i) =>
      !isIdle(cores[core]!, neuron) && targetOf(neuron.packet, core, this.layout) === this.layout.output
        ? [{ neuron: i, axon: neuron.packet.axon }]
        : [],
    );
  }

  /** By neuron: where it sends within the grid. */
  private routesOf(core: number): readonly (readonly Target[])[] {
    const { cores, axons } = this.grid;
    return cores[core]!.neurons.map((neuron, i) => {
      if (isIdle(cores[core]!, neuron)) return [];
      const { packet, potential } = neuron;
      const who = `neuron ${i} of ${this.nameOf(core)}`;
      if (potential !== 0) {
        throw this.unsupported(`the potential of ${who} begins at ${potential}`, "let it begin at 0");
      }
      const target = targetOf(packet, core, this.layout)!;
      if (target === this.layout.output) return [];
      if (packet.axon >= axons) {
        throw this.unsupported(`${who} sends to axon ${packet.axon} of ${axons}`, "send to an axon that there is");
      }
      this.setDelay(target, packet.axon, packet.tick + 1, who);
      return [{ core: target, axon: packet.axon }];
    });
  }

  /** The fewest steps from an input to a spike that goes to the output bus. */
  private latency(inputs: readonly Target[]): number {
    const { cores, folder } = this.grid;
    const steps = new Map(inputs.map(({ core }) => [core, 0]));
    for (let changed = true; changed;) {
      changed = false;
      for (const [core, reached] of steps) {
        for (const neuron of cores[core]!.neurons) {
          if (isIdle(cores[core]!, neuron)) continue;
          const target = targetOf(neuron.packet, core, this.layout)!;
          const then = reached + neuron.packet.tick + 1;
          if (target === this.layout.output || (steps.get(target) ?? Infinity) <= then) continue;
          steps.set(target, then);
          changed = true;
        }
      }
    }
    const found = [...steps].filter(([core]) => this.sendersOf(core).length > 0).map(([, then]) => then);
    if (found.length > 0) return Math.min(...found);
    const message = "no input reaches the output bus, so nothing says which tick the outputs begin with";
    throw rancError("unsupported", message, { location: { kind: "file", file: folder } });
  }

  private coreOf(index: number, population: number, routes: readonly (readonly Target[])[]): NeuroCore {
    const { layout, chip, grid } = this;
    const { mesh } = chip;
    const core = grid.cores[index]!;
    const [x, y] = [index % layout.width, Math.floor(index / layout.width)];
    return {
      kind: "neuro",
      tile: y * mesh.tilesX * mesh.chipsX + x,
      slot: 0,
      groups: groupsOf(core, population),
      axons: oneListEach(grid.axons),
      lists: this.listsOf(core, index),
      routes: packRoutes(routes, this.indexOf),
    };
  }

  /** List i is that of axon i; a crossing of weight 0 is none. */
  private listsOf(core: RancCore, index: number): SynapseLists {
    const byAxon: { target: number; weight: number; delay: number }[][] = core.axonTypes.map(() => []);
    for (const [target, neuron] of core.neurons.entries()) {
      for (const axon of neuron.connections) {
        const weight = weightOf(core, neuron, axon);
        const delay = this.delays.get(`${index} ${axon}`)?.delay ?? 1;
        if (weight !== 0) byAxon[axon]!.push({ target, weight, delay });
      }
    }
    const all = byAxon.flat();
    return {
      start: starts(byAxon),
      target: Int32Array.from(all, ({ target }) => target),
      weight: Int32Array.from(all, ({ weight }) => weight),
      delay: Uint8Array.from(all, ({ delay }) => delay),
      format: new Uint8Array(byAxon.length),
    };
  }
}

function oneListEach(axons: number): InputAxons {
  return {
    start: Int32Array.from({ length: axons + 1 }, (_, i) => i),
    list: Int32Array.from({ length: axons }, (_, i) => i),
    base: new Int32Array(axons),
  };
}

const sameConfiguration = (a: RancNeuron, b: RancNeuron): boolean =>
  a.negativeThreshold === b.negativeThreshold && a.reset === b.reset && a.resetPotential === b.resetPotential;

/** Neurons of equal configuration side by side. */
function groupsOf({ neurons }: RancCore, population: number): Group[] {
  const groups: Group[] = [];
  for (let first = 0; first < neurons.length;) {
    const one = neurons[first]!;
    const rest = neurons.findIndex((neuron, i) => i > first && !sameConfiguration(one, neuron));
    const end = rest < 0 ? neurons.length : rest;
    const members = neurons.slice(first, end);
    groups.push({
      population,
      first,
      neurons: Int32Array.from(members, (_, i) => first + i),
      kind: "neuron",
      ...WITHOUT_MEANING,
      crossbar: {
        negativeThreshold: one.negativeThreshold,
        reset: one.reset,
        resetPotential: one.resetPotential,
      },
      threshold: Int32Array.from(members, ({ positiveThreshold }) => positiveThreshold),
      bias: Int32Array.from(members, ({ leak }) => leak),
    });
    first = end;
  }
  return groups;
}

/** Fields of a group that a crossbar core does not look at. */
const WITHOUT_MEANING = { decayU: 0, decayV: 0, refractory: 1, vMin: 0, vMax: 0, currentShift: 0 };
