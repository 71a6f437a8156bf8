/** Reading files, with `frontend/cannot-read` for everything the file system may answer. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { frontendError } from "../diagnostics.js";

/** Node's largest typed array is about this; no network we read comes near. */
const MAX_FILE_BYTES = 2 ** 32;
/** One read of the system takes less than 2 GiB. */
const CHUNK_BYTES = 2 ** 30;

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EISDIR", "it is a directory, expected a file"],
  ["ENOTDIR", "a part of the path is no directory"],
  ["ELOOP", "too many symbolic links"],
  ["ENAMETOOLONG", "the name is too long"],
  ["EMFILE", "too many files are open"],
]);

/** The reason of a failed system call, in words. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  return REASONS.get(code) ?? code;
}

export function cannotRead(path: string, reason: string, hint?: string) {
  return frontendError("cannot-read", `cannot read \`${path}\`: ${reason}`, {
    location: { kind: "file", file: path },
    hint,
  });
}

/** The start of a file, and the size of all of it in bytes. */
export interface FilePrefix {
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** Reads at most `maxBytes` from the start of a file. Throws `frontend/cannot-read` or `frontend/too-large`; empty files too. */
export function readPrefix(path: string, maxBytes = Number.POSITIVE_INFINITY): FilePrefix {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw cannotRead(path, "it is a directory, expected a file");
    if (!stat.isFile()) throw cannotRead(path, "it is no regular file");
    if (stat.size === 0) throw cannotRead(path, "the file is empty");
    const wanted = Math.min(stat.size, maxBytes);
    if (wanted > MAX_FILE_BYTES) {
      const message = `\`${path}\` has ${stat.size} bytes, the limit is ${MAX_FILE_BYTES}`;
      throw frontendError("too-large", message, { location: { kind: "file", file: path } });
    }
    const bytes = new Uint8Array(wanted);
    let at = 0;
    while (at < wanted) {
      const count = readSync(descriptor, bytes, at, Math.min(CHUNK_BYTES, wanted - at), at);
      // The file shrank meanwhile.
      if (count === 0) return { bytes: bytes.subarray(0, at), size: at };
      at += count;
    }
    return { bytes, size: stat.size };
  } catch (error) {
    if (error instanceof Error && "diagnostic" in error) throw error;
    throw cannotRead(path, systemReason(error));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
