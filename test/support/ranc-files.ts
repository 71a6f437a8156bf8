import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "./random.js";

/** Grids of crossbar cores as RANC writes them, and a plain simulation of them: all numbers are read off the rows of their files. */

export interface PacketSpec {
  readonly dx: number;
  readonly dy: number;
  readonly axon: number;
  readonly tick: number;
}

export interface NeuronSpec {
  /** By axon. */
  readonly connected: readonly boolean[];
  readonly potential: number;
  readonly resetPotential: number;
  readonly weights: readonly [number, number, number, number];
  readonly leak: number;
  readonly positiveThreshold: number;
  readonly negativeThreshold: number;
  readonly resetMode: 0 | 1;
  readonly packet: PacketSpec;
}

export interface CoreSpec {
  /** By axon. */
  readonly types: readonly number[];
  readonly neurons: readonly NeuronSpec[];
}

export interface GridSpec {
  readonly width: number;
  readonly axons: number;
  readonly cores: readonly CoreSpec[];
  /** In whose place the output bus is. */
  readonly output: number;
  /** By tick. */
  readonly inputs: readonly (readonly PacketSpec[])[];
}

/** What RANC fills unused rows with. */
export const idleNeuron = (axons: number): NeuronSpec => ({
  connected: Array.from({ length: axons }, () => false),
  potential: 0,
  resetPotential: 0,
  weights: [0, 0, 0, 0],
  leak: 0,
  positiveThreshold: 1,
  negativeThreshold: 0,
  resetMode: 0,
  packet: { dx: 0, dy: 0, axon: 0, tick: 0 },
});

export function idleCore(axons: number, neurons: number): CoreSpec {
  const none = idleNeuron(axons);
  return { types: Array.from({ length: axons }, () => 0), neurons: Array.from({ length: neurons }, () => none) };
}

/** A few rows of working cores, in which packets go anywhere, and the output bus in a row of its own. */
export function randomGrid(random: Random): GridSpec {
  const [width, rows] = [random.int(1, 3), random.int(1, 3)];
  const axons = random.pick([2, 4, 5, 8]);
  const neurons = random.int(1, 6);
  const output = rows * width + random.int(0, width - 1);
  const weight = (): number => random.pick([0, 1, -1, 2, -3, random.int(-256, 255)]);
  const place = (core: number): [number, number] => [core % width, Math.floor(core / width)];
  // All packets to an axon wait as long; those to the first row, which the host reaches, not at all.
  const waits = Array.from({ length: rows * width * axons }, (_, i) =>
    i < width * axons ? 0 : random.pick([0, 0, 1, 14]),
  );
  const packet = (source: number): PacketSpec => {
    const [x, y] = place(source);
    const forward = (y + 1) * width + random.int(0, width - 1);
    const target = random.chance(0.2) ? random.int(0, rows * width - 1) : y === rows - 1 ? output : forward;
    const [toX, toY] = place(target);
    const axon = random.int(0, axons - 1);
    return { dx: toX - x, dy: toY - y, axon, tick: target === output ? 0 : waits[target * axons + axon]! };
  };
  const neuron = (source: number): NeuronSpec => ({
    connected: Array.from({ length: axons }, () => random.chance(0.6)),
    potential: 0,
    resetPotential: random.pick([0, 0, 1, random.int(-256, 255)]),
    weights: [weight(), weight(), weight(), weight()],
    leak: random.pick([0, 0, 1, -1, random.int(-256, 255)]),
    positiveThreshold: random.pick([0, 1, 2, random.int(-256, 255)]),
    negativeThreshold: random.pick([0, -1, random.int(-256, 255)]),
    resetMode: random.pick([0, 1]),
    packet: packet(source),
  });
  /** A neuron in each core works, whatever chance made of the others; in the last row it sends to the bus. */
  const worker = (source: number): NeuronSpec => {
    const [x, y] = place(source);
    const [toX, toY] = y === rows - 1 ? place(output) : [x, y + 1];
    const tick = y === rows - 1 ? 0 : waits[(source + width) * axons]!;
    return { ...neuron(source), leak: 1, packet: { dx: toX - x, dy: toY - y, axon: 0, tick } };
  };
  const working = Array.from({ length: rows * width }, (_, source): CoreSpec => {
    const others = Array.from({ length: neurons - 1 }, () => (random.chance(0.1) ? idleNeuron(axons) : neuron(source)));
    return { types: Array.from({ length: axons }, () => random.int(0, 3)), neurons: [worker(source), ...others] };
  });
  const rest = Array.from({ length: width }, () => idleCore(axons, neurons));
  const inputs = Array.from({ length: random.int(1, 5) }, () =>
    Array.from({ length: random.int(1, 6) }, (): PacketSpec => {
      return { dx: random.int(0, width - 1), dy: 0, axon: random.int(0, axons - 1), tick: random.pick([0, 0, 0, 2]) };
    }),
  );
  return { width, axons, cores: [...working, ...rest], output, inputs };
}

/** Axons of the output bus by tick, for so many ticks from tick 0 on. */
export function simulateGrid({ width, cores, output, inputs }: GridSpec, ticks: number): number[][] {
  const potentials = cores.map(({ neurons }) => neurons.map(({ potential }) => potential));
  const bits = new Set<string>();
  const nine = (x: number): number => ((((x + 256) % 512) + 512) % 512) - 256;
  return Array.from({ length: ticks }, (_, now) => {
    for (const { dx, dy, axon, tick } of inputs[now] ?? []) bits.add(`${dy * width + dx} ${axon} ${now + tick}`);
    const sent = new Set<number>();
    for (const [source, { types, neurons }] of cores.entries()) {
      for (const [n, neuron] of neurons.entries()) {
        let v = potentials[source]![n]!;
        for (const [axon, type] of types.entries()) {
          if (neuron.connected[axon]! && bits.has(`${source} ${axon} ${now}`)) v = nine(v + neuron.weights[type]!);
        }
        v = nine(v + neuron.leak);
        const passes = v >= neuron.positiveThreshold ? 1 : v < neuron.negativeThreshold ? -1 : 0;
        const passed = passes === 1 ? neuron.positiveThreshold : neuron.negativeThreshold;
        const after = neuron.resetMode === 0 ? passes * neuron.resetPotential : v - passed;
        potentials[source]![n] = passes === 0 ? v : nine(after);
        if (passes !== 1) continue;
        const { dx, dy, axon, tick } = neuron.packet;
        const target = source + dy * width + dx;
        if (target === output) sent.add(axon);
        else bits.add(`${target} ${axon} ${now + 1 + tick}`);
      }
    }
    return [...sent].sort((a, b) => a - b);
  });
}

/** In two's complement. */
function binary(value: number, bits: number): string {
  return (value < 0 ? value + 2 ** bits : value).toString(2).padStart(bits, "0");
}

const axonBits = (axons: number): number => Math.ceil(Math.log2(axons));

export function packetRow({ dx, dy, axon, tick }: PacketSpec, axons: number): string {
  return binary(dx, 9) + binary(dy, 9) + binary(axon, axonBits(axons)) + binary(tick, 4);
}

export function neuronRow(neuron: NeuronSpec, axons: number): string {
  const connections = [...neuron.connected].reverse().map(Number).join("");
  const { potential, resetPotential, weights, leak, positiveThreshold, negativeThreshold, resetMode } = neuron;
  const numbers = [potential, resetPotential, ...weights, leak, positiveThreshold, negativeThreshold];
  return connections + numbers.map((n) => binary(n, 9)).join("") + String(resetMode) + packetRow(neuron.packet, axons);
}

/** The files of a grid and of a test bench that expects `outputs`, by name. */
export function gridFiles(grid: GridSpec, outputs: readonly (readonly number[])[]): Map<string, string[]> {
  const files = new Map<string, string[]>();
  grid.cores.forEach(({ types, neurons }, i) => {
    const digits = String(i).padStart(3, "0");
    files.set(
      `csram_${digits}.mem`,
      neurons.map((neuron) => neuronRow(neuron, grid.axons)),
    );
    files.set(
      `tc_${digits}.mem`,
      types.map((type) => binary(type, 2)),
    );
  });
  files.set(
    "tb_input.txt",
    grid.inputs.flat().map((packet) => packetRow(packet, grid.axons)),
  );
  files.set(
    "tb_num_inputs.txt",
    grid.inputs.map(({ length }) => String(length)),
  );
  files.set(
    "tb_correct.txt",
    outputs.flat().map((axon) => binary(axon, axonBits(grid.axons))),
  );
  files.set(
    "tb_num_outputs.txt",
    outputs.map(({ length }) => String(length)),
  );
  return files;
}

export function writeGrid(folder: string, files: ReadonlyMap<string, readonly string[]>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, lines] of files) writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
  return folder;
}

/** Whether nothing ever happens to a neuron; some random ones are like that. */
function staysAtRest(neuron: NeuronSpec, types: readonly number[]): boolean {
  const reached = types.some((type, axon) => neuron.connected[axon]! && neuron.weights[type] !== 0);
  const quiet = neuron.positiveThreshold > 0 && neuron.negativeThreshold <= 0;
  return quiet && !reached && neuron.leak === 0 && neuron.potential === 0;
}

/** Ticks after which an input can change what the output bus gets: spreads from core to core, tick by tick. */
export function latencyOf({ width, cores, output, inputs }: GridSpec): number {
  const arrivals = new Map<number, Set<number>>([[0, new Set(inputs.flat().map(({ dx, dy }) => dy * width + dx))]]);
  for (let now = 0; now < 1000; now++) {
    for (const source of arrivals.get(now) ?? []) {
      const { types, neurons } = cores[source]!;
      for (const neuron of neurons) {
        if (staysAtRest(neuron, types)) continue;
        const target = source + neuron.packet.dy * width + neuron.packet.dx;
        if (target === output) return now;
        const then = now + 1 + neuron.packet.tick;
        arrivals.set(then, (arrivals.get(then) ?? new Set()).add(target));
      }
    }
  }
  throw new Error("no input reaches the output bus");
}
