import type { EnergyTable } from "../table.js";
import { termsOf, total, type Context, type Term } from "./formulas.js";
import { exactly, overlap, readPrinted, scale, type Range, type Reading } from "./printed.js";
import { UNITS, type Paper, type PaperRow, type Unit } from "./schema.js";

/**
 * `reproduced`: the formula gives the printed digits. `within rounding`, `within truncation`: it does for some of the values that
 * its printed inputs may stand for, if the authors rounded, or cut digits off, everywhere.
 */
export const VERDICTS = [
  "reproduced",
  "within rounding",
  "within truncation",
  "does not follow",
  "not recomputable",
  "not printed",
] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface RecomputedRow {
  readonly id: string;
  readonly unit: Unit;
  /** The digits of the paper. */
  readonly printed?: string;
  /** By the formula, in `unit`, from the digits as they stand. */
  readonly recomputed?: number;
  /** Recomputed less printed, in `unit`. */
  readonly difference?: number;
  /** What the formula can give, in `unit`, whichever way its inputs were shortened. */
  readonly possible?: readonly [low: number, high: number];
  readonly verdict: Verdict;
  /** Why, of verdicts that need a reason. */
  readonly because?: string;
  readonly note?: string;
  readonly terms: readonly Term[];
}

/** Seven digits: more than any paper prints of a figure that does not follow. */
function digits(value: number): string {
  return String(Number(value.toPrecision(7)));
}

function verdictOf(printed: string, unit: Unit, rounded: Range, truncated: Range): Verdict {
  const asked = (reading: Reading): Range => scale(readPrinted(printed, reading), UNITS[unit]);
  if (overlap(exactly(rounded.at), asked("rounded"))) return "reproduced";
  if (overlap(rounded, asked("rounded"))) return "within rounding";
  if (overlap(truncated, asked("truncated"))) return "within truncation";
  return "does not follow";
}

function recomputeRow(row: PaperRow, context: Omit<Context, "reading">): RecomputedRow {
  const { id, unit, printed, note, formula } = row;
  const shared = { id, unit, ...(printed === undefined ? {} : { printed }), ...(note === undefined ? {} : { note }) };
  const terms = termsOf(row, { ...context, reading: "rounded" });
  const truncatedTerms = termsOf(row, { ...context, reading: "truncated" });
  if (terms === undefined || truncatedTerms === undefined) {
    const because = formula.kind === "none" ? { because: formula.reason } : {};
    return { ...shared, verdict: "not recomputable", ...because, terms: [] };
  }
  const [rounded, truncated] = [total(terms), total(truncatedTerms)];
  const recomputed = rounded.at / UNITS[unit];
  if (printed === undefined) return { ...shared, recomputed, verdict: "not printed", terms };
  const difference = recomputed - Number(printed);
  const possible = [
    Math.min(rounded.low, truncated.low) / UNITS[unit],
    Math.max(rounded.high, truncated.high) / UNITS[unit],
  ] as const;
  const verdict = verdictOf(printed, unit, rounded, truncated);
  const result = { ...shared, recomputed, difference, possible, verdict, terms };
  if (verdict !== "does not follow") return result;
  const [low, high] = possible.map(digits);
  const range = low === high ? `${low} ${unit} alone` : `${low} to ${high} ${unit}`;
  if (recomputed === 0) return { ...result, because: `the formula allows ${range}` };
  const ratio = (Number(printed) / recomputed).toPrecision(4);
  return { ...result, because: `printed is ${ratio} times the formula, which allows ${range}` };
}

/** Every row of a table beside what its formula gives. The table must price what the formulas need, see {@link pricedEvents}. */
export function recomputePaper(
  paper: Paper,
  table: EnergyTable,
  find: (paper: string) => Paper,
): readonly RecomputedRow[] {
  return paper.rows.map((row) => recomputeRow(row, { paper, table, find }));
}
