/** Inputs from NumPy arrays. */
import type { Report } from "../../diagnostics/index.js";
import { elements, type Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { corrupt } from "../formats/bytes.js";
import { ELEMENT_BYTES } from "../formats/elements.js";
import { readPrefix } from "../formats/files.js";
import { decodeNpy, decodeNpyData, parseNpyHeader } from "../formats/npy.js";
import { openZip, unpack } from "../formats/zip.js";
import { inputError, type RawSamples } from "./samples.js";

/** More than any header that is not refused. */
const HEADER_BYTES = 70_000;

/**
 * Gives an array its batch and channel axes: [H,W] is one grey picture, [B,H,W] grey pictures. Integers of pictures are
 * pixels; event frames, with five axes, hold counts and stay as they are.
 * Throws `frontend/input-shape`.
 */
export function arraySamples(array: Tensor, file: string): RawSamples {
  const { shape, dtype } = array;
  const [a = 0, b = 0, c = 0] = shape;
  const pixels = dtype !== "f32" && dtype !== "f64" && dtype !== "bool";
  const shaped = (axes: readonly number[]): RawSamples => ({ data: { ...array, shape: axes }, pixels });
  switch (shape.length) {
    case 5:
      return { data: array, pixels: false };
    case 4:
      return { data: array, pixels };
    case 3:
      if (a !== 1 && (a === 3 || c === 3 || c === 4)) {
        const message = `the array has shape [${shape.join(", ")}]: one picture of 3 channels or ${a} grey ones`;
        throw inputError("input-shape", file, message, "add an axis: [1,C,H,W] or [B,1,H,W]");
      }
      return shaped([a, 1, b, c]);
    case 2:
      return shaped([1, 1, a, b]);
    default: {
      const message = `the array has ${shape.length} axes, expected [B,C,H,W] or [B,T,C,H,W]`;
      throw inputError("input-shape", file, message);
    }
  }
}

/** The first `limit` rows of the first axis. */
export function firstRows(array: Tensor, limit: number | undefined): Tensor {
  const [rows, ...rest] = array.shape;
  if (limit === undefined || rows === undefined || rows <= limit) return array;
  return { dtype: array.dtype, shape: [limit, ...rest], data: array.data.subarray(0, limit * elements(rest)) };
}

/** Limits arrays whose first axis is the batch; fewer axes than 3 are one picture. */
function limited(array: Tensor, limit: number | undefined): Tensor {
  return array.shape.length >= 3 ? firstRows(array, limit) : array;
}

/** Reads a `.npy` file, in C order only as far as `limit` samples need. */
export function readNpySamples(path: string, limit: number | undefined, report: Report): RawSamples {
  const origin = { file: path };
  const head = readPrefix(path, HEADER_BYTES);
  const header = parseNpyHeader(head.bytes, origin);
  const [rows = 1, ...rest] = header.shape;
  const partial = limit !== undefined && limit < rows && header.shape.length >= 3 && !header.fortranOrder;
  if (!partial) return arraySamples(limited(decodeNpy(readPrefix(path).bytes, origin, report), limit), path);
  const width = ELEMENT_BYTES[header.type];
  const whole = header.dataOffset + header.count * width;
  if (head.size !== whole) throw corrupt(origin, head.size, `${whole} bytes`, `${head.size}`);
  const end = header.dataOffset + limit * elements(rest) * width;
  const data = readPrefix(path, end).bytes.subarray(header.dataOffset);
  return arraySamples(decodeNpyData(data, header, [limit, ...rest], origin, report), path);
}

const DATA_NAMES = ["images", "x", "data"];
const LABEL_NAMES = ["labels", "y"];

/** Labels as bytes. Throws `frontend/input-labels`. */
export function labelBytes(array: Tensor, limit: number | undefined, file: string): Uint8Array {
  const flat = firstRows({ ...array, shape: [array.data.length] }, limit).data;
  const wrong = flat.find((v) => !Number.isInteger(v) || v < 0 || v > 255);
  if (wrong !== undefined)
    throw inputError("input-labels", file, `a label is ${wrong}, expected integers from 0 to 255`);
  return Uint8Array.from(flat);
}

/** Reads a `.npz` archive: the only array that is no label, or the one named images, x or data; unused arrays are not unpacked. */
export function readNpzSamples(bytes: Uint8Array, path: string, limit: number | undefined, report: Report): RawSamples {
  const archive = openZip(bytes, path);
  const names = [...archive.entries.keys()].filter((n) => n.endsWith(".npy")).map((n) => n.slice(0, -4));
  const labelName = names.find((n) => LABEL_NAMES.includes(n));
  const candidates = names.filter((n) => n !== labelName);
  const named = DATA_NAMES.find((n) => candidates.includes(n));
  const name = named ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (name === undefined) {
    const list = names.slice(0, 12).map((n) => `\`${n}\``);
    const found =
      list.length === 0 ? "no .npy arrays" : `the arrays ${list.join(", ")}${names.length > 12 ? ", ..." : ""}`;
    const message = `the archive has ${found}, expected one or one named as inputs`;
    throw frontendError("input-format", message, {
      location: { kind: "file", file: path },
      hint: `name the inputs ${DATA_NAMES.map((n) => `\`${n}\``).join(", ")}`,
    });
  }
  const read = (array: string): Tensor => {
    const entry = archive.entries.get(`${array}.npy`);
    if (entry === undefined) throw corrupt({ file: path }, 0, `an entry \`${array}.npy\``);
    return decodeNpy(unpack(archive, entry), { file: path, entry: array }, report);
  };
  const samples = arraySamples(limited(read(name), limit), path);
  return labelName === undefined ? samples : { ...samples, labels: labelBytes(read(labelName), limit, path) };
}
