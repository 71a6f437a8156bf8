export { programDiagnostics } from "./diagnostics.js";
export { decodeProgram, encodeProgram, programPieces, readProgram, type AnyProgram } from "./file.js";
export * from "./instruction.js";
export type { Port, Program, ProgramLayer } from "./program.js";
