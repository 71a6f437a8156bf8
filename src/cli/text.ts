/** Plain text for people: tables, numbers, SI prefixes. */

/** Columns aligned left for text and right for numbers, with ranges or without; the first row is the header. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const numeric = widths.map((_, i) =>
    rows
      .slice(1)
      .every(
        (row) =>
          /^[-+\d.,%eE ×x/]*( ?[a-zµ%]{0,3})?( \([^()]*–[^()]*\))?$/i.test(row[i] ?? "") &&
          /\d|^-?$/.test(row[i] ?? ""),
      ),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => (numeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** 1234567 → "1,234,567". */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

const PREFIXES = [
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
  [1e-12, "p"],
] as const;

/** A quantity in SI units with a prefix: 1.2345e-6, "J" → "1.235 µJ". */
export function si(value: number, unit: string): string {
  if (value === 0) return `0 ${unit}`;
  const [scale, prefix] = PREFIXES.find(([s]) => Math.abs(value) >= s) ?? [1e-12, "p"];
  return `${(value / scale).toPrecision(4)} ${prefix}${unit}`;
}

/** The same with the ends of its range, `x (low–high)`, where it has one. */
export function siRange(value: number, [low, high]: readonly [number, number], unit: string): string {
  return low === high ? si(value, unit) : `${si(value, unit)} (${si(low, unit)}–${si(high, unit)})`;
}

export function percent(fraction: number, digits = 2): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}
