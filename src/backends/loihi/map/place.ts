import type { LoihiChip } from "../../../chips/loihi.js";

/** Where cores lie on the mesh, such that messages go over few links. */

export interface Slot {
  /** Router in the mesh of all chips, row by row. */
  readonly tile: number;
  readonly slot: number;
}

/** Slots for neuro-cores and for attention cores, chip by chip; attention cores take the last slots of each chip. */
export function slotsOf({ mesh, attention }: LoihiChip): {
  readonly neuro: readonly Slot[];
  readonly attention: readonly Slot[];
} {
  const { tilesX, tilesY, coresPerTile, chipsX, chipsY } = mesh;
  const all = tilesX * tilesY * coresPerTile;
  const neuroPerChip = all - (attention?.cores ?? 0);
  const [neuro, others]: [Slot[], Slot[]] = [[], []];
  for (let chip = 0; chip < chipsX * chipsY; chip++) {
    const [left, top] = [(chip % chipsX) * tilesX, Math.floor(chip / chipsX) * tilesY];
    for (let i = 0; i < all; i++) {
      const local = Math.floor(i / coresPerTile);
      const tile = (top + Math.floor(local / tilesX)) * tilesX * chipsX + left + (local % tilesX);
      (i < neuroPerChip ? neuro : others).push({ tile, slot: i % coresPerTile });
    }
  }
  return { neuro, attention: others };
}

/** Messages between cores: traffic[i] goes from core from[i] to core to[i]. */
export interface Traffic {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly amount: readonly number[];
}

export interface Placement {
  readonly slots: readonly Slot[];
  /** Messages times links, summed: of the cores in their order, after the greedy placement, and at the end. */
  readonly cost: { readonly inOrder: number; readonly greedy: number; readonly final: number };
}

/** mulberry32: 32 bits of state, the same sequence on every machine. */
function randomSource(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Exchanges that the local search tries, per core. */
const TRIES_PER_CORE = 400;

/** Undirected neighbours of each core, with the messages between them. */
function neighboursOf(cores: number, { from, to, amount }: Traffic): readonly ReadonlyMap<number, number>[] {
  const found = Array.from({ length: cores }, () => new Map<number, number>());
  from.forEach((a, i) => {
    const b = to[i]!;
    if (a === b) return;
    found[a]!.set(b, (found[a]!.get(b) ?? 0) + amount[i]!);
    found[b]!.set(a, (found[b]!.get(a) ?? 0) + amount[i]!);
  });
  return found;
}

/**
 * Places cores: those of kind i in `kinds[i]`'s slots. Greedily, the core that exchanges most with those that lie already where that
 * costs least; then by exchanges of two slots of one kind that lessen the cost, tried at random from a seed.
 */
export function place(isAttention: readonly boolean[], traffic: Traffic, chip: LoihiChip, seed: number): Placement {
  const cores = isAttention.length;
  const { neuro, attention } = slotsOf(chip);
  const slots = [...neuro, ...attention];
  const width = chip.mesh.tilesX * chip.mesh.chipsX;
  const x = slots.map(({ tile }) => tile % width);
  const y = slots.map(({ tile }) => Math.floor(tile / width));
  const hops = (a: number, b: number): number => Math.abs(x[a]! - x[b]!) + Math.abs(y[a]! - y[b]!);
  const neighbours = neighboursOf(cores, traffic);
  const costOf = (at: ArrayLike<number>): number =>
    traffic.from.reduce((sum, a, i) => sum + traffic.amount[i]! * hops(at[a]!, at[traffic.to[i]!]!), 0);

  let [nextNeuro, nextAttention] = [0, neuro.length];
  const inOrder = isAttention.map((kind) => (kind ? nextAttention++ : nextNeuro++));

  const at = new Int32Array(cores).fill(-1);
  const holder = new Int32Array(slots.length).fill(-1);
  const range = (core: number): readonly [number, number] =>
    isAttention[core] ? [neuro.length, slots.length] : [0, neuro.length];
  const put = (core: number, slot: number): void => {
    at[core] = slot;
    holder[slot] = core;
  };

  // Greedy.
  const pull = new Float64Array(cores);
  for (let placed = 0; placed < cores; placed++) {
    let core = -1;
    for (let c = 0; c < cores; c++) if (at[c] === -1 && (core === -1 || pull[c]! > pull[core]!)) core = c;
    const [first, end] = range(core);
    let [best, least] = [-1, Infinity];
    for (let slot = first; slot < end; slot++) {
      if (holder[slot] !== -1) continue;
      let cost = 0;
      for (const [other, amount] of neighbours[core]!) if (at[other] !== -1) cost += amount * hops(slot, at[other]!);
      if (cost < least) [best, least] = [slot, cost];
    }
    put(core, best);
    for (const [other, amount] of neighbours[core]!) pull[other]! += amount;
  }
  const greedy = costOf(at);

  // Exchanges.
  const random = randomSource(seed);
  const costAt = (core: number, slot: number, other: number, otherSlot: number): number => {
    let cost = 0;
    for (const [each, amount] of neighbours[core]!) cost += amount * hops(slot, each === other ? otherSlot : at[each]!);
    return cost;
  };
  for (let i = 0; i < cores * TRIES_PER_CORE; i++) {
    const core = Math.floor(random() * cores);
    const [first, end] = range(core);
    const slot = first + Math.floor(random() * (end - first));
    const here = at[core]!;
    if (slot === here) continue;
    const other = holder[slot]!;
    const before = costAt(core, here, other, slot) + (other === -1 ? 0 : costAt(other, slot, core, here));
    const after = costAt(core, slot, other, here) + (other === -1 ? 0 : costAt(other, here, core, slot));
    if (after >= before) continue;
    put(core, slot);
    holder[here] = other;
    if (other !== -1) at[other] = here;
  }
  const inOrderCost = costOf(inOrder);
  // A search from a bad start may end above what it should improve on.
  if (inOrderCost < costOf(at)) at.set(inOrder);
  return {
    slots: Array.from(at, (slot) => slots[slot]!),
    cost: { inOrder: inOrderCost, greedy, final: costOf(at) },
  };
}
