import type { LoihiChip } from "../../../chips/loihi.js";
import type { LegalNet } from "../legal-net.js";
import type { Activity } from "./activity.js";
import { storedContent, type StoredList } from "./core-memory.js";
import type { Cores, FilledCore } from "./cores.js";
import type { Placement } from "./place.js";
import type { Spread } from "./spread.js";

/** Facts of a mapping for people. */

const number = (n: number): string => Math.round(n).toLocaleString("en-US");

/** What free cores are used for. */
export function spreadNote({ neuro, attention }: Cores, fast: Spread | undefined): string {
  const few = neuro.length + attention.length;
  if (fast === undefined) return `mapped for few cores: ${few}`;
  const used = fast.cores.neuro.length + fast.cores.attention.length;
  const times = `a sample is expected to take ${number(fast.before / 1000)} ns on the fewest cores, ${number(fast.after / 1000)} ns on these`;
  return `mapped for time: ${few} cores hold the network, ${used} are used; ${times}`;
}

export function mappingNotes(
  legal: LegalNet,
  cores: Cores,
  chip: LoihiChip,
  { cost }: Placement,
  activity: Activity,
): readonly string[] {
  const { mesh, core } = chip;
  const there = mesh.tilesX * mesh.tilesY * mesh.coresPerTile * mesh.chipsX * mesh.chipsY;
  const used = cores.neuro.length + cores.attention.length;
  const bits = cores.neuro.reduce((sum, { usage }) => sum + usage.synapseBits, 0);
  const attention = cores.attention.length === 0 ? "" : `, ${cores.attention.length} of them attention cores`;
  return [
    `${used} of ${there} cores${attention}; ${number(bits)} of ${number(cores.neuro.length * core.synapseBits)} bits of synapse memory in the cores used`,
    `messages x links of a sample, messages ${activity.source}: ${number(cost.inOrder)} with cores in order, ${number(cost.greedy)} greedily, ${number(cost.final)} after the search`,
    ...legal.populations.flatMap(({ layer, kind }, index) =>
      kind === "attention" ? [] : [layerNote(layer, index, cores.neuro)],
    ),
  ];
}

/** Synapses of a layer, the bits that hold them, what sharing saves and what several cores hold alike. */
function layerNote(layer: string, index: number, cores: readonly FilledCore[]): string {
  let [count, synapses, stored, apart, alone] = [0, 0, 0, 0, 0];
  const known = new Set<string>();
  for (const { parts, memory } of cores) {
    if (!parts.some(({ part }) => part.population === index)) continue;
    count++;
    for (const { part, synapses: own } of parts) if (part.population === index) synapses += own.weight.length;
    const mine = (list: number): boolean => parts[memory.lists[list]!.part]!.part.population === index;
    for (const entries of memory.entries.values()) {
      for (const { list } of entries) if (mine(list)) apart += memory.lists[list]!.bits;
    }
    memory.lists.forEach((list, i) => {
      if (!mine(i)) return;
      stored += list.bits;
      const key = contentKey(list);
      if (!known.has(key)) alone += list.bits;
      known.add(key);
    });
  }
  const share =
    stored === 0
      ? ""
      : `; without sharing ${number(apart)}, ${number(stored - alone)} are copies of lists of other cores or places`;
  return `${layer}: ${count} ${count === 1 ? "core" : "cores"}, ${number(synapses)} synapses in ${number(stored)} bits${share}`;
}

function contentKey(list: StoredList): string {
  const { target, weight, delay } = storedContent(list);
  const first = target[0] ?? 0;
  let [a, b] = [0x811c9dc5, 0x1000193];
  for (let i = 0; i < target.length; i++) {
    a = Math.imul(a ^ weight[i]!, 0x01000193) ^ (target[i]! - first);
    b = Math.imul(b ^ (target[i]! - first), 0x85ebca6b) ^ weight[i]! ^ (delay[i]! << 24) ^ (b >>> 13);
  }
  return `${list.format} ${target.length} ${a} ${b}`;
}
