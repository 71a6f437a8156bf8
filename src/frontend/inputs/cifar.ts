/** CIFAR-10 and CIFAR-100 in their binary version. Format: "Binary version" at cs.toronto.edu/~kriz/cifar.html. */
import { frontendError } from "../diagnostics.js";
import { corrupt } from "../formats/bytes.js";
import { readPrefix } from "../formats/files.js";
import type { RawSamples } from "./samples.js";

/** 32 rows of 32 pixels, red plane first, then green and blue. */
const PIXELS = 3 * 32 * 32;
/** CIFAR-10 has one label byte, CIFAR-100 a coarse and a fine one, of which the fine is the class. */
const KINDS = [
  { name: "CIFAR-10", labelBytes: 1, classes: 10 },
  { name: "CIFAR-100", labelBytes: 2, classes: 100 },
] as const;

/** Whether a file of this size may be CIFAR binary. */
export function isCifarSize(size: number): boolean {
  return size > 0 && KINDS.some(({ labelBytes }) => size % (labelBytes + PIXELS) === 0);
}

/** Reads the first `limit` records. Throws `frontend/corrupt-file` when a label is out of range, `frontend/input-format` for other sizes. */
export function readCifarSamples(path: string, limit: number | undefined): RawSamples {
  const { size } = readPrefix(path, 1);
  const kind = KINDS.find(({ labelBytes }) => size % (labelBytes + PIXELS) === 0);
  if (kind === undefined) {
    const message = `the file has ${size} bytes, CIFAR binary has records of 3073 or 3074`;
    throw frontendError("input-format", message, { location: { kind: "file", file: path } });
  }
  const record = kind.labelBytes + PIXELS;
  const count = Math.min(limit ?? Infinity, size / record);
  const { bytes } = readPrefix(path, count * record);
  const data = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const start = i * record + kind.labelBytes;
    const label = bytes[start - 1] ?? 0;
    if (label >= kind.classes) {
      throw corrupt({ file: path }, start - 1, `a ${kind.name} label below ${kind.classes}`, `${label}`);
    }
    labels[i] = label;
    data.set(bytes.subarray(start, start + PIXELS), i * PIXELS);
  }
  return { data: { dtype: "u8", shape: [count, 3, 32, 32], data }, pixels: true, labels };
}
