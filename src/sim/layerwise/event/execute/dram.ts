/**
 * DRAM as it is during a run: the weights, which no instruction may store over and which are therefore read where the program
 * holds them, and behind them the bytes that belong to the sample. All addresses are DRAM bytes.
 */
export class Dram {
  /** The bytes from `first` on; `first` is a multiple of 4, so that 32-bit values stay aligned. */
  readonly rest: Uint8Array;
  readonly first: number;

  constructor(
    private readonly weights: Uint8Array,
    bytes: number,
  ) {
    this.first = weights.length - (weights.length % 4);
    this.rest = new Uint8Array(Math.ceil((bytes - this.first) / 4) * 4);
  }

  /** Starts a sample: nothing but the weights. */
  clear(): void {
    this.rest.fill(0);
    this.rest.set(this.weights.subarray(this.first));
  }

  /** Whether no instruction can change these bytes. */
  isConstant(from: number, bytes: number): boolean {
    return from + bytes <= this.weights.length;
  }

  read(from: number, bytes: number): Uint8Array {
    if (this.isConstant(from, bytes)) return this.weights.subarray(from, from + bytes);
    if (from >= this.first) return this.rest.subarray(from - this.first, from - this.first + bytes);
    const both = new Uint8Array(bytes);
    both.set(this.weights.subarray(from, this.first));
    both.set(this.rest.subarray(0, from + bytes - this.first), this.first - from);
    return both;
  }

  write(to: number, bytes: Uint8Array): void {
    this.rest.set(bytes, to - this.first);
  }
}
