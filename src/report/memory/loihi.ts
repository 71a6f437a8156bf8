import type { AttentionCore, Core, LoihiProgram, NeuroCore } from "../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../chips/loihi.js";

/**
 * What a program for a step-by-step chip holds in its cores. Nothing is reused: everything stays where it is for the whole run, so
 * sums are peaks. Bits are those that the chip description gives a width for; tables of axons and routes are counted as
 * entries, as the description limits them.
 */
export interface HeldBits {
  readonly synapses: number;
  /** Bits of the weights alone. */
  readonly weights: number;
  /** Target indices, delays, tags, headers of blocks, and what fills words up (docs/loihi-chip.md, section 8). */
  readonly addressing: number;
  readonly compartments: number;
  /** One v per compartment. */
  readonly potentials: number;
  /** One u per compartment; crossbar cores have none. */
  readonly currents: number;
  /** Of attention cores: counters of all sets in use, and queries of the chunks under way. */
  readonly counters: number;
  readonly queries: number;
  /** Entries: a list at a base each; for attention cores one per bit of an operand. */
  readonly inputAxons: number;
  readonly outputAxons: number;
}

export interface CoreMemory extends HeldBits {
  readonly kind: Core["kind"];
}

export interface LayerBits extends HeldBits {
  readonly layer: string;
}

export interface LoihiMemory {
  /** In the order of the program. */
  readonly cores: readonly CoreMemory[];
  readonly layers: readonly LayerBits[];
  readonly total: HeldBits;
}

type Counting = { -readonly [F in keyof HeldBits]: number };

const nothing = (): Counting => ({
  synapses: 0,
  weights: 0,
  addressing: 0,
  compartments: 0,
  potentials: 0,
  currents: 0,
  counters: 0,
  queries: 0,
  inputAxons: 0,
  outputAxons: 0,
});

function sum(all: Iterable<HeldBits>): HeldBits {
  const total = nothing();
  for (const held of all) for (const field of Object.keys(total) as (keyof HeldBits)[]) total[field] += held[field];
  return total;
}

/** Bits of a list of `synapses` synapses: blocks, each of whole words. */
function listBits(synapses: number, format: LoihiChip["synapseFormats"][number], wordBits: number): number {
  const each = format.weightBits + format.indexBits + format.delayBits + format.tagBits;
  let bits = 0;
  for (let left = synapses; left > 0; left -= format.blockSynapses) {
    const block = format.headerBits + Math.min(left, format.blockSynapses) * each;
    bits += Math.ceil(block / wordBits) * wordBits;
  }
  return bits;
}

/** What each population has in a core. */
function partsOf(core: Core, program: LoihiProgram): ReadonlyMap<number, HeldBits> {
  if (core.kind === "attention") return new Map([[core.population, attentionPart(core, program)]]);
  return neuroParts(core, program.chip);
}

/** A list belongs to the population that the first axon with it reaches. */
function neuroParts({ groups, axons, lists, routes }: NeuroCore, chip: LoihiChip): ReadonlyMap<number, HeldBits> {
  const { core, numerics, synapseFormats } = chip;
  const parts = new Map<number, Counting>();
  const populationAt = new Int32Array(routes.start.length - 1);
  for (const { population, first, neurons } of groups) {
    const count = neurons.length;
    populationAt.fill(population, first, first + count);
    const held = parts.get(population) ?? nothing();
    parts.set(population, held);
    held.compartments += count;
    held.potentials += count * numerics.stateBits;
    if (numerics.profile !== "truenorth") held.currents += count * numerics.stateBits;
    held.outputAxons += routes.start[first + count]! - routes.start[first]!;
  }
  const seen = new Set<number>();
  axons.list.forEach((list, entry) => {
    const [start, end] = [lists.start[list]!, lists.start[list + 1]!];
    const held = parts.get(populationAt[axons.base[entry]! + (start < end ? lists.target[start]! : 0)]!)!;
    held.inputAxons++;
    if (seen.has(list)) return;
    seen.add(list);
    const format = synapseFormats[lists.format[list]!]!;
    const weights = (end - start) * format.weightBits;
    held.synapses += end - start;
    held.weights += weights;
    held.addressing += listBits(end - start, format, core.wordBits) - weights;
  });
  return parts;
}

/** Counters and queries by docs/loihi-chip.md, section 6: pipelined chunks need two sets, unless there is one chunk. */
function attentionPart(core: AttentionCore, { chip, timesteps }: LoihiProgram): HeldBits {
  const { heads, headDim, tokens, chunk, routes } = core;
  const { mode, counterBits } = chip.attention!;
  const sets = mode === "lockstep" || chunk >= timesteps ? 1 : 2;
  const channels = heads * headDim;
  return {
    ...nothing(),
    counters: sets * heads * headDim * headDim * counterBits,
    queries: (mode === "lockstep" ? 1 : 2) * chunk * tokens * channels,
    inputAxons: 3 * tokens * channels,
    outputAxons: routes.core.length,
  };
}

/** What one core of a program holds. */
export function coreMemory(core: Core, program: LoihiProgram): CoreMemory {
  return { kind: core.kind, ...sum(partsOf(core, program).values()) };
}

export function loihiMemory(program: LoihiProgram): LoihiMemory {
  const { populations, layers } = program;
  const parts = program.cores.map((core) => partsOf(core, program));
  const cores = parts.map((own, i) => ({ kind: program.cores[i]!.kind, ...sum(own.values()) }));
  const byLayer = layers.map((): HeldBits[] => []);
  for (const [population, held] of parts.flatMap((own) => [...own])) {
    byLayer[populations[population]!.layer]!.push(held);
  }
  return {
    cores,
    layers: layers.flatMap(({ name }, i) => (byLayer[i]!.length === 0 ? [] : [{ layer: name, ...sum(byLayer[i]!) }])),
    total: sum(cores),
  };
}
