import { parameterWords, type LayerwiseChip } from "../../chips/layerwise.js";

/** Words of the weight memory that each parameter of an instruction takes on a chip. */
export interface ParameterWords {
  /** Grid exponents, i32, and behind them biases, f64: what `parameters` points to. */
  readonly exponents: number;
  readonly biases: number;
  /** f32 or i32. */
  readonly thresholds: number;
  /** f32. */
  readonly gains: number;
}

export function parameterWordsOf(chip: Pick<LayerwiseChip, "weightBits">): ParameterWords {
  const [single, double] = [parameterWords(chip, 32), parameterWords(chip, 64)];
  return { exponents: single, biases: double, thresholds: single, gains: single };
}
