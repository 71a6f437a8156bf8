import type { Hdf5Numbers, Hdf5Reader } from "../formats/hdf5.js";
import { netxError } from "./diagnostics.js";

/** Per layer: far above what fits a chip, far below what would exhaust memory (they pass through doubles). */
const MAX_WEIGHTS = 2 ** 24;
const MAX_VALUES = 2 ** 20;

/** The fields of one group of a NetX file, checked as they are read. */
export class Fields {
  constructor(
    private readonly reader: Hdf5Reader,
    private readonly file: string,
    /** Such as `/layer/0`. */
    readonly path: string,
  ) {}

  /** A fault of the field `name`, or of the whole group. */
  fault(code: Parameters<typeof netxError>[0], message: string, name?: string, hint?: string) {
    const path = name === undefined ? this.path : `${this.path}/${name}`;
    return netxError(code, message, { location: { kind: "file", file: this.file, path }, hint });
  }

  has(name: string): boolean {
    return this.reader.has(`${this.path}/${name}`);
  }

  group(name: string): Fields | undefined {
    return this.has(name) ? new Fields(this.reader, this.file, `${this.path}/${name}`) : undefined;
  }

  text(name: string): string {
    const text = this.reader.text(`${this.path}/${name}`);
    if (text === undefined) throw this.missing(name);
    return text;
  }

  /** Any real number: a scalar, or an array whose elements are all the same (one per neuron, as lava-dl may write them). */
  real(name: string): number {
    const { data } = this.values(name, MAX_VALUES);
    const value = data[0];
    if (value === undefined || !data.every(Number.isFinite)) {
      throw this.fault("field", `\`${name}\` is no finite number`, name);
    }
    const other = data.find((each) => each !== value);
    if (other === undefined) return value;
    const message = `\`${name}\` differs between neurons (${value} and ${other}), imported is one value per layer`;
    throw this.fault("unsupported-neuron", message, name);
  }

  /** An integer in lo..hi; see {@link real}. */
  integer(name: string, lo: number, hi: number): number {
    return this.checkInteger(name, this.real(name), lo, hi);
  }

  /** An integer that is `absent` where the file does not say it. */
  optional(name: string, absent: number, lo: number, hi: number): number {
    return this.has(name) ? this.integer(name, lo, hi) : absent;
  }

  /** One to `most` integers in lo..hi. */
  integers(name: string, most: number, lo: number, hi: number): readonly number[] {
    const { data } = this.values(name, most);
    if (data.length === 0) throw this.fault("field", `\`${name}\` is empty`, name);
    return [...data].map((value) => this.checkInteger(name, value, lo, hi));
  }

  /** Both entries of a size in two directions, which have to agree; one entry stands for both. */
  square(name: string, absent: number | undefined, lo: number, hi: number): number {
    if (absent !== undefined && !this.has(name)) return absent;
    const [y = 0, x = y] = this.integers(name, 2, lo, hi);
    if (x === y) return y;
    const message = `\`${name}\` is ${y}x${x}; a convolution here is the same in both directions`;
    throw this.fault("unsupported-layer", message, name);
  }

  /** Integers in lo..hi of any shape, as biases and delays are. */
  vector(name: string, lo: number, hi: number): Float64Array {
    const { data } = this.values(name, MAX_VALUES);
    // Rounding in training leaves negative zeros.
    return data.map((value) => this.checkInteger(name, value, lo, hi) + 0);
  }

  /** Weights: integers of 24 bits and a sign, what a mantissa holds. */
  weights(name: string): { readonly shape: readonly number[]; readonly data: Int32Array } {
    if (this.has(`${name}/real`)) {
      throw this.fault("unsupported-layer", "complex weights (of resonate-and-fire neurons) cannot be imported", name);
    }
    const { shape, data } = this.values(name, MAX_WEIGHTS);
    const wrong = data.findIndex((value) => !Number.isInteger(value));
    if (wrong >= 0) {
      const message = `element ${wrong} of the weights is ${data[wrong]}, expected integers`;
      throw this.fault("field", message, name, "export the network with quantised weights (`pre_hook_fx`)");
    }
    const limit = 2 ** 24 - 1;
    for (const value of data) this.checkInteger(name, value, -limit, limit);
    return { shape, data: Int32Array.from(data) };
  }

  private values(name: string, most: number): Hdf5Numbers {
    const numbers = this.reader.numbers(`${this.path}/${name}`, most);
    if (numbers === undefined) throw this.missing(name);
    return numbers;
  }

  private checkInteger(name: string, value: number, lo: number, hi: number): number {
    if (Number.isInteger(value) && value >= lo && value <= hi) return value;
    throw this.fault("field", `\`${name}\` is ${value}, expected an integer in ${lo}..${hi}`, name);
  }

  private missing(name: string) {
    return this.fault("field", `\`${this.path}\` has no \`${name}\``, name);
  }
}
