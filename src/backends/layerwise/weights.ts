import type { Weights } from "../../ir/index.js";
import { outputsOf } from "../../ir/index.js";
import { lanesUsed } from "./stage.js";

/** Where a weighted op's operand and result have units of their own: 2^input and 2^output. */
export interface Units {
  readonly input: number;
  /** Undefined where the result is real. */
  readonly output: number | undefined;
}

/** Weights of spikes that give real currents, or none. */
export const NO_UNITS: Units = { input: 0, output: undefined };

/** What one channel block needs in the weight memory, contiguous there and in DRAM. */
export interface Region {
  readonly words: number;
  /** Layer to which its load is attributed. */
  readonly layer: number;
  /** Writes the words, little-endian, at the start of `bytes`. */
  write(bytes: DataView): void;
}

/** Per-channel parameters of a neuron that stand in the weight memory. */
export interface NeuronRows {
  readonly thresholds: Float32Array | undefined;
  /** Thresholds are i32 words instead of f32. */
  readonly integer: boolean;
  readonly gains: Float32Array | undefined;
}

export interface RegionLayout {
  readonly words: number;
  readonly parameters: number;
  readonly thresholds: number;
  readonly gains: number;
}

/** Words of a region: rows, exponents, two of biases, then thresholds and gains where present; -1 where absent. */
export function regionLayout(rows: number | undefined, neuron: NeuronRows | undefined): RegionLayout {
  let words = rows === undefined ? 0 : rows + 3;
  const optional = (present: boolean): number => (present ? words++ : -1);
  const thresholds = optional(neuron?.thresholds !== undefined);
  const gains = optional(neuron?.gains !== undefined);
  return { words, parameters: rows ?? 0, thresholds, gains };
}

export function weightRegion(
  weights: Weights | undefined,
  units: Units,
  neuron: NeuronRows | undefined,
  block: number,
  lanes: number,
  layer: number,
): Region {
  const rows = weights === undefined ? undefined : weights.mantissa.length / outputsOf(weights);
  const layout = regionLayout(rows, neuron);
  return {
    words: layout.words,
    layer,
    write(bytes) {
      if (weights !== undefined) writeWeights(bytes, weights, units, rows ?? 0, block, lanes);
      const lane = (word: number, l: number): number => (word * lanes + l) * 4;
      for (let l = 0; l < lanes; l++) {
        const threshold = neuron?.thresholds?.[block * lanes + l];
        if (threshold !== undefined) {
          if (neuron?.integer === true) bytes.setInt32(lane(layout.thresholds, l), threshold, true);
          else bytes.setFloat32(lane(layout.thresholds, l), threshold, true);
        }
        const gain = neuron?.gains?.[block * lanes + l];
        if (gain !== undefined) bytes.setFloat32(lane(layout.gains, l), gain, true);
      }
    },
  };
}

/** The machine computes (sum + bias) * 2^-exponent on the operand's integers, so the bias is counted in their unit. */
function writeWeights(
  bytes: DataView,
  weights: Weights,
  { input, output = 0 }: Units,
  rows: number,
  block: number,
  lanes: number,
): void {
  const out = outputsOf(weights);
  const used = lanesUsed(out, block, lanes);
  const first = block * lanes;
  for (let r = 0; r < rows; r++) {
    for (let l = 0; l < used; l++)
      bytes.setInt32((r * lanes + l) * 4, weights.mantissa[r * out + first + l] ?? 0, true);
  }
  for (let l = 0; l < used; l++) {
    bytes.setInt32((rows * lanes + l) * 4, (weights.exponent[first + l] ?? 0) + output - input, true);
    bytes.setFloat64((rows + 1) * lanes * 4 + l * 8, (weights.bias[first + l] ?? 0) * 2 ** -input, true);
  }
}

/** Bytes in DRAM of the regions one after the other, each at a multiple of the burst, and where they end. */
export function weightAddresses(
  regions: readonly Region[],
  wordBytes: number,
  burst: number,
): { readonly addresses: readonly number[]; readonly bytes: number } {
  const addresses: number[] = [];
  let bytes = 0;
  for (const region of regions) {
    addresses.push(bytes);
    bytes = Math.ceil((bytes + region.words * wordBytes) / burst) * burst;
  }
  return { addresses, bytes };
}

/** The regions as they lie in DRAM. */
export function weightImage(
  regions: readonly Region[],
  wordBytes: number,
  { addresses, bytes }: ReturnType<typeof weightAddresses>,
): Uint8Array {
  const image = new Uint8Array(bytes);
  for (const [i, region] of regions.entries()) {
    region.write(new DataView(image.buffer, addresses[i] ?? 0, region.words * wordBytes));
  }
  return image;
}
