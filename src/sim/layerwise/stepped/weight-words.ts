import { parameterWords } from "../../../chips/layerwise.js";
import type { Hardware } from "./hardware.js";

/* What engines make of the words of the weight memory (docs/layerwise-chip.md, section 1). */

/**
 * Unpacks the weight word at byte `from`: `lanes` integers of `bits` bits, two's complement, lane l from bit l * bits on, into
 * `out`.
 */
export function loadWeights(u8: Uint8Array, from: number, lanes: number, bits: number, out: Int32Array): void {
  for (let l = 0; l < lanes; l++) {
    const byte = from + ((l * bits) >> 3);
    const shift = (l * bits) & 7;
    const low = u8[byte]! | (u8[byte + 1]! << 8) | (u8[byte + 2]! << 16) | (u8[byte + 3]! << 24);
    // A weight of more than 25 bits can reach into a fifth byte.
    const value = shift === 0 ? low : (low >>> shift) | (u8[byte + 4]! << (32 - shift));
    out[l] = (value << (32 - bits)) >> (32 - bits);
  }
}

/** The row that an adder works on: `lanes` weights from `from` on in `values`. */
export class WeightRow {
  values: Int32Array;
  from = 0;
  private readonly unpacked: Int32Array;

  constructor(private readonly hardware: Hardware) {
    this.values = this.unpacked = new Int32Array(hardware.lanes);
  }

  fetch(word: number): void {
    const { lanes, weightBits, memories } = this.hardware;
    const { u8, i32, wordBytes } = memories.weight;
    if (weightBits === 32) {
      this.values = i32;
      this.from = word * lanes;
    } else loadWeights(u8, word * wordBytes, lanes, weightBits, this.unpacked);
  }
}

/** Registers for one parameter: a number of 32 or 64 bits per lane, which comes word by word. */
export class ParameterRegister {
  /** Words of the weight memory that hold the parameter. */
  readonly words: number;
  /** The same bytes as numbers, lane 0 first. */
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  private readonly u8: Uint8Array;

  constructor(
    private readonly hardware: Hardware,
    bits: 32 | 64,
  ) {
    this.words = parameterWords(hardware, bits);
    const buffer = new ArrayBuffer(Math.ceil((this.words * hardware.memories.weight.wordBytes) / 8) * 8);
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Takes the parameter's word `index`, which lies at `address`. */
  take(index: number, address: number): void {
    const { u8, wordBytes } = this.hardware.memories.weight;
    for (let i = 0; i < wordBytes; i++) this.u8[index * wordBytes + i] = u8[address * wordBytes + i]!;
  }
}
