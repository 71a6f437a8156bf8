import { readFileSync } from "node:fs";
import { lineAndColumn, type Diagnostic } from "../../src/diagnostics/index.js";

/** Files of cases separated by `// -----`, with the expected diagnostics as comments on the offending lines. */

export interface ErrorCase {
  /** The file, and the line the case begins at. */
  readonly name: string;
  readonly text: string;
  readonly expected: readonly string[];
}

const EXPECTED = /\/\/ (error|warning)\[([a-z-]+\/[a-z-]+)\]: (.*)$/;

export function readErrorCases(path: string): ErrorCase[] {
  const cases = readFileSync(path, "utf8").split(/^\/\/ -----.*\n/m);
  let line = 1;
  return cases.map((text) => {
    const expected = text.split("\n").flatMap((row, i) => {
      const match = EXPECTED.exec(row);
      return match === null ? [] : [`${i + 1}: ${match[1]}[${match[2]}]: ${match[3]}`];
    });
    const name = `${path.split("/").pop()}:${line}`;
    line += text.split("\n").length;
    return { name, text, expected };
  });
}

/** Diagnostics in the form of {@link ErrorCase.expected}. */
export function describeDiagnostics(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ severity, code, message, location }) => {
    const line = location?.kind === "text" ? lineAndColumn(location.source, location.offset).line : 0;
    return `${line}: ${severity}[${code}]: ${message}`;
  });
}
