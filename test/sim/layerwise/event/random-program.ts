import { assignTokens } from "../../../../src/backends/layerwise/tokens.js";
import { checkInstruction } from "../../../../src/backends/program/check.js";
import {
  CHARGE_RULES,
  engineOf,
  MEMORIES,
  OPCODES,
  TOKEN_CUES,
  type Instruction,
  type MemoryName,
  type Opcode,
} from "../../../../src/backends/program/instruction.js";
import type { Program } from "../../../../src/backends/program/program.js";
import { wordBytes, type LayerwiseChip } from "../../../../src/chips/layerwise.js";
import type { Random } from "../../../backends/layerwise/nets.js";
import { instruction, joined, parameterBytes, weightRows } from "../../support.js";
import { weightPlan, WORDS } from "./random-chip.js";

/*
 * Random programs of all instructions. Their operands lie anywhere; tokens that the backend derives order what conflicts, so
 * they are free of hazards, and further tokens delay instructions at random. At the end all memories are stored.
 */

/** Words of a memory that random programs use. */
function wordsOf(chip: LayerwiseChip, memory: MemoryName): number {
  return memory === "weight" ? weightPlan(chip).words : WORDS[memory];
}

const TIMESTEPS = 8;
const LAYERS: Program["layers"] = [
  { name: "recorded", kind: "test", recorded: true, positions: 40, channels: 96 },
  { name: "other", kind: "test", recorded: false, positions: 1, channels: 1 },
];

interface Setting {
  readonly random: Random;
  readonly chip: LayerwiseChip;
  /** 0 real, 1 int: data words of a program have one format, so that no integer is taken for a NaN. */
  readonly format: 0 | 1;
  /** DRAM bytes: the image of each memory, and space that programs store to. */
  readonly images: Readonly<Record<MemoryName, number>>;
  readonly scratch: number;
  readonly scratchBytes: number;
}

/** Rows of weights of all widths that the chip takes, and behind them the parameters of sums and of neurons. */
function weightImage(random: Random, chip: LayerwiseChip, format: 0 | 1): Uint8Array {
  const { rows, sets } = weightPlan(chip);
  const lane = (value: () => number): number[] => Array.from({ length: chip.lanes }, value);
  const bits = Math.min(chip.weightBits, format === 0 ? 25 : 8);
  const largest = 2 ** (bits - 1) - 1;
  // The one integer more on the negative side is too much for eight bits of a kernel.
  const least = random.pick([-largest, -largest, -largest - 1]);
  const exponent = (): number => (format === 0 ? random.int(bits - 3, bits + 1) : random.int(0, 3));
  const bias = (): number => random.int(-(2 ** 20), 2 ** 20) * (format === 0 ? 2 ** (bits - 25) : 2 ** -12);
  const weights = Array.from({ length: rows }, () => lane(() => random.int(least, largest)));
  const sums = Array.from({ length: sets }, () => [
    parameterBytes(chip, Int32Array.from(lane(exponent))),
    parameterBytes(chip, Float64Array.from(lane(bias))),
  ]);
  const neurons = Array.from({ length: sets }, () =>
    format === 0 ? Float32Array.from(lane(() => 1 + random.next())) : Int32Array.from(lane(() => random.int(1, 40))),
  );
  return joined(weightRows(chip, weights), ...sums.flat(), ...neurons.map((numbers) => parameterBytes(chip, numbers)));
}

/** How busy the memories are: the share of spike bits that are set, and of data words that are zero. */
function memoryImages(random: Random, chip: LayerwiseChip, format: 0 | 1): Readonly<Record<MemoryName, Uint8Array>> {
  const density = random.pick([0.02, 0.1, 0.3, 0.8]);
  const spike = new Uint8Array(WORDS.spike * wordBytes(chip, "spike"));
  for (let i = 0; i < spike.length; i++) {
    for (let b = 0; b < 8; b++) if (random.next() < density) spike[i]! |= 1 << b;
  }
  const data = new Uint8Array(WORDS.data * wordBytes(chip, "data"));
  const [reals, ints] = [new Float32Array(data.buffer), new Int32Array(data.buffer)];
  for (let i = 0; i < reals.length; i++) {
    if (random.int(0, 2) === 0) continue;
    if (format === 0) reals[i] = random.real(2);
    else ints[i] = random.int(-20, 20);
  }
  return { spike, weight: weightImage(random, chip, format), data };
}

/** Random fields of an instruction; they need not fit the chip. */
function randomFields(
  op: Opcode,
  { random, chip, format, images, scratch, scratchBytes }: Setting,
): Record<string, number> {
  const { lanes, parallelTimesteps: parallel } = chip;
  const flag = (): number => random.int(0, 1);
  const spike = (): number => random.int(0, WORDS.spike - 1);
  const data = (): number => random.int(0, WORDS.data - 1);
  const steps = random.int(1, parallel);
  const plan = weightPlan(chip);
  const group = { firstStep: random.int(0, TIMESTEPS - steps), steps };
  const stride = (): number => random.int(1, 5);
  const blocks = random.int(1, 2);
  const positions = random.int(1, 12);
  const padding = random.int(0, 2);
  const window = {
    height: random.int(1, 5),
    width: random.int(1, 5),
    blocks,
    kernel: random.int(1, 3),
    stride: random.int(1, 2),
    padding,
    outRow: random.int(0, 2),
    outRows: random.int(1, 4),
    outWidth: random.int(1, 4),
  };
  const channels = random.int(1, blocks * lanes);
  const weighted = {
    ...window,
    ...group,
    channels,
    weights: random.int(0, plan.rows - window.kernel ** 2 * channels),
    parameters: plan.set(random.int(0, plan.sets - 1)),
    lanesUsed: random.int(1, lanes),
    output: data(),
    outputStride: stride(),
    outputStepStride: random.int(1, 40),
    format,
    resultBits: format === 0 ? 0 : random.pick([0, 6, 16]),
  };
  const heads = random.int(1, 3);
  const headDim = random.int(1, 8);
  const attend = {
    blocks,
    positions,
    head: random.int(0, heads - 1),
    headDim,
    bit: random.int(0, parallel - steps),
    ...group,
  };
  const decision = { bit: random.int(0, parallel - 1), timesteps: random.int(1, TIMESTEPS) };
  switch (op) {
    case "load":
    case "store": {
      const memory = random.int(0, 2);
      const name = MEMORIES[memory]!;
      const words = random.int(1, 24);
      const chunks = random.pick([1, 1, 2, 4]);
      const burst = chip.dram.burstBytes;
      const dramStride = burst * random.int(1, Math.ceil((words * wordBytes(chip, name)) / burst) + 1);
      const shape = { memory, words, chunks, stride: random.int(words, words + 3), dramStride };
      // Weights come from rows of weights and go there; parameters stay what they are.
      const all = name === "weight" ? plan.rows : WORDS[name];
      const address = random.int(0, all - 1);
      const inScratch = { ...shape, address, dram: scratch + burst * random.int(0, Math.floor(scratchBytes / burst)) };
      if (op === "store" || (name !== "weight" && flag() === 1)) return inScratch;
      const [from, bytes] = [images[name], all * wordBytes(chip, name)];
      const last = (chunks - 1) * dramStride + words * wordBytes(chip, name);
      return { ...shape, address, dram: from + burst * random.int(0, Math.max(0, Math.floor((bytes - last) / burst))) };
    }
    case "accumulate":
      return { ...weighted, input: spike(), planes: random.pick([1, 1, 2, 3]), planeStride: random.int(1, 30) };
    case "multiply": {
      const slots = random.pick([1, steps]);
      return { ...weighted, input: data(), inputFormat: format, inputStepStride: random.int(0, 30), slots };
    }
    case "fire": {
      const rules = format === 0 ? CHARGE_RULES.slice(0, 5) : CHARGE_RULES.slice(3);
      const rule = rules[random.int(0, rules.length - 1)]!;
      const word = (): number => (flag() === 1 ? plan.neuron(random.int(0, plan.sets - 1)) : -1);
      return {
        ...group,
        current: data(),
        currentStride: random.int(1, 3),
        currentStepStride: random.int(1, 30),
        slots: random.pick([1, steps]),
        format,
        positions,
        lanesUsed: random.int(1, lanes),
        state: data(),
        stateRead: flag(),
        stateWrite: flag(),
        rule: CHARGE_RULES.indexOf(rule),
        a: format === 0 ? 1.5 : random.int(1, 9),
        b: format === 0 ? 0.25 : random.int(0, 4096),
        vTh: format === 0 ? 0.5 : 6,
        v0: format === 0 ? 0.25 : 1,
        // A gain is f32 in either format; as an integer word it would be next to nothing.
        thresholds: word(),
        gains: format === 0 ? word() : -1,
        gt: flag(),
        soft: flag(),
        stateBits: random.int(8, 32),
        fractionBits: random.int(0, 6),
        wrap: flag(),
        output: spike(),
        outputStride: random.int(1, 3),
        recordPosition: random.int(0, 20),
        recordBlock: random.int(0, 1),
      };
    }
    case "attend-kv":
      return { ...attend, keys: spike(), values: spike(), clear: flag() };
    case "attend-q":
      return {
        ...attend,
        queries: spike(),
        scale: format === 0 ? 1 / 6 : 1,
        sequential: format === 0 ? flag() : 0,
        output: data(),
        outputStride: random.int(1, 3),
        outputStepStride: random.int(1, 30),
        format,
      };
    case "add":
      return {
        ...group,
        a: data(),
        b: data(),
        aStepStride: random.int(0, 20),
        bStepStride: random.int(0, 20),
        words: random.int(1, 20),
        format,
        aShift: random.int(0, 3),
        bShift: random.int(0, 3),
        resultBits: random.pick([0, 8]),
        output: data(),
        outputStepStride: random.int(1, 20),
      };
    case "pool-max":
      return {
        ...window,
        ...group,
        input: data(),
        output: data(),
        outputStride: random.int(2, 4),
        format,
        inputStepStride: random.int(1, 30),
        outputStepStride: random.int(1, 30),
      };
    case "pool-or":
      return { ...window, ...group, input: spike(), output: spike(), outputStride: random.int(2, 4) };
    case "pool-plane": {
      const kernel = random.pick([1, 3, 5]);
      const own = heads * headDim;
      return {
        ...group,
        input: spike(),
        positions,
        blocks: Math.ceil(own / lanes),
        channels: own,
        headDim,
        kernel,
        output: spike(),
      };
    }
    case "and":
      return {
        ...group,
        a: spike(),
        b: spike(),
        blocks,
        positions,
        bStride: random.pick([0, blocks]),
        output: spike(),
      };
    case "add-planes":
      return {
        ...group,
        a: spike(),
        aPlanes: random.int(1, 3),
        aPlaneStride: random.int(1, 20),
        b: spike(),
        bPlanes: random.int(1, 3),
        bPlaneStride: random.int(1, 20),
        words: random.int(1, 12),
        output: spike(),
        outputPlaneStride: random.int(1, 20),
      };
    case "sum-positions":
      return {
        ...group,
        input: spike(),
        positions,
        blocks,
        output: data(),
        outputStepStride: random.int(1, 9),
        format,
      };
    case "mean-positions":
      return {
        ...group,
        format,
        input: data(),
        inputStepStride: random.int(1, 30),
        positions,
        blocks,
        output: data(),
        outputStepStride: random.int(1, 9),
      };
    case "mean-steps":
      return {
        ...group,
        format,
        input: data(),
        inputStepStride: random.int(1, 30),
        meanOf: random.int(1, 5),
        words: random.int(1, 12),
        output: data(),
      };
    case "score-tokens":
    case "score-kv": {
      const own = heads * headDim;
      const map = { positions: random.int(1, 20), blocks: Math.ceil(own / lanes), channels: own };
      const scores = { output: data(), copies: random.int(1, 3), outputStepStride: random.int(1, 9), ...group };
      const strides = [random.int(1, 30), random.int(1, 30)] as const;
      if (op === "score-kv") {
        const [keyGroupStride, valueGroupStride] = strides;
        return {
          ...map,
          ...decision,
          ...scores,
          keys: spike(),
          values: spike(),
          keyGroupStride,
          valueGroupStride,
          headDim,
        };
      }
      const cue = random.int(0, TOKEN_CUES.length - 1);
      return {
        ...map,
        ...decision,
        ...scores,
        input: spike(),
        groupStride: strides[0],
        cue,
        alpha: 1,
        beta: 0.5,
        gamma: 2,
      };
    }
    case "top-k": {
      const tokens = random.int(1, 20);
      const keep = random.int(1, tokens);
      return {
        ...decision,
        ...group,
        scores: data(),
        tokens,
        keep,
        floor: random.int(1, keep),
        share: random.next(),
        strict: 0,
        output: spike(),
        groupStride: random.int(1, 9),
      };
    }
    case "mask-tokens":
      return { ...group, a: spike(), mask: spike(), token: random.int(0, 20), blocks, positions, output: spike() };
    case "mask-data":
      return {
        ...group,
        a: data(),
        aStepStride: random.int(0, 20),
        mask: spike(),
        token: random.int(0, 20),
        blocks,
        positions,
        output: data(),
        outputStepStride: random.int(1, 20),
      };
    case "convert":
      return {
        ...group,
        input: data(),
        inputStepStride: random.int(1, 20),
        words: random.int(1, 20),
        // Integers that are read as reals afterwards: not negative, so that none is a NaN.
        format: format === 0 ? 1 : random.int(0, 1),
        exp: random.int(-6, 2),
        lo: format === 0 ? 0 : -100,
        hi: 1000,
        output: data(),
        outputStepStride: random.int(1, 20),
      };
  }
}

/** Whether a load would put rows of weights over parameters. */
function spoilsParameters({ op, fields: f }: Instruction, chip: LayerwiseChip): boolean {
  if (op !== "load" || MEMORIES[f.memory] !== "weight") return false;
  return f.address + (f.chunks - 1) * f.stride + f.words > weightPlan(chip).rows;
}

/** A program of about `length` random instructions on a chip with memories as of `randomMachine`. */
export function randomProgram(random: Random, chip: LayerwiseChip, length: number): Program {
  const format = random.pick([0, 0, 1] as const);
  const burst = chip.dram.burstBytes;
  const align = (bytes: number): number => Math.ceil(bytes / burst) * burst;
  const contents = memoryImages(random, chip, format);
  const images = { spike: 0, weight: 0, data: 0 };
  let dram = 0;
  const take = (bytes: number): number => {
    const at = dram;
    dram += align(bytes);
    return at;
  };
  for (const name of MEMORIES) images[name] = take(contents[name].length);
  const weights = new Uint8Array(dram);
  for (const name of MEMORIES) weights.set(contents[name], images[name]);
  const scratchBytes = 40 * burst;
  const scratch = take(scratchBytes);
  const setting = { random, chip, format, images, scratch, scratchBytes };

  const drafts = MEMORIES.map((name, memory) =>
    instruction("load", { memory, words: wordsOf(chip, name), dram: images[name], chunks: 1 }, { layer: 1 }),
  );
  const outputs = MEMORIES.map((name) => {
    const ints = Math.ceil(contents[name].length / 4 / chip.lanes) * chip.lanes;
    return { name, dram: take(4 * ints), slotStride: 0, slots: 1, shape: [ints], format: "int" as const };
  });
  const rest = {
    name: "random",
    target: "layerwise",
    chip,
    timesteps: TIMESTEPS,
    layers: LAYERS,
    inputs: [],
    regions: [],
    notes: [],
  } as const;
  const program = { ...rest, outputs, weights, dramBytes: dram, tokens: 0, instructions: [] };
  // Few kinds per program, so that its engines have to do with each other again and again.
  const kinds = Array.from({ length: random.int(2, 8) }, () => random.pick(OPCODES as [Opcode, ...Opcode[]]));
  kinds.push("load", "accumulate");
  for (let tries = 0; drafts.length < length && tries < 200 * length; tries++) {
    const op = random.pick(kinds as [Opcode, ...Opcode[]]);
    const draft = instruction(op, randomFields(op, setting), { layer: random.int(0, 1) });
    if (checkInstruction(draft, program) !== undefined || spoilsParameters(draft, chip)) continue;
    drafts.push(draft);
  }
  for (const [memory, { dram: at }] of outputs.entries()) {
    const words = wordsOf(chip, MEMORIES[memory]!);
    drafts.push(instruction("store", { memory, words, dram: at, chunks: 1 }, { layer: 1 }));
  }
  // Something is left to do when all is stored, so that store comes to rest before the end.
  drafts.push(drafts[random.int(MEMORIES.length, drafts.length - MEMORIES.length - 1)]!);
  const { instructions, tokens } = assignTokens(drafts, chip);
  return delayed(random, { ...program, instructions, tokens });
}

/** Adds tokens that order instructions without need, some of them awaited by two engines. */
function delayed(random: Random, program: Program): Program {
  const instructions = program.instructions.map((one) => ({
    ...one,
    waits: [...one.waits],
    signals: [...one.signals],
  }));
  let { tokens } = program;
  const last = instructions.length - 1;
  for (let n = random.int(0, instructions.length / 2); n > 0; n--) {
    const count = random.int(1, 3);
    const from = instructions[random.int(0, last - 1)]!;
    const behind = instructions.slice(instructions.indexOf(from) + 1);
    const readers = Array.from({ length: random.int(1, 2) }, () => behind[random.int(0, behind.length - 1)]!);
    if (new Set([from, ...readers].map(({ op }) => engineOf(op))).size !== readers.length + 1) continue;
    from.signals.push({ token: tokens, count });
    if (readers.length === 2) {
      // Enough for one of them at first; whoever comes second waits for another engine's signal.
      const others = instructions.slice(0, Math.min(...readers.map((reader) => instructions.indexOf(reader))));
      const second = others[random.int(0, others.length - 1)]!;
      if (second === from) from.signals[from.signals.length - 1] = { token: tokens, count: 2 * count };
      else second.signals.push({ token: tokens, count });
    }
    for (const reader of readers) reader.waits.push({ token: tokens, count });
    tokens++;
  }
  return { ...program, instructions: instructions as Instruction[], tokens };
}
