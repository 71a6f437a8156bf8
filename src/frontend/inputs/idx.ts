/** MNIST's IDX arrays, plain or gzipped. Format: "THE IDX FILE FORMAT" on Yann LeCun's MNIST page. */
import { existsSync } from "node:fs";
import { reporting, type Report } from "../../diagnostics/index.js";
import { elements, type Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { corrupt, viewOf, type Origin } from "../formats/bytes.js";
import { checkedElements, decodeTensor, ELEMENT_BYTES, type ElementType } from "../formats/elements.js";
import { readPrefix } from "../formats/files.js";
import { gunzipWhole, gunzipPrefix, isGzip } from "./gzip.js";
import { labelBytes } from "./arrays.js";
import type { RawSamples } from "./samples.js";

const TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [0x08, "u8"],
  [0x09, "i8"],
  [0x0b, "i16"],
  [0x0c, "i32"],
  [0x0d, "f32"],
  [0x0e, "f64"],
]);
const MAX_AXES = 8;
const HEADER_BYTES = 4 + 4 * MAX_AXES;
/** Enough packed bytes for the header even where the first deflate block is stored (65,535 bytes). */
const HEAD_BYTES = 80_000;

interface IdxHeader {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

/** Whether bytes may start an IDX array: two zeros, a type and 1 to 8 axes. */
export function isIdx(bytes: Uint8Array): boolean {
  const axes = bytes[3] ?? 0;
  return bytes[0] === 0 && bytes[1] === 0 && TYPES.has(bytes[2] ?? 0) && axes >= 1 && axes <= MAX_AXES;
}

function parseHeader(bytes: Uint8Array, origin: Origin): IdxHeader {
  const type = TYPES.get(bytes[2] ?? 0);
  const axes = bytes[3] ?? 0;
  if (!isIdx(bytes) || type === undefined) throw corrupt(origin, 0, "an IDX header: 0, 0, a type, the number of axes");
  const dataOffset = 4 + 4 * axes;
  if (bytes.length < dataOffset)
    throw corrupt(origin, bytes.length, `a header of ${dataOffset} bytes`, `${bytes.length}`);
  const view = viewOf(bytes);
  const shape = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i, false));
  if (checkedElements(shape) === undefined)
    throw corrupt(origin, 4, "the shape of a feasible array", `[${shape.join(", ")}]`);
  return { type, shape, dataOffset };
}

/** Reads an IDX array that is not compressed. Faults: `frontend/corrupt-file`. */
export function readIdx(bytes: Uint8Array, file: string, report: Report): Tensor | undefined {
  return reporting(report, () => {
    const header = parseHeader(bytes, { file });
    return decodeIdx(bytes, header, header.shape, file, report);
  });
}

function decodeIdx(
  bytes: Uint8Array,
  header: IdxHeader,
  shape: readonly number[],
  file: string,
  report: Report,
): Tensor {
  const expected = header.dataOffset + elements(shape) * ELEMENT_BYTES[header.type];
  if (bytes.length !== expected) {
    throw corrupt({ file }, bytes.length, `${expected} bytes for shape [${shape.join(", ")}]`, `${bytes.length}`);
  }
  const context = { origin: { file }, name: file, report };
  return decodeTensor(bytes.subarray(header.dataOffset), header.type, false, shape, context);
}

/** Reads an IDX file, gzipped or not, as far as `limit` rows need. Throws `frontend/corrupt-file` or `frontend/cannot-read`. */
function readIdxFile(path: string, limit: number | undefined, report: Report): Tensor {
  const origin = { file: path };
  const head = readPrefix(path, HEAD_BYTES);
  const packed = isGzip(head.bytes);
  const header = parseHeader(packed ? gunzipPrefix(head.bytes, HEADER_BYTES, origin) : head.bytes, origin);
  const [rows = 0, ...rest] = header.shape;
  const shape = [Math.min(rows, limit ?? rows), ...rest];
  const width = ELEMENT_BYTES[header.type];
  const end = header.dataOffset + elements(shape) * width;
  const whole = header.dataOffset + elements(header.shape) * width;
  if (!packed) {
    if (head.size !== whole)
      throw corrupt(origin, head.size, `${whole} bytes for shape [${header.shape.join(", ")}]`, `${head.size}`);
    return decodeIdx(readPrefix(path, end).bytes, header, shape, path, report);
  }
  const { bytes } = readPrefix(path);
  const data = end < whole ? gunzipPrefix(bytes, end, origin) : gunzipWhole(bytes, whole, origin);
  return decodeIdx(data, header, shape, path, report);
}

/** The labels beside an images file of MNIST's naming, with or without `.gz`; undefined when there is none. */
function siblingLabels(path: string): string | undefined {
  const plain = path.replace(/\.gz$/, "");
  const label = plain.replace(/images([-.])idx3(?=[^/\\]*$)/, "labels$1idx1");
  return label === plain ? undefined : [label, `${label}.gz`].find((p) => existsSync(p));
}

/** Reads pictures [B,H,W] or [B,C,H,W] from an IDX file, with their labels where the sibling file is there. */
export function readIdxSamples(path: string, limit: number | undefined, report: Report): RawSamples {
  const data = readIdxFile(path, limit, report);
  const [b = 0, h = 0, w = 0] = data.shape;
  if (data.shape.length !== 3 && data.shape.length !== 4) {
    const message =
      data.shape.length === 1 ? `this is an IDX file of ${b} labels` : `the IDX array has ${data.shape.length} axes`;
    throw frontendError("input-format", `${message}, expected pictures [B,H,W]`, {
      location: { kind: "file", file: path },
      hint: "name the file of images; its labels are found beside it",
    });
  }
  const shaped: Tensor = data.shape.length === 3 ? { ...data, shape: [b, 1, h, w] } : data;
  const pixels = data.dtype !== "f32" && data.dtype !== "f64";
  const sibling = siblingLabels(path);
  if (sibling === undefined) return { data: shaped, pixels };
  return { data: shaped, pixels, labels: labelBytes(readIdxFile(sibling, limit, report), limit, sibling) };
}
