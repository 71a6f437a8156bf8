import type { Location } from "../../diagnostics/index.js";
import { readPrefix } from "../formats/files.js";
import { frontendError } from "../diagnostics.js";
import { rancError } from "./diagnostics.js";

/** Rows of 4,096 axons and as many neurons are 16 MiB. */
const MAX_BYTES = 2 ** 26;

export const lineOf = (file: string, line: number): Location => ({ kind: "file", file, path: `line ${line + 1}` });

/** The lines of a text file without the empty ones at its end. Throws `frontend/cannot-read` and `frontend/too-large`. */
export function readLines(file: string): readonly string[] {
  const { bytes, size } = readPrefix(file, MAX_BYTES);
  if (size > MAX_BYTES) {
    const message = `\`${file}\` has ${size} bytes, the limit for a memory file is ${MAX_BYTES}`;
    throw frontendError("too-large", message, { location: { kind: "file", file } });
  }
  const lines = new TextDecoder("latin1")
    .decode(bytes)
    .split("\n")
    .map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Lines of decimal counts. */
export function readCounts(file: string): readonly number[] {
  return readLines(file).map((text, line) => {
    if (/^\d{1,7}$/.test(text)) return Number(text);
    throw rancError("count", `\`${text.slice(0, 20)}\` is no number of packets`, { location: lineOf(file, line) });
  });
}

/** A line of binary digits, read field by field from its left end. */
export class BitRow {
  private at = 0;

  /** Throws `ranc/row` where the line does not consist of `bits` digits; `parts` says what they should be. */
  constructor(
    private readonly text: string,
    bits: number,
    parts: string,
    private readonly location: Location,
  ) {
    if (text.length === bits && /^[01]*$/.test(text)) return;
    const stranger = /[^01]/.exec(text)?.[0];
    const message =
      stranger === undefined
        ? `${text.length} binary digits, expected ${bits} (${parts})`
        : `\`${stranger}\` is no binary digit`;
    throw rancError("row", message, { location });
  }

  bits(width: number): string {
    this.at += width;
    return this.text.slice(this.at - width, this.at);
  }

  unsigned(width: number): number {
    return Number.parseInt(this.bits(width), 2);
  }

  /** Two's complement. */
  signed(width: number): number {
    const value = this.unsigned(width);
    return value < 2 ** (width - 1) ? value : value - 2 ** width;
  }

  fault(message: string) {
    return rancError("row", message, { location: this.location });
  }
}
