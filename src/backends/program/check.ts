import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import {
  CHARGE_RULES,
  INSTRUCTIONS,
  MEMORIES,
  type Field,
  type FieldsOf,
  type Instruction,
  type InstructionFor,
  type MemoryName,
  type TokenUse,
} from "./instruction.js";
import type { ProgramCode } from "./diagnostics.js";
import { parameterWordsOf } from "./parameters.js";
import type { Program } from "./program.js";

/** A fault of one instruction, as code and sentence. */
export interface Fault {
  readonly code: ProgramCode;
  readonly message: string;
}

const MAX_FIELD = 2 ** 31 - 1;
/** Planes beyond this would shift a weight out of the exact range of a double. */
const MAX_PLANES = 24;

const REAL_RULES: ReadonlySet<string> = new Set(["divide", "multiply", "decay-then-add", "integrate", "cuba"]);
const INT_RULES: ReadonlySet<string> = new Set(["integrate", "decay", "shift", "cuba"]);

/** Everything about one instruction that the simulator relies on; undefined where it is sound. */
export function checkInstruction(instruction: Instruction, program: Program): Fault | undefined {
  return (
    checkFields(instruction) ??
    checkLayer(instruction, program) ??
    checkTokens(instruction.waits, program) ??
    checkTokens(instruction.signals, program) ??
    checkSteps(instruction, program) ??
    checkOperation(instruction, program)
  );
}

function wrong(message: string): Fault {
  return { code: "instruction", message };
}

function checkFields(instruction: Instruction): Fault | undefined {
  const fields: Readonly<Record<string, Field>> = INSTRUCTIONS[instruction.op].fields;
  const values: Readonly<Record<string, number>> = instruction.fields;
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name];
    if (value === undefined || !Number.isFinite(value)) return wrong(`\`${name}\` is ${value}`);
    const [min, max] = [field.min ?? 0, field.max ?? MAX_FIELD];
    if (field.real === true) continue;
    if (!Number.isInteger(value) || value < min || value > max) {
      return wrong(`\`${name}\` is ${value}, expected an integer in ${min}..${max}`);
    }
  }
  return undefined;
}

function checkLayer({ layer }: Instruction, program: Program): Fault | undefined {
  if (Number.isInteger(layer) && layer >= 0 && layer < program.layers.length) return undefined;
  return wrong(`layer ${layer} of ${program.layers.length}`);
}

function checkTokens(uses: readonly TokenUse[], program: Program): Fault | undefined {
  for (const { token, count } of uses) {
    if (!(token >= 0 && token < program.tokens)) {
      return { code: "token", message: `token ${token} of ${program.tokens}` };
    }
    if (!(count >= 1)) return { code: "token", message: `token ${token} is used ${count} times` };
  }
  if (new Set(uses.map((use) => use.token)).size === uses.length) return undefined;
  return { code: "token", message: "a token is named twice" };
}

function checkSteps({ op, fields }: Instruction, { chip, timesteps }: Program): Fault | undefined {
  if (op === "load" || op === "store") return undefined;
  const first = op === "attend-kv" || op === "attend-q" ? fields.bit : 0;
  if (first + fields.steps > chip.parallelTimesteps) {
    return wrong(`${first + fields.steps} timesteps in a group, the chip has ${chip.parallelTimesteps}`);
  }
  if (fields.firstStep + fields.steps <= timesteps) return undefined;
  return wrong(`timestep ${fields.firstStep + fields.steps - 1} of ${timesteps}`);
}

/** Words of `memory` from `start` on, reaching as far as the (count, stride) pairs say. */
function words(
  chip: LayerwiseChip,
  memory: MemoryName,
  start: number,
  ...loops: readonly (readonly [number, number])[]
): Fault | undefined {
  let last = start;
  for (const [count, stride] of loops) last += (count - 1) * stride;
  const capacity = chip.memories[memory].bytes / wordBytes(chip, memory);
  if (last < capacity) return undefined;
  return { code: "address", message: `${memory} words ${start} to ${last}, the memory has ${capacity}` };
}

function checkOperation(instruction: Instruction, program: Program): Fault | undefined {
  const { chip } = program;
  switch (instruction.op) {
    case "load":
    case "store":
      return checkTransfer(instruction, program);
    case "accumulate":
    case "multiply":
      return checkWeighted(instruction, chip);
    case "fire":
      return checkFire(instruction.fields, instruction.layer, program);
    case "attend-kv":
    case "attend-q":
      return checkAttend(instruction, chip);
    case "pool-max":
    case "pool-or":
      return checkPool(instruction, chip);
    default:
      return checkVector(instruction, chip);
  }
}

function checkTransfer({ op, fields: f }: InstructionFor<"load" | "store">, program: Program): Fault | undefined {
  const { chip, dramBytes, weights } = program;
  const memory = MEMORIES[f.memory] ?? "data";
  const burst = chip.dram.burstBytes;
  if (f.dram % burst !== 0 || (f.chunks > 1 && f.dramStride % burst !== 0)) {
    return {
      code: "address",
      message: `DRAM byte ${f.dram}, stride ${f.dramStride}: no multiple of a burst of ${burst}`,
    };
  }
  const end = f.dram + (f.chunks - 1) * f.dramStride + f.words * wordBytes(chip, memory);
  if (end > dramBytes) return { code: "address", message: `DRAM bytes ${f.dram} to ${end - 1} of ${dramBytes}` };
  if (op === "store" && f.dram < weights.length) {
    return { code: "address", message: `stores at DRAM byte ${f.dram}, over the weights (${weights.length} bytes)` };
  }
  return words(chip, memory, f.address, [f.chunks, f.stride], [f.words, 1]);
}

type WindowFields = FieldsOf<"pool-or">;

/** A window must touch the map at every output, and the map must hold every row it touches. */
function checkWindow(f: Omit<WindowFields, "output" | "outputStride" | "firstStep" | "steps">): Fault | undefined {
  if (f.padding >= f.kernel)
    return wrong(`padding ${f.padding} of a window of ${f.kernel}: windows lie outside the map`);
  const lastTop = (f.outRow + f.outRows - 1) * f.stride - f.padding;
  const lastLeft = (f.outWidth - 1) * f.stride - f.padding;
  if (lastTop >= f.height || lastLeft >= f.width) {
    return wrong(`a window starts at row ${lastTop}, column ${lastLeft} of a map of ${f.height} x ${f.width}`);
  }
  const top = Math.max(0, f.outRow * f.stride - f.padding);
  return f.firstRow <= top ? undefined : wrong(`the first window needs row ${top}, present from row ${f.firstRow} on`);
}

/** Words from the first to the last word that the windows of a tile touch, that one included. */
function windowWords(f: Omit<WindowFields, "output" | "outputStride" | "firstStep" | "steps">): number {
  const row = Math.min(f.height - 1, (f.outRow + f.outRows - 1) * f.stride - f.padding + f.kernel - 1);
  const column = Math.min(f.width - 1, (f.outWidth - 1) * f.stride - f.padding + f.kernel - 1);
  return ((row - f.firstRow) * f.width + column + 1) * f.blocks;
}

function checkWeighted(instruction: InstructionFor<"accumulate" | "multiply">, chip: LayerwiseChip): Fault | undefined {
  const f = instruction.fields;
  if (f.lanesUsed > chip.lanes) return wrong(`${f.lanesUsed} lanes of ${chip.lanes}`);
  if (f.channels > f.blocks * chip.lanes) return wrong(`${f.channels} channels in ${f.blocks} blocks of ${chip.lanes}`);
  const positions = f.outRows * f.outWidth;
  const { exponents, biases } = parameterWordsOf(chip);
  const common =
    checkWindow(f) ??
    words(chip, "weight", f.weights, [f.kernel * f.kernel * f.channels, 1]) ??
    words(chip, "weight", f.parameters, [exponents + biases, 1]);
  if (common !== undefined) return common;
  if (instruction.op === "accumulate") {
    const { planes, planeStride } = instruction.fields;
    if (planes > MAX_PLANES) return wrong(`${planes} planes, at most ${MAX_PLANES}`);
    return (
      words(chip, "spike", f.input, [planes, planeStride], [windowWords(f), 1]) ??
      words(chip, "data", f.output, [positions, f.outputStride], [f.steps, f.outputStepStride])
    );
  }
  const { slots, inputStepStride } = instruction.fields;
  if (f.kernel * f.kernel * f.channels > chip.patchValues) {
    return wrong(
      `a window of ${f.kernel * f.kernel * f.channels} values, the patch registers hold ${chip.patchValues}`,
    );
  }
  return (
    checkSlots(slots, f.steps) ??
    words(chip, "data", f.input, [slots, inputStepStride], [windowWords(f), 1]) ??
    words(chip, "data", f.output, [positions, f.outputStride], [slots, f.outputStepStride])
  );
}

function checkSlots(slots: number, steps: number): Fault | undefined {
  return slots === 1 || slots === steps ? undefined : wrong(`${slots} slots for ${steps} timesteps`);
}

function checkFire(f: FieldsOf<"fire">, layer: number, { chip, layers }: Program): Fault | undefined {
  if (f.lanesUsed > chip.lanes) return wrong(`${f.lanesUsed} lanes of ${chip.lanes}`);
  const rule = CHARGE_RULES[f.rule] ?? "";
  const [legal, format] = f.format === 0 ? [REAL_RULES, "real"] : [INT_RULES, "integer"];
  if (!legal.has(rule)) return wrong(`charge rule \`${rule}\` is not defined on ${format} currents`);
  if (f.state < 0 && f.stateRead + f.stateWrite > 0) return wrong("potentials are read or written without an address");
  const into = layers[layer];
  if (
    into?.recorded === true &&
    (f.recordPosition + f.positions > into.positions || f.recordBlock * chip.lanes + f.lanesUsed > into.channels)
  ) {
    return wrong(`records outside the ${into.positions} x ${into.channels} neurons of its layer`);
  }
  const maps = rule === "cuba" ? 2 : 1;
  const perLane = parameterWordsOf(chip);
  return (
    checkSlots(f.slots, f.steps) ??
    words(chip, "data", f.current, [f.positions, f.currentStride], [f.slots, f.currentStepStride]) ??
    (f.state < 0 ? undefined : words(chip, "data", f.state, [f.positions * maps, f.outputStride])) ??
    (f.thresholds < 0 ? undefined : words(chip, "weight", f.thresholds, [perLane.thresholds, 1])) ??
    (f.gains < 0 ? undefined : words(chip, "weight", f.gains, [perLane.gains, 1])) ??
    words(chip, "spike", f.output, [f.positions, f.outputStride])
  );
}

function checkAttend(instruction: InstructionFor<"attend-kv" | "attend-q">, chip: LayerwiseChip): Fault | undefined {
  const f = instruction.fields;
  if ((f.head + 1) * f.headDim > f.blocks * chip.lanes) {
    return wrong(`head ${f.head} of ${f.headDim} channels in ${f.blocks} blocks of ${chip.lanes}`);
  }
  if (f.headDim ** 2 > chip.attention.counters) {
    return wrong(`${f.headDim ** 2} counters, the chip has ${chip.attention.counters}`);
  }
  const map = [f.positions, f.blocks] as const;
  const words1 = [f.blocks, 1] as const;
  if (instruction.op === "attend-kv") {
    const { keys, values } = instruction.fields;
    return words(chip, "spike", keys, map, words1) ?? words(chip, "spike", values, map, words1);
  }
  const q = instruction.fields;
  if (q.format === 1 && (q.scale !== 1 || q.sequential === 1))
    return wrong("an integer result needs scale 1 and exact sums");
  const lastBlock = Math.floor(((q.head + 1) * q.headDim - 1) / chip.lanes);
  return (
    words(chip, "spike", q.queries, map, words1) ??
    words(chip, "data", q.output + lastBlock, [q.positions, q.outputStride], [q.steps, q.outputStepStride])
  );
}

function checkPool(instruction: InstructionFor<"pool-max" | "pool-or">, chip: LayerwiseChip): Fault | undefined {
  const f = instruction.fields;
  const bad = checkWindow(f);
  if (bad !== undefined) return bad;
  const input = [windowWords(f), 1] as const;
  const output = [f.outRows * f.outWidth, f.outputStride] as const;
  if (instruction.op === "pool-or") {
    return words(chip, "spike", f.input, input) ?? words(chip, "spike", f.output, output, [f.blocks, 1]);
  }
  const { inputStepStride, outputStepStride } = instruction.fields;
  return (
    words(chip, "data", f.input, [f.steps, inputStepStride], input) ??
    words(chip, "data", f.output, [f.steps, outputStepStride], output, [f.blocks, 1])
  );
}

type TokenInstruction = InstructionFor<"score-tokens" | "score-kv" | "top-k" | "mask-tokens" | "mask-data">;
type VectorInstruction =
  | InstructionFor<
      "add" | "pool-plane" | "and" | "add-planes" | "sum-positions" | "mean-positions" | "mean-steps" | "convert"
    >
  | TokenInstruction;

/** Spike words that the timesteps of a decision lie in. */
function decisionGroups(f: { readonly bit: number; readonly timesteps: number }, chip: LayerwiseChip): number {
  return Math.ceil((f.bit + f.timesteps) / chip.parallelTimesteps);
}

function checkSelection(instruction: TokenInstruction, chip: LayerwiseChip): Fault | undefined {
  if (instruction.op === "mask-tokens") {
    const f = instruction.fields;
    const map = [f.positions * f.blocks, 1] as const;
    const lastToken = Math.floor((f.token + f.positions - 1) / chip.lanes);
    return (
      words(chip, "spike", f.a, map) ?? words(chip, "spike", f.mask + lastToken) ?? words(chip, "spike", f.output, map)
    );
  }
  if (instruction.op === "mask-data") {
    const f = instruction.fields;
    const map = [f.positions * f.blocks, 1] as const;
    return (
      words(chip, "data", f.a, [f.steps, f.aStepStride], map) ??
      words(chip, "spike", f.mask + Math.floor((f.token + f.positions - 1) / chip.lanes)) ??
      words(chip, "data", f.output, [f.steps, f.outputStepStride], map)
    );
  }
  const { bit } = instruction.fields;
  if (bit >= chip.parallelTimesteps) {
    return wrong(`a decision begins at timestep ${bit} of a group, the chip has ${chip.parallelTimesteps}`);
  }
  const groups = decisionGroups(instruction.fields, chip);
  if (instruction.op === "top-k") {
    const f = instruction.fields;
    if (f.keep > f.tokens) return wrong(`keeps ${f.keep} of ${f.tokens} tokens`);
    if (f.floor > f.keep) return wrong(`keeps at least ${f.floor} and at most ${f.keep} tokens`);
    if (f.share < 0 || f.share > 1) return wrong(`tokens must reach a share of ${f.share}, expected 0 to 1`);
    const row = [Math.ceil(f.tokens / chip.lanes), 1] as const;
    return words(chip, "data", f.scores, row) ?? words(chip, "spike", f.output, [groups, f.groupStride], row);
  }
  const f = instruction.fields;
  if (Math.ceil(f.channels / chip.lanes) !== f.blocks) return wrong(`${f.channels} channels in ${f.blocks} blocks`);
  const map = [f.positions * f.blocks, 1] as const;
  const row = [Math.ceil(f.positions / chip.lanes), 1] as const;
  const output = words(chip, "data", f.output, [f.copies, f.outputStepStride], row);
  if (instruction.op === "score-tokens") {
    const { input, groupStride } = instruction.fields;
    return output ?? words(chip, "spike", input, [groups, groupStride], map);
  }
  const { keys, values, keyGroupStride, valueGroupStride, headDim } = instruction.fields;
  if (f.channels % headDim !== 0) return wrong(`heads of ${headDim} in ${f.channels} channels`);
  return (
    output ??
    words(chip, "spike", keys, [groups, keyGroupStride], map) ??
    words(chip, "spike", values, [groups, valueGroupStride], map)
  );
}

function checkVector(instruction: VectorInstruction, chip: LayerwiseChip): Fault | undefined {
  switch (instruction.op) {
    case "add": {
      const f = instruction.fields;
      return (
        words(chip, "data", f.a, [f.steps, f.aStepStride], [f.words, 1]) ??
        words(chip, "data", f.b, [f.steps, f.bStepStride], [f.words, 1]) ??
        words(chip, "data", f.output, [f.steps, f.outputStepStride], [f.words, 1])
      );
    }
    case "pool-plane": {
      const f = instruction.fields;
      if (f.kernel % 2 === 0) return wrong(`a window of ${f.kernel}; the side must be odd`);
      if (f.channels % f.headDim !== 0) return wrong(`heads of ${f.headDim} in ${f.channels} channels`);
      if (Math.ceil(f.channels / chip.lanes) !== f.blocks) return wrong(`${f.channels} channels in ${f.blocks} blocks`);
      const map = [f.positions * f.blocks, 1] as const;
      return words(chip, "spike", f.input, map) ?? words(chip, "spike", f.output, map);
    }
    case "and": {
      const f = instruction.fields;
      const map = [f.positions * f.blocks, 1] as const;
      return (
        words(chip, "spike", f.a, map) ??
        words(chip, "spike", f.b, [f.positions, f.bStride], [f.blocks, 1]) ??
        words(chip, "spike", f.output, map)
      );
    }
    case "add-planes": {
      const f = instruction.fields;
      const planes = Math.max(f.aPlanes, f.bPlanes) + 1;
      if (planes > MAX_PLANES) return wrong(`${planes} planes, at most ${MAX_PLANES}`);
      return (
        words(chip, "spike", f.a, [f.aPlanes, f.aPlaneStride], [f.words, 1]) ??
        words(chip, "spike", f.b, [f.bPlanes, f.bPlaneStride], [f.words, 1]) ??
        words(chip, "spike", f.output, [planes, f.outputPlaneStride], [f.words, 1])
      );
    }
    case "sum-positions": {
      const f = instruction.fields;
      return (
        words(chip, "spike", f.input, [f.positions * f.blocks, 1]) ??
        words(chip, "data", f.output, [f.steps, f.outputStepStride], [f.blocks, 1])
      );
    }
    case "mean-positions": {
      const f = instruction.fields;
      return (
        words(chip, "data", f.input, [f.steps, f.inputStepStride], [f.positions * f.blocks, 1]) ??
        words(chip, "data", f.output, [f.steps, f.outputStepStride], [f.blocks, 1])
      );
    }
    case "mean-steps": {
      const f = instruction.fields;
      return (
        words(chip, "data", f.input, [f.meanOf, f.inputStepStride], [f.words, 1]) ??
        words(chip, "data", f.output, [f.words, 1])
      );
    }
    case "score-tokens":
    case "score-kv":
    case "top-k":
    case "mask-tokens":
    case "mask-data":
      return checkSelection(instruction, chip);
    case "convert": {
      const f = instruction.fields;
      if (f.lo > f.hi) return wrong(`converts to integers in ${f.lo}..${f.hi}`);
      return (
        words(chip, "data", f.input, [f.steps, f.inputStepStride], [f.words, 1]) ??
        words(chip, "data", f.output, [f.steps, f.outputStepStride], [f.words, 1])
      );
    }
  }
}
