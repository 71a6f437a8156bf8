import { ByteBuffer } from "flatbuffers";
import { DiagnosticError } from "../../diagnostics/index.js";
import { programDiagnostics, type ProgramCode } from "./diagnostics.js";

/** An error to throw while decoding; decodeProgram turns it into an entry of its report. */
export function programError(code: ProgramCode, file: string, message: string, hint?: string): DiagnosticError {
  return new DiagnosticError(programDiagnostics.make(code, message, { location: { kind: "file", file }, hint }));
}

/**
 * Reads FlatBuffer tables of untrusted bytes. The runtime checks nothing, so every offset is checked here before it is
 * followed. Objects of an honest file do not overlap: the bytes of all vectors, strings and tables read may not exceed the
 * section, which bounds time and memory whatever the offsets say.
 */
export class FlatReader {
  private readonly buffer: ByteBuffer;
  private budget: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
  ) {
    this.buffer = new ByteBuffer(bytes);
    this.budget = bytes.length;
  }

  fail(what: string): DiagnosticError {
    return programError("corrupt", this.file, `the instruction section is not readable: ${what}`);
  }

  private check(position: number, length: number): void {
    if (!(position >= 0 && position + length <= this.bytes.length)) throw this.fail("an offset points outside it");
  }

  private claim(position: number, length: number): void {
    this.check(position, length);
    this.budget -= length;
    if (this.budget < 0) throw this.fail("its parts overlap");
  }

  /** Position of the root table. */
  root(identifier: string): number {
    this.check(0, 8);
    if (!this.buffer.__has_identifier(identifier)) throw this.fail(`its identifier is not ${identifier}`);
    return this.table(this.buffer.readUint32(0));
  }

  /** Claims the table at a position and returns the position. */
  private table(position: number): number {
    this.claim(position, 4);
    const vtable = position - this.buffer.readInt32(position);
    this.check(vtable, 4);
    this.check(vtable, Math.max(4, this.buffer.readUint16(vtable)));
    return position;
  }

  /** Position of a field of a table, `size` bytes long; 0 where absent. */
  private field(table: number, id: number, size: number): number {
    const offset = this.buffer.__offset(table, 4 + 2 * id);
    if (offset === 0) return 0;
    this.check(table + offset, size);
    return table + offset;
  }

  double(table: number, id: number): number {
    const at = this.field(table, id, 8);
    return at === 0 ? 0 : this.buffer.readFloat64(at);
  }

  int(table: number, id: number): number {
    const at = this.field(table, id, 4);
    return at === 0 ? 0 : this.buffer.readInt32(at);
  }

  short(table: number, id: number): number {
    const at = this.field(table, id, 2);
    return at === 0 ? 0 : this.buffer.readUint16(at);
  }

  bool(table: number, id: number): boolean {
    const at = this.field(table, id, 1);
    return at !== 0 && this.buffer.readUint8(at) !== 0;
  }

  private indirect(at: number): number {
    this.check(at, 4);
    return at + this.buffer.readUint32(at);
  }

  string(table: number, id: number): string {
    const at = this.field(table, id, 4);
    return at === 0 ? "" : this.text(at);
  }

  /** Start and length of a vector; length 0 where absent. */
  private vector(table: number, id: number, size: number): readonly [number, number] {
    const at = this.field(table, id, 4);
    if (at === 0) return [0, 0];
    const start = this.indirect(at);
    this.check(start, 4);
    const length = this.buffer.readUint32(start);
    this.claim(start, 4 + length * size);
    return [start + 4, length];
  }

  ints(table: number, id: number): number[] {
    const [start, length] = this.vector(table, id, 4);
    return Array.from({ length }, (_, i) => this.buffer.readInt32(start + 4 * i));
  }

  doubles(table: number, id: number): number[] {
    const [start, length] = this.vector(table, id, 8);
    return Array.from({ length }, (_, i) => this.buffer.readFloat64(start + 8 * i));
  }

  strings(table: number, id: number): string[] {
    const [start, length] = this.vector(table, id, 4);
    return Array.from({ length }, (_, i) => this.text(start + 4 * i));
  }

  /** Positions of a vector of tables. */
  tables(table: number, id: number): number[] {
    const [start, length] = this.vector(table, id, 4);
    return Array.from({ length }, (_, i) => this.table(this.indirect(start + 4 * i)));
  }

  private text(at: number): string {
    const start = this.indirect(at);
    this.check(start, 4);
    const length = this.buffer.readUint32(start);
    this.claim(start, 4 + length);
    return new TextDecoder().decode(this.bytes.subarray(start + 4, start + 4 + length));
  }
}
