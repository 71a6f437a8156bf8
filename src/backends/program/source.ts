import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { DiagnosticError } from "../../diagnostics/index.js";
import { programError } from "./reader.js";

/** One read of the system takes less than 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/** Where the bytes of a program file come from. */
export interface Source {
  /** Bytes of the whole file. */
  readonly size: number;
  /** The `length` bytes from `offset` on; the caller has checked that they lie inside the file. */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes in memory; what is read are views of them. */
export function bytesSource(bytes: Uint8Array): Source {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/**
 * A file, open while `use` runs. What is read lies in a SharedArrayBuffer, one per read, so that threads can be handed it
 * without a copy. Throws `program/cannot-read` for everything the file system may answer.
 */
export function withFile<T>(path: string, use: (source: Source) => T): T {
  const descriptor = attempt(path, () => openSync(path, "r"));
  try {
    const stat = attempt(path, () => fstatSync(descriptor));
    // A pipe has no size to check and no place to read from: it is read to its end.
    if (!stat.isFile()) {
      const bytes = attempt(path, () => readFileSync(descriptor));
      const shared = new Uint8Array(attempt(path, () => new SharedArrayBuffer(bytes.length)));
      shared.set(bytes);
      return use(bytesSource(shared));
    }
    return use({
      size: stat.size,
      read: (offset, length) => attempt(path, () => readShared(path, descriptor, offset, length)),
    });
  } finally {
    closeSync(descriptor);
  }
}

function readShared(path: string, descriptor: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  for (let at = 0; at < length;) {
    const count = readSync(descriptor, bytes, at, Math.min(MOST_AT_ONCE, length - at), offset + at);
    if (count === 0) throw programError("truncated", path, `the file shrank to ${offset + at} bytes while it was read`);
    at += count;
  }
  return bytes;
}

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw programError("cannot-read", path, `cannot read \`${path}\`: ${reason}`);
  }
}
