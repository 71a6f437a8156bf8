import { parameterWords, type LayerwiseChip } from "../../../chips/layerwise.js";

type Width = Pick<LayerwiseChip, "weightBits">;

/** Words of the exponents of the grid, a number of 32 bits per lane. */
export function exponentWords(chip: Width): number {
  return parameterWords(chip, 32);
}

/** Words that a weighted sum reads before its work: exponents, and biases of 64 bits. */
export function weightedWords(chip: Width): number {
  return exponentWords(chip) + parameterWords(chip, 64);
}

/** Words that a neuron's thresholds take, or its gains. */
export function neuronWords(chip: Width): number {
  return parameterWords(chip, 32);
}
