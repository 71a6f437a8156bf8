/**
 * PyTorch checkpoints (`.pth`, `.pt`, `.pth.tar`) in both serialisations: the ZIP container since 1.6 and the sequence of
 * pickles before it. Formats: torch/serialization.py of PyTorch 2.x.
 */
import { reporting, type Report } from "../../diagnostics/index.js";
import { frontendError } from "../diagnostics.js";
import { ByteCursor, corrupt, hasBytes, latin1, type Origin } from "./bytes.js";
import { assembleCheckpoint, type Checkpoint } from "./checkpoint.js";
import { ELEMENT_BYTES } from "./elements.js";
import { readPickle, type PersistentLoad } from "./pickle.js";
import { storageType, type PickleContext } from "./pickle-globals.js";
import { describe, isKind, type PickleValue, type StorageRef } from "./pickle-value.js";
import { tensorReader, type StorageSource } from "./torch-tensors.js";
import { isZip, openZip, unpack, type ZipArchive } from "./zip.js";

/** `0x1950a86a20f9469cfc6c` as LONG1, the first pickle of the legacy serialisation. */
const LEGACY_MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const LEGACY_PROTOCOL = 1001;

/** Whether bytes start like the legacy serialisation: PROTO n, from protocol 4 on perhaps FRAME, the magic number. */
export function isLegacyTorch(bytes: Uint8Array): boolean {
  return (
    bytes[0] === 0x80 && (hasBytes(bytes, LEGACY_MAGIC, 2) || (bytes[2] === 0x95 && hasBytes(bytes, LEGACY_MAGIC, 11)))
  );
}

/** The folder inside a ZIP archive that holds a checkpoint, with its slash; undefined for other archives. */
export function torchFolder(archive: ZipArchive): string | undefined {
  for (const name of archive.entries.keys()) {
    if (name === "data.pkl" || (name.endsWith("/data.pkl") && name.indexOf("/") === name.length - 9))
      return name.slice(0, -8);
  }
  return undefined;
}

/**
 * Reads a PyTorch checkpoint without executing anything. Tensors are contiguous copies; float16 and bfloat16 are widened to
 * f32. Only the chosen dictionary is read: the tensors of an optimiser cost nothing.
 * Faults: `frontend/corrupt-file`, `frontend/pickle-refused`, `frontend/no-tensors`, `frontend/unsupported-dtype`,
 * `frontend/too-large`, `frontend/not-a-checkpoint`.
 */
export function readTorchCheckpoint(bytes: Uint8Array, file: string, report: Report): Checkpoint | undefined {
  return reporting(report, () => {
    const { root, source } = isZip(bytes) ? readZipSerialization(bytes, file) : readLegacySerialization(bytes, file);
    return assembleCheckpoint(root, file, tensorReader(source, report));
  });
}

interface Unpickled {
  readonly root: PickleValue;
  readonly source: StorageSource;
}

/** A count of a persistent id, from 0. */
function countOf(value: PickleValue | undefined, context: PickleContext): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw corrupt(context.origin, context.offset, "a number of elements", describe(value));
}

function keyOf(value: PickleValue | undefined, context: PickleContext): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  throw corrupt(context.origin, context.offset, "the key of a storage", describe(value));
}

/** `("storage", class, key, location, elements)`, in legacy files with a view `(key, start, elements)` or None at the end. */
const loadStorage: PersistentLoad = (id, context): StorageRef => {
  if (!Array.isArray(id) || id[0] !== "storage")
    throw corrupt(context.origin, context.offset, "the id of a storage", describe(id));
  const storage = storageType(id[1]);
  if (storage === undefined) throw corrupt(context.origin, context.offset, "the class of a storage", describe(id[1]));
  const key = keyOf(id[2], context);
  const total = countOf(id[4], context);
  const common = { kind: "storage", key, typeName: storage.name, type: storage.type } as const;
  const view = id[5];
  if (!Array.isArray(view)) return { ...common, elements: total, start: 0 };
  return { ...common, start: countOf(view[1], context), elements: countOf(view[2], context) };
};

function readZipSerialization(bytes: Uint8Array, file: string): Unpickled {
  const archive = openZip(bytes, file);
  const folder = torchFolder(archive);
  if (folder === undefined) {
    throw frontendError("not-a-checkpoint", "the ZIP archive has no `data.pkl`, so it is no PyTorch checkpoint", {
      location: { kind: "file", file },
    });
  }
  if (archive.entries.has(`${folder}constants.pkl`)) {
    throw frontendError("not-a-checkpoint", "this is a TorchScript program, not a checkpoint", {
      location: { kind: "file", file },
      hint: "save the state_dict: torch.save(torch.jit.load(path).state_dict(), path)",
    });
  }
  const read = (name: string): Uint8Array => {
    const entry = archive.entries.get(folder + name);
    if (entry === undefined) throw corrupt({ file }, 0, `an entry \`${folder}${name}\` in the archive`, "none");
    return unpack(archive, entry, { zeroMeansUnchecked: true });
  };
  const byteorder = archive.entries.has(`${folder}byteorder`) ? latin1(read("byteorder")) : "little";
  if (byteorder !== "little" && byteorder !== "big") {
    throw corrupt({ file, entry: `${folder}byteorder` }, 0, "`little` or `big`", `\`${byteorder.slice(0, 20)}\``);
  }
  const { value } = readPickle(read("data.pkl"), { file, entry: `${folder}data.pkl` }, loadStorage);
  const cache = new Map<string, Uint8Array>();
  const readCached = (key: string): Uint8Array => {
    const known = cache.get(key) ?? read(`data/${key}`);
    cache.set(key, known);
    return known;
  };
  return {
    root: value,
    source: { file, fileBytes: bytes.length, littleEndian: byteorder === "little", read: ({ key }) => readCached(key) },
  };
}

const noStorage: PersistentLoad = (_id, context) => {
  throw corrupt(context.origin, context.offset, "plain values before the checkpoint", "a storage");
};

/** Pickles of the magic number, the protocol, the system, the checkpoint and the storage keys; then the storages in that order. */
function readLegacySerialization(bytes: Uint8Array, file: string): Unpickled {
  const origin: Origin = { file };
  if (!isLegacyTorch(bytes)) throw corrupt(origin, 0, "the magic number of a PyTorch checkpoint");
  const magic = readPickle(bytes, origin, noStorage);
  const protocol = readPickle(bytes, origin, noStorage, magic.end);
  if (protocol.value !== LEGACY_PROTOCOL) {
    throw corrupt(origin, magic.end, `protocol ${LEGACY_PROTOCOL}`, describe(protocol.value));
  }
  const system = readPickle(bytes, origin, noStorage, protocol.end);
  const littleEndian = !(system.value instanceof Map) || system.value.get("little_endian") !== false;

  /** Bytes per element by key: storages are stored by element count, whose type only the pickle knows. */
  const widths = new Map<string, number>();
  const load: PersistentLoad = (id, context) => {
    const storage = loadStorage(id, context);
    if (isKind(storage, "storage")) widths.set(storage.key, widthOf(storage));
    return storage;
  };
  const root = readPickle(bytes, origin, load, system.end);
  const keys = readPickle(bytes, origin, noStorage, root.end);
  if (!Array.isArray(keys.value)) throw corrupt(origin, root.end, "a list of storage keys", describe(keys.value));
  const cursor = new ByteCursor(bytes, origin, keys.end);
  const storages = new Map<string, Uint8Array>();
  for (const item of keys.value) {
    const key = keyOf(item, { origin, offset: keys.end, spend: () => undefined });
    const width = widths.get(key);
    if (width === undefined) throw corrupt(origin, root.end, "keys of storages that the checkpoint uses", `\`${key}\``);
    storages.set(key, cursor.take(cursor.size64("a storage") * width, `storage ${key}`));
  }
  const read = (storage: StorageRef): Uint8Array => {
    const data = storages.get(storage.key);
    if (data === undefined) throw corrupt(origin, root.end, `a storage \`${storage.key}\``, "none");
    return data;
  };
  return { root: root.value, source: { file, fileBytes: bytes.length, littleEndian, read } };
}

/** Complex and quantised storages are skipped, never read, but their width places the ones that follow. */
function widthOf(storage: StorageRef): number {
  if (storage.type !== undefined) return ELEMENT_BYTES[storage.type];
  const other: Readonly<Record<string, number>> = {
    ComplexFloatStorage: 8,
    ComplexDoubleStorage: 16,
    QInt32Storage: 4,
  };
  return other[storage.typeName] ?? 1;
}
