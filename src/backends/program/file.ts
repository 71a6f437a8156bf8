import { reporting, type Report } from "../../diagnostics/index.js";
import { decodeFlatBuffer } from "./decode.js";
import { encodeFlatBuffer } from "./encode.js";
import { readEnvelope, writeEnvelope } from "./envelope.js";
import { decodeLoihi, isLoihi } from "./loihi/decode.js";
import { encodeLoihi } from "./loihi/encode.js";
import type { LoihiProgram } from "./loihi/program.js";
import type { Program } from "./program.js";
import { programError } from "./reader.js";
import { bytesSource, withFile, type Source } from "./source.js";

/** A program for any kind of chip; `target` says which. */
export type AnyProgram = Program | LoihiProgram;
type Target = AnyProgram["target"];
type ProgramOf<T extends Target> = Extract<AnyProgram, { target: T }>;

/** A program file in pieces that follow one another: the weights are among them as they are, not copied. */
export function programPieces(program: AnyProgram): readonly Uint8Array[] {
  if (program.target === "loihi") return writeEnvelope(encodeLoihi(program));
  return writeEnvelope([encodeFlatBuffer(program), program.weights]);
}

/** The bytes of a program file. */
export function encodeProgram(program: AnyProgram): Uint8Array {
  const pieces = programPieces(program);
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Decodes the bytes of a program file and checks all of them: what comes out can be simulated without a further check. `weights`
 * is a view into `bytes`, as are the tables of a program for a step-by-step chip. `file` is named in diagnostics. With a target: a
 * program for another one is `program/wrong-target`.
 */
export function decodeProgram(bytes: Uint8Array, file: string, report: Report): AnyProgram | undefined;
export function decodeProgram<T extends Target>(
  bytes: Uint8Array,
  file: string,
  report: Report,
  target: T,
): ProgramOf<T> | undefined;
export function decodeProgram(
  bytes: Uint8Array,
  file: string,
  report: Report,
  target?: Target,
): AnyProgram | undefined {
  return reporting(report, () => decode(bytesSource(bytes), file, report, target));
}

/**
 * Reads a program file and checks all of it, as {@link decodeProgram}. `weights` lies in a SharedArrayBuffer, where it is read to:
 * a thread that is sent the program shares it. Reports `program/cannot-read` where the path leads to no file.
 */
export function readProgram(path: string, report: Report): AnyProgram | undefined;
export function readProgram<T extends Target>(path: string, report: Report, target: T): ProgramOf<T> | undefined;
export function readProgram(path: string, report: Report, target?: Target): AnyProgram | undefined {
  return reporting(report, () => withFile(path, (source) => decode(source, path, report, target)));
}

function decode(source: Source, file: string, report: Report, target: Target | undefined): AnyProgram | undefined {
  const [flat, arrays] = readEnvelope(source, file);
  const own: Target = isLoihi(flat) ? "loihi" : "layerwise";
  if (target !== undefined && own !== target) {
    const message = `the program is for a chip of target ${own}, ${target} is needed`;
    throw programError("wrong-target", file, message, `compile the model with --target ${target}`);
  }
  return own === "loihi" ? decodeLoihi(flat, arrays, file) : decodeFlatBuffer(flat, arrays, file, report);
}
