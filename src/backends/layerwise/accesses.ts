import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import { CHARGE_RULES, MEMORIES, type FieldsOf, type MemoryName } from "../program/instruction.js";
import { parameterWordsOf } from "../program/parameters.js";
import type { Draft } from "./stage.js";

/** Where accesses happen: on-chip memories in words, DRAM in bytes. */
export type Space = MemoryName | "dram";

/** A range that an instruction reads or writes, holes included: what tokens must order. */
export interface Access {
  readonly space: Space;
  readonly from: number;
  readonly end: number;
  readonly write: boolean;
}

/** `count` pieces of `words` words, `stride` apart, as ranges; pieces that touch are joined. */
function pieces(space: Space, write: boolean, from: number, words: number, stride: number, count: number): Access[] {
  if (count <= 1 || stride === words) return [{ space, from, end: from + words * Math.max(1, count), write }];
  return Array.from({ length: count }, (_, i) => {
    const start = from + i * stride;
    return { space, from: start, end: start + words, write };
  });
}

/** Rows of the input that a window instruction reads, as words from `input`. */
function windowWords(
  fields: Pick<
    FieldsOf<"pool-or">,
    "height" | "width" | "firstRow" | "blocks" | "kernel" | "stride" | "padding" | "outRow" | "outRows"
  >,
) {
  const { height, width, firstRow, blocks, kernel, stride, padding, outRow, outRows } = fields;
  const first = Math.max(0, outRow * stride - padding);
  const end = Math.min(height, (outRow + outRows - 1) * stride - padding + kernel);
  return { skip: (first - firstRow) * width * blocks, words: (end - first) * width * blocks };
}

/** Words from the first to the last position of one channel block. */
const strided = (positions: number, stride: number): number => (positions - 1) * stride + 1;

function transfer(draft: Extract<Draft, { op: "load" | "store" }>, chip: LayerwiseChip): Access[] {
  const { memory, address, stride, dram, dramStride, words, chunks } = draft.fields;
  const name = MEMORIES[memory] ?? "data";
  const bytes = words * wordBytes(chip, name);
  const load = draft.op === "load";
  return [
    ...pieces("dram", !load, dram, bytes, dramStride, chunks),
    ...pieces(name, load, address, words, stride, chunks),
  ];
}

function weighted(draft: Extract<Draft, { op: "accumulate" | "multiply" }>, chip: LayerwiseChip): Access[] {
  const { fields } = draft;
  const { skip, words } = windowWords(fields);
  const input = fields.input + skip;
  const reads =
    draft.op === "accumulate"
      ? pieces("spike", false, input, words, draft.fields.planeStride, draft.fields.planes)
      : pieces("data", false, input, words, draft.fields.inputStepStride, draft.fields.slots);
  const slots = draft.op === "accumulate" ? fields.steps : draft.fields.slots;
  const rows = fields.kernel * fields.kernel * fields.channels;
  const out = strided(fields.outRows * fields.outWidth, fields.outputStride);
  const { exponents, biases } = parameterWordsOf(chip);
  return [
    ...reads,
    ...pieces("weight", false, fields.weights, rows, 0, 1),
    ...pieces("weight", false, fields.parameters, exponents + biases, 0, 1),
    ...pieces("data", true, fields.output, out, fields.outputStepStride, slots),
  ];
}

function fire(f: FieldsOf<"fire">, chip: LayerwiseChip): Access[] {
  const { thresholds, gains } = parameterWordsOf(chip);
  const state =
    strided(f.positions, f.outputStride) + (CHARGE_RULES[f.rule] === "cuba" ? f.positions * f.outputStride : 0);
  return [
    ...pieces("data", false, f.current, strided(f.positions, f.currentStride), f.currentStepStride, f.slots),
    ...(f.stateRead === 1 ? pieces("data", false, f.state, state, 0, 1) : []),
    ...(f.stateWrite === 1 ? pieces("data", true, f.state, state, 0, 1) : []),
    ...(f.thresholds >= 0 ? pieces("weight", false, f.thresholds, thresholds, 0, 1) : []),
    ...(f.gains >= 0 ? pieces("weight", false, f.gains, gains, 0, 1) : []),
    ...pieces("spike", true, f.output, strided(f.positions, f.outputStride), 0, 1),
  ];
}

/** What an instruction reads and writes. */
export function accessesOf(draft: Draft, chip: LayerwiseChip): readonly Access[] {
  switch (draft.op) {
    case "load":
    case "store":
      return transfer(draft, chip);
    case "accumulate":
    case "multiply":
      return weighted(draft, chip);
    case "fire":
      return fire(draft.fields, chip);
    case "score-tokens":
    case "score-kv":
    case "top-k":
    case "mask-tokens":
    case "mask-data":
      return tokenAccesses(draft, chip);
    default:
      return vectorAccesses(draft);
  }
}

type TokenOpcode = "score-tokens" | "score-kv" | "top-k" | "mask-tokens" | "mask-data";

function tokenAccesses(draft: Extract<Draft, { op: TokenOpcode }>, chip: LayerwiseChip): Access[] {
  if (draft.op === "mask-tokens" || draft.op === "mask-data") {
    const f = draft.fields;
    const words = f.positions * f.blocks;
    const [first, last] = [f.token, f.token + f.positions - 1].map((token) => Math.floor(token / chip.lanes));
    const mask = pieces("spike", false, f.mask + (first ?? 0), (last ?? 0) - (first ?? 0) + 1, 0, 1);
    if (draft.op === "mask-tokens") {
      return [...mask, ...pieces("spike", false, f.a, words, 0, 1), ...pieces("spike", true, f.output, words, 0, 1)];
    }
    const { aStepStride, outputStepStride, steps } = draft.fields;
    return [
      ...mask,
      ...pieces("data", false, f.a, words, aStepStride, aStepStride === 0 ? 1 : steps),
      ...pieces("data", true, f.output, words, outputStepStride, steps),
    ];
  }
  const groups = Math.ceil((draft.fields.bit + draft.fields.timesteps) / chip.parallelTimesteps);
  if (draft.op === "top-k") {
    const f = draft.fields;
    const words = Math.ceil(f.tokens / chip.lanes);
    return [
      ...pieces("data", false, f.scores, words, 0, 1),
      ...pieces("spike", true, f.output, words, f.groupStride, groups),
    ];
  }
  const { positions, blocks, output, copies, outputStepStride } = draft.fields;
  const words = positions * blocks;
  const reads =
    draft.op === "score-tokens"
      ? pieces("spike", false, draft.fields.input, words, draft.fields.groupStride, groups)
      : [
          ...pieces("spike", false, draft.fields.keys, words, draft.fields.keyGroupStride, groups),
          ...pieces("spike", false, draft.fields.values, words, draft.fields.valueGroupStride, groups),
        ];
  return [...reads, ...pieces("data", true, output, Math.ceil(positions / chip.lanes), outputStepStride, copies)];
}

function vectorAccesses(
  draft: Exclude<Draft, { op: "load" | "store" | "accumulate" | "multiply" | "fire" | TokenOpcode }>,
): Access[] {
  switch (draft.op) {
    case "attend-kv": {
      const f = draft.fields;
      const words = f.positions * f.blocks;
      return [...pieces("spike", false, f.keys, words, 0, 1), ...pieces("spike", false, f.values, words, 0, 1)];
    }
    case "attend-q": {
      const f = draft.fields;
      const out = (f.positions - 1) * f.outputStride + f.blocks;
      return [
        ...pieces("spike", false, f.queries, f.positions * f.blocks, 0, 1),
        ...pieces("data", true, f.output, out, f.outputStepStride, f.steps),
      ];
    }
    case "add": {
      const f = draft.fields;
      return [
        ...pieces("data", false, f.a, f.words, f.aStepStride, f.aStepStride === 0 ? 1 : f.steps),
        ...pieces("data", false, f.b, f.words, f.bStepStride, f.bStepStride === 0 ? 1 : f.steps),
        ...pieces("data", true, f.output, f.words, f.outputStepStride, f.steps),
      ];
    }
    case "pool-max":
    case "pool-or":
      return poolAccesses(draft);
    case "pool-plane": {
      const f = draft.fields;
      const words = f.positions * f.blocks;
      return [...pieces("spike", false, f.input, words, 0, 1), ...pieces("spike", true, f.output, words, 0, 1)];
    }
    case "and": {
      const f = draft.fields;
      const words = f.positions * f.blocks;
      return [
        ...pieces("spike", false, f.a, words, 0, 1),
        ...pieces("spike", false, f.b, (f.positions - 1) * f.bStride + f.blocks, 0, 1),
        ...pieces("spike", true, f.output, words, 0, 1),
      ];
    }
    case "add-planes": {
      const f = draft.fields;
      return [
        ...pieces("spike", false, f.a, f.words, f.aPlaneStride, f.aPlanes),
        ...pieces("spike", false, f.b, f.words, f.bPlaneStride, f.bPlanes),
        ...pieces("spike", true, f.output, f.words, f.outputPlaneStride, Math.max(f.aPlanes, f.bPlanes) + 1),
      ];
    }
    case "sum-positions": {
      const f = draft.fields;
      return [
        ...pieces("spike", false, f.input, f.positions * f.blocks, 0, 1),
        ...pieces("data", true, f.output, f.blocks, f.outputStepStride, f.steps),
      ];
    }
    case "mean-positions": {
      const f = draft.fields;
      return [
        ...pieces("data", false, f.input, f.positions * f.blocks, f.inputStepStride, f.steps),
        ...pieces("data", true, f.output, f.blocks, f.outputStepStride, f.steps),
      ];
    }
    case "mean-steps": {
      const f = draft.fields;
      return [
        ...pieces("data", false, f.input, f.words, f.inputStepStride, f.meanOf),
        ...pieces("data", true, f.output, f.words, 0, 1),
      ];
    }
    case "convert": {
      const f = draft.fields;
      return [
        ...pieces("data", false, f.input, f.words, f.inputStepStride, f.steps),
        ...pieces("data", true, f.output, f.words, f.outputStepStride, f.steps),
      ];
    }
  }
}

function poolAccesses(draft: Extract<Draft, { op: "pool-max" | "pool-or" }>): Access[] {
  const f = draft.fields;
  const { skip, words } = windowWords(f);
  const out = (f.outRows * f.outWidth - 1) * f.outputStride + f.blocks;
  if (draft.op === "pool-or") {
    return [...pieces("spike", false, f.input + skip, words, 0, 1), ...pieces("spike", true, f.output, out, 0, 1)];
  }
  return [
    ...pieces("data", false, f.input + skip, words, draft.fields.inputStepStride, f.steps),
    ...pieces("data", true, f.output, out, draft.fields.outputStepStride, f.steps),
  ];
}
