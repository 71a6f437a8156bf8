import { programError } from "../reader.js";

/*
 * The arrays of a program, one behind the other in the second section of its file: each fills whole lines of 64 bytes, so that it
 * can be used where it lies. Their lengths are in the first section, in the same order; where each begins follows from them.
 */

const LINE = 64;

const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

export class ArrayWriter {
  /** Bytes of each array. */
  readonly lengths: number[] = [];
  private readonly arrays: Uint8Array[] = [];

  add(array: Int32Array | Uint8Array): void {
    this.arrays.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    this.lengths.push(array.byteLength);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.lengths.reduce((sum, length) => sum + lines(length), 0));
    let at = 0;
    for (const array of this.arrays) {
      bytes.set(array, at);
      at += lines(array.length);
    }
    return bytes;
  }
}

/** Gives the arrays in their order, as views. Throws a DiagnosticError where there are too few, or one is no whole number of integers. */
export class ArrayReader {
  private next = 0;
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly lengths: readonly number[],
    private readonly file: string,
  ) {
    const legal = lengths.every((length) => Number.isInteger(length) && length >= 0 && length <= bytes.length);
    const total = legal ? lengths.reduce((sum, length) => sum + lines(length), 0) : -1;
    if (total !== bytes.length) throw this.fail("its arrays do not fill their section");
  }

  private fail(what: string): Error {
    return programError("corrupt", this.file, `the program's tables are not readable: ${what}`);
  }

  private take(): Uint8Array {
    const length = this.lengths[this.next++];
    if (length === undefined) throw this.fail("an array is missing");
    const array = this.bytes.subarray(this.at, this.at + length);
    this.at += lines(length);
    return array;
  }

  bytesArray(): Uint8Array {
    return this.take();
  }

  ints(): Int32Array {
    const array = this.take();
    if (array.length % 4 !== 0) throw this.fail("an array of integers ends inside one");
    // Bytes in memory may lie anywhere.
    const aligned = array.byteOffset % 4 === 0 ? array : array.slice();
    return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
  }

  /** Nothing may be left over. */
  finish(): void {
    if (this.next !== this.lengths.length) throw this.fail("there are arrays that nobody reads");
  }
}
