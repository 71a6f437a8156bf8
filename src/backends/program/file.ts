import { crc32 } from "node:zlib";
import { reporting, type Report } from "../../diagnostics/index.js";
import { decodeFlatBuffer } from "./decode.js";
import { encodeFlatBuffer } from "./encode.js";
import type { Program } from "./program.js";
import { programError } from "./reader.js";

/*
 * The envelope, little-endian: magic "SPKC", u32 version, u32 number of sections, u32 CRC-32 of the section table; then per
 * section its name (four letters), u32 CRC-32 of its bytes, u64 offset, u64 length. Sections start at multiples of 64 bytes.
 */
const MAGIC = "SPKC";
const VERSION = 4;
const HEADER_BYTES = 16;
const ENTRY_BYTES = 24;
const ALIGNMENT = 64;
/** Names of the FlatBuffer (program.fbs) and the weights. */
const SECTIONS = ["PROG", "WGHT"] as const;

function align(n: number): number {
  return Math.ceil(n / ALIGNMENT) * ALIGNMENT;
}

function writeName(view: DataView, at: number, name: string): void {
  for (let i = 0; i < 4; i++) view.setUint8(at + i, name.charCodeAt(i));
}

function readName(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}

/** The bytes of a program file. */
export function encodeProgram(program: Program): Uint8Array {
  const sections = [encodeFlatBuffer(program), program.weights];
  const tableEnd = HEADER_BYTES + sections.length * ENTRY_BYTES;
  const offsets: number[] = [];
  let end = align(tableEnd);
  for (const section of sections) {
    offsets.push(end);
    end = align(end + section.length);
  }
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  sections.forEach((section, i) => {
    const entry = HEADER_BYTES + i * ENTRY_BYTES;
    writeName(view, entry, SECTIONS[i] ?? "");
    view.setUint32(entry + 4, crc32(section), true);
    view.setBigUint64(entry + 8, BigInt(offsets[i] ?? 0), true);
    view.setBigUint64(entry + 16, BigInt(section.length), true);
    bytes.set(section, offsets[i]);
  });
  writeName(view, 0, MAGIC);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, sections.length, true);
  view.setUint32(12, crc32(bytes.subarray(HEADER_BYTES, tableEnd)), true);
  return bytes;
}

/** The sections of an envelope, as views into `bytes`. */
function readEnvelope(bytes: Uint8Array, file: string): readonly [Uint8Array, Uint8Array] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || readName(view, 0) !== MAGIC) {
    throw programError("not-a-program", file, "the file is not a spikec program", "write one with spikec compile");
  }
  const tableEnd = HEADER_BYTES + SECTIONS.length * ENTRY_BYTES;
  if (bytes.length < 8) throw programError("truncated", file, "the file ends inside its header");
  const version = view.getUint32(4, true);
  if (version !== VERSION) {
    throw programError(
      "version",
      file,
      `format version ${version}, this spikec reads ${VERSION}`,
      "compile the model again",
    );
  }
  if (bytes.length < tableEnd) throw programError("truncated", file, "the file ends inside its header");
  if (view.getUint32(8, true) !== SECTIONS.length) {
    throw programError("corrupt", file, `expected ${SECTIONS.length} sections, got ${view.getUint32(8, true)}`);
  }
  if (view.getUint32(12, true) !== crc32(bytes.subarray(HEADER_BYTES, tableEnd))) {
    throw programError("checksum", file, "the section table does not match its checksum");
  }
  const [program, weights] = SECTIONS.map((name, i) =>
    section(bytes, view, name, HEADER_BYTES + i * ENTRY_BYTES, file),
  );
  // No checksum covers the padding, so it must be what the writer left there.
  const ends = [
    tableEnd,
    ...[program, weights].map((part) => (part === undefined ? 0 : part.byteOffset - bytes.byteOffset + part.length)),
  ];
  const starts = [program, weights].map((part) => part?.byteOffset ?? 0).map((at) => at - bytes.byteOffset);
  for (const [i, from] of ends.entries()) {
    if (bytes.subarray(from, starts[i] ?? bytes.length).every((byte) => byte === 0)) continue;
    throw programError("checksum", file, `the padding from byte ${from} on is not zero`);
  }
  return [program ?? new Uint8Array(0), weights ?? new Uint8Array(0)];
}

function section(bytes: Uint8Array, view: DataView, name: string, entry: number, file: string): Uint8Array {
  const found = readName(view, entry);
  if (found !== name) throw programError("corrupt", file, `expected section ${name}, got ${JSON.stringify(found)}`);
  const offset = Number(view.getBigUint64(entry + 8, true));
  const length = Number(view.getBigUint64(entry + 16, true));
  if (offset % ALIGNMENT !== 0)
    throw programError("corrupt", file, `section ${name} is not aligned to ${ALIGNMENT} bytes`);
  if (offset + length > bytes.length) {
    throw programError(
      "truncated",
      file,
      `section ${name} ends at byte ${offset + length}, the file at ${bytes.length}`,
    );
  }
  const content = bytes.subarray(offset, offset + length);
  if (crc32(content) !== view.getUint32(entry + 4, true)) {
    throw programError("checksum", file, `section ${name} does not match its checksum`);
  }
  if (bytes.subarray(offset + length, align(offset + length)).some((byte) => byte !== 0)) {
    throw programError("checksum", file, `the bytes that fill section ${name} up to ${ALIGNMENT} are not zero`);
  }
  return content;
}

/**
 * Reads a program file and checks all of it: what comes out can be simulated without a further check. `weights` is a view
 * into `bytes`. `file` is named in diagnostics.
 */
export function decodeProgram(bytes: Uint8Array, file: string, report: Report): Program | undefined {
  return reporting(report, () => {
    const [flat, weights] = readEnvelope(bytes, file);
    return decodeFlatBuffer(flat, weights, file, report);
  });
}
