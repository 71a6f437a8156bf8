import { readFileSync } from "node:fs";
import { DiagnosticError } from "../diagnostics/index.js";
import { cliDiagnostics } from "./diagnostics.js";

/** The bytes of a file named on the command line; throws `cli/cannot-read`. */
export function readFileOrThrow(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DiagnosticError(cliDiagnostics.make("cannot-read", `cannot read \`${path}\`: ${reason}`));
  }
}
