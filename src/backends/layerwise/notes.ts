import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import type { PlannedGroup } from "./compile.js";
import type { MemoryPlan } from "./memory.js";
import type { PlacedWeights } from "./place-weights.js";
import type { Stage } from "./stage.js";
import { stateUse } from "./tiles.js";
import type { Timing } from "./timing.js";

function bytesLine(what: string, words: number, chip: LayerwiseChip, memory: "spike" | "weight" | "data"): string {
  return `${what}: ${words * wordBytes(chip, memory)} of ${chip.memories[memory].bytes} bytes`;
}

/** Facts of the compilation for people. */
export function notesOf(
  groups: readonly PlannedGroup[],
  placed: PlacedWeights,
  regions: number,
  chip: LayerwiseChip,
): readonly string[] {
  const peak = (memory: "spike" | "data"): number => Math.max(...groups.map(({ plan }) => plan.peakWords[memory]));
  const memories = [
    bytesLine("spike memory", peak("spike"), chip, "spike"),
    bytesLine("weight memory", placed.peakWords, chip, "weight"),
    bytesLine("data memory", peak("data"), chip, "data"),
    placed.loads === regions
      ? `weights: ${regions} regions, each loaded once`
      : `weights: ${regions} regions, loaded ${placed.loads} times`,
  ];
  return groups.flatMap(({ stages, plan, timing }, i) => [
    `${groups.length === 1 ? "" : `group ${i + 1} of ${groups.length}, ${stages[0]?.name} to ${stages.at(-1)?.name}: `}time block ${timing.block} of ${timing.timesteps} timesteps, ${timing.blocks.length} blocks, ${timing.groupSteps} at once`,
    ...(i === 0 ? memories : []),
    ...plan.spilled.map((name) => `in DRAM: ${name}`),
    ...stages.map((stage) => stageLine(stage, plan, timing)),
  ]);
}

function stageLine(stage: Stage, plan: MemoryPlan, timing: Timing): string {
  const tiles = plan.tiles[stage.index];
  const bands = tiles?.bands ?? [];
  const rows = Math.max(0, ...bands.map(([first, end]) => end - first));
  const copies = Math.max(1, ...[...(tiles?.locals.values() ?? [])].map((local) => local.copies));
  const state = { registers: "", stage: ", potentials in data memory", run: ", potentials kept between time blocks" };
  const parts = [
    `${stage.name}: ${bands.length} x ${rows} rows of ${stage.rowPositions}, ${stage.output.blocks} channel blocks`,
    tiles?.rowsOutside === true ? ", rows outside" : "",
    copies > 1 ? ", double-buffered" : "",
    state[stateUse(stage, timing)],
  ];
  return parts.join("");
}
