import { z } from "zod";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { Program } from "../backends/program/program.js";
import { DiagnosticError, didYouMean } from "../diagnostics/index.js";
import { simDiagnostics } from "./diagnostics.js";
import { populationOf } from "./loihi/places.js";
import type { Firing, Probe } from "./layerwise/machine.js";

/** Probes: what single neurons, or all of a layer, computed in each timestep of one sample. */

/** The neurons to watch: all of a layer, or one of them. */
export interface ProbeTarget {
  /** Index into the program's layers. */
  readonly layer: number;
  /** position * channels + channel; undefined: every neuron of the layer. */
  readonly neuron: number | undefined;
}

const count = z.number().int().nonnegative();

/** What is watched, as it stands in the records of all kinds of chips. */
export const probeFields = {
  layer: z.string(),
  positions: count,
  channels: count,
  timesteps: count,
  /** The watched neuron (position * channels + channel), or null for all positions * channels of them. */
  neuron: count.nullable(),
};
type Probed = Readonly<z.infer<z.ZodObject<typeof probeFields>>>;

/** What was seen of one target. Arrays are [timesteps, neurons], neurons in the order position, then channel. */
export interface ProbeRecord extends Probed {
  /** Current that is charged; potential before the timestep, after charging (compared with v_th), and after the reset. */
  readonly input: Float64Array;
  readonly before: Float64Array;
  readonly charged: Float64Array;
  readonly after: Float64Array;
  readonly threshold: Float64Array;
  /** 0 or 1. */
  readonly spikes: Uint8Array;
}

/** Values of one neuron in one timestep. */
export interface NeuronState {
  readonly input: number;
  readonly before: number;
  readonly charged: number;
  readonly after: number;
  readonly threshold: number;
  readonly spike: number;
}

/** `LAYER`, `LAYER:NEURON` or `LAYER:POSITION,CHANNEL`. Names may hold colons: only numbers behind the last one are a neuron. */
const PROBE = /^(?<layer>.+?)(?::(?<first>\d+)(?:,(?<channel>\d+))?)?$/s;

/**
 * Finds what a probe names in a program. Throws a DiagnosticError `sim/probe` where the layer does not exist or has no neurons,
 * or the neuron lies outside it.
 */
export function parseProbe(text: string, program: Program | LoihiProgram): ProbeTarget {
  const { layer: name = text, first, channel } = PROBE.exec(text)?.groups ?? {};
  const firing = program.target === "loihi" ? spikingLayers(program) : firingLayers(program);
  const layer = program.layers.findIndex((candidate, i) => candidate.name === name && firing.has(i));
  const shape = program.layers[layer];
  if (shape === undefined) {
    const known = program.layers.filter((_, i) => firing.has(i)).map((candidate) => candidate.name);
    const exists = program.layers.some((candidate) => candidate.name === name);
    const message = exists ? `layer \`${name}\` has no neurons` : `no layer \`${name}\` in \`${program.name}\``;
    throw new DiagnosticError(simDiagnostics.make("probe", message, { hint: didYouMean(name, known) }));
  }
  if (first === undefined) return { layer, neuron: undefined };
  const { positions, channels } = shape;
  const [position, c] =
    channel === undefined
      ? [Math.floor(Number(first) / channels), Number(first) % channels]
      : [Number(first), Number(channel)];
  if (position >= positions || c >= channels) {
    const message = `\`${text}\`: layer \`${name}\` has ${positions} positions x ${channels} channels`;
    const last = positions * channels - 1;
    const hint = `a neuron is 0 to ${last}, or POSITION,CHANNEL up to ${positions - 1},${channels - 1}`;
    throw new DiagnosticError(simDiagnostics.make("probe", message, { hint }));
  }
  return { layer, neuron: position * channels + c };
}

/** Layers that `fire` computes. */
function firingLayers({ instructions }: Program): ReadonlySet<number> {
  return new Set(instructions.flatMap(({ op, layer }) => (op === "fire" ? [layer] : [])));
}

/** Layers of compartments that integrate and fire, each a neuron of the layer: programs may lump several populations together. */
function spikingLayers(program: LoihiProgram): ReadonlySet<number> {
  const groups = program.cores.flatMap((core) => (core.kind === "neuro" ? core.groups : []));
  const spiking = new Set(groups.flatMap(({ kind, population }) => (kind === "neuron" ? [population] : [])));
  const layers = program.layers.flatMap(({ positions, channels }, layer) => {
    const population = populationOf(program, layer);
    const fits = program.populations[population]?.neurons === positions * channels;
    return fits && spiking.has(population) ? [layer] : [];
  });
  return new Set(layers);
}

/** Collects the records of several targets during one sample; {@link Probes.probe} goes into the options of `run`. */
export class Probes {
  readonly records: readonly ProbeRecord[];
  readonly probe: Probe;

  constructor(program: Program, targets: readonly ProbeTarget[]) {
    const { timesteps } = program;
    this.records = targets.map(({ layer, neuron }) => {
      const { name, positions, channels } = program.layers[layer]!;
      const size = timesteps * (neuron === undefined ? positions * channels : 1);
      const values = (): Float64Array => new Float64Array(size);
      return {
        layer: name,
        positions,
        channels,
        timesteps,
        neuron: neuron ?? null,
        input: values(),
        before: values(),
        charged: values(),
        after: values(),
        threshold: values(),
        spikes: new Uint8Array(size),
      };
    });
    this.probe = {
      layers: new Set(targets.map(({ layer }) => layer)),
      onFire: (firing) =>
        this.records.forEach((record, i) => {
          if (targets[i]?.layer === firing.layer) note(record, firing);
        }),
    };
  }
}

function note(record: ProbeRecord, firing: Firing): void {
  const { neuron, positions, channels } = record;
  const first = firing.position * channels + firing.channel;
  const size = neuron === null ? positions * channels : 1;
  for (let i = 0; i < firing.spikes.length; i++) {
    if (neuron !== null && neuron !== first + i) continue;
    const at = firing.timestep * size + (neuron === null ? first + i : 0);
    record.input[at] = firing.input[i]!;
    record.before[at] = firing.before[i]!;
    record.charged[at] = firing.charged[i]!;
    record.after[at] = firing.after[i]!;
    record.threshold[at] = firing.threshold[i]!;
    record.spikes[at] = firing.spikes[i]!;
  }
}

/** Where a record has a neuron (position * channels + channel) in a timestep, of `size` per timestep; undefined where it did not watch it. */
export function rowOf(
  { neuron, positions, channels, timesteps }: Probed,
  timestep: number,
  wanted: number,
): { readonly at: number; readonly size: number } | undefined {
  const size = neuron === null ? positions * channels : 1;
  const column = neuron === null ? wanted : wanted - neuron;
  return timestep < timesteps && column >= 0 && column < size ? { at: timestep * size + column, size } : undefined;
}

/** What a record knows of one neuron (position * channels + channel); undefined where it did not watch it. */
export function stateAt(record: ProbeRecord, timestep: number, neuron: number): NeuronState | undefined {
  const at = rowOf(record, timestep, neuron)?.at;
  if (at === undefined) return undefined;
  return {
    input: record.input[at]!,
    before: record.before[at]!,
    charged: record.charged[at]!,
    after: record.after[at]!,
    threshold: record.threshold[at]!,
    spike: record.spikes[at]!,
  };
}
