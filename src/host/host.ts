import type { HostSource, HostWiring, LoihiInput, LoihiProgram } from "../backends/program/loihi/program.js";
import { DiagnosticError } from "../diagnostics/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import { evaluate, flatten, type Net, type Slot } from "../ir/index.js";
import { elements, type Tensor } from "../math/tensor.js";
import { hostDiagnostics } from "./diagnostics.js";
import { readHostNet } from "./host-net.js";

/** An input of the network: its slots in one sample, and the shape of one, channels last. */
export interface NetworkInput {
  readonly name: string;
  readonly slots: number;
  readonly shape: readonly number[];
}

/** What the host does for one sample. */
export interface HostOp {
  readonly part: "prefix" | "suffix";
  readonly op: string;
  readonly count: number;
}

/** A value that crosses the border of the chip in one sample. */
export interface Crossing {
  readonly direction: "into the chip" | "out of the chip";
  readonly name: string;
  readonly values: number;
  /** A value that is no spike travels as an integer of 4 bytes, a spike as a bit; whole bytes. */
  readonly bytes: number;
}

/** Values by where they are: `network x`, `prefix f`, `chip y`, `suffix logits`. */
type Values = Map<string, ArrayLike<number>>;

/**
 * The parts of a network that the host computes, around a program of a step-by-step chip: what it puts into the chip before a
 * sample runs, and what it makes of the spikes afterwards. Computes by `evaluate`, which the simulators never load. The constructor
 * throws `host/bad-part` where the program's parts are no nets, or where its wiring names what there is not.
 */
export class Host {
  readonly inputs: readonly NetworkInput[];
  readonly ops: readonly HostOp[];
  readonly crossings: readonly Crossing[];
  private readonly prefix: Net | undefined;
  private readonly suffix: Net | undefined;
  private readonly wiring: HostWiring;

  constructor(private readonly program: LoihiProgram) {
    const { prefix, suffix, wiring } = program.host;
    this.prefix = prefix && readHostNet(prefix, "prefix");
    this.suffix = suffix && readHostNet(suffix, "suffix");
    this.wiring = wiring ?? sameNames(program);
    this.inputs = this.networkInputs();
    this.checkWiring();
    this.ops = [...opsOf("prefix", this.prefix), ...opsOf("suffix", this.suffix)];
    this.crossings = [
      ...program.inputs.map((input) => {
        const values = program.timesteps * elements(input.shape);
        const bytes = input.format === "spike" ? Math.ceil(values / 8) : 4 * values;
        return { direction: "into the chip" as const, name: input.name, values, bytes };
      }),
      ...program.outputs.map(({ name, shape }) => {
        const values = program.timesteps * elements(shape);
        return { direction: "out of the chip" as const, name, values, bytes: Math.ceil(values / 8) };
      }),
    ];
  }

  /** Sample `index` of pictures or event frames, as the network reads it. Throws `frontend/input-shape`. */
  sample(data: Tensor, index: number): ReadonlyMap<string, Float32Array> {
    return new Map(this.inputs.map((input) => [input.name, sampleFor(input, data, index)]));
  }

  /** What the chip's inputs get: by name, integers of [timesteps, elements]. `values` collects what the parts computed. */
  before(sample: ReadonlyMap<string, ArrayLike<number>>, values: Values): ReadonlyMap<string, Int32Array> {
    for (const [name, value] of sample) values.set(`network ${name}`, value);
    if (this.prefix !== undefined) run("prefix", this.prefix, sample, values);
    const sources = new Map(this.wiring.inputs.map((source) => [source.name, source]));
    return new Map(
      this.program.inputs.map((input) => {
        const value = read(sources.get(input.name)!, values, this.program.timesteps);
        return [input.name, heldValues(input, value, this.program.timesteps)];
      }),
    );
  }

  /** Outputs of the network, all moments flat, from the spikes that came out of the chip; `values` is that of {@link before}. */
  after(spikes: ReadonlyMap<string, Uint8Array>, values: Values): ReadonlyMap<string, Slot> {
    const { timesteps } = this.program;
    for (const [name, value] of spikes) values.set(`chip ${name}`, value);
    if (this.suffix !== undefined) {
      const given = this.wiring.suffix.map((source) => [source.name, read(source, values, timesteps)] as const);
      run("suffix", this.suffix, new Map(given), values);
    }
    return new Map(
      this.wiring.outputs.map((source) => {
        const value = read(source, values, timesteps);
        return [source.name, value instanceof Float32Array ? value : Int32Array.from(value)];
      }),
    );
  }

  /** Elements of one moment of the network's first output: what a prediction sums over time. */
  get classes(): number | undefined {
    const [first] = this.wiring.outputs;
    const of = (net: Net | undefined): number | undefined => {
      const value = net?.outputs.find(({ name }) => name === first?.source)?.value;
      const op = net?.ops.find(({ result }) => result === value);
      return op && elements(op.type.shape);
    };
    if (first?.from === "chip") {
      const port = this.program.outputs.find(({ name }) => name === first.source);
      return port && elements(port.shape);
    }
    return of(first?.from === "suffix" ? this.suffix : this.prefix);
  }

  /** What the prefix reads, and what goes from the network into the chip as it is. */
  private networkInputs(): readonly NetworkInput[] {
    const ofPrefix = (this.prefix?.inputs ?? []).map(({ name, type }) => ({
      name,
      slots: type.time.count,
      shape: type.shape,
    }));
    const ports = new Map(this.program.inputs.map((input) => [input.name, input]));
    const direct = this.wiring.inputs.flatMap(({ name, from, source }): NetworkInput[] => {
      const port = ports.get(name);
      if (from !== "network" || port === undefined) return [];
      return [{ name: source, slots: this.program.timesteps, shape: port.shape }];
    });
    return [...new Map([...direct, ...ofPrefix].map((input) => [input.name, input])).values()];
  }

  /** Every name that the wiring reads is there, and every input of chip and suffix is named. */
  private checkWiring(): void {
    const { program, prefix, suffix, wiring, inputs } = this;
    const there = new Set([
      ...inputs.map(({ name }) => `network ${name}`),
      ...(prefix?.outputs ?? []).map(({ name }) => `prefix ${name}`),
      ...program.outputs.map(({ name }) => `chip ${name}`),
      ...(suffix?.outputs ?? []).map(({ name }) => `suffix ${name}`),
    ]);
    for (const { name, from, source } of [...wiring.inputs, ...wiring.suffix, ...wiring.outputs]) {
      if (!there.has(`${from} ${source}`)) throw badWiring(`\`${name}\` comes from \`${source}\` of the ${from}`);
    }
    const named = (sources: readonly HostSource[]) => new Set(sources.map(({ name }) => name));
    const [ofChip, ofSuffix] = [named(wiring.inputs), named(wiring.suffix)];
    const loose = [
      ...program.inputs.filter(({ name }) => !ofChip.has(name)),
      ...(suffix?.inputs ?? []).filter(({ name }) => !ofSuffix.has(name)),
    ];
    if (loose.length > 0) throw badWiring(`nothing is said to feed \`${loose[0]!.name}\``);
  }
}

function badWiring(what: string): DiagnosticError {
  const message = `${what}, and the program has no such value`;
  return new DiagnosticError(hostDiagnostics.make("bad-part", message, { hint: "compile the model again" }));
}

/** Without wiring the chip's inputs and outputs are those of the network. */
function sameNames({ inputs, outputs }: LoihiProgram): HostWiring {
  return {
    inputs: inputs.map(({ name }) => ({ name, from: "network", source: name })),
    suffix: [],
    outputs: outputs.map(({ name }) => ({ name, from: "chip", source: name })),
  };
}

function opsOf(part: HostOp["part"], net: Net | undefined): readonly HostOp[] {
  const counts = new Map<string, number>();
  for (const { name } of net?.ops ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([op, count]) => ({ part, op, count }));
}

function run(part: string, net: Net, given: ReadonlyMap<string, ArrayLike<number>>, values: Values): void {
  for (const { name, type } of net.inputs) {
    const [got, wanted] = [given.get(name)?.length ?? 0, type.time.count * elements(type.shape)];
    if (got !== wanted) throw wrongSize(`input \`${name}\` of the ${part}`, got, wanted);
  }
  for (const [name, value] of evaluate(net, given).outputs) values.set(`${part} ${name}`, flatten(value));
}

function wrongSize(what: string, got: number, wanted: number): DiagnosticError {
  return new DiagnosticError(hostDiagnostics.make("wrong-size", `${what} gets ${got} values and reads ${wanted}`));
}

/** A value where it is; of one that holds longer than a timestep on the chip, the first of each `every` timesteps. */
function read({ from, source, every = 1 }: HostSource, values: Values, timesteps: number): ArrayLike<number> {
  const found = values.get(`${from} ${source}`)!;
  if (every === 1) return found;
  const size = found.length / timesteps;
  return Int32Array.from({ length: found.length / every }, (_, i) => {
    return found[Math.floor(i / size) * every * size + (i % size)]!;
  });
}

/** [timesteps, elements]: the chip reads in each timestep, also what holds for several. */
function heldValues(input: LoihiInput, value: ArrayLike<number>, timesteps: number): Int32Array {
  const size = elements(input.shape);
  const period = (timesteps * size) / value.length;
  if (!Number.isInteger(period)) throw wrongSize(`input \`${input.name}\` of the chip`, value.length, timesteps * size);
  return Int32Array.from({ length: timesteps * size }, (_, i) => {
    return value[Math.floor(i / size / period) * size + (i % size)]!;
  });
}
