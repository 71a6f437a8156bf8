import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
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
  stages: readonly Stage[],
  plan: MemoryPlan,
  placed: PlacedWeights,
  regions: number,
  timing: Timing,
  chip: LayerwiseChip,
): readonly string[] {
  const lines = [
    `time block ${timing.block} of ${timing.timesteps} timesteps, ${timing.blocks.length} blocks, groups of ${timing.groupSteps}`,
    bytesLine("spike memory", plan.peakWords.spike, chip, "spike"),
    bytesLine("weight memory", placed.peakWords, chip, "weight"),
    bytesLine("data memory", plan.peakWords.data, chip, "data"),
    placed.loads === regions
      ? `weights: ${regions} regions, each loaded once`
      : `weights: ${regions} regions, loaded ${placed.loads} times`,
  ];
  for (const name of plan.spilled) lines.push(`in DRAM: ${name}`);
  for (const stage of stages) lines.push(stageLine(stage, plan, timing));
  return lines;
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
