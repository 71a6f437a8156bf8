/** Bounded reading of untrusted bytes: every fault is one `frontend/corrupt-file` with its place. */
import type { DiagnosticError, Location } from "../../diagnostics/index.js";
import { frontendError } from "../diagnostics.js";

/** Names the bytes being read: a file, and the entry inside it where it is an archive. */
export interface Origin {
  readonly file: string;
  readonly entry?: string;
}

export function locationOf(origin: Origin): Location {
  return origin.entry === undefined
    ? { kind: "file", file: origin.file }
    : { kind: "file", file: origin.file, path: origin.entry };
}

/** The error for bytes that break their format. `offset` counts bytes from the start of `origin`. */
export function corrupt(origin: Origin, offset: number, expected: string, got?: string): DiagnosticError {
  const entry = origin.entry === undefined ? "" : ` of \`${origin.entry}\``;
  const message = `byte ${offset}${entry}: expected ${expected}${got === undefined ? "" : `, got ${got}`}`;
  return frontendError("corrupt-file", message, { location: locationOf(origin) });
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether `bytes` has `magic` at `offset`; each element of `magic` is one byte. */
export function hasBytes(bytes: Uint8Array, magic: readonly number[], offset = 0): boolean {
  return magic.every((byte, i) => bytes[offset + i] === byte);
}

/** Bytes as text, one character per byte. */
export function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

export function utf8(bytes: Uint8Array, origin: Origin, offset: number): string {
  try {
    // ignoreBOM keeps a leading U+FEFF, which is part of the text here.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corrupt(origin, offset, "UTF-8 text");
  }
}

/** A position in bytes that never leaves them. Multi-byte numbers are little endian unless said. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly origin: Origin;
  readonly #view: DataView;
  offset: number;

  constructor(bytes: Uint8Array, origin: Origin, offset = 0) {
    this.bytes = bytes;
    this.origin = origin;
    this.#view = viewOf(bytes);
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** Moves on by `count` bytes and returns where they start. */
  #advance(count: number, what: string): number {
    const start = this.offset;
    if (count > this.bytes.length - start) {
      throw corrupt(this.origin, start, `${count} bytes of ${what}`, `${Math.max(0, this.remaining)} left`);
    }
    this.offset = start + count;
    return start;
  }

  /** The next `count` bytes, as a view. */
  take(count: number, what: string): Uint8Array {
    const start = this.#advance(count, what);
    return this.bytes.subarray(start, start + count);
  }

  u8(what: string): number {
    return this.#view.getUint8(this.#advance(1, what));
  }

  u16(what: string): number {
    return this.#view.getUint16(this.#advance(2, what), true);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#advance(4, what), true);
  }

  i32(what: string): number {
    return this.#view.getInt32(this.#advance(4, what), true);
  }

  /** An unsigned 64-bit size; one beyond 2^53 fits no file and is a fault. */
  size64(what: string): number {
    const start = this.#advance(8, what);
    const value = this.#view.getBigUint64(start, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(this.origin, start, `a size for ${what}`, String(value));
    return Number(value);
  }

  f64BigEndian(what: string): number {
    return this.#view.getFloat64(this.#advance(8, what), false);
  }

  /** Text up to a newline, which is consumed. */
  line(what: string): string {
    const end = this.bytes.indexOf(10, this.offset);
    if (end < 0) throw corrupt(this.origin, this.offset, `a newline after ${what}`);
    const text = latin1(this.bytes.subarray(this.offset, end));
    this.offset = end + 1;
    return text;
  }
}
