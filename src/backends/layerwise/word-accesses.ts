import { parameterWords, wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import { CHARGE_RULES, MEMORIES, type FieldsOf, type Instruction, type MemoryName } from "../program/instruction.js";

/** On-chip memories in words, DRAM in bursts. */
export type WordSpace = MemoryName | "dram";
export type WordVisitor = (space: WordSpace, word: number, write: boolean) => void;

/** Calls `visit` with each address from `start`, in loops of (count, stride). */
function loop(start: number, loops: readonly (readonly [number, number])[], visit: (at: number) => void): void {
  const [outer, ...inner] = loops;
  if (outer === undefined) {
    visit(start);
    return;
  }
  for (let i = 0; i < outer[0]; i++) loop(start + i * outer[1], inner, visit);
}

/** `words` adjacent words at each of (count, stride). */
function runs(start: number, each: readonly [number, number], words: number, visit: (at: number) => void): void {
  loop(start, [each, [words, 1]], visit);
}

type Window = Omit<FieldsOf<"pool-or">, "output" | "outputStride" | "firstStep" | "steps">;

/** Words of the positions under the windows of a tile, each once. */
function windowLoop(f: Window, slots: number, slotStride: number, visit: (at: number) => void): void {
  const rows = new Set<number>();
  const columns = new Set<number>();
  for (let k = 0; k < f.kernel; k++) {
    for (let r = 0; r < f.outRows; r++) rows.add((f.outRow + r) * f.stride - f.padding + k);
    for (let c = 0; c < f.outWidth; c++) columns.add(c * f.stride - f.padding + k);
  }
  for (const row of rows) {
    if (row < 0 || row >= f.height) continue;
    for (const column of columns) {
      if (column < 0 || column >= f.width) continue;
      const at = f.input + ((row - f.firstRow) * f.width + column) * f.blocks;
      runs(at, [slots, slotStride], f.blocks, visit);
    }
  }
}

/** Every word that an instruction reads or writes, from the machine page; reads and writes of a word are both visited. */
export function visitWords(instruction: Instruction, chip: LayerwiseChip, visit: WordVisitor): void {
  const reader = (space: WordSpace) => (at: number) => visit(space, at, false);
  const writer = (space: WordSpace) => (at: number) => visit(space, at, true);
  const [spikes, data] = [reader("spike"), reader("data")];
  const [putSpikes, putData] = [writer("spike"), writer("data")];
  switch (instruction.op) {
    case "load":
    case "store":
      return visitTransfer(instruction, chip, visit);
    case "accumulate":
    case "multiply": {
      const f = instruction.fields;
      loop(f.weights, [[f.kernel * f.kernel * f.channels, 1]], reader("weight"));
      loop(f.parameters, [[parameterWords(chip, 32) + parameterWords(chip, 64), 1]], reader("weight"));
      const out = [f.outRows * f.outWidth, f.outputStride] as const;
      if (instruction.op === "accumulate") {
        windowLoop(f, instruction.fields.planes, instruction.fields.planeStride, spikes);
        return loop(f.output, [out, [f.steps, f.outputStepStride]], putData);
      }
      windowLoop(f, instruction.fields.slots, instruction.fields.inputStepStride, data);
      return loop(f.output, [out, [instruction.fields.slots, f.outputStepStride]], putData);
    }
    case "fire": {
      const f = instruction.fields;
      const perLane = [[parameterWords(chip, 32), 1]] as const;
      if (f.thresholds >= 0) loop(f.thresholds, perLane, reader("weight"));
      if (f.gains >= 0) loop(f.gains, perLane, reader("weight"));
      loop(
        f.current,
        [
          [f.positions, f.currentStride],
          [f.slots, f.currentStepStride],
        ],
        data,
      );
      const maps = CHARGE_RULES[f.rule] === "cuba" ? 2 : 1;
      const state = [[maps * f.positions, f.outputStride]] as const;
      if (f.stateRead === 1) loop(f.state, state, data);
      if (f.stateWrite === 1) loop(f.state, state, putData);
      return loop(f.output, [[f.positions, f.outputStride]], putSpikes);
    }
    case "attend-kv": {
      const f = instruction.fields;
      const [first, end] = headBlocks(f, chip);
      const words = [
        [f.positions, f.blocks],
        [end - first, 1],
      ] as const;
      loop(f.keys + first, words, spikes);
      return loop(f.values + first, words, spikes);
    }
    case "attend-q": {
      const f = instruction.fields;
      const [first, end] = headBlocks(f, chip);
      runs(f.queries + first, [f.positions, f.blocks], end - first, spikes);
      return loop(
        f.output + first,
        [
          [f.steps, f.outputStepStride],
          [f.positions, f.outputStride],
          [end - first, 1],
        ],
        putData,
      );
    }
    case "score-tokens":
    case "score-kv":
    case "top-k":
    case "mask-tokens":
    case "mask-data":
      return visitTokens(instruction, chip, visit);
    default:
      return visitVector(instruction, visit);
  }
}

type TokenInstruction = Extract<
  Instruction,
  { op: "score-tokens" | "score-kv" | "top-k" | "mask-tokens" | "mask-data" }
>;
type VectorInstruction = Exclude<
  Instruction,
  { op: "load" | "store" | "accumulate" | "multiply" | "fire" | "attend-kv" | "attend-q" | TokenInstruction["op"] }
>;

function visitTokens(instruction: TokenInstruction, chip: LayerwiseChip, visit: WordVisitor): void {
  const spikes = (at: number): void => visit("spike", at, false);
  const wordsOf = (tokens: number): number => Math.ceil(tokens / chip.lanes);
  if (instruction.op === "mask-tokens") {
    const f = instruction.fields;
    for (let p = 0; p < f.positions; p++) {
      spikes(f.mask + Math.floor((f.token + p) / chip.lanes));
      for (let b = 0; b < f.blocks; b++) {
        spikes(f.a + p * f.blocks + b);
        visit("spike", f.output + p * f.blocks + b, true);
      }
    }
    return;
  }
  if (instruction.op === "mask-data") {
    const f = instruction.fields;
    for (let p = 0; p < f.positions; p++) spikes(f.mask + Math.floor((f.token + p) / chip.lanes));
    runs(f.a, [f.steps, f.aStepStride], f.positions * f.blocks, (at) => visit("data", at, false));
    return runs(f.output, [f.steps, f.outputStepStride], f.positions * f.blocks, (at) => visit("data", at, true));
  }
  const { bit, timesteps } = instruction.fields;
  const groups = Math.ceil((bit + timesteps) / chip.parallelTimesteps);
  for (let g = 0; g < groups; g++) {
    if (instruction.op === "top-k") {
      const f = instruction.fields;
      loop(f.scores, [[wordsOf(f.tokens), 1]], (at) => visit("data", at, false));
      loop(f.output + g * f.groupStride, [[wordsOf(f.tokens), 1]], (at) => visit("spike", at, true));
      continue;
    }
    const f = instruction.fields;
    const map = [[f.positions * f.blocks, 1]] as const;
    if (instruction.op === "score-tokens")
      loop(instruction.fields.input + g * instruction.fields.groupStride, map, spikes);
    else {
      loop(instruction.fields.keys + g * instruction.fields.keyGroupStride, map, spikes);
      loop(instruction.fields.values + g * instruction.fields.valueGroupStride, map, spikes);
    }
    const scores = [
      [f.copies, f.outputStepStride],
      [wordsOf(f.positions), 1],
    ] as const;
    loop(f.output, scores, (at) => visit("data", at, true));
  }
}

function visitVector(instruction: VectorInstruction, visit: WordVisitor): void {
  const spikes = (at: number): void => visit("spike", at, false);
  const data = (at: number): void => visit("data", at, false);
  const putSpikes = (at: number): void => visit("spike", at, true);
  const putData = (at: number): void => visit("data", at, true);
  switch (instruction.op) {
    case "add": {
      const f = instruction.fields;
      runs(f.a, [f.steps, f.aStepStride], f.words, data);
      runs(f.b, [f.steps, f.bStepStride], f.words, data);
      return runs(f.output, [f.steps, f.outputStepStride], f.words, putData);
    }
    case "pool-max": {
      const f = instruction.fields;
      windowLoop(f, f.steps, f.inputStepStride, data);
      const out = [
        [f.outRows * f.outWidth, f.outputStride],
        [f.steps, f.outputStepStride],
        [f.blocks, 1],
      ] as const;
      return loop(f.output, out, putData);
    }
    case "pool-or": {
      const f = instruction.fields;
      windowLoop(f, 1, 0, spikes);
      return runs(f.output, [f.outRows * f.outWidth, f.outputStride], f.blocks, putSpikes);
    }
    case "pool-plane": {
      const f = instruction.fields;
      const words = [[f.positions * f.blocks, 1]] as const;
      loop(f.input, words, spikes);
      return loop(f.output, words, putSpikes);
    }
    case "and": {
      const f = instruction.fields;
      loop(f.a, [[f.positions * f.blocks, 1]], spikes);
      runs(f.b, [f.positions, f.bStride], f.blocks, spikes);
      return loop(f.output, [[f.positions * f.blocks, 1]], putSpikes);
    }
    case "add-planes": {
      const f = instruction.fields;
      const planes = Math.max(f.aPlanes, f.bPlanes) + 1;
      runs(f.a, [f.aPlanes, f.aPlaneStride], f.words, spikes);
      runs(f.b, [f.bPlanes, f.bPlaneStride], f.words, spikes);
      return runs(f.output, [planes, f.outputPlaneStride], f.words, putSpikes);
    }
    case "sum-positions": {
      const f = instruction.fields;
      loop(f.input, [[f.positions * f.blocks, 1]], spikes);
      return runs(f.output, [f.steps, f.outputStepStride], f.blocks, putData);
    }
    case "mean-positions": {
      const f = instruction.fields;
      runs(f.input, [f.steps, f.inputStepStride], f.positions * f.blocks, data);
      return runs(f.output, [f.steps, f.outputStepStride], f.blocks, putData);
    }
    case "mean-steps": {
      const f = instruction.fields;
      runs(f.input, [f.meanOf, f.inputStepStride], f.words, data);
      return loop(f.output, [[f.words, 1]], putData);
    }
    case "convert": {
      const f = instruction.fields;
      runs(f.input, [f.steps, f.inputStepStride], f.words, data);
      return runs(f.output, [f.steps, f.outputStepStride], f.words, putData);
    }
  }
}

/** Channel blocks that overlap a head. */
function headBlocks(f: Pick<FieldsOf<"attend-q">, "head" | "headDim">, chip: LayerwiseChip): readonly [number, number] {
  return [Math.floor((f.head * f.headDim) / chip.lanes), Math.ceil(((f.head + 1) * f.headDim) / chip.lanes)];
}

function visitTransfer(
  instruction: Extract<Instruction, { op: "load" | "store" }>,
  chip: LayerwiseChip,
  visit: WordVisitor,
): void {
  const { memory, address, stride, dram, dramStride, words, chunks } = instruction.fields;
  const name = MEMORIES[memory] ?? "data";
  const toMemory = instruction.op === "load";
  const burst = chip.dram.burstBytes;
  const bursts = Math.ceil((words * wordBytes(chip, name)) / burst);
  for (let c = 0; c < chunks; c++) {
    for (let b = 0; b < bursts; b++) visit("dram", (dram + c * dramStride) / burst + b, !toMemory);
    for (let w = 0; w < words; w++) visit(name, address + c * stride + w, toMemory);
  }
}
