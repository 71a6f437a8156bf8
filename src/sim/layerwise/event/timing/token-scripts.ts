import type { FieldsOf, InstructionFor } from "../../../../backends/program/instruction.js";
import type { RoundWork, Work } from "../work.js";
import { DATA, SPIKE, type Script } from "./script.js";

/** The steps of the instructions that select tokens. */
export function writeTokenScript(
  instruction: InstructionFor<"score-tokens" | "score-kv" | "top-k" | "mask-tokens" | "mask-data">,
  work: Work,
  lanes: number,
  parallel: number,
  to: Script,
): void {
  switch (instruction.op) {
    case "score-tokens":
      return scoreTokens(instruction.fields, lanes, parallel, to);
    case "score-kv":
      return scoreKv(instruction.fields, lanes, parallel, to);
    case "top-k":
      return topK(instruction.fields, work as RoundWork, lanes, parallel, to);
    case "mask-tokens":
      return maskTokens(instruction.fields, lanes, to);
    case "mask-data":
      return maskData(instruction.fields, lanes, to);
  }
}

function groupsOf(f: { bit: number; timesteps: number }, parallel: number): number {
  return Math.ceil((f.bit + f.timesteps) / parallel);
}

/** The scores of `lanes` tokens, once per timestep that they hold for. */
function writeScores(f: FieldsOf<"score-tokens"> | FieldsOf<"score-kv">, word: number, to: Script): void {
  for (let i = 0; i < f.copies; i++) to.write(DATA, f.output + i * f.outputStepStride + word);
}

function scoreTokens(f: FieldsOf<"score-tokens">, lanes: number, parallel: number, to: Script): void {
  const groups = groupsOf(f, parallel);
  for (let token = 0; token < f.positions; token++) {
    for (let b = 0; b < f.blocks; b++) {
      for (let g = 0; g < groups; g++) to.read(SPIKE, f.input + g * f.groupStride + token * f.blocks + b);
    }
    if ((token + 1) % lanes === 0 || token + 1 === f.positions) writeScores(f, Math.floor(token / lanes), to);
  }
}

function scoreKv(f: FieldsOf<"score-kv">, lanes: number, parallel: number, to: Script): void {
  const groups = groupsOf(f, parallel);
  for (let token = 0; token < f.positions; token++) {
    for (let g = 0; g < groups; g++) {
      for (let b = 0; b < f.blocks; b++) to.read(SPIKE, f.keys + g * f.keyGroupStride + token * f.blocks + b);
      for (let b = 0; b < f.blocks; b++) to.read(SPIKE, f.values + g * f.valueGroupStride + token * f.blocks + b);
    }
    if ((token + 1) % lanes === 0 || token + 1 === f.positions) writeScores(f, Math.floor(token / lanes), to);
  }
}

function topK(f: FieldsOf<"top-k">, { rounds }: RoundWork, lanes: number, parallel: number, to: Script): void {
  const words = Math.ceil(f.tokens / lanes);
  for (let round = 0; round < rounds; round++) {
    for (let w = 0; w < words; w++) to.read(DATA, f.scores + w);
  }
  for (let g = 0; g < groupsOf(f, parallel); g++) {
    for (let w = 0; w < words; w++) to.write(SPIKE, f.output + g * f.groupStride + w);
  }
}

function maskTokens(f: FieldsOf<"mask-tokens">, lanes: number, to: Script): void {
  for (let p = 0; p < f.positions; p++) {
    for (let b = 0; b < f.blocks; b++) {
      to.read(SPIKE, f.a + p * f.blocks + b);
      to.read(SPIKE, f.mask + Math.floor((f.token + p) / lanes));
      to.write(SPIKE, f.output + p * f.blocks + b);
    }
  }
}

function maskData(f: FieldsOf<"mask-data">, lanes: number, to: Script): void {
  for (let s = 0; s < f.steps; s++) {
    for (let w = 0; w < f.positions * f.blocks; w++) {
      to.read(DATA, f.a + s * f.aStepStride + w);
      to.read(SPIKE, f.mask + Math.floor((f.token + Math.floor(w / f.blocks)) / lanes));
      to.write(DATA, f.output + s * f.outputStepStride + w);
    }
  }
}
