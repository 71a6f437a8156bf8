import type { FieldsOf } from "../../../../backends/program/instruction.js";
import { PARAMETER_WORDS } from "../parameter-words.js";
import type { Result } from "../../../kernels/index.js";
import type { Chip } from "./chip.js";

/** How a weighted sum becomes an output: the parameter words are exponents of the grid, then biases as doubles. */
export function resultOf(f: FieldsOf<"accumulate"> | FieldsOf<"multiply">, chip: Chip): Result {
  const { lanes, kernels, weights, memories, scales } = chip;
  const { weight, data } = memories;
  weights.fetch(f.parameters, PARAMETER_WORDS);
  for (let l = 0; l < lanes; l++) kernels.memory.f64[scales / 8 + l] = 2 ** -weight.i32[f.parameters * lanes + l]!;
  return {
    bias: weight.from + (f.parameters + 1) * weight.wordBytes,
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
