import type { LoihiChip, SynapseFormat } from "../../../chips/loihi.js";
import {
  formatsNeeded,
  shapeOf,
  sharedBase,
  storageOf,
  type Content,
  type Shape,
  type Storage,
  type Stored,
} from "./formats.js";
import type { Incoming } from "./synapses.js";

/** What one core stores of the synapses of its compartments. */

/** Neurons of one population that lie in one core, in the order of their compartments. */
export interface Part {
  /** Index into the populations of the net. */
  readonly population: number;
  readonly neurons: Int32Array;
  /** Neurons of one position, which follow one another. */
  readonly width: number;
  readonly split: Split;
}

/**
 * What of an axon's synapses one list holds: all; those of positions that follow one another (a row of a kernel); those of one
 * position. Shorter lists are alike more often, at the borders of maps and cores above all; each takes an input axon.
 */
export const SPLITS = ["whole", "runs", "positions"] as const;
export type Split = (typeof SPLITS)[number];

/** The synapses of a part by source: those of the i-th one are start[i]..start[i + 1] - 1, ascending by compartment of the part. */
export interface PartSynapses {
  readonly source: Int32Array;
  readonly start: Int32Array;
  readonly compartment: Int32Array;
  readonly weight: Int32Array;
  readonly delay: Uint8Array;
}

/** A part at its place in a core. */
export interface Placed {
  readonly part: Part;
  readonly synapses: PartSynapses;
  readonly first: number;
}

/** A list of a core; `storedContent` says what stands in it. */
export interface StoredList {
  readonly content: Content;
  /** Target of its first synapse. */
  readonly shift: number;
  /** Weights of 0 stand in the gaps between targets. */
  readonly filled: boolean;
  readonly format: number;
  readonly bits: number;
  /** Part of the core to which it belongs. */
  readonly part: number;
}

export interface Entry {
  readonly list: number;
  readonly base: number;
}

export interface CoreMemory {
  readonly lists: readonly StoredList[];
  /** What a message of each source does. */
  readonly entries: ReadonlyMap<number, readonly Entry[]>;
  /** Entries of all axons; sources with equal entries share an axon. */
  readonly axonEntries: number;
  readonly bits: number;
  /** Formats, each with its exponent and sign mode. */
  readonly formats: number;
}

/** Why synapses have no place in any core: no format can hold a list. */
export interface Unstorable {
  readonly population: number;
  readonly shape: Shape;
}

/** The synapses of a part, sorted by source. */
export function gather({ neurons }: Pick<Part, "neurons">, incoming: Incoming): PartSynapses {
  const { start, source: sourceOf } = incoming;
  // Sources of a neuron ascend: its first and last one bound those that can occur.
  let [lowest, highest] = [incoming.sources, -1];
  for (const j of neurons) {
    if (start[j] === start[j + 1]) continue;
    lowest = Math.min(lowest, sourceOf[start[j]!]!);
    highest = Math.max(highest, sourceOf[start[j + 1]! - 1]!);
  }
  /** Synapses of each of these sources, then where its next one goes. */
  const next = new Int32Array(Math.max(0, highest - lowest + 1));
  let count = 0;
  for (const j of neurons) {
    for (let k = start[j]!; k < start[j + 1]!; k++) next[sourceOf[k]! - lowest]!++;
    count += start[j + 1]! - start[j]!;
  }
  const heard: number[] = [];
  const starts: number[] = [];
  let at = 0;
  for (let i = 0; i < next.length; i++) {
    const own = next[i]!;
    if (own === 0) continue;
    heard.push(lowest + i);
    starts.push(at);
    next[i] = at;
    at += own;
  }
  const compartment = new Int32Array(count);
  const weight = new Int32Array(count);
  const delay = new Uint8Array(count);
  for (let c = 0; c < neurons.length; c++) {
    const j = neurons[c]!;
    for (let k = start[j]!; k < start[j + 1]!; k++) {
      const to = next[sourceOf[k]! - lowest]!++;
      compartment[to] = c;
      weight[to] = incoming.weight[k]!;
      delay[to] = incoming.delay[k]!;
    }
  }
  return { source: Int32Array.from(heard), start: Int32Array.from([...starts, count]), compartment, weight, delay };
}

/** Lists of one content, wherever they begin. */
interface Alike {
  readonly part: number;
  readonly from: number;
  readonly to: number;
  /** Axons that have it, and the compartment at which it begins for each. */
  readonly axons: number[];
  readonly firsts: number[];
}

/** A list of a source: its content, an index into those of the table, and its first compartment. */
interface Row {
  readonly group: number;
  readonly first: number;
}

/** Finds lists with equal content: by a hash, then by comparison. */
class ContentTable {
  readonly groups: Alike[] = [];
  private readonly byHash = new Map<number, number[]>();

  constructor(private readonly parts: readonly Placed[]) {}

  find(part: number, from: number, to: number): Row {
    const { synapses, first } = this.parts[part]!;
    const hash = hashOf(synapses, from, to);
    const alike = this.byHash.get(hash) ?? [];
    if (alike.length === 0) this.byHash.set(hash, alike);
    let group = alike.find((other) => this.equal(this.groups[other]!, part, from, to));
    if (group === undefined) {
      group = this.groups.length;
      alike.push(group);
      this.groups.push({ part, from, to, axons: [], firsts: [] });
    }
    return { group, first: first + synapses.compartment[from]! };
  }

  /** Lists are shared between neurons of one population, whose compartments have one configuration. */
  private equal(group: Alike, part: number, from: number, to: number): boolean {
    const [theirs, own] = [this.parts[group.part]!, this.parts[part]!];
    if (theirs.part.population !== own.part.population || group.to - group.from !== to - from) return false;
    const [a, b] = [theirs.synapses, own.synapses];
    const apart = a.compartment[group.from]! - b.compartment[from]!;
    for (let i = group.from, k = from; k < to; i++, k++) {
      if (a.weight[i] !== b.weight[k] || a.delay[i] !== b.delay[k]) return false;
      if (a.compartment[i]! - b.compartment[k]! !== apart) return false;
    }
    return true;
  }
}

function hashOf({ compartment, weight, delay }: PartSynapses, from: number, to: number): number {
  const first = compartment[from]!;
  let hash = to - from;
  for (let k = from; k < to; k++) {
    hash = Math.imul(hash ^ weight[k]!, 0x01000193) ^ (hash >>> 15);
    hash = Math.imul(hash ^ (((compartment[k]! - first) << 8) | delay[k]!), 0x85ebca6b);
  }
  return hash;
}

function contentOf({ compartment, weight, delay }: PartSynapses, from: number, to: number): Content {
  return {
    target: compartment.subarray(from, to),
    weight: weight.subarray(from, to),
    delay: delay.subarray(from, to),
  };
}

/** What is stored: targets from `shift` on, gaps filled with weights of 0 where the format has no indices. */
export function storedContent({ content, shift, filled }: StoredList): Content {
  const first = content.target[0]!;
  if (!filled) return { ...content, target: content.target.map((target) => target - first + shift) };
  const span = content.target[content.target.length - 1]! - first + 1;
  const weight = new Int32Array(span);
  const delay = new Uint8Array(span).fill(1);
  content.target.forEach((target, i) => {
    weight[target - first] = content.weight[i]!;
    delay[target - first] = content.delay[i]!;
  });
  return { target: Int32Array.from({ length: span }, (_, i) => i), weight, delay };
}

/** Where the list that begins at synapse `from` ends. */
function endOfList({ split, width }: Part, { compartment }: PartSynapses, from: number, end: number): number {
  if (split === "whole") return end;
  const farthest = split === "runs" ? 1 : 0;
  let position = Math.floor(compartment[from]! / width);
  for (let k = from + 1; k < end; k++) {
    const next = Math.floor(compartment[k]! / width);
    if (next - position > farthest) return k;
    position = next;
  }
  return end;
}

interface Storable {
  readonly content: Content;
  readonly firsts: readonly number[];
  readonly shape: Shape;
  /** Undefined: no format holds it, even in pieces. */
  readonly storage: Storage | undefined;
}

/** Most pieces of a weight of 32 bits. */
const MOST_PIECES = 5;

/**
 * A list as it is, or, where its weights have more bits than any format, in two or more whose weights add up: synapses of one
 * axon arrive together.
 */
function storableParts(
  content: Content,
  firsts: readonly number[],
  chip: LoihiChip,
  allowed: (format: SynapseFormat) => boolean,
  pieces = 1,
): readonly Storable[] {
  const shape = shapeOf(content);
  const storage = storageOf(shape, firsts, chip, allowed);
  if (storage !== undefined || pieces === MOST_PIECES) return [{ content, firsts, shape, storage }];
  // What the widest format holds of both signs.
  const lowBits = Math.max(...chip.synapseFormats.map(({ weightBits }) => weightBits)) - 1;
  const unit = shape.granule * 2 ** lowBits;
  const high = content.weight.map((weight) => Math.trunc(weight / unit) * unit);
  const low = content.weight.map((weight, i) => weight - high[i]!);
  const split = [low, high].map((weights) => nonZero(content, weights));
  if (split.some(({ weight }) => weight.length === 0)) return [{ content, firsts, shape, storage }];
  return split.flatMap((each) => {
    const later = each.target[0]! - content.target[0]!;
    return storableParts(
      each,
      firsts.map((first) => first + later),
      chip,
      allowed,
      pieces + 1,
    );
  });
}

function nonZero({ target, delay }: Content, weight: Int32Array): Content {
  const kept = (_: number, i: number): boolean => weight[i] !== 0;
  return { target: target.filter(kept), weight: weight.filter(kept), delay: delay.filter(kept) };
}

/** Of a core, by the schema of chips. */
const MOST_COMPARTMENTS = 65_536;

/** Stores the synapses of some parts in one core, whatever that takes, in the formats that are allowed. */
export function coreMemory(
  parts: readonly Placed[],
  chip: LoihiChip,
  allowed: (format: SynapseFormat) => boolean = () => true,
): CoreMemory | Unstorable {
  const table = new ContentTable(parts);
  const rows = new Map<number, Row[]>();
  parts.forEach(({ part, synapses }, p) => {
    const { source, start } = synapses;
    for (let i = 0; i < source.length; i++) {
      let own = rows.get(source[i]!);
      if (own === undefined) rows.set(source[i]!, (own = []));
      let from = start[i]!;
      const end = start[i + 1]!;
      while (from < end) {
        const to = endOfList(part, synapses, from, end);
        own.push(table.find(p, from, to));
        from = to;
      }
    }
  });
  // Sources that do the same share an axon, so even lists that no two axons may have are there once for all of them.
  const axons = new Map<string | number, number>();
  const axonOf = new Map<number, number>();
  for (const [source, own] of rows) {
    // Most sources have one list, and a number is a quicker key than a text.
    const key =
      own.length === 1
        ? own[0]!.group * MOST_COMPARTMENTS + own[0]!.first
        : own.map(({ group, first }) => `${group}+${first}`).join(" ");
    let axon = axons.get(key);
    if (axon === undefined) {
      axon = axons.size;
      axons.set(key, axon);
      for (const { group, first } of own) {
        table.groups[group]!.axons.push(axon);
        table.groups[group]!.firsts.push(first);
      }
    }
    axonOf.set(source, axon);
  }
  const lists: StoredList[] = [];
  const entriesOf = Array.from({ length: axons.size }, (): Entry[] => []);
  const stored: Stored[] = [];
  let bits = 0;
  const groups = table.groups.flatMap(({ part, from, to, axons: users, firsts }) =>
    storableParts(contentOf(parts[part]!.synapses, from, to), firsts, chip, allowed).map((each) => ({
      part,
      users,
      ...each,
    })),
  );
  for (const { part, users, firsts, content, shape, storage } of groups) {
    if (storage === undefined) return { population: parts[part]!.part.population, shape };
    const format = chip.synapseFormats[storage.format]!;
    const byShift = new Map<number, number>();
    firsts.forEach((first, i) => {
      const shift = storage.shared ? first - sharedBase(format, first) : 0;
      let list = storage.shared ? byShift.get(shift) : undefined;
      if (list === undefined) {
        list = lists.length;
        byShift.set(shift, list);
        lists.push({ content, shift, filled: storage.filled, format: storage.format, bits: storage.bits, part });
        bits += storage.bits;
      }
      entriesOf[users[i]!]!.push({ list, base: first - shift });
    });
    stored.push({ format: storage.format, shape });
  }
  let entries: Map<number, readonly Entry[]> | undefined;
  const axonEntries = entriesOf.reduce((sum, each) => sum + each.length, 0);
  return {
    lists,
    axonEntries,
    bits,
    formats: formatsNeeded(stored, chip),
    // Most cores are measured alone, without anybody asking for this.
    get entries() {
      if (entries !== undefined) return entries;
      entries = new Map();
      for (const [source, axon] of axonOf) entries.set(source, entriesOf[axon]!);
      return entries;
    },
  };
}

/** Equal for entries that do the same. */
export function entriesKey(entries: readonly Entry[]): string {
  return entries.map(({ list, base }) => `${list}+${base}`).join(" ");
}
