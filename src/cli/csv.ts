/** Tables as CSV (RFC 4180). */

type Cell = string | number | undefined;

/** Quotes where a comma, quote or line break needs them. */
function csvCell(value: Cell): string {
  const text = String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line per row and a column for everything that any row has, those of `last` behind the others and always there. */
export function csvText(rows: readonly Readonly<Record<string, Cell>>[], last: readonly string[] = []): string {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const columns = [...[...names].filter((name) => !last.includes(name)), ...last];
  const lines = rows.map((row) => columns.map((name) => csvCell(row[name])).join(","));
  return `${[columns.map(csvCell).join(","), ...lines].join("\n")}\n`;
}
