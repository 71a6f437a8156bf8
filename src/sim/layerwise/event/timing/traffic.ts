import { MEMORIES, type Instruction, type MemoryName } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import { wordBytes } from "../../../../chips/layerwise.js";
import type { Accesses, LayerCounts } from "../../result.js";
import { weightedWords } from "../parameter-words.js";
import type { ScanWork, Work } from "../work.js";
import { DATA, SPIKE, WEIGHT, type Script } from "./script.js";

/** Words and bytes that the instructions of each layer move, counted per instruction: each access is granted once. */
export class Traffic {
  private readonly reads: readonly number[][];
  private readonly writes: readonly number[][];
  private readonly dramRead: number[];
  private readonly dramWritten: number[];

  constructor(private readonly program: Program) {
    this.reads = program.layers.map(() => MEMORIES.map(() => 0));
    this.writes = program.layers.map(() => MEMORIES.map(() => 0));
    this.dramRead = program.layers.map(() => 0);
    this.dramWritten = program.layers.map(() => 0);
  }

  /** The accesses of an instruction with one unit. */
  addScript(layer: number, script: Script): void {
    for (let m = 0; m < MEMORIES.length; m++) {
      this.reads[layer]![m]! += script.reads[m]!;
      this.writes[layer]![m]! += script.writes[m]!;
    }
  }

  /** The accesses of an instruction with two units. */
  add(instruction: Instruction, work: Work): void {
    const { layer, op } = instruction;
    const [reads, writes] = [this.reads[layer]!, this.writes[layer]!];
    if (op === "accumulate") {
      const { words, rows } = work as ScanWork;
      const { outRows, outWidth, steps } = instruction.fields;
      reads[SPIKE]! += words.length;
      reads[WEIGHT]! += weightedWords(this.program.chip) + rows;
      writes[DATA]! += outRows * outWidth * steps;
    } else if (op === "load" || op === "store") {
      const { memory, words, chunks } = instruction.fields;
      const { chip } = this.program;
      const { burstBytes } = chip.dram;
      // The last burst of a chunk is charged in full.
      const chunkBytes = words * wordBytes(chip, MEMORIES[memory] ?? "data");
      const bytes = chunks * Math.ceil(chunkBytes / burstBytes) * burstBytes;
      if (op === "load") {
        writes[memory]! += words * chunks;
        this.dramRead[layer]! += bytes;
      } else {
        reads[memory]! += words * chunks;
        this.dramWritten[layer]! += bytes;
      }
    }
  }

  of(layer: number): Omit<LayerCounts, "events"> {
    const accesses = MEMORIES.map((name, m): [MemoryName, Accesses] => [
      name,
      { reads: this.reads[layer]![m]!, writes: this.writes[layer]![m]! },
    ]);
    return {
      accesses: Object.fromEntries(accesses) as LayerCounts["accesses"],
      dramReadBytes: this.dramRead[layer]!,
      dramWriteBytes: this.dramWritten[layer]!,
    };
  }
}
