import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import type { Weights } from "../../ir/index.js";
import { outputsOf } from "../../ir/index.js";
import { parameterWordsOf } from "../program/parameters.js";
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
  /** Words at its start that hold weights; parameters follow. */
  readonly rows: number;
  /** Layer to which its load is attributed. */
  readonly layer: number;
  /** Writes the words, little-endian, at the start of `bytes`. */
  write(bytes: DataView): void;
}

/** Per-channel parameters of a neuron that stand in the weight memory. */
export interface NeuronRows {
  readonly thresholds: Float32Array | undefined;
  /** Thresholds are i32 instead of f32. */
  readonly integer: boolean;
  readonly gains: Float32Array | undefined;
}

export interface RegionLayout {
  readonly words: number;
  readonly parameters: number;
  readonly thresholds: number;
  readonly gains: number;
}

type WordSizes = Pick<LayerwiseChip, "lanes" | "parallelTimesteps" | "weightBits">;

/** Words of a region: rows, exponents, biases, then thresholds and gains where present; -1 where absent. */
export function regionLayout(
  rows: number | undefined,
  neuron: NeuronRows | undefined,
  chip: Pick<LayerwiseChip, "weightBits">,
): RegionLayout {
  const { exponents, biases, ...perNeuron } = parameterWordsOf(chip);
  let words = rows === undefined ? 0 : rows + exponents + biases;
  const optional = (name: "thresholds" | "gains"): number => {
    if (neuron?.[name] === undefined) return -1;
    words += perNeuron[name];
    return words - perNeuron[name];
  };
  const thresholds = optional("thresholds");
  const gains = optional("gains");
  return { words, parameters: rows ?? 0, thresholds, gains };
}

export function weightRegion(
  weights: Weights | undefined,
  units: Units,
  neuron: NeuronRows | undefined,
  block: number,
  chip: WordSizes,
  layer: number,
): Region {
  const { lanes } = chip;
  const rows = weights === undefined ? undefined : weights.mantissa.length / outputsOf(weights);
  const layout = regionLayout(rows, neuron, chip);
  const word = wordBytes(chip, "weight");
  return {
    words: layout.words,
    rows: rows ?? 0,
    layer,
    write(bytes) {
      if (weights !== undefined) writeWeights(bytes, weights, units, rows ?? 0, block, chip);
      for (let l = 0; l < lanes; l++) {
        const threshold = neuron?.thresholds?.[block * lanes + l];
        if (threshold !== undefined) {
          const at = layout.thresholds * word + 4 * l;
          if (neuron?.integer === true) bytes.setInt32(at, threshold, true);
          else bytes.setFloat32(at, threshold, true);
        }
        const gain = neuron?.gains?.[block * lanes + l];
        if (gain !== undefined) bytes.setFloat32(layout.gains * word + 4 * l, gain, true);
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
  chip: WordSizes,
): void {
  const { lanes, weightBits } = chip;
  const word = wordBytes(chip, "weight");
  const out = outputsOf(weights);
  const used = lanesUsed(out, block, lanes);
  const first = block * lanes;
  const u8 = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let r = 0; r < rows; r++) {
    for (let l = 0; l < used; l++) {
      const mantissa = weights.mantissa[r * out + first + l] ?? 0;
      // Bit by bit would do for every width; nets of millions of weights have mostly these.
      if (weightBits === 8) u8[r * word + l] = mantissa;
      else if (weightBits === 32) bytes.setInt32(r * word + 4 * l, mantissa, true);
      else writeBits(u8, r * word, l * weightBits, weightBits, mantissa);
    }
  }
  const exponents = rows * word;
  const biases = exponents + parameterWordsOf(chip).exponents * word;
  for (let l = 0; l < used; l++) {
    bytes.setInt32(exponents + 4 * l, (weights.exponent[first + l] ?? 0) + output - input, true);
    bytes.setFloat64(biases + 8 * l, (weights.bias[first + l] ?? 0) * 2 ** -input, true);
  }
}

/** Writes the lowest `bits` bits of an i32 where zeros stand, the lowest one as bit `bit` of the word at byte `from`. */
function writeBits(u8: Uint8Array, from: number, bit: number, bits: number, value: number): void {
  const field = (value << (32 - bits)) >>> (32 - bits);
  for (let done = 0; done < bits;) {
    const byte = from + ((bit + done) >> 3);
    const shift = (bit + done) & 7;
    u8[byte] = (u8[byte] ?? 0) | ((field >>> done) << shift);
    done += 8 - shift;
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
