import { internalError } from "../../diagnostics/index.js";
import type { Draft } from "./stage.js";
import type { Region } from "./weights.js";

/**
 * Gives weight regions their place in the weight memory, a ring: each region behind the last one, at the start where the
 * end is too near. A region that was not overwritten yet is not loaded again, so a memory that holds all of them holds
 * them for the whole run. The next region is loaded while the present one computes, unless they overlap.
 */

interface Resident {
  readonly region: number;
  readonly base: number;
  readonly end: number;
}

/** A run of drafts that use one region, and where it lies. */
interface Use {
  readonly region: number;
  readonly base: number;
  readonly firstDraft: number;
  readonly load: boolean;
  /** It overlaps the region in use before it, so it cannot be loaded early. */
  readonly late: boolean;
}

class Ring {
  private resident: Resident[] = [];
  private last: Resident | undefined;
  peak = 0;

  constructor(
    private readonly capacity: number,
    private readonly regions: readonly Region[],
  ) {}

  use(region: number): { base: number; load: boolean; late: boolean } {
    const found = this.resident.find((r) => r.region === region);
    if (found !== undefined) {
      this.last = found;
      return { base: found.base, load: false, late: false };
    }
    const words = this.regions[region]?.words ?? 0;
    const behind = this.last?.end ?? 0;
    const base = this.freeGap(words) ?? (behind + words <= this.capacity ? behind : 0);
    const placed = { region, base, end: base + words };
    const previous = this.last;
    const late = previous !== undefined && base < previous.end && placed.end > previous.base;
    this.resident = this.resident.filter((r) => r.end <= base || r.base >= placed.end);
    this.resident.push(placed);
    this.last = placed;
    this.peak = Math.max(this.peak, placed.end);
    return { base, load: true, late };
  }

  /** The end of the memory that no region has used yet. */
  private freeGap(words: number): number | undefined {
    return this.peak + words <= this.capacity ? this.peak : undefined;
  }
}

function shifted(draft: Draft, base: number): Draft {
  const present = (address: number): number => (address < 0 ? -1 : address + base);
  switch (draft.op) {
    case "accumulate": {
      const { fields } = draft;
      return {
        ...draft,
        fields: { ...fields, weights: fields.weights + base, parameters: fields.parameters + base },
      };
    }
    case "multiply": {
      const { fields } = draft;
      return {
        ...draft,
        fields: { ...fields, weights: fields.weights + base, parameters: fields.parameters + base },
      };
    }
    case "fire": {
      const { fields } = draft;
      return {
        ...draft,
        fields: { ...fields, thresholds: present(fields.thresholds), gains: present(fields.gains) },
      };
    }
    default:
      throw internalError(`${draft.op} uses no weights`);
  }
}

/** A region in the weight memory, from the draft that loads it to the last one that reads it there. */
export interface Residency {
  readonly region: number;
  readonly base: number;
  readonly first: number;
  last: number;
}

export interface PlacedWeights {
  readonly drafts: readonly Draft[];
  readonly residencies: readonly Residency[];
  readonly peakWords: number;
  /** Loads of regions; equal to the number of regions where all stay resident. */
  readonly loads: number;
}

export function placeWeights(
  drafts: readonly Draft[],
  regions: readonly Region[],
  addresses: readonly number[],
  capacity: number,
): PlacedWeights {
  const ring = new Ring(capacity, regions);
  const uses: Use[] = [];
  for (const [i, { region }] of drafts.entries()) {
    if (region === undefined || uses.at(-1)?.region === region) continue;
    uses.push({ region, firstDraft: i, ...ring.use(region) });
  }
  const before = new Map<number, Use[]>();
  let loads = 0;
  for (const [i, use] of uses.entries()) {
    if (!use.load) continue;
    loads++;
    const at = use.late ? use.firstDraft : (uses[i - 1]?.firstDraft ?? use.firstDraft);
    const list = before.get(at) ?? [];
    list.push(use);
    before.set(at, list);
  }
  const placed: Draft[] = [];
  const residencies: Residency[] = [];
  const residencyOf = new Map<number, Residency>();
  let current = -1;
  for (const [i, draft] of drafts.entries()) {
    for (const use of before.get(i) ?? []) {
      const residency = { region: use.region, base: use.base, first: placed.length, last: placed.length };
      residencies.push(residency);
      residencyOf.set(use.region, residency);
      placed.push(loadOf(use, regions, addresses));
    }
    if (uses[current + 1]?.firstDraft === i) current++;
    const residency = draft.region === undefined ? undefined : residencyOf.get(draft.region);
    if (residency !== undefined) residency.last = placed.length;
    placed.push(residency === undefined ? draft : shifted(draft, residency.base));
  }
  return { drafts: placed, residencies, peakWords: ring.peak, loads };
}

function loadOf(use: Use, regions: readonly Region[], addresses: readonly number[]): Draft {
  const region = regions[use.region];
  return {
    op: "load",
    layer: region?.layer ?? 0,
    fields: {
      memory: 1,
      address: use.base,
      stride: 0,
      dram: addresses[use.region] ?? 0,
      dramStride: 0,
      words: region?.words ?? 1,
      chunks: 1,
    },
  };
}
