import type { FieldsOf } from "../../../../backends/program/instruction.js";
import { exponentWords, neuronWords, weightedWords } from "../parameter-words.js";
import type { KernelMemory, Result } from "../../../kernels/index.js";
import type { Chip } from "./chip.js";

/** Where parameters lie when they have been read, for the kernels: addresses of one number per lane. */
export interface Registers {
  /** i32, and 2^-exponent as f64. */
  readonly exponents: number;
  readonly scales: number;
  /** f64. */
  readonly biases: number;
  /** f32 or i32. */
  readonly thresholds: number;
  /** f32. */
  readonly gains: number;
}

/** Bytes of all registers of a lane. */
export const REGISTER_BYTES = 4 + 8 + 8 + 4 + 4;

export function takeRegisters(memory: KernelMemory, lanes: number): Registers {
  const take = (bytes: number, what: string): number => memory.take(bytes * lanes, what);
  return {
    exponents: take(4, "exponents"),
    scales: take(8, "scales"),
    biases: take(8, "biases"),
    thresholds: take(4, "thresholds"),
    gains: take(4, "gains"),
  };
}

/** Reads the thresholds or gains of a neuron, of 32 bits each, into their register; gives its address, or -1 where there are none. */
export function neuronParameter(word: number, register: "thresholds" | "gains", chip: Chip): number {
  if (word < 0) return -1;
  const to = chip.registers[register];
  read(word, neuronWords(chip.description), 4, to, chip);
  return to;
}

/** Copies a parameter of so many bytes per lane from its words, in which it need not be aligned, to its register. */
function read(word: number, words: number, bytes: number, to: number, chip: Chip): void {
  const { weights, kernels, memories, lanes } = chip;
  const { from, wordBytes } = memories.weight;
  weights.fetch(word, words);
  const at = from + word * wordBytes;
  kernels.memory.u8.copyWithin(to, at, at + bytes * lanes);
}

/** How a weighted sum becomes an output: the parameter words are exponents of the grid, then biases as doubles. */
export function resultOf(f: FieldsOf<"accumulate"> | FieldsOf<"multiply">, chip: Chip): Result {
  const { lanes, kernels, memories, registers, description } = chip;
  const { exponents, scales, biases } = registers;
  const { data } = memories;
  const { f64, i32 } = kernels.memory;
  const words = exponentWords(description);
  read(f.parameters, words, 4, exponents, chip);
  read(f.parameters + words, weightedWords(description) - words, 8, biases, chip);
  for (let l = 0; l < lanes; l++) f64[scales / 8 + l] = 2 ** -i32[exponents / 4 + l]!;
  return {
    bias: biases,
    scales,
    output: data.from + f.output * data.wordBytes,
    positionBytes: f.outputStride * data.wordBytes,
    stepBytes: f.outputStepStride * data.wordBytes,
    format: formatOf(f),
    limit: currentLimit(f.resultBits),
  };
}

export function formatOf({ format }: { readonly format: number }): "real" | "int" {
  return format === 1 ? "int" : "real";
}

/** The largest current, in magnitude, of a result of so many bits; 0 bits never saturate. */
export function currentLimit(bits: number): number {
  return bits === 0 ? Infinity : 2 ** (bits - 1) - 1;
}
