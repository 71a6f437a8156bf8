import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import { internalError } from "../../diagnostics/index.js";
import type { MemoryRegion, RegionKind } from "../program/program.js";
import type { Layout, PlannedGroup } from "./compile.js";
import type { Draft, FeatureMap, Stage } from "./stage.js";
import type { Region } from "./weights.js";

/**
 * The table of what lies where, and when: the places that memory plan, weight ring and DRAM plan gave out, with the instructions
 * of the stages for which they did.
 */

type Life = Pick<MemoryRegion, "first" | "last">;

const joined = (a: Life | undefined, b: Life): Life =>
  a === undefined ? b : { first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) };

/** When stages work, and for which layer they do so last. */
class Lives {
  private readonly byBlock = new Map<Stage, Map<number, Life>>();
  private readonly layers = new Map<Stage, number>();

  constructor(drafts: readonly Draft[]) {
    for (const [i, { stage, epoch = 0, op, layer }] of drafts.entries()) {
      if (stage === undefined) continue;
      const blocks = this.byBlock.get(stage) ?? new Map<number, Life>();
      this.byBlock.set(stage, blocks.set(epoch, joined(blocks.get(epoch), { first: i, last: i })));
      if (op !== "load" && op !== "store") this.layers.set(stage, layer);
    }
  }

  /** The layer that makes the result of a stage: of a weighted op and the neuron behind it, the neuron. */
  layerOf(stage: Stage): number {
    return this.layers.get(stage) ?? stage.layer;
  }

  /** One life per time block, from the first of some stages to the last. */
  perBlock(stages: readonly Stage[]): readonly Life[] {
    const blocks = new Map<number, Life>();
    for (const stage of stages) {
      for (const [block, life] of this.byBlock.get(stage) ?? []) blocks.set(block, joined(blocks.get(block), life));
    }
    return [...blocks.values()];
  }

  /** One life through all time blocks. */
  throughout(stages: readonly Stage[]): readonly Life[] {
    const life = this.perBlock(stages).reduce<Life | undefined>(joined, undefined);
    return life === undefined ? [] : [life];
  }
}

const isStage = (key: FeatureMap | Stage): key is Stage => "phase" in key;

const kindOf = (key: FeatureMap | Stage): RegionKind => {
  if (isStage(key)) return "potentials";
  if (key.port?.kind === "constant") return "constants";
  return key.memory === "spike" ? "spikes" : "streams";
};

const nameOf = (key: FeatureMap | Stage): string => (isStage(key) ? `potentials of ${key.name}` : `%${key.name}`);

/** Maps and potentials that stay on chip, and what stages have for themselves. */
function onChipRegions({ stages, plan }: PlannedGroup, lives: Lives): readonly MemoryRegion[] {
  const kept = plan.items.flatMap(({ key, stage, memory, words, from, to }): MemoryRegion[] => {
    const address = plan.baseOf(key);
    if (address === undefined) return [];
    const during = stages.slice(from, to + 1);
    const renewed = !isStage(key) && key.span === "block";
    const found = renewed ? lives.perBlock(during) : lives.throughout(during);
    const where = { place: memory, address, size: words } as const;
    return found.map((life) => ({
      name: nameOf(key),
      kind: kindOf(key),
      layer: lives.layerOf(stage),
      ...where,
      ...life,
    }));
  });
  const own = stages.flatMap((stage) =>
    [...(plan.tiles[stage.index]?.locals.values() ?? [])].flatMap(({ key, memory, base, words, copies }) => {
      const what = localOf(stage, key, lives);
      return lives
        .perBlock([stage])
        .map((life): MemoryRegion => ({ ...what, place: memory, address: base, size: words * copies, ...life }));
    }),
  );
  return [...kept, ...own];
}

/** What a buffer of a stage holds. */
function localOf(stage: Stage, key: string, lives: Lives): Pick<MemoryRegion, "name" | "kind" | "layer"> {
  if (key === "state") return { name: nameOf(stage), kind: "potentials", layer: lives.layerOf(stage) };
  if (key === "current") return { name: `currents of ${stage.name}`, kind: "buffers", layer: stage.layer };
  if (key === "out") return { name: nameOf(stage.output), kind: "buffers", layer: lives.layerOf(stage) };
  const operand = stage.operands.find((_, i) => key === `in${i}`);
  if (operand === undefined) throw internalError(`stage ${stage.name} has a buffer \`${key}\` of nothing`);
  return { name: nameOf(operand.map), kind: "buffers", layer: stage.layer };
}

/** A piece of weights, at `address` in units of `unit` per word: rows, then parameters up to `end`. */
function weightRegions(
  piece: number,
  { rows, layer }: Region,
  where: Pick<MemoryRegion, "place"> & Life & { readonly address: number; readonly end: number; readonly unit: number },
): readonly MemoryRegion[] {
  const { place, address, end, unit, first, last } = where;
  const border = address + rows * unit;
  const common = { name: `#${piece}`, layer, place, first, last };
  const parameters = { ...common, kind: "parameters", address: border, size: end - border } as const;
  return rows === 0 ? [parameters] : [{ ...common, kind: "weights", address, size: rows * unit }, parameters];
}

/** All regions of a program, as it is laid out; `pieces` are its weights. */
export function regionsOf(
  groups: readonly PlannedGroup[],
  pieces: readonly Region[],
  { placed: { drafts, residencies }, dram, weights: { addresses } }: Layout,
  chip: LayerwiseChip,
): readonly MemoryRegion[] {
  const lives = new Lives(drafts);
  const always = { place: "dram", first: 0, last: drafts.length - 1 } as const;
  const burst = chip.dram.burstBytes;
  const unit = wordBytes(chip, "weight");

  const loaded = residencies.flatMap(({ region: piece, base, first, last }) => {
    const region = pieces[piece];
    if (region === undefined) throw internalError(`no piece ${piece} of weights`);
    const where = { place: "weight", address: base, end: base + region.words, unit: 1, first, last } as const;
    return weightRegions(piece, region, where);
  });
  const stored = pieces.flatMap((region, piece) => {
    const address = addresses[piece] ?? 0;
    const end = Math.ceil((address + region.words * unit) / burst) * burst;
    return weightRegions(piece, region, { ...always, address, end, unit });
  });

  const ports = [
    ...dram.inputs.map((port) => ({ kind: "inputs", port }) as const),
    ...dram.outputs.map((port) => ({ kind: "outputs", port }) as const),
  ].map(({ kind, port: { name, dram: address, slotStride, slots } }): MemoryRegion => {
    return { name, kind, layer: -1, ...always, address, size: slotStride * slots };
  });
  const makers = new Map(groups.flatMap(({ stages }) => stages.map((stage) => [stage.output, stage] as const)));
  // A value that crosses has a map in each group that reads it: the one of its maker says whose it is.
  const homes = new Map<number, MemoryRegion>(ports.map((region) => [region.address, region]));
  for (const [key, { dram: address, bytes: size }] of dram.homes) {
    const known = homes.get(address);
    if (known !== undefined && (known.layer >= 0 || known.kind === "inputs" || known.kind === "outputs")) continue;
    const maker = isStage(key) ? key : makers.get(key);
    const layer = maker === undefined ? -1 : lives.layerOf(maker);
    homes.set(address, { name: nameOf(key), kind: kindOf(key), layer, ...always, address, size });
  }
  return [...groups.flatMap((group) => onChipRegions(group, lives)), ...loaded, ...stored, ...homes.values()];
}
