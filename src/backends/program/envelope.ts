import { crc32 } from "node:zlib";
import { programError } from "./reader.js";
import type { Source } from "./source.js";

/*
 * The envelope, little-endian: magic "SPKC", u32 version, u32 number of sections, u32 CRC-32 of the section table; then per
 * section its name (four letters), u32 CRC-32 of its bytes, u64 offset, u64 length. Sections follow one another, each filled up
 * with zeros to a multiple of 64 bytes, and nothing follows the last.
 */
const MAGIC = "SPKC";
const VERSION = 5;
const HEADER_BYTES = 16;
const ENTRY_BYTES = 24;
const ALIGNMENT = 64;
/** Names of the FlatBuffer (program.fbs) and the weights. */
const SECTIONS = ["PROG", "WGHT"] as const;
const TABLE_END = HEADER_BYTES + SECTIONS.length * ENTRY_BYTES;
/** Offsets in a FlatBuffer and addresses of DRAM have 31 bits. */
const MAX_SECTION_BYTES = 2 ** 31 - 1;

interface Section {
  readonly name: string;
  readonly checksum: number;
  readonly offset: number;
  readonly length: number;
}

function align(n: number): number {
  return Math.ceil(n / ALIGNMENT) * ALIGNMENT;
}

function writeName(view: DataView, at: number, name: string): void {
  for (let i = 0; i < 4; i++) view.setUint8(at + i, name.charCodeAt(i));
}

function readName(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}

/** A file of these sections, FlatBuffer and weights, in pieces that follow one another; the sections are not copied. */
export function writeEnvelope(sections: readonly [Uint8Array, Uint8Array]): readonly Uint8Array[] {
  const header = new Uint8Array(align(TABLE_END));
  const view = new DataView(header.buffer);
  let offset = header.length;
  sections.forEach((section, i) => {
    const entry = HEADER_BYTES + i * ENTRY_BYTES;
    writeName(view, entry, SECTIONS[i] ?? "");
    view.setUint32(entry + 4, crc32(section), true);
    view.setBigUint64(entry + 8, BigInt(offset), true);
    view.setBigUint64(entry + 16, BigInt(section.length), true);
    offset = align(offset + section.length);
  });
  writeName(view, 0, MAGIC);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, sections.length, true);
  view.setUint32(12, crc32(header.subarray(HEADER_BYTES, TABLE_END)), true);
  return [header, ...sections.flatMap((section) => [section, new Uint8Array(align(section.length) - section.length)])];
}

/**
 * The sections of a file, each read at once. The header and the size of the file are checked before memory is taken for
 * sections, and every byte is covered: by a checksum, or by having to be zero. Throws a DiagnosticError.
 */
export function readEnvelope(source: Source, file: string): readonly [Uint8Array, Uint8Array] {
  const [program, weights] = readTable(source, file);
  return [readSection(source, program, file), readSection(source, weights, file)];
}

/** Checks the header and where the sections lie. */
function readTable(source: Source, file: string): readonly [Section, Section] {
  const header = source.read(0, Math.min(TABLE_END, source.size));
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  if (header.length < 4 || readName(view, 0) !== MAGIC) {
    throw programError("not-a-program", file, "the file is not a spikec program", "write one with spikec compile");
  }
  if (header.length < 8) throw programError("truncated", file, "the file ends inside its header");
  const version = view.getUint32(4, true);
  if (version !== VERSION) {
    const message = `format version ${version}, this spikec reads ${VERSION}`;
    throw programError("version", file, message, "compile the model again");
  }
  if (header.length < TABLE_END) throw programError("truncated", file, "the file ends inside its header");
  const count = view.getUint32(8, true);
  if (count !== SECTIONS.length) {
    throw programError("corrupt", file, `expected ${SECTIONS.length} sections, got ${count}`);
  }
  if (view.getUint32(12, true) !== crc32(header.subarray(HEADER_BYTES))) {
    throw programError("checksum", file, "the section table does not match its checksum");
  }
  const program = readEntry(view, 0, align(TABLE_END), source.size, file);
  const weights = readEntry(view, 1, align(program.offset + program.length), source.size, file);
  const end = align(weights.offset + weights.length);
  if (source.size < end) throw programError("truncated", file, `the file ends at byte ${source.size} of ${end}`);
  if (source.size > end) throw programError("corrupt", file, `${source.size - end} bytes follow the last section`);
  return [program, weights];
}

/** The entry of section `index`, which must begin at byte `start` and end inside the file. */
function readEntry(view: DataView, index: number, start: number, size: number, file: string): Section {
  const entry = HEADER_BYTES + index * ENTRY_BYTES;
  const expected = SECTIONS[index] ?? "";
  const name = readName(view, entry);
  const offset = Number(view.getBigUint64(entry + 8, true));
  const length = Number(view.getBigUint64(entry + 16, true));
  if (name !== expected) {
    throw programError("corrupt", file, `expected section ${expected}, got ${JSON.stringify(name)}`);
  }
  if (offset !== start) {
    throw programError("corrupt", file, `section ${name} begins at byte ${offset}, expected ${start}`);
  }
  const end = offset + length;
  if (end > size) throw programError("truncated", file, `section ${name} ends at byte ${end}, the file at ${size}`);
  if (length > MAX_SECTION_BYTES) {
    throw programError("limits", file, `section ${name} has ${length} bytes, expected at most ${MAX_SECTION_BYTES}`);
  }
  return { name, checksum: view.getUint32(entry + 4, true), offset, length };
}

function readSection(source: Source, { name, checksum, offset, length }: Section, file: string): Uint8Array {
  const filled = source.read(offset, align(length));
  const content = filled.subarray(0, length);
  if (crc32(content) !== checksum) {
    throw programError("checksum", file, `section ${name} does not match its checksum`);
  }
  if (filled.subarray(length).some((byte) => byte !== 0)) {
    throw programError("checksum", file, `the bytes that fill section ${name} up to ${ALIGNMENT} are not zero`);
  }
  return content;
}
