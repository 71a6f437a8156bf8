import type { FieldsOf } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import type { Lists } from "../../../kernels/index.js";
import type { ScanWork } from "../work.js";
import type { Chip } from "./chip.js";
import { callRoom, tileBytes } from "./room.js";
import { spikeWindow } from "./windows.js";

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

/** The spikes under the windows of a tile: the same for every block of outputs. */
export interface Tile {
  readonly fields: FieldsOf<"accumulate">;
  readonly work: ScanWork;
  readonly lists: Lists;
  /** Spikes by timestep of the group. */
  readonly spikes: Float64Array;
  /** No spike word outside of first..end-1 is read. */
  readonly first: number;
  readonly end: number;
  /** Where the memory of the kernels is free behind the lists. */
  readonly mark: number;
}

/** The tiles scanned last, for the next block of outputs. Their lists lie in the memory of the kernels one behind the other. */
export class Tiles {
  private kept: Tile[] = [];
  /** Where the first lists begin. */
  private readonly base: number;
  /** Bytes that other calls need beside the lists. */
  private readonly reserve: number;

  constructor(
    private readonly chip: Chip,
    private readonly program: Program,
  ) {
    this.base = chip.kernels.memory.mark;
    this.reserve = callRoom(program);
  }

  clear(): void {
    this.kept = [];
    this.chip.kernels.memory.release(this.base);
  }

  of(fields: FieldsOf<"accumulate">): Tile {
    const found = this.kept.find((tile) => KEY.every((key) => tile.fields[key] === fields[key]));
    if (found !== undefined) return found;
    const { memory } = this.chip.kernels;
    if (this.kept.length === KEPT || memory.free < tileBytes(fields, this.program) + this.reserve) this.clear();
    const tile = this.scan(fields);
    this.kept.push(tile);
    return tile;
  }

  /** Forgets what was read from the spike words first..end-1. */
  written(first: number, end: number): void {
    if (!this.kept.some((tile) => tile.first < end && first < tile.end)) return;
    this.kept = this.kept.filter((tile) => tile.end <= first || end <= tile.first);
    this.chip.kernels.memory.release(this.kept.at(-1)?.mark ?? this.base);
  }

  private scan(f: FieldsOf<"accumulate">): Tile {
    const { kernels, memories, lanes, parallel } = this.chip;
    const { memory } = kernels;
    const { from, u8, wordBytes } = memories.spike;
    const window = spikeWindow(f, from, lanes, parallel);
    const start = memory.mark;
    const scanned = kernels.scan(window);
    const words = scanned.words.slice();
    memory.release(start);
    const lists = kernels.buildLists(window);
    const top = Math.max(0, f.outRow * f.stride - f.padding);
    const bottom = Math.min(f.height, (f.outRow + f.outRows - 1) * f.stride - f.padding + f.kernel);
    const rowWords = f.width * f.blocks;
    const first = f.input + (top - f.firstRow) * rowWords;
    const end = first + (bottom - top) * rowWords + (f.planes - 1) * f.planeStride;
    return {
      fields: f,
      work: {
        words,
        rows: words.reduce((sum, rows) => sum + rows, 0),
        spikes: u8.slice(first * wordBytes, end * wordBytes),
        first,
      },
      lists,
      spikes: scanned.spikes,
      first,
      end,
      mark: memory.mark,
    };
  }
}
