/** NumPy arrays: `.npy` versions 1 to 3. Format: numpy/lib/format.py. */
import { reporting, type Report } from "../../diagnostics/index.js";
import { elements, type DType, type Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { ByteCursor, corrupt, hasBytes, latin1, locationOf, utf8, type Origin } from "./bytes.js";
import { checkedElements, decodeTensor, ELEMENT_BYTES, encodeElements, type ElementType } from "./elements.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy itself refuses longer headers unless told to trust the file (`max_header_size`, default 10,000). */
const MAX_HEADER_BYTES = 65536;
/** Data starts at a multiple of this, so that it may be mapped into memory. */
const ALIGNMENT = 64;

const TYPES: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ["f8", "f64"],
  ["f4", "f32"],
  ["f2", "f16"],
  ["i8", "i64"],
  ["u8", "u64"],
  ["i4", "i32"],
  ["u4", "u32"],
  ["i2", "i16"],
  ["u2", "u16"],
  ["i1", "i8"],
  ["u1", "u8"],
  ["b1", "bool"],
]);

const DESCRIPTIONS = {
  f64: "<f8",
  f32: "<f4",
  i64: "<i8",
  i32: "<i4",
  u32: "<u4",
  i16: "<i2",
  u16: "<u2",
  i8: "|i1",
  u8: "|u1",
  bool: "|b1",
} as const satisfies Record<DType, string>;

export interface NpyHeader {
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly count: number;
  /** Where the data starts, in bytes. */
  readonly dataOffset: number;
}

export function isNpy(bytes: Uint8Array): boolean {
  return hasBytes(bytes, MAGIC);
}

/** Reads the header; the data need not be there yet. Throws `frontend/corrupt-file` or `frontend/unsupported-dtype`. */
export function parseNpyHeader(bytes: Uint8Array, origin: Origin): NpyHeader {
  if (!isNpy(bytes)) throw corrupt(origin, 0, "the magic string of a .npy array");
  const cursor = new ByteCursor(bytes, origin, 6);
  const major = cursor.u8("the version");
  cursor.u8("the version");
  if (major < 1 || major > 3) throw corrupt(origin, 6, "version 1, 2 or 3", `${major}`);
  const length = major === 1 ? cursor.u16("the header length") : cursor.u32("the header length");
  if (length > MAX_HEADER_BYTES) throw corrupt(origin, 8, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  const start = cursor.offset;
  const raw = cursor.take(length, "the header");
  const fields = parseDictionary(major === 3 ? utf8(raw, origin, start) : latin1(raw));
  const { descr, fortran, dimensions } = fields ?? {};
  if (fields === undefined || descr === undefined || fortran === undefined || dimensions === undefined) {
    throw corrupt(origin, start, "a header {'descr': ..., 'fortran_order': ..., 'shape': (...), }");
  }
  const parts = /^'([<>=|]?)([a-z]\d+)'$/.exec(descr.replaceAll('"', "'"));
  const type = TYPES.get(parts?.[2] ?? "");
  if (type === undefined) {
    const hint = "known: float16 to float64, bool and integers of 8 to 64 bits; convert with array.astype";
    const message = `the array has elements of type ${descr.slice(0, 60)}`;
    throw frontendError("unsupported-dtype", message, { location: locationOf(origin), hint });
  }
  // A tuple of one has a comma after it; Python 2 wrote `3L`.
  const shape = dimensions
    .replace(/,\s*$/, "")
    .split(",")
    .map((d) => (/^\s*\d{1,16}L?\s*$/.test(d) ? Number.parseInt(d, 10) : NaN));
  if (dimensions.trim() === "") shape.length = 0;
  const count = checkedElements(shape);
  if (count === undefined)
    throw corrupt(origin, start, "the shape of a feasible array", `(${dimensions.slice(0, 60)})`);
  return {
    type,
    littleEndian: parts?.[1] !== ">",
    fortranOrder: fortran === "True",
    shape,
    count,
    dataOffset: cursor.offset,
  };
}

interface HeaderFields {
  readonly descr?: string;
  readonly fortran?: string;
  readonly dimensions?: string;
}

/** The three entries of the Python dictionary, as text; undefined when there is anything else. */
function parseDictionary(text: string): HeaderFields | undefined {
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (body === undefined) return undefined;
  const descr = /(?:^|,)\s*['"]descr['"]\s*:\s*('[^']*'|"[^"]*"|\[.*\])/s.exec(body);
  const fortran = /(?:^|,)\s*['"]fortran_order['"]\s*:\s*(True|False)\s*(?:,|$)/.exec(body);
  const shape = /(?:^|,)\s*['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(body);
  if (descr?.[1] === undefined || fortran?.[1] === undefined || shape?.[1] === undefined) return undefined;
  return { descr: descr[1], fortran: fortran[1], dimensions: shape[1] };
}

/** Reads a whole array. Fortran order is turned into C order; float16 becomes f32. Throws like {@link parseNpyHeader}. */
export function decodeNpy(bytes: Uint8Array, origin: Origin, report: Report): Tensor {
  const header = parseNpyHeader(bytes, origin);
  const expected = header.dataOffset + header.count * ELEMENT_BYTES[header.type];
  if (bytes.length !== expected) {
    throw corrupt(
      origin,
      bytes.length,
      `${expected} bytes for shape (${header.shape.slice(0, 8).join(", ")})`,
      `${bytes.length}`,
    );
  }
  return decodeNpyData(bytes.subarray(header.dataOffset), header, header.shape, origin, report);
}

/** Decodes data that begins where the header ends and has exactly `shape`, which may be a prefix of the array in C order. */
export function decodeNpyData(
  data: Uint8Array,
  header: NpyHeader,
  shape: readonly number[],
  origin: Origin,
  report: Report,
): Tensor {
  const context = { origin, name: origin.entry ?? origin.file, report };
  const tensor = decodeTensor(data, header.type, header.littleEndian, shape, context);
  return header.fortranOrder && shape.length > 1 ? toCOrder(tensor) : tensor;
}

/** `tensor.data` has the first index running fastest; gives the same array with the last one running fastest. */
function toCOrder(tensor: Tensor): Tensor {
  const { shape, data: source } = tensor;
  const data = source.slice();
  const strides: number[] = [];
  let stride = 1;
  for (const d of shape) {
    strides.push(stride);
    stride *= d;
  }
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    data[to] = source[from] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const position = (index[axis] ?? 0) + 1;
      from += strides[axis] ?? 0;
      if (position < (shape[axis] ?? 0)) {
        index[axis] = position;
        break;
      }
      index[axis] = 0;
      from -= position * (strides[axis] ?? 0);
    }
  }
  return { dtype: tensor.dtype, shape, data };
}

/** Reads a `.npy` file. Faults: `frontend/corrupt-file`, `frontend/unsupported-dtype`. */
export function readNpy(bytes: Uint8Array, file: string, report: Report): Tensor | undefined {
  return reporting(report, () => decodeNpy(bytes, { file }, report));
}

/** Writes version 1, little endian, C order; `i64` data must hold integers. Equal tensors give the bytes numpy.save gives. */
export function writeNpy(tensor: Tensor): Uint8Array {
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(", ");
  const header = `{'descr': '${DESCRIPTIONS[tensor.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`;
  // NumPy leaves room for the first axis to grow to 21 digits without moving the data (GROWTH_AXIS_MAX_DIGITS).
  const spare = tensor.shape.length === 0 ? 0 : 21 - String(tensor.shape[0]).length;
  const dataOffset = Math.ceil((10 + header.length + spare + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(dataOffset + elements(tensor.shape) * ELEMENT_BYTES[tensor.dtype]);
  const headerBytes = dataOffset - 10;
  bytes.set([...MAGIC, 1, 0, headerBytes & 0xff, headerBytes >> 8]);
  bytes.set(new TextEncoder().encode(`${header.padEnd(headerBytes - 1)}\n`), 10);
  bytes.set(encodeElements(tensor), dataOffset);
  return bytes;
}
