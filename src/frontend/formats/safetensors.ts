/**
 * safetensors: 8 bytes of header length, a JSON header, the data. Format: huggingface/safetensors README, "Format".
 */
import { reporting, type Report } from "../../diagnostics/index.js";
import { elements, type DType, type Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { ByteCursor, corrupt, utf8, viewOf, type Origin } from "./bytes.js";
import type { Checkpoint } from "./checkpoint.js";
import { checkedElements, decodeTensor, ELEMENT_BYTES, encodeElements, type ElementType } from "./elements.js";

/** The reference implementation refuses headers above 100 MB; ours name far fewer tensors. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;

const TYPES: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I64", "i64"],
  ["U64", "u64"],
  ["I32", "i32"],
  ["U32", "u32"],
  ["I16", "i16"],
  ["U16", "u16"],
  ["I8", "i8"],
  ["U8", "u8"],
  ["BOOL", "bool"],
]);

const TYPE_NAMES = {
  f64: "F64",
  f32: "F32",
  i64: "I64",
  i32: "I32",
  u32: "U32",
  i16: "I16",
  u16: "U16",
  i8: "I8",
  u8: "U8",
  bool: "BOOL",
} as const satisfies Record<DType, string>;

/** Whether bytes start with a header length that fits the file and an opening brace. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  return viewOf(bytes).getBigUint64(0, true) <= BigInt(Math.max(bytes.length, MAX_HEADER_BYTES));
}

interface Entry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

function readEntry(name: string, value: unknown, dataBytes: number, file: string): Entry {
  const origin: Origin = { file, entry: name };
  if (!isRecord(value)) throw corrupt(origin, 8, "an object with dtype, shape and data_offsets");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") throw corrupt(origin, 8, "a dtype");
  if (!isCounts(shape)) throw corrupt(origin, 8, "a shape of integers from 0");
  if (!isCounts(offsets) || offsets.length !== 2) throw corrupt(origin, 8, "two data_offsets");
  const type = TYPES.get(dtype);
  if (type === undefined) {
    const hint = `known: ${[...TYPES.keys()].join(", ")}`;
    const location = { kind: "file", file, path: name } as const;
    throw frontendError("unsupported-dtype", `tensor \`${name}\` has elements of type \`${dtype}\``, {
      location,
      hint,
    });
  }
  const [begin = 0, end = 0] = offsets;
  if (begin > end || end > dataBytes) {
    throw corrupt(origin, 8, `data_offsets inside ${dataBytes} bytes of data`, `${begin} to ${end}`);
  }
  const count = checkedElements(shape);
  if (count === undefined || count * ELEMENT_BYTES[type] !== end - begin) {
    throw corrupt(
      origin,
      8,
      `as many bytes as the shape [${shape.slice(0, 8).join(", ")}] of ${dtype} has`,
      `${end - begin}`,
    );
  }
  return { name, type, shape, begin, end };
}

/** Reads all tensors; the metadata of the header becomes `metadata`. Faults: `frontend/corrupt-file`, `frontend/unsupported-dtype`. */
export function readSafetensors(bytes: Uint8Array, file: string, report: Report): Checkpoint | undefined {
  return reporting(report, () => {
    const origin: Origin = { file };
    const cursor = new ByteCursor(bytes, origin);
    const headerBytes = cursor.size64("the header");
    if (headerBytes > MAX_HEADER_BYTES) {
      throw corrupt(origin, 0, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${headerBytes}`);
    }
    const header = parseHeader(utf8(cursor.take(headerBytes, "the header"), origin, 8), origin);
    const data = bytes.subarray(cursor.offset);
    const metadata = new Map<string, string>();
    const entries: Entry[] = [];
    for (const [name, value] of Object.entries(header)) {
      if (name !== "__metadata__") {
        entries.push(readEntry(name, value, data.length, file));
        continue;
      }
      if (!isRecord(value)) throw corrupt(origin, 8, "an object as `__metadata__`");
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== "string") throw corrupt(origin, 8, `text as metadata \`${key}\``);
        metadata.set(key, text);
      }
    }
    checkLayout(entries, data.length, origin, cursor.offset);
    const tensors = new Map<string, Tensor>();
    for (const { name, type, shape, begin, end } of entries) {
      const context = { origin: { file, entry: name }, name, report };
      tensors.set(name, decodeTensor(data.subarray(begin, end), type, true, shape, context));
    }
    return { tensors, config: new Map(), metadata, container: "plain", ignored: [] };
  });
}

function parseHeader(text: string, origin: Origin): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw corrupt(origin, 8, "a JSON header");
  }
  if (!isRecord(header)) throw corrupt(origin, 8, "a JSON object as header");
  return header;
}

/** The format allows neither overlaps nor holes, so that no byte has two meanings or none. */
function checkLayout(entries: readonly Entry[], dataBytes: number, origin: Origin, dataOffset: number): void {
  let at = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      const fault = begin < at ? "an overlap with the tensor before it" : `a hole of ${begin - at} bytes`;
      throw corrupt(origin, dataOffset + begin, `\`${name}\` to start at data offset ${at}`, fault);
    }
    at = end;
  }
  if (at !== dataBytes)
    throw corrupt(origin, dataOffset + at, "the end of the file", `${dataBytes - at} bytes that no tensor owns`);
}

/**
 * Writes tensors as the reference implementation orders them: widest elements first, then by name, so that every tensor
 * is aligned; equal inputs give equal bytes. `i64` data must hold integers. The header is padded to 8 bytes.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...tensors].sort(([a, x], [b, y]) => ELEMENT_BYTES[y.dtype] - ELEMENT_BYTES[x.dtype] || byName(a, b));
  const fields: string[] = [];
  const keys = Object.keys(metadata).sort(byName);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    fields.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let at = 0;
  for (const [name, tensor] of sorted) {
    const end = at + elements(tensor.shape) * ELEMENT_BYTES[tensor.dtype];
    const record = { dtype: TYPE_NAMES[tensor.dtype], shape: tensor.shape, data_offsets: [at, end] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(record)}`);
    at = end;
  }
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + at);
  viewOf(bytes).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(text, 8);
  let offset = 8 + headerBytes;
  for (const [, tensor] of sorted) {
    const data = encodeElements(tensor);
    bytes.set(data, offset);
    offset += data.length;
  }
  return bytes;
}
