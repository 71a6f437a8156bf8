/** A dense array with a shape: what every reader of files returns and every writer takes. */

export type DType = "f64" | "f32" | "i64" | "i32" | "u32" | "i16" | "u16" | "i8" | "u8" | "bool";

/** `i64` is read as doubles when every value is a safe integer; readers report when one is not. */
export type TensorData =
  Float64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

export interface Tensor {
  readonly dtype: DType;
  /** C order, row major; an empty shape is a scalar. */
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elements(shape: readonly number[]): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** Index of the largest value; the first of equals. Null for no values. */
export function argmax(values: ArrayLike<number>): number | null {
  let best: number | null = null;
  for (let i = 0; i < values.length; i++) if (best === null || values[i]! > values[best]!) best = i;
  return best;
}
