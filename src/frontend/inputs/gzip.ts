/** gzip with known sizes, so that a bomb ends at the first byte too many. */
import { Gunzip } from "fflate";
import { gunzipSync } from "node:zlib";
import { corrupt, hasBytes, type Origin } from "../formats/bytes.js";
import { frontendError } from "../diagnostics.js";

const CHUNK_BYTES = 65536;
/** Larger data is no input set we could hold as float32. */
const MAX_BYTES = 2 ** 31;

export function isGzip(bytes: Uint8Array): boolean {
  return hasBytes(bytes, [0x1f, 0x8b, 8]);
}

/** Unpacks everything, checksum included; it must be `expected` bytes. Throws `frontend/corrupt-file` or `frontend/too-large`. */
export function gunzipWhole(bytes: Uint8Array, expected: number, origin: Origin): Uint8Array {
  const limit = Math.min(MAX_BYTES, bytes.length * 1032);
  if (expected > limit) {
    const message = `the file declares ${expected} bytes, ${bytes.length} packed bytes can hold at most ${limit}`;
    throw frontendError("too-large", message, { location: { kind: "file", file: origin.file } });
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(1, expected) });
  } catch {
    throw corrupt(origin, 0, `gzip data of ${expected} bytes`, "damaged or longer data");
  }
}

/** The first `wanted` bytes, or fewer when the data ends before; reads no further and so sees no checksum. */
export function gunzipPrefix(bytes: Uint8Array, wanted: number, origin: Origin): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = new Gunzip((part) => {
    parts.push(part);
    length += part.length;
  });
  try {
    for (let at = 0; at < bytes.length && length < wanted; at += CHUNK_BYTES) {
      stream.push(bytes.subarray(at, at + CHUNK_BYTES), false);
    }
  } catch {
    throw corrupt(origin, 0, "gzip data", "damaged data");
  }
  return new Uint8Array(Buffer.concat(parts, Math.min(length, wanted)));
}
