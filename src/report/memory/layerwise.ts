import { wordBytes } from "../../chips/layerwise.js";
import { isOnChip, mostHeld, regionBytes } from "../../backends/program/held.js";
import type { InstructionFor } from "../../backends/program/instruction.js";
import {
  REGION_KINDS,
  REGION_PLACES,
  type MemoryRegion,
  type Program,
  type RegionKind,
  type RegionPlace,
} from "../../backends/program/program.js";
import { tableMemory, type TableMemory } from "./table-convention.js";

/**
 * What a program for the layer-by-layer chip holds where, read off its table of regions: nothing is estimated. Time is program
 * order: a region is held from the instruction that begins to fill it to the last one that needs it. All sizes are bytes as
 * they lie there: unused lanes of a word and unused timesteps of a spike word count.
 */

/** Bytes by what they hold; kinds of which there is nothing are left out. */
export type Held = Readonly<Partial<Record<RegionKind, number>>>;

export interface PlaceMemory {
  readonly place: RegionPlace;
  /** Bytes that the chip has; undefined of DRAM. */
  readonly capacity: number | undefined;
  /** Where the highest region ends: the capacity with which this very program would run. More than the peak where gaps are left. */
  readonly end: number;
  /** Most bytes held at once, the first instruction at which they are, and what they are then. */
  readonly peak: number;
  readonly instruction: number;
  readonly held: Held;
}

export interface LayerMemory {
  /** Undefined: what belongs to no layer, as ports and constants. */
  readonly layer: string | undefined;
  readonly op: string | undefined;
  /** Most bytes on chip at once: of each kind, and of all together. */
  readonly kinds: Held;
  readonly onChip: number;
  readonly dram: number;
}

/** The attention unit of the chip keeps its counters in registers, and reads its queries from the spike memory. */
export interface AttentionMemory {
  readonly layer: string;
  readonly heads: number;
  readonly headDim: number;
  /** Counters in use at once: one head's. */
  readonly counters: number;
  /** Bits that a counter needs: it counts each token and timestep of a chunk. */
  readonly counterBits: number;
  /** Bytes of the region in which the queries lie. */
  readonly queryBytes: number;
}

/** Bits of one weight, spike, and data word's value; `potential` is the widest integer one, or 32 where potentials are f32. */
export interface Widths {
  readonly weight: number;
  readonly spike: number;
  readonly data: number;
  readonly potential: number;
}

export interface LayerwiseMemory {
  readonly places: readonly PlaceMemory[];
  /** Most bytes in the three on-chip memories together, and when. */
  readonly onChip: { readonly peak: number; readonly instruction: number; readonly held: Held };
  readonly layers: readonly LayerMemory[];
  readonly attention: readonly AttentionMemory[];
  readonly widths: Widths;
  readonly table: TableMemory;
}

type Chip = Program["chip"];

/** What is held at an instruction. */
function heldAt(regions: readonly MemoryRegion[], instruction: number, chip: Chip): Held {
  const living = regions.filter(({ first, last }) => first <= instruction && instruction <= last);
  return byKind(living, (own) => own.reduce((sum, region) => sum + regionBytes(region, chip), 0));
}

function byKind(regions: readonly MemoryRegion[], bytes: (own: readonly MemoryRegion[]) => number): Held {
  const held: Partial<Record<RegionKind, number>> = {};
  for (const kind of REGION_KINDS) {
    const sum = bytes(regions.filter((region) => region.kind === kind));
    if (sum > 0) held[kind] = sum;
  }
  return held;
}

export function layerwiseMemory(program: Program): LayerwiseMemory {
  const { chip, regions, layers } = program;
  const places = REGION_PLACES.map((place): PlaceMemory => {
    const own = regions.filter((region) => region.place === place);
    const unit = place === "dram" ? 1 : wordBytes(chip, place);
    const { peak, instruction } = mostHeld(own, chip);
    return {
      place,
      capacity: place === "dram" ? undefined : chip.memories[place].bytes,
      end: unit * own.reduce((end, { address, size }) => Math.max(end, address + size), 0),
      peak,
      instruction,
      held: heldAt(own, instruction, chip),
    };
  });
  const onChip = regions.filter(isOnChip);
  const together = mostHeld(onChip, chip);
  return {
    places,
    onChip: { ...together, held: heldAt(onChip, together.instruction, chip) },
    layers: layerRows(program),
    attention: attentionRows(program),
    widths: widthsOf(program),
    table: tableMemory(
      trainedValues(program),
      layers.reduce((sum, l) => sum + (l.recorded ? l.positions * l.channels : 0), 0),
    ),
  };
}

function layerRows({ chip, regions, layers }: Program): readonly LayerMemory[] {
  const byLayer = new Map<number, MemoryRegion[]>();
  for (const region of regions) {
    const own = byLayer.get(region.layer) ?? [];
    byLayer.set(region.layer, own);
    own.push(region);
  }
  return [...byLayer]
    .sort(([a], [b]) => a - b)
    .map(([layer, own]) => {
      const onChip = own.filter(isOnChip);
      const dram = own.filter((region) => !isOnChip(region));
      return {
        layer: layers[layer]?.name,
        op: layers[layer]?.kind,
        kinds: byKind(onChip, (some) => mostHeld(some, chip).peak),
        onChip: mostHeld(onChip, chip).peak,
        dram: mostHeld(dram, chip).peak,
      };
    });
}

function attentionRows(program: Program): readonly AttentionMemory[] {
  const spikes = program.regions.filter(({ place }) => place === "spike");
  const rows = new Map<number, { heads: number; headDim: number; most: number; counted: number; queryBytes: number }>();
  for (const [i, instruction] of program.instructions.entries()) {
    if (instruction.op !== "attend-kv" && instruction.op !== "attend-q") continue;
    const { head, headDim } = instruction.fields;
    const row = rows.get(instruction.layer) ?? { heads: 0, headDim, most: 0, counted: 0, queryBytes: 0 };
    rows.set(instruction.layer, row);
    row.heads = Math.max(row.heads, head + 1);
    if (instruction.op === "attend-kv") {
      const { clear, positions, steps } = instruction.fields;
      row.counted = (clear === 1 ? 0 : row.counted) + positions * steps;
      row.most = Math.max(row.most, row.counted);
    } else {
      const at = instruction.fields.queries;
      const region = spikes.find(
        ({ first, last, address, size }) => first <= i && i <= last && address <= at && at < address + size,
      );
      row.queryBytes = Math.max(row.queryBytes, region === undefined ? 0 : regionBytes(region, program.chip));
    }
  }
  return [...rows].map(([layer, { heads, headDim, most, queryBytes }]) => ({
    layer: program.layers[layer]?.name ?? "",
    heads,
    headDim,
    counters: headDim * headDim,
    counterBits: most.toString(2).length,
    queryBytes,
  }));
}

function widthsOf({ chip, instructions }: Program): Widths {
  const fires = instructions.flatMap((i) => (i.op === "fire" ? [i.fields] : []));
  const integer = fires.filter(({ format }) => format === 1).map(({ stateBits }) => stateBits);
  const real = fires.some(({ format }) => format === 0) ? [32] : [];
  return { weight: chip.weightBits, spike: 1, data: 32, potential: Math.max(0, ...integer, ...real) };
}

/** Weights and biases, each once however often it is loaded, without the unused lanes of a word. */
function trainedValues({ regions, instructions }: Program): number {
  const loads = regions
    .filter(({ kind, place }) => kind === "weights" && place === "weight")
    .sort((a, b) => a.first - b.first);
  /** By address, what was loaded there last. */
  const pieces = new Map<number, string>();
  const counted = new Set<string>();
  let [next, values] = [0, 0];
  const isWeighted = (op: string): boolean => op === "accumulate" || op === "multiply";
  for (const [i, instruction] of instructions.entries()) {
    for (let load = loads[next]; load !== undefined && load.first <= i; load = loads[++next]) {
      pieces.set(load.address, load.name);
    }
    if (!isWeighted(instruction.op)) continue;
    const { weights, kernel, channels, lanesUsed } = (instruction as InstructionFor<"accumulate" | "multiply">).fields;
    const piece = pieces.get(weights);
    if (piece === undefined || counted.has(piece)) continue;
    counted.add(piece);
    values += (kernel * kernel * channels + 1) * lanesUsed;
  }
  return values;
}
