/** Tensors of every element type, for properties. */
import fc from "fast-check";
import { elements, type DType, type Tensor, type TensorData } from "../../src/math/tensor.js";

const safe = fc.maxSafeInteger();

function filled<T extends TensorData>(make: (n: number) => T, value: fc.Arbitrary<number>) {
  return (n: number): fc.Arbitrary<T> =>
    fc.array(value, { minLength: n, maxLength: n }).map((values) => {
      const data = make(n);
      data.set(values);
      return data;
    });
}

const BY_TYPE = {
  f64: filled((n) => new Float64Array(n), fc.double()),
  f32: filled((n) => new Float32Array(n), fc.float()),
  i64: filled(
    (n) => new Float64Array(n),
    safe.map((v) => v + 0),
  ),
  i32: filled((n) => new Int32Array(n), safe),
  u32: filled((n) => new Uint32Array(n), safe),
  i16: filled((n) => new Int16Array(n), safe),
  u16: filled((n) => new Uint16Array(n), safe),
  i8: filled((n) => new Int8Array(n), safe),
  u8: filled((n) => new Uint8Array(n), safe),
  bool: filled((n) => new Uint8Array(n), fc.nat({ max: 1 })),
} as const satisfies Record<DType, (n: number) => fc.Arbitrary<TensorData>>;

const DTYPES = [
  "f64",
  "f32",
  "i64",
  "i32",
  "u32",
  "i16",
  "u16",
  "i8",
  "u8",
  "bool",
] as const satisfies readonly DType[];

/** Up to three axes, zeros included. */
export const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({ dtype: fc.constantFrom(...DTYPES), shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }) })
  .chain(({ dtype, shape }) => BY_TYPE[dtype](elements(shape)).map((data): Tensor => ({ dtype, shape, data })));
