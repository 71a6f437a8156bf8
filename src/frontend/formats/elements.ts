/** Element types as they stand in files, and their conversion to the arrays of {@link Tensor}. */
import type { Report } from "../../diagnostics/index.js";
import type { DType, Tensor, TensorData } from "../../math/tensor.js";
import { FRONTEND_DIAGNOSTICS } from "../diagnostics.js";
import { locationOf, viewOf, type Origin } from "./bytes.js";

/** What files hold: the types of tensors, and those that are widened on reading. */
export type ElementType = DType | "f16" | "bf16" | "u64";

export const ELEMENT_BYTES = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  u64: 8,
  i32: 4,
  u32: 4,
  i16: 2,
  u16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
} as const satisfies Record<ElementType, number>;

/** IEEE 754 binary16 to a double, exactly. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The number of elements of an untrusted shape, or undefined where it is no shape of a feasible array. */
export function checkedElements(shape: readonly number[]): number | undefined {
  if (shape.length > 32) return undefined;
  let count = 1;
  let empty = false;
  for (const d of shape) {
    if (!Number.isSafeInteger(d) || d < 0) return undefined;
    if (d === 0) empty = true;
    else count *= d;
    if (count > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return empty ? 0 : count;
}

/** A copy in little-endian order, at offset 0 of a buffer of its own so that typed arrays may view it. */
function aligned(bytes: Uint8Array, width: number, littleEndian: boolean): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  if (!littleEndian && width > 1) {
    for (let start = 0; start < copy.length; start += width) copy.subarray(start, start + width).reverse();
  }
  return copy.buffer;
}

function fromInteger64(buffer: ArrayBuffer, signed: boolean): Float64Array {
  const source = signed ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
  const data = new Float64Array(source.length);
  for (let i = 0; i < data.length; i++) data[i] = Number(source[i]);
  return data;
}

/**
 * Decodes packed elements; `bytes` must be a whole number of them. float16 and bfloat16 become f32, unsigned
 * 64-bit integers become `i64`, both kinds of 64-bit integers as doubles.
 * Typed arrays have the order of the machine, which Node supports as little endian everywhere we run.
 */
export function decodeElements(
  bytes: Uint8Array,
  type: ElementType,
  littleEndian: boolean,
): { dtype: DType; data: TensorData } {
  const buffer = aligned(bytes, ELEMENT_BYTES[type], littleEndian);
  switch (type) {
    case "f64":
      return { dtype: type, data: new Float64Array(buffer) };
    case "f32":
      return { dtype: type, data: new Float32Array(buffer) };
    case "i32":
      return { dtype: type, data: new Int32Array(buffer) };
    case "u32":
      return { dtype: type, data: new Uint32Array(buffer) };
    case "i16":
      return { dtype: type, data: new Int16Array(buffer) };
    case "u16":
      return { dtype: type, data: new Uint16Array(buffer) };
    case "i8":
      return { dtype: type, data: new Int8Array(buffer) };
    case "u8":
      return { dtype: type, data: new Uint8Array(buffer) };
    case "bool":
      return { dtype: type, data: new Uint8Array(buffer).map((byte) => (byte === 0 ? 0 : 1)) };
    case "i64":
      return { dtype: type, data: fromInteger64(buffer, true) };
    case "u64":
      return { dtype: "i64", data: fromInteger64(buffer, false) };
    case "f16":
      return { dtype: "f32", data: Float32Array.from(new Uint16Array(buffer), halfToNumber) };
    case "bf16": {
      // bfloat16 is the upper half of a float32.
      const bits = Uint32Array.from(new Uint16Array(buffer), (half) => half * 65536);
      return { dtype: "f32", data: new Float32Array(bits.buffer) };
    }
  }
}

/** {@link decodeElements} into a tensor, warning where a 64-bit integer was rounded. `name` is for the message. */
export function decodeTensor(
  bytes: Uint8Array,
  type: ElementType,
  littleEndian: boolean,
  shape: readonly number[],
  context: { readonly origin: Origin; readonly name: string; readonly report: Report },
): Tensor {
  const { dtype, data } = decodeElements(bytes, type, littleEndian);
  if (dtype === "i64") {
    let unsafe = 0;
    for (const value of data) if (!Number.isSafeInteger(value)) unsafe++;
    if (unsafe > 0) {
      const message = `${unsafe} of ${data.length} 64-bit integers of \`${context.name}\` are beyond 2^53 and were rounded`;
      context.report.add(
        FRONTEND_DIAGNOSTICS.make("unsafe-integer", message, { location: locationOf(context.origin) }),
      );
    }
  }
  return { dtype, shape, data };
}

/** Packed little-endian bytes of a tensor; `i64` doubles become 64-bit integers, fractions cut off. */
export function encodeElements(tensor: Tensor): Uint8Array {
  const { data } = tensor;
  if (tensor.dtype !== "i64") return new Uint8Array(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const bytes = new Uint8Array(data.length * 8);
  const view = viewOf(bytes);
  data.forEach((value, i) => view.setBigInt64(i * 8, BigInt(Math.trunc(value)), true));
  return bytes;
}
