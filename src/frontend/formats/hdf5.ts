/**
 * HDF5 files, read by the HDF5 library compiled to WebAssembly. The file lies in that library's own memory, so links to
 * other files lead nowhere, whatever a file says. Facts about the library: `h5wasm` 0.10 returns what a filter that it
 * does not know (lzf, for one) would have unpacked as it is, so filters are checked before values are read.
 */
import type { Dataset, Entity, File, Group } from "h5wasm";
import { DiagnosticError } from "../../diagnostics/index.js";
import { frontendError } from "../diagnostics.js";
import { hasBytes } from "./bytes.js";

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** What is read passes through the library's memory, which ends at 2 GiB. */
const MAX_FILE_BYTES = 2 ** 30;
/** deflate cannot pack more than 1032 bytes into one. */
const MAX_DEFLATE_RATIO = 1032;
/** Filters that the library undoes: deflate, shuffle, fletcher32 and szip. */
const KNOWN_FILTERS: ReadonlySet<number> = new Set([1, 2, 3, 4]);

/** Classes of HDF5 types (H5T_class_t). */
const INTEGER = 0;
const FLOAT = 1;
const STRING = 3;
/** How h5py writes booleans. */
const ENUM = 8;

/** A data set of numbers as doubles, row major; a scalar has an empty shape. */
export interface Hdf5Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function isHdf5(bytes: Uint8Array): boolean {
  return hasBytes(bytes, SIGNATURE);
}

/** What may stand in a group: everything but references, which stand in data sets. */
type Named = Extract<Entity, { readonly type: unknown }>;

/** Distinguishes files that are open at once in the library's own file system. */
let opened = 0;

/** An open file; paths are absolute, such as `/layer/0/weight`. Readers throw {@link DiagnosticError}. */
class Hdf5Reader {
  constructor(
    private readonly root: File,
    private readonly file: string,
    private readonly fileBytes: number,
  ) {}

  /** Names in a group, in no particular order; undefined where there is no group of this path. */
  members(path: string): readonly string[] | undefined {
    const found = this.find(path);
    return found?.type === "Group" ? this.guard(path, () => (found as Group).keys()) : undefined;
  }

  has(path: string): boolean {
    return this.find(path) !== undefined;
  }

  /** A string: a scalar, or an array of one. Undefined where there is nothing of this path. */
  text(path: string): string | undefined {
    const dataset = this.dataset(path, 1);
    if (dataset === undefined) return undefined;
    if (dataset.metadata.type !== STRING) throw this.fault("unsupported-dtype", path, "is no string");
    const value = this.guard(path, () => dataset.value);
    const text = Array.isArray(value) ? value[0] : value;
    if (typeof text !== "string") throw this.fault("corrupt-file", path, "cannot be read as text");
    return text;
  }

  /** Numbers, of any integer or float type of 8 to 64 bits; undefined where there is nothing of this path. */
  numbers(path: string, maxElements: number): Hdf5Numbers | undefined {
    const dataset = this.dataset(path, maxElements);
    if (dataset === undefined) return undefined;
    const { type, size, shape } = dataset.metadata;
    const readable = type === INTEGER || type === ENUM || (type === FLOAT && (size === 4 || size === 8));
    if (!readable || shape === null) {
      const what = type === FLOAT ? `holds floats of ${size} bytes` : "holds no numbers";
      throw this.fault("unsupported-dtype", path, `${what}, expected integers, float32 or float64`);
    }
    const value = this.guard(path, () => dataset.value);
    const list = typeof value === "number" || typeof value === "bigint" ? [value] : value;
    if (list === null || typeof list !== "object" || !("length" in list)) {
      throw this.fault("corrupt-file", path, "cannot be read as numbers");
    }
    const data = Float64Array.from(list as ArrayLike<number | bigint>, Number);
    const unsafe = data.find((x) => type === INTEGER && !Number.isSafeInteger(x));
    if (unsafe !== undefined) throw this.fault("unsupported-dtype", path, `holds ${unsafe}, integers end at 2^53`);
    return { shape, data };
  }

  private find(path: string): Named | undefined {
    // The library complains where a part of a path is missing, so each is looked up in the names of its group.
    let group: Group = this.root;
    const parts = path.split("/").filter((part) => part !== "");
    for (const [i, part] of parts.entries()) {
      if (!this.guard(path, () => group.keys()).includes(part)) return undefined;
      const next = this.guard(path, () => group.get(part));
      if (next === null || !("type" in next)) throw this.fault("corrupt-file", path, "cannot be opened");
      if (next.type === "BrokenSoftLink" || next.type === "ExternalLink") {
        throw this.fault("corrupt-file", path, "is a link that leads out of the file or nowhere");
      }
      if (i === parts.length - 1) return next;
      if (next.type !== "Group") return undefined;
      group = next as Group;
    }
    return group;
  }

  /** A data set whose size is sound: nothing is unpacked before that is known. */
  private dataset(path: string, maxElements: number): Dataset | undefined {
    const found = this.find(path);
    if (found === undefined) return undefined;
    if (found.type !== "Dataset") throw this.fault("corrupt-file", path, "is a group, expected a data set");
    const dataset = found as Dataset;
    const { metadata, filters } = this.guard(path, () => ({ metadata: dataset.metadata, filters: dataset.filters }));
    if (metadata.shape === null) throw this.fault("corrupt-file", path, "is empty");
    const strange = filters.find(({ id }) => !KNOWN_FILTERS.has(id));
    if (strange !== undefined) {
      const message = `is packed with filter ${strange.id} (${strange.name}), known are deflate, shuffle, fletcher32 and szip`;
      throw this.fault("unsupported-dtype", path, message, "write the file again without compression");
    }
    const count = metadata.shape.reduce((product, size) => product * size, 1);
    if (count > maxElements) {
      throw this.fault(
        "too-large",
        path,
        `has ${count} elements (${metadata.shape.join("x")}), expected at most ${maxElements}`,
      );
    }
    const room = this.fileBytes * (filters.length === 0 ? 1 : MAX_DEFLATE_RATIO);
    if (count * metadata.size > room) {
      const message = `declares ${count * metadata.size} bytes, more than a file of ${this.fileBytes} bytes can hold`;
      throw this.fault("too-large", path, message);
    }
    return dataset;
  }

  /** Runs a call of the library; what it throws is a fault of the file. */
  private guard<T>(path: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof DiagnosticError) throw error;
      throw this.fault("corrupt-file", path, `cannot be read: ${firstLine(error)}`);
    }
  }

  private fault(
    code: "corrupt-file" | "too-large" | "unsupported-dtype",
    path: string,
    message: string,
    hint?: string,
  ) {
    const location = { kind: "file", file: this.file, path } as const;
    return frontendError(code, `\`${path}\` ${message}`, { location, hint });
  }
}

export type { Hdf5Reader };

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0]!.trim().slice(0, 200);
}

/**
 * Opens the bytes of a file, and closes it when `body` is done. `file` is its name for messages.
 * Throws {@link DiagnosticError} with `frontend/corrupt-file` or `frontend/too-large`, and what `body` throws.
 */
export async function readHdf5<T>(bytes: Uint8Array, file: string, body: (reader: Hdf5Reader) => T): Promise<T> {
  const location = { kind: "file", file } as const;
  if (bytes.length > MAX_FILE_BYTES) {
    throw frontendError("too-large", `the file has ${bytes.length} bytes, the limit is ${MAX_FILE_BYTES}`, {
      location,
    });
  }
  if (!isHdf5(bytes)) throw frontendError("corrupt-file", "the file has no HDF5 signature", { location });
  // Four megabytes of WebAssembly, so only who reads such a file waits for them.
  const library = await import("h5wasm");
  const module = await library.ready;
  // Errors are thrown instead of being printed.
  module.activate_throwing_error_handler();
  const name = `spikec-${opened++}.h5`;
  module.FS.writeFile(name, bytes);
  let root: File | undefined;
  try {
    try {
      root = new library.File(name, "r");
    } catch (error) {
      throw frontendError("corrupt-file", `the HDF5 file cannot be opened: ${firstLine(error)}`, { location });
    }
    return body(new Hdf5Reader(root, file, bytes.length));
  } finally {
    root?.close();
    module.FS.unlink(name);
  }
}
