import { reporting, type Report } from "../../diagnostics/index.js";
import { decodeFlatBuffer } from "./decode.js";
import { encodeFlatBuffer } from "./encode.js";
import { readEnvelope, writeEnvelope } from "./envelope.js";
import type { Program } from "./program.js";
import { bytesSource, withFile, type Source } from "./source.js";

/** The bytes of a program file. */
export function encodeProgram(program: Program): Uint8Array {
  return writeEnvelope([encodeFlatBuffer(program), program.weights]);
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
