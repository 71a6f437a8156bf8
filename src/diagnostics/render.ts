import type { Diagnostic, Location } from "./diagnostic.js";

/** 1-based line and column of an offset. */
export function lineAndColumn(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - before.lastIndexOf("\n") };
}

function place(location: Location): string {
  if (location.kind === "file")
    return location.path === undefined ? location.file : `${location.file}#${location.path}`;
  const { line, column } = lineAndColumn(location.source, location.offset);
  return `${location.file}:${line}:${column}`;
}

function frame(location: Location): string[] {
  if (location.kind === "file") return [];
  const { line, column } = lineAndColumn(location.source, location.offset);
  const text = location.source.split("\n")[line - 1] ?? "";
  const gutter = ` ${line} | `;
  const carets = "^".repeat(Math.max(1, Math.min(location.length, text.length - column + 1)));
  return [`${gutter}${text}`, `${" ".repeat(gutter.length - 2)}| ${" ".repeat(column - 1)}${carets}`];
}

/** Renders one diagnostic as text: sentence, place, code frame, notes, hint. */
export function renderDiagnostic(diagnostic: Diagnostic): string {
  const lines = [`${diagnostic.severity}[${diagnostic.code}]: ${diagnostic.message}`];
  if (diagnostic.location !== undefined)
    lines.push(`  --> ${place(diagnostic.location)}`, ...frame(diagnostic.location));
  for (const note of diagnostic.notes) {
    lines.push(`note: ${note.message}`);
    if (note.location !== undefined) lines.push(`  --> ${place(note.location)}`, ...frame(note.location));
  }
  if (diagnostic.hint !== undefined) lines.push(`hint: ${diagnostic.hint}`);
  return lines.join("\n");
}
