import { sumBound, type Op, type ValueType, type Weights } from "../../ir/index.js";
import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import { parameterWordsOf } from "../program/parameters.js";
import { layerwiseDiagnostics } from "./diagnostics.js";
import { locationOf, type LowerContext } from "./lower/context.js";
import type { FeatureMap } from "./stage.js";
import { nameOf } from "./values.js";

type Code = Parameters<typeof layerwiseDiagnostics.make>[0];

function refuse(context: LowerContext, op: Op, code: Code, message: string, hint: string): false {
  context.report.add(layerwiseDiagnostics.make(code, message, { hint, location: locationOf(op) }));
  return false;
}

/** Bits of a signed integer that holds -bound..bound. */
export function signedBits(bound: number): number {
  let bits = 1;
  while (2 ** (bits - 1) - 1 < bound) bits++;
  return bits;
}

/** Facts of constants that take a walk over all weights; nets are lowered many times while a schedule is searched. */
const largestMantissas = new WeakMap<Weights, number>();
const bounds = new WeakMap<Weights, Map<string, ReturnType<typeof sumBound>>>();

function largestMantissa(weights: Weights): number {
  const known = largestMantissas.get(weights);
  if (known !== undefined) return known;
  let largest = 0;
  for (const m of weights.mantissa) largest = Math.max(largest, Math.abs(m));
  largestMantissas.set(weights, largest);
  return largest;
}

function boundOf(weights: Weights, largestInput: number, biasUnit: number): ReturnType<typeof sumBound> {
  const ofWeights = bounds.get(weights) ?? new Map<string, ReturnType<typeof sumBound>>();
  bounds.set(weights, ofWeights);
  const key = `${largestInput} ${biasUnit}`;
  const bound = ofWeights.get(key) ?? sumBound(weights, largestInput, biasUnit);
  ofWeights.set(key, bound);
  return bound;
}

/** Widths of weights and accumulators, patch registers, and the weight memory. */
export function checkWeights(
  context: LowerContext,
  op: Op,
  weights: Weights,
  input: FeatureMap,
  x: ValueType,
): boolean {
  const { chip } = context;
  const name = nameOf(op);
  let fits = true;
  const largest = largestMantissa(weights);
  const weightBits = signedBits(largest);
  if (weightBits > chip.weightBits) {
    const message = `\`${name}\` needs ${weightBits}-bit weights (largest mantissa ${largest}), the chip has ${chip.weightBits}`;
    fits = refuse(context, op, "weight-width", message, "raise `weightBits` of the chip, or quantise the net");
  }
  if (x.number.kind === "int") {
    const { lo, hi, exp } = x.number;
    const { channel, bound } = boundOf(weights, Math.max(Math.abs(lo), Math.abs(hi)), 2 ** -exp);
    const bits = signedBits(bound);
    if (bits > chip.accumulatorBits) {
      const message = `\`${name}\` needs ${bits}-bit accumulators (channel ${channel} can reach ${bound}), the chip has ${chip.accumulatorBits}`;
      fits = refuse(
        context,
        op,
        "accumulator-width",
        message,
        "raise `accumulatorBits` of the chip, or quantise the net",
      );
    }
  }
  const rows = weights.shape.slice(0, -1).reduce((n, d) => n * d, 1);
  if (input.memory === "data" && rows > chip.patchValues) {
    const message = `\`${name}\` needs ${rows} patch values for one window, the chip has ${chip.patchValues}`;
    fits = refuse(context, op, "patch-values", message, "raise `patchValues` of the chip");
  }
  return fits && checkRegion(context, op, rows);
}

/** One channel block of weights must lie in the weight memory as a whole. */
function checkRegion(context: LowerContext, op: Op, rows: number): boolean {
  const { chip } = context;
  const { exponents, biases, thresholds, gains } = parameterWordsOf(chip);
  const neuronWords = context.facts.fusedNeuron(op) === undefined ? 0 : thresholds + gains;
  const bytes = (rows + exponents + biases + neuronWords) * wordBytes(chip, "weight");
  if (bytes <= chip.memories.weight.bytes) return true;
  const message = `\`${nameOf(op)}\` needs ${bytes} bytes of weight memory for ${chip.lanes} output channels, the chip has ${chip.memories.weight.bytes}`;
  return refuse(
    context,
    op,
    "does-not-fit",
    message,
    "enlarge `memories.weight.bytes` of the chip, or use fewer lanes",
  );
}

/** Number and width of the K^T V counters of one head. */
export function checkCounters(context: LowerContext, op: Op, headDim: number, largest: number): boolean {
  const { attention }: LayerwiseChip = context.chip;
  const name = nameOf(op);
  let fits = true;
  if (headDim * headDim > attention.counters) {
    const message = `\`${name}\` needs ${headDim * headDim} counters for heads of ${headDim} channels, the chip has ${attention.counters}`;
    fits = refuse(context, op, "attention-counters", message, "raise `attention.counters` of the chip");
  }
  if (largest > 2 ** attention.counterBits - 1) {
    const bits = Math.ceil(Math.log2(largest + 1));
    const message = `\`${name}\` needs ${bits}-bit counters to count to ${largest}, the chip has ${attention.counterBits}`;
    fits = refuse(
      context,
      op,
      "attention-counters",
      message,
      "raise `attention.counterBits` of the chip, or use a smaller chunk",
    );
  }
  return fits;
}
