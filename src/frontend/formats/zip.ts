/** Archives in ZIP form, read through their central directory; data is unpacked only when asked for. */
import { crc32, inflateRawSync } from "node:zlib";
import { frontendError } from "../diagnostics.js";
import { ByteCursor, corrupt, locationOf, utf8, viewOf, type Origin } from "./bytes.js";

export interface ZipEntry {
  readonly name: string;
  /** Bytes once unpacked, as the directory declares. */
  readonly size: number;
  readonly method: "stored" | "deflate";
  readonly crc: number;
  /** The packed bytes, as a view. */
  readonly packed: Uint8Array;
  /** Where the packed bytes start in the file. */
  readonly offset: number;
}

export interface ZipArchive {
  readonly file: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
}

const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
/** A deflate stream cannot grow beyond this factor (258 bytes for two bits and overheads, zlib's technical notes). */
const DEFLATE_LIMIT = 1032;
/** More entries than this are an attack on memory; a checkpoint has one per tensor. */
const MAX_ENTRIES = 1_000_000;
/** All entries together, unpacked: the larger of this many bytes and a multiple of the file. */
const UNPACKED_LIMIT = { bytes: 2 ** 30, timesFile: 16 } as const;

export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0, true) === LOCAL_SIGNATURE;
}

/** Offset of the end record, which a comment of up to 65,535 bytes may follow. */
function findEnd(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 22 - 65535); at--) {
    if (view.getUint32(at, true) === END_SIGNATURE && at + 22 + view.getUint16(at + 20, true) === bytes.length)
      return at;
  }
  return undefined;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

function readDirectoryPlace(bytes: Uint8Array, origin: Origin): Directory {
  const end = findEnd(bytes);
  if (end === undefined) {
    throw corrupt(origin, bytes.length, "the directory that ends a ZIP archive", "none; the file may be cut short");
  }
  const record = new ByteCursor(bytes, origin, end + 10);
  const count = record.u16("entry count");
  const size = record.u32("directory size");
  const offset = record.u32("directory offset");
  const locator = end - 20;
  if (locator < 0 || viewOf(bytes).getUint32(locator, true) !== LOCATOR64_SIGNATURE) return { count, size, offset };
  const end64 = new ByteCursor(bytes, origin, locator + 8).size64("end record");
  const wide = new ByteCursor(bytes, origin, end64);
  if (wide.u32("end record") !== END64_SIGNATURE) throw corrupt(origin, end64, "a ZIP64 end record");
  wide.take(28, "end record");
  return {
    count: wide.size64("entry count"),
    size: wide.size64("directory size"),
    offset: wide.size64("directory offset"),
  };
}

/** The 64-bit values that stand in the extra field for each 32-bit one that is all ones, in this order. */
function widen(values: readonly number[], extra: Uint8Array, origin: Origin): number[] {
  const missing = values.filter((v) => v === 0xffffffff).length;
  if (missing === 0) return [...values];
  const cursor = new ByteCursor(extra, origin);
  while (cursor.remaining >= 4) {
    const id = cursor.u16("extra field");
    const field = new ByteCursor(cursor.take(cursor.u16("extra field"), "extra field"), origin);
    if (id === 1) return values.map((v) => (v === 0xffffffff ? field.size64("ZIP64 extra field") : v));
  }
  return [...values];
}

function readEntry(cursor: ByteCursor, bytes: Uint8Array, file: string): ZipEntry {
  const start = cursor.offset;
  const at = { file };
  if (cursor.u32("directory entry") !== ENTRY_SIGNATURE) throw corrupt(at, start, "a ZIP directory entry");
  cursor.take(4, "directory entry");
  const flags = cursor.u16("flags");
  const method = cursor.u16("method");
  cursor.take(4, "time");
  const crc = cursor.u32("checksum");
  const sizes = [cursor.u32("packed size"), cursor.u32("size")];
  const nameLength = cursor.u16("name length");
  const extraLength = cursor.u16("extra length");
  const commentLength = cursor.u16("comment length");
  cursor.take(8, "attributes");
  sizes.push(cursor.u32("local offset"));
  const name = utf8(cursor.take(nameLength, "name"), at, start);
  const extra = cursor.take(extraLength, "extra field");
  cursor.take(commentLength, "comment");
  // The order of ZIP64 extras is size, packed size, offset.
  const [size = 0, packedSize = 0, local = 0] = widen([sizes[1] ?? 0, sizes[0] ?? 0, sizes[2] ?? 0], extra, at);
  const origin = { file, entry: name };
  if ((flags & 1) !== 0) throw corrupt(origin, start, "an entry without encryption");
  if (method !== 0 && method !== 8) throw corrupt(origin, start, "compression method 0 or 8", String(method));

  const header = new ByteCursor(bytes, { file }, Math.min(local, bytes.length));
  if (header.u32("local header") !== LOCAL_SIGNATURE) throw corrupt({ file }, local, `the header of \`${name}\``);
  header.take(22, "local header");
  const localName = header.u16("name length");
  header.take(localName + header.u16("extra length"), "local header");
  const offset = header.offset;
  const packed = header.take(packedSize, `\`${name}\``);
  if (method === 0 && size !== packedSize) {
    throw corrupt(origin, 0, `${packedSize} bytes, as many as are stored`, `a declared size of ${size}`);
  }
  if (size > packedSize * DEFLATE_LIMIT) {
    throw corrupt(
      origin,
      0,
      `at most ${packedSize * DEFLATE_LIMIT} bytes from ${packedSize} packed`,
      `a declared size of ${size}`,
    );
  }
  return { name, size, method: method === 0 ? "stored" : "deflate", crc, packed, offset };
}

/** Reads the directory of an archive. Throws `frontend/corrupt-file` or `frontend/too-large`. */
export function openZip(bytes: Uint8Array, file: string): ZipArchive {
  const origin = { file };
  const { offset, size, count } = readDirectoryPlace(bytes, origin);
  if (offset + size > bytes.length)
    throw corrupt(origin, offset, `a directory of ${size} bytes`, `${bytes.length} in the file`);
  if (count > MAX_ENTRIES)
    throw frontendError("too-large", `the archive declares ${count} entries, the limit is ${MAX_ENTRIES}`);
  const cursor = new ByteCursor(bytes.subarray(0, offset + size), origin, offset);
  const entries = new Map<string, ZipEntry>();
  const limit = Math.max(UNPACKED_LIMIT.bytes, UNPACKED_LIMIT.timesFile * bytes.length);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(cursor, bytes, file);
    if (entries.has(entry.name)) throw corrupt(origin, entry.offset, `one entry named \`${entry.name}\``, "two");
    entries.set(entry.name, entry);
    total += entry.size;
    if (total > limit) {
      const message = `the archive of ${bytes.length} bytes unpacks to more than ${limit} bytes`;
      throw frontendError("too-large", message, { location: locationOf(origin) });
    }
  }
  return { file, entries };
}

/**
 * The bytes of an entry, checked against its declared size and checksum; a view of the file where they are stored.
 * `zeroMeansUnchecked` accepts a checksum of 0, as torch writes it with `set_crc32_options(False)`.
 */
export function unpack(
  archive: ZipArchive,
  entry: ZipEntry,
  options: { readonly zeroMeansUnchecked?: boolean } = {},
): Uint8Array {
  const origin = { file: archive.file, entry: entry.name };
  const data = entry.method === "stored" ? entry.packed : inflateEntry(entry, origin);
  if (data.length !== entry.size) throw corrupt(origin, data.length, `${entry.size} bytes`, `${data.length}`);
  const unchecked = options.zeroMeansUnchecked === true && entry.crc === 0;
  if (!unchecked && crc32(data) !== entry.crc) {
    throw corrupt(
      { file: archive.file },
      entry.offset,
      `the data of \`${entry.name}\` to match its checksum`,
      "another",
    );
  }
  return data;
}

function inflateEntry(entry: ZipEntry, origin: Origin): Uint8Array {
  try {
    return inflateRawSync(entry.packed, { maxOutputLength: Math.max(1, entry.size) });
  } catch {
    throw corrupt(
      { file: origin.file },
      entry.offset,
      `${entry.size} bytes in the deflate data of \`${entry.name}\``,
      "damaged data",
    );
  }
}
