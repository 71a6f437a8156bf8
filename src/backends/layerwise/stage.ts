import type { LayerwiseChip } from "../../chips/layerwise.js";
import type { Opcode, FieldsOf, MemoryName } from "../program/instruction.js";
import type { Group, Pass } from "./timing.js";

/** Which slots of a value exist at once: one for all timesteps, those of a time block, or those of the whole sample. */
export type Span = "static" | "block" | "all";

/** When a stage runs: once (its result holds), in every time block, or after the last one. */
export type Phase = "once" | "block" | "final";

/**
 * A value as it lies in a memory or in DRAM. A slot is one timestep of a data map, or one bit plane of one group of a
 * spike map; slots are numbered over the whole sample.
 */
export interface FeatureMap {
  readonly name: string;
  readonly memory: MemoryName & ("spike" | "data");
  readonly format: "real" | "int";
  /** Bit planes of a spike map, 1 for spikes; 1 for data. */
  readonly planes: number;
  /** Planes that can be non-zero by the value's range. */
  readonly usedPlanes: number;
  readonly positions: number;
  readonly channels: number;
  /** Channel blocks per position. */
  readonly blocks: number;
  readonly span: Span;
  /** What gives the map a place in DRAM from the start: an input of the net, or a constant. */
  readonly port?: { readonly kind: "input" | "constant"; readonly name: string };
}

/** Words of one slot. */
export function slotWords(map: FeatureMap): number {
  return map.positions * map.blocks;
}

/** Number in the sample of the slot that holds plane 0 of a group, or timestep `t`. */
export function dataSlot(map: FeatureMap, t: number): number {
  return map.span === "static" ? 0 : t;
}

export function spikeSlot(map: FeatureMap, group: Group): number {
  return group.index * map.planes;
}

/** First slot of a pass, and how many. */
export function slotsOf(map: FeatureMap, pass: Pass): { readonly first: number; readonly count: number } {
  if (map.span === "static") return { first: 0, count: 1 };
  if (map.memory === "data") return { first: pass.first, count: pass.steps };
  const first = pass.groups[0]?.index ?? 0;
  return { first: first * map.planes, count: pass.groups.length * map.planes };
}

/** An operand of a stage: which rows of its map an output row needs. */
export interface Operand {
  readonly map: FeatureMap;
  /** Positions of one row. */
  readonly rowPositions: number;
  rows(first: number, end: number): readonly [number, number];
  /** Most rows that `n` output rows need. */
  mostRows(n: number): number;
}

/** Where the rows of a map lie during a tile. */
export interface Place {
  /** Word of `firstRow` at `firstSlot`. */
  readonly base: number;
  readonly firstRow: number;
  readonly firstSlot: number;
  readonly slotStride: number;
  /** Words of one row. */
  readonly rowWords: number;
}

export function addressOf(place: Place, slot: number, row: number): number {
  return place.base + (slot - place.firstSlot) * place.slotStride + (row - place.firstRow) * place.rowWords;
}

/** An instruction before tokens; weight addresses are relative to the start of `region` where there is one. */
export type Draft = {
  [O in Opcode]: {
    readonly op: O;
    readonly layer: number;
    readonly fields: FieldsOf<O>;
    readonly region?: number;
    /** Values whose non-zeros decide how long it takes; for the cost model alone. */
    readonly sources?: readonly string[];
    /** Which time block it works for, counted over all groups of the schedule. */
    readonly epoch?: number;
    /** Whose work it is; weights are loaded for none. */
    readonly stage?: Stage;
  };
}[Opcode];

/** What a stage emits for: rows `first..end` of channel block `block`, over a pass. */
export interface Tile {
  /** The piece of a time block (or of the sample) that the tile covers. */
  readonly pass: Pass;
  readonly block: number;
  readonly first: number;
  readonly end: number;
  readonly positions: number;
  readonly inputs: readonly Place[];
  readonly output: Place;
  /** Data word of the tile's potentials of block 0, or -1 where they never leave the registers. */
  readonly state: number;
  /** Base of the next current buffer. */
  current(): number;
  push(draft: Draft): void;
}

export interface Stage {
  readonly index: number;
  /** The layer's name, for messages. */
  readonly name: string;
  readonly phase: Phase;
  /** Layer to which loads and stores of the stage's maps are attributed. */
  readonly layer: number;
  readonly output: FeatureMap;
  readonly rows: number;
  readonly rowPositions: number;
  readonly operands: readonly Operand[];
  /** Channel blocks that the stage is called for one by one. */
  readonly channelBlocks: number;
  /** Data words per position and timestep of a fused current; `held` where one word serves all timesteps. */
  readonly current?: { readonly held: boolean };
  /** Data words of potentials per position, all channel blocks. */
  readonly stateWords: number;
  /** Bytes of weights of all channel blocks, for notes. */
  readonly weightWords: number;
  /** The pieces of a pass that are independent of each other; operands are brought in and results taken out per piece. */
  units(pass: Pass): readonly Pass[];
  emit(tile: Tile): void;
}

export const wholePass = (pass: Pass): readonly Pass[] => [pass];

/** One piece per group. */
export function perGroup(pass: Pass): readonly Pass[] {
  return pass.groups.map((group) => ({ first: group.first, steps: group.steps, groups: [group] }));
}

/** One piece per chunk, with the groups that overlap it. */
export function perChunk(pass: Pass, chunk: number): readonly Pass[] {
  const pieces: Pass[] = [];
  for (let first = pass.first; first < pass.first + pass.steps; first += chunk) {
    const groups = pass.groups.filter((g) => g.first < first + chunk && g.first + g.steps > first);
    pieces.push({ first, steps: chunk, groups });
  }
  return pieces;
}

/** An operand that lies row for row like the result. */
export function alike(map: FeatureMap, rowPositions: number): Operand {
  return { map, rowPositions, rows: (first, end) => [first, end], mostRows: (n) => n };
}

/** An operand that is needed whole. */
export function whole(map: FeatureMap): Operand {
  return { map, rowPositions: map.positions, rows: () => [0, 1], mostRows: () => 1 };
}

export function blocksOf(channels: number, chip: Pick<LayerwiseChip, "lanes">): number {
  return Math.ceil(channels / chip.lanes);
}

/** Channels of one channel block. */
export function lanesUsed(channels: number, block: number, lanes: number): number {
  return Math.min(lanes, channels - block * lanes);
}
