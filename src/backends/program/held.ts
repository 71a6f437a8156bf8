import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import type { MemoryRegion } from "./program.js";

/** Bytes of a region. */
export function regionBytes({ place, size }: MemoryRegion, chip: LayerwiseChip): number {
  return place === "dram" ? size : size * wordBytes(chip, place);
}

/** Most bytes of some regions at one time of the program's order, and the first instruction at which they are held. */
export function mostHeld(
  regions: readonly MemoryRegion[],
  chip: LayerwiseChip,
): { readonly peak: number; readonly instruction: number } {
  const changes = regions.flatMap((region) => {
    const bytes = regionBytes(region, chip);
    return [
      { at: region.first, bytes },
      { at: region.last + 1, bytes: -bytes },
    ];
  });
  let [now, peak, instruction] = [0, 0, 0];
  // What is over by an instruction goes before what begins with it comes.
  for (const { at, bytes } of changes.sort((a, b) => a.at - b.at || a.bytes - b.bytes)) {
    now += bytes;
    if (now > peak) [peak, instruction] = [now, at];
  }
  return { peak, instruction };
}

export const isOnChip = ({ place }: MemoryRegion): boolean => place !== "dram";
