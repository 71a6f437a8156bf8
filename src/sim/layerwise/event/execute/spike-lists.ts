import type { FieldsOf } from "../../../../backends/program/instruction.js";
import type { Chip } from "./chip.js";
import { scanTile, type SpikeLists } from "./scan.js";

/** Tiles kept: a layer works on one or two at a time. */
const KEPT = 4;

/** Everything that the lists of a tile depend on, beside the contents of the spike words. */
const KEY = [
  "input",
  "height",
  "width",
  "firstRow",
  "blocks",
  "kernel",
  "stride",
  "padding",
  "outRow",
  "outRows",
  "outWidth",
  "channels",
  "planes",
  "planeStride",
  "steps",
] as const satisfies readonly (keyof FieldsOf<"accumulate">)[];

/** The lists of the tiles scanned last, for the next block of outputs. */
export class SpikeListCache {
  private readonly kept: { readonly fields: FieldsOf<"accumulate">; readonly lists: SpikeLists }[] = [];

  clear(): void {
    this.kept.length = 0;
  }

  of(fields: FieldsOf<"accumulate">, chip: Chip): SpikeLists {
    const found = this.kept.find((entry) => KEY.every((key) => entry.fields[key] === fields[key]));
    if (found !== undefined) return found.lists;
    const lists = scanTile(fields, chip);
    this.kept.unshift({ fields, lists });
    this.kept.length = Math.min(this.kept.length, KEPT);
    return lists;
  }

  /** Forgets what was read from the spike words first..end-1. */
  written(first: number, end: number): void {
    for (let i = this.kept.length - 1; i >= 0; i--) {
      const { lists } = this.kept[i]!;
      if (lists.first < end && first < lists.end) this.kept.splice(i, 1);
    }
  }
}
