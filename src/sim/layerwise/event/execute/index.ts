import { MEMORIES, type Instruction } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import type { Threading } from "../../../kernels/index.js";
import type { EventOptions } from "../options.js";
import type { Work } from "../work.js";
import { accumulate } from "./accumulate.js";
import { Attend } from "./attend.js";
import { createChip, type Chip } from "./chip.js";
import * as data from "./data-words.js";
import { fire } from "./fire.js";
import { multiply } from "./multiply.js";
import * as spikes from "./spike-words.js";
import { Tiles } from "./tiles.js";
import * as tokens from "./tokens.js";
import { transfer } from "./transfer.js";

/**
 * What instructions do, each at once and in program order. That is what the chip does with a program that is free of hazards:
 * then instructions that overlap in time touch no common word that one of them writes.
 */
export class Executor {
  readonly chip: Chip;
  private readonly attend: Attend;
  private readonly tiles: Tiles;

  constructor(program: Program, options: EventOptions = {}, threading: Threading = {}) {
    this.chip = createChip(program, options, threading);
    this.attend = new Attend(this.chip, program.chip.attention.counters);
    this.tiles = new Tiles(this.chip, program);
  }

  /** Starts a sample: memories and counters are zero, DRAM holds the weights, over which no instruction may store. */
  clear(record: boolean): void {
    const { memories, weights, dram, counters, recorder } = this.chip;
    // Eight bytes at a time: filling shared memory is slow. What a last double has too much lies behind the memory.
    const { f64 } = this.chip.kernels.memory;
    for (const name of MEMORIES) {
      const { from, u8 } = memories[name];
      f64.fill(0, from / 8, Math.ceil((from + u8.length) / 8));
    }
    weights.clear();
    dram.clear();
    counters.clear();
    recorder.start(record);
    this.attend.clear();
    this.tiles.clear();
  }

  /** Does what an instruction does and returns what its timing depends on. */
  run(instruction: Instruction): Work {
    const written = spikeWordsWritten(instruction, this.chip);
    if (written !== undefined) this.tiles.written(written.first, written.end);
    const { chip } = this;
    switch (instruction.op) {
      case "accumulate": {
        const tile = this.tiles.of(instruction.fields);
        accumulate(instruction, tile, chip);
        return tile.work;
      }
      case "multiply":
        return multiply(instruction, chip);
      case "attend-kv":
        return this.attend.keysAndValues(instruction);
      case "attend-q":
        return this.attend.queries(instruction);
      case "top-k":
        return tokens.topK(instruction, chip);
      default:
        runSteady(instruction, chip);
        return undefined;
    }
  }
}

/** Instructions whose timing follows from their fields. */
function runSteady(
  instruction: Exclude<Instruction, { readonly op: "accumulate" | "multiply" | "attend-kv" | "attend-q" }>,
  chip: Chip,
): void {
  switch (instruction.op) {
    case "load":
    case "store":
      return transfer(instruction, chip);
    case "fire":
      return fire(instruction, chip);
    case "add":
      return data.add(instruction, chip);
    case "pool-max":
      return data.poolMax(instruction, chip);
    case "mean-positions":
      return data.meanPositions(instruction, chip);
    case "mean-steps":
      return data.meanSteps(instruction, chip);
    case "convert":
      return data.convert(instruction, chip);
    case "pool-or":
      return spikes.poolOr(instruction, chip);
    case "pool-plane":
      return spikes.poolPlane(instruction, chip);
    case "and":
      return spikes.and(instruction, chip);
    case "add-planes":
      return spikes.addPlanes(instruction, chip);
    case "sum-positions":
      return spikes.sumPositions(instruction, chip);
    case "score-tokens":
      return tokens.scoreTokens(instruction, chip);
    case "score-kv":
      return tokens.scoreKv(instruction, chip);
    case "mask-tokens":
      return tokens.maskTokens(instruction, chip);
    case "mask-data":
      return tokens.maskData(instruction, chip);
  }
}

/** A range of spike words that holds all that an instruction writes. */
function spikeWordsWritten(
  { op, fields: f }: Instruction,
  { lanes, parallel }: Chip,
): { readonly first: number; readonly end: number } | undefined {
  const range = (first: number, steps: number, stride: number, words: number) => ({
    first,
    end: first + (steps - 1) * stride + words,
  });
  switch (op) {
    case "load":
      return MEMORIES[f.memory] === "spike" ? range(f.address, f.chunks, f.stride, f.words) : undefined;
    case "fire":
      return range(f.output, f.positions, f.outputStride, 1);
    case "pool-or":
      return range(f.output, f.outRows * f.outWidth, f.outputStride, f.blocks);
    case "pool-plane":
    case "and":
    case "mask-tokens":
      return range(f.output, f.positions, f.blocks, f.blocks);
    case "add-planes":
      return range(f.output, Math.max(f.aPlanes, f.bPlanes) + 1, f.outputPlaneStride, f.words);
    case "top-k":
      return range(f.output, Math.ceil((f.bit + f.timesteps) / parallel), f.groupStride, Math.ceil(f.tokens / lanes));
    case "store":
    case "accumulate":
    case "multiply":
    case "attend-kv":
    case "attend-q":
    case "add":
    case "pool-max":
    case "mean-positions":
    case "mean-steps":
    case "convert":
    case "mask-data":
    case "sum-positions":
    case "score-tokens":
    case "score-kv":
      return undefined;
  }
}
