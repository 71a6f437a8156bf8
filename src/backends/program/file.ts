import { reporting, type Report } from "../../diagnostics/index.js";
import { decodeFlatBuffer } from "./decode.js";
import { encodeFlatBuffer } from "./encode.js";
import { readEnvelope, writeEnvelope } from "./envelope.js";
import type { Program } from "./program.js";
import { bytesSource, withFile, type Source } from "./source.js";

/** A program file in pieces that follow one another: the weights are among them as they are, not copied. */
export function programPieces(program: Program): readonly Uint8Array[] {
  return writeEnvelope([encodeFlatBuffer(program), program.weights]);
}

/** The bytes of a program file. */
export function encodeProgram(program: Program): Uint8Array {
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
 * is a view into `bytes`. `file` is named in diagnostics.
 */
export function decodeProgram(bytes: Uint8Array, file: string, report: Report): Program | undefined {
  return reporting(report, () => decode(bytesSource(bytes), file, report));
}

/**
 * Reads a program file and checks all of it, as {@link decodeProgram}. `weights` lies in a SharedArrayBuffer, where it is read to:
 * a thread that is sent the program shares it. Reports `program/cannot-read` where the path leads to no file.
 */
export function readProgram(path: string, report: Report): Program | undefined {
  return reporting(report, () => withFile(path, (source) => decode(source, path, report)));
}

function decode(source: Source, file: string, report: Report): Program | undefined {
  const [flat, weights] = readEnvelope(source, file);
  return decodeFlatBuffer(flat, weights, file, report);
}
