/** Files are written whole or not at all: to a temporary name beside the target, then renamed. */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { defineDiagnostics, DiagnosticError } from "../diagnostics/index.js";

export const OUTPUT_DIAGNOSTICS = defineDiagnostics("cli", {
  "cannot-write": {
    severity: "error",
    explain:
      "A file could not be written: the folder is missing, may not be written to, or the disk is full. Nothing was left behind.",
  },
});

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A path that cannot exist (a file as folder, an overlong name) needs no removal, and the first error is the one to tell.
  }
}

/** Exit statuses by convention: 128 plus the number of the signal. */
export const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Lets a write finish before SIGINT or SIGTERM ends the process: the write is synchronous, so the handler runs after it.
 * Outside of writing, signals keep their default and stop at once; a command that handles them itself goes on doing so. Returns a
 * function that takes this back.
 */
function holdSignals(): () => void {
  const handlers = Object.entries(SIGNALS)
    .filter(([signal]) => process.listenerCount(signal) === 0)
    .map(([signal, status]) => [signal, () => process.exit(status)] as const);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/** Bytes, a text, or pieces of them that need not fit into one array or string. */
export type Content = Uint8Array | string | Iterable<Uint8Array> | Iterable<string>;

/**
 * Writes `content` to `path` so that readers see the old file or the new one, never a part: temporary file in the same
 * folder, fsync, rename. Throws a DiagnosticError `cli/cannot-write` and leaves no temporary file; an existing file stays.
 */
export async function writeFileAtomically(path: string, content: Content): Promise<void> {
  // The name is random so that two processes writing one target do not share it; it never reaches the output.
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`);
  const release = holdSignals();
  try {
    writeAndSync(temporary, content);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeQuietly(temporary);
    throw new DiagnosticError(
      OUTPUT_DIAGNOSTICS.make("cannot-write", `cannot write \`${path}\`: ${reason(error)}`, {
        location: { kind: "file", file: path },
      }),
    );
  } finally {
    // A signal that came while writing is delivered now, before its handler goes.
    await new Promise((resolve) => setImmediate(resolve));
    release();
  }
}

/** Characters gathered before they are written: few system calls, little memory. */
const PIECE = 65_536;

function* chunks(content: Content): Generator<Uint8Array> {
  if (content instanceof Uint8Array) return yield content;
  const encoder = new TextEncoder();
  if (typeof content === "string") return yield encoder.encode(content);
  let text = "";
  for (const piece of content) {
    if (piece instanceof Uint8Array) yield piece;
    else if ((text += piece).length >= PIECE) {
      yield encoder.encode(text);
      text = "";
    }
  }
  yield encoder.encode(text);
}

function writeAndSync(path: string, content: Content): void {
  const descriptor = openSync(path, "wx", 0o666);
  try {
    for (const bytes of chunks(content)) {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes the rename itself last through a power cut, where the system can. */
function syncFolder(path: string): void {
  try {
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows and some network file systems cannot sync folders; the file itself is safe.
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "the folder does not exist"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EISDIR", "it is a directory"],
  ["ENOTDIR", "a part of the path is no directory"],
  ["ENOSPC", "the disk is full"],
  ["EROFS", "the file system is read-only"],
  ["ENAMETOOLONG", "the name is too long"],
]);

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  return (code === undefined ? undefined : REASONS.get(code)) ?? code ?? String(error);
}
