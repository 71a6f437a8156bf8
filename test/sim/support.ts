import {
  INSTRUCTIONS,
  type Field,
  type FieldsOf,
  type Instruction,
  type InstructionFor,
  type MemoryName,
  MEMORIES,
  type Opcode,
  type TokenUse,
} from "../../src/backends/program/instruction.js";
import type { Program } from "../../src/backends/program/program.js";
import { readChip, wordBytes, type LayerwiseChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { KERNELS } from "../../src/sim/kernels/index.js";
import {
  createEvent,
  createStepped,
  ENGINE_STATES,
  type PortValues,
  type SteppedOptions,
  type RunResult,
} from "../../src/sim/layerwise/index.js";
import { ENGINES } from "../../src/backends/program/instruction.js";
import { differences, logged } from "./layerwise/event/equality.js";

export function builtIn(name: string): LayerwiseChip {
  const report = new Report();
  const chip = readChip(name, report, "layerwise");
  if (chip === undefined) throw new Error(report.diagnostics.map((d) => d.message).join("; "));
  return chip;
}

export const SMALL = builtIn("layerwise-small");

/** The chip with weights of another width, in as many words. */
export function narrow(chip: LayerwiseChip, weightBits: number): LayerwiseChip {
  const { weight } = chip.memories;
  const bytes = (weight.bytes / wordBytes(chip, "weight")) * ((chip.lanes * weightBits) / 8);
  return { ...chip, weightBits, memories: { ...chip.memories, weight: { ...weight, bytes } } };
}

/** An instruction; fields that are left out have their least value. */
export function instruction<O extends Opcode>(
  op: O,
  given: Partial<FieldsOf<O>>,
  { layer = 0, waits = [], signals = [] }: { layer?: number; waits?: number[]; signals?: number[] } = {},
): Instruction {
  const table: Readonly<Record<string, Field>> = INSTRUCTIONS[op].fields;
  const values: Readonly<Record<string, number | undefined>> = given;
  const fields = Object.fromEntries(
    Object.entries(table).map(([name, field]) => [name, values[name] ?? (field.real === true ? 0 : (field.min ?? 0))]),
  );
  const use = (token: number): TokenUse => ({ token, count: 1 });
  return { op, layer, fields, waits: waits.map(use), signals: signals.map(use) } as unknown as InstructionFor<O>;
}

/** Words to put into a memory before, or to read back after the instructions under test. */
export interface Words {
  readonly memory: MemoryName;
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface Setup {
  readonly chip?: LayerwiseChip;
  readonly timesteps?: number;
  readonly words?: readonly Words[];
  readonly instructions: readonly Instruction[];
  readonly read?: readonly { readonly memory: MemoryName; readonly address: number; readonly words: number }[];
  readonly layer?: Partial<Program["layers"][number]>;
}

export interface Finished {
  readonly result: RunResult;
  readonly read: readonly Uint8Array[];
}

/** A program that loads the words, runs the instructions (one after the other) and stores what is to be read back. */
export function serialProgram(setup: Setup): Program {
  const chip = setup.chip ?? SMALL;
  const burst = chip.dram.burstBytes;
  const align = (n: number): number => Math.ceil(n / burst) * burst;
  const chunks: { at: number; bytes: Uint8Array }[] = [];
  const all: Instruction[] = [];
  let dram = 0;
  for (const { memory, address, bytes } of setup.words ?? []) {
    const words = bytes.length / wordBytes(chip, memory);
    if (words === 0) continue;
    all.push(instruction("load", { memory: MEMORIES.indexOf(memory), address, dram, words, chunks: 1 }));
    chunks.push({ at: dram, bytes });
    dram += align(bytes.length);
  }
  const weights = new Uint8Array(dram);
  for (const { at, bytes } of chunks) weights.set(bytes, at);
  all.push(...setup.instructions);
  const outputs: Program["outputs"][number][] = [];
  (setup.read ?? []).forEach(({ memory, address, words }, i) => {
    const bytes = words * wordBytes(chip, memory);
    all.push(instruction("store", { memory: MEMORIES.indexOf(memory), address, dram, words, chunks: 1 }));
    const ints = Math.ceil(bytes / 4 / chip.lanes) * chip.lanes;
    outputs.push({ name: `read${i}`, dram, slotStride: 0, slots: 1, shape: [ints], format: "int" });
    dram += align(ints * 4);
  });
  // One token between each two instructions: strictly one after the other.
  const instructions = all.map((one, i) => ({
    ...one,
    waits: i === 0 ? [] : [{ token: i - 1, count: 1 }],
    signals: [{ token: i, count: 1 }],
  })) as Instruction[];
  return {
    name: "test",
    target: "layerwise",
    chip,
    timesteps: setup.timesteps ?? chip.parallelTimesteps,
    layers: [{ name: "layer", kind: "test", recorded: false, positions: 1, channels: 1, ...setup.layer }],
    inputs: [],
    outputs,
    tokens: instructions.length,
    dramBytes: dram,
    instructions,
    weights,
    regions: [],
    notes: [],
  };
}

/** Runs a program on both simulators, which must agree in everything, and returns what stepped says. */
export function runBoth(
  program: Program,
  inputs: ReadonlyMap<string, PortValues>,
  options: SteppedOptions = {},
): RunResult {
  const expected = logged(createStepped(program), inputs, options);
  for (const kernels of KERNELS) {
    const found = differences(logged(createEvent(program, { kernels }), inputs, options), expected, program);
    if (found.length > 0) throw new Error(`event (${kernels}) differs from stepped: ${found.join("\n")}`);
  }
  return expected.result;
}

export function runSerial(setup: Setup, options: SteppedOptions = {}): Finished {
  const program = serialProgram(setup);
  const result = runBoth(program, new Map(), { maxCycles: 1_000_000, ...options });
  const chip = program.chip;
  const read = (setup.read ?? []).map(({ memory, words }, i) => {
    const ints = result.outputs.get(`read${i}`)!;
    return new Uint8Array(ints.buffer).slice(0, words * wordBytes(chip, memory));
  });
  return { result, read };
}

/** A run as one letter per cycle and engine: b(usy) p(ort) d(ram) t(oken) q(ueue) i(dle). */
export function timeline(
  program: Program,
  options: SteppedOptions = {},
): { result: RunResult; lines: Record<string, string> } {
  const lines: Record<string, string> = Object.fromEntries(ENGINES.map((name) => [name, ""]));
  const result = runBoth(program, new Map(), {
    maxCycles: 10_000,
    ...options,
    trace: (_, states) => ENGINES.forEach((name, e) => (lines[name] += ENGINE_STATES[states[e]!]![0]!)),
  });
  return { result, lines };
}

/** A seeded generator of integers below n (mulberry32). */
export function random(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

/** Spike words of a map [steps][positions][channels]. */
export function spikeWords(chip: LayerwiseChip, map: readonly (readonly (readonly number[])[])[]): Uint8Array {
  const { lanes, parallelTimesteps: p } = chip;
  const positions = map[0]!.length;
  const blocks = Math.ceil(map[0]![0]!.length / lanes);
  const bytes = new Uint8Array((positions * blocks * lanes * p) / 8);
  map.forEach((step, t) =>
    step.forEach((channels, n) =>
      channels.forEach((bit, c) => {
        const word = n * blocks + Math.floor(c / lanes);
        const lane = c % lanes;
        if (bit) bytes[(word * lanes * p + t * lanes) / 8 + (lane >> 3)]! |= 1 << (lane & 7);
      }),
    ),
  );
  return bytes;
}

/** The bits of spike words, back as [steps][positions][channels]. */
export function spikeMap(
  chip: LayerwiseChip,
  bytes: Uint8Array,
  steps: number,
  positions: number,
  channels: number,
): number[][][] {
  const { lanes, parallelTimesteps: p } = chip;
  const blocks = Math.ceil(channels / lanes);
  return Array.from({ length: steps }, (_, t) =>
    Array.from({ length: positions }, (_, n) =>
      Array.from({ length: channels }, (_, c) => {
        const word = n * blocks + Math.floor(c / lanes);
        const lane = c % lanes;
        return (bytes[(word * lanes * p + t * lanes) / 8 + (lane >> 3)]! >> (lane & 7)) & 1;
      }),
    ),
  );
}

/** Data words of [slots][positions][channels], f32 or i32. */
export function dataWords(
  chip: LayerwiseChip,
  map: readonly (readonly (readonly number[])[])[],
  format: "real" | "int",
): Uint8Array {
  const { lanes } = chip;
  const positions = map[0]!.length;
  const padded = Math.ceil(map[0]![0]!.length / lanes) * lanes;
  const values = new (format === "real" ? Float32Array : Int32Array)(map.length * positions * padded);
  map.forEach((slot, s) =>
    slot.forEach((channels, n) => channels.forEach((x, c) => (values[(s * positions + n) * padded + c] = x))),
  );
  return new Uint8Array(values.buffer);
}

export function dataMap(
  chip: LayerwiseChip,
  bytes: Uint8Array,
  slots: number,
  positions: number,
  channels: number,
  format: "real" | "int",
): number[][][] {
  const padded = Math.ceil(channels / chip.lanes) * chip.lanes;
  const copy = bytes.slice().buffer;
  const values = format === "real" ? new Float32Array(copy) : new Int32Array(copy);
  return Array.from({ length: slots }, (_, s) =>
    Array.from({ length: positions }, (_, n) =>
      Array.from({ length: channels }, (_, c) => values[(s * positions + n) * padded + c]!),
    ),
  );
}

/** Weight words, one per row of at most `lanes` mantissas: bit i of lane l is bit l * weightBits + i of its word. */
export function weightRows(chip: LayerwiseChip, rows: readonly (readonly number[])[]): Uint8Array {
  const word = wordBytes(chip, "weight");
  const bytes = new Uint8Array(rows.length * word);
  rows.forEach((row, r) =>
    row.forEach((mantissa, l) => {
      for (let i = 0; i < chip.weightBits; i++) {
        const bit = l * chip.weightBits + i;
        if ((mantissa >> i) & 1) bytes[r * word + (bit >> 3)]! |= 1 << (bit & 7);
      }
    }),
  );
  return bytes;
}

/** The weight words of a parameter: one number per lane, padded to whole words. */
export function parameterBytes(chip: LayerwiseChip, numbers: Int32Array | Float32Array | Float64Array): Uint8Array {
  const bits = 8 * numbers.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(Math.ceil(bits / chip.weightBits) * wordBytes(chip, "weight"));
  bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  return bytes;
}

/** Bytes one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A nested array [a][b][c] from a function. */
export function tensor(
  a: number,
  b: number,
  c: number,
  value: (i: number, j: number, k: number) => number,
): number[][][] {
  return Array.from({ length: a }, (_, i) =>
    Array.from({ length: b }, (_, j) => Array.from({ length: c }, (_, k) => value(i, j, k))),
  );
}
