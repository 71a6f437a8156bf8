/** From references of a pickle to arrays: the only place where bytes of a checkpoint are copied. */
import type { Report } from "../../diagnostics/index.js";
import { elements, type Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { corrupt } from "./bytes.js";
import { checkedElements, decodeTensor, ELEMENT_BYTES } from "./elements.js";
import type { Materialise } from "./checkpoint.js";
import type { StorageRef, TensorRef } from "./pickle-value.js";

/** The storages of one checkpoint file, by key. */
export interface StorageSource {
  readonly file: string;
  readonly fileBytes: number;
  readonly littleEndian: boolean;
  /** Bytes of a whole storage, as a view where possible. Throws when there is none or it is damaged. */
  read(storage: StorageRef): Uint8Array;
}

/**
 * Views may repeat elements (strides of 0), so a small file can declare large tensors. All tensors together may take
 * this many bytes, or this multiple of the file, whichever is more.
 */
const MATERIAL_LIMIT = { bytes: 2 ** 26, timesFile: 4 } as const;

/** A function that reads tensors from `source`; tensors that share their whole description share their data. */
export function tensorReader(source: StorageSource, report: Report): Materialise {
  const limit = Math.max(MATERIAL_LIMIT.bytes, MATERIAL_LIMIT.timesFile * source.fileBytes);
  const known = new Map<string, Tensor>();
  let total = 0;
  return (ref, name) => {
    const origin = { file: source.file, entry: name };
    if (ref.type === undefined) {
      const message = `tensor \`${name}\` has elements of type \`${ref.typeName}\``;
      const hint = "known: float64, float32, float16, bfloat16, bool and integers of 8 to 64 bits";
      throw frontendError("unsupported-dtype", message, {
        location: { kind: "file", file: source.file, path: name },
        hint,
      });
    }
    const count = checkedElements(ref.shape);
    if (count === undefined) throw corrupt(origin, 0, "a feasible shape");
    const width = ELEMENT_BYTES[ref.type];
    const id = [ref.storage.key, ref.type, ref.storage.start, ref.offset, ref.shape, ref.strides].join(";");
    const same = known.get(id);
    if (same !== undefined) return same;
    total += count * width;
    if (total > limit) {
      const message = `the tensors up to \`${name}\` need more than ${limit} bytes, the file has ${source.fileBytes}`;
      throw frontendError("too-large", message, { location: { kind: "file", file: source.file, path: name } });
    }
    const storage = count === 0 ? new Uint8Array(0) : storageBytes(source, ref, name);
    const last = ref.shape.reduce((sum, d, i) => sum + (d - 1) * (ref.strides[i] ?? 0), ref.offset);
    if (count > 0 && !((last + 1) * width <= storage.length)) {
      throw corrupt(
        origin,
        0,
        `element ${last} inside its storage`,
        `a storage of ${Math.floor(storage.length / width)} elements`,
      );
    }
    const packed = pack(ref, storage, count, width);
    const tensor = decodeTensor(packed, ref.type, source.littleEndian, ref.shape, { origin, name, report });
    known.set(id, tensor);
    return tensor;
  };
}

/** The bytes of the tensor's storage from its start, cut to the declared size. */
function storageBytes(source: StorageSource, ref: TensorRef, name: string): Uint8Array {
  const { storage } = ref;
  const width = storage.type === undefined ? 1 : ELEMENT_BYTES[storage.type];
  const bytes = source.read(storage);
  const end = (storage.start + storage.elements) * width;
  if (!(end <= bytes.length)) {
    const entry = `storage ${storage.key} of ${name}`;
    throw corrupt({ file: source.file, entry }, bytes.length, `${end} bytes of ${storage.typeName}`, `${bytes.length}`);
  }
  return bytes.subarray(storage.start * width, end);
}

/** The elements in C order. Contiguous tensors are views; others are gathered element by element. */
function pack(ref: TensorRef, storage: Uint8Array, count: number, width: number): Uint8Array {
  if (isContiguous(ref)) return storage.subarray(ref.offset * width, (ref.offset + count) * width);
  const packed = new Uint8Array(count * width);
  const { shape, strides } = ref;
  const index = shape.map(() => 0);
  let from = ref.offset;
  for (let to = 0; to < count; to++) {
    for (let b = 0; b < width; b++) packed[to * width + b] = storage[from * width + b] ?? 0;
    // Odometer: step the last axis, carry into the ones before.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const position = (index[axis] ?? 0) + 1;
      from += stride;
      if (position < (shape[axis] ?? 0)) {
        index[axis] = position;
        break;
      }
      index[axis] = 0;
      from -= position * stride;
    }
  }
  return packed;
}

function isContiguous({ shape, strides }: TensorRef): boolean {
  if (elements(shape) === 0) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const d = shape[axis] ?? 1;
    if (d !== 1 && strides[axis] !== expected) return false;
    expected *= d;
  }
  return true;
}
