import type { Command } from "commander";
import { didYouMean, type Diagnostic, type Report } from "../diagnostics/index.js";
import { energyDiagnostics } from "../energy/diagnostics.js";
import {
  builtInPaper,
  checkPaper,
  findPaper,
  PAPERS,
  UNITS,
  VERDICTS,
  type EnergyTable,
  type Paper,
  type RecomputedRow,
} from "../energy/index.js";
import type { Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { refuseBefore, withoutEffect } from "./no-effect.js";
import { count, si, table } from "./text.js";

/** `spikec energy --paper NAME`: what a paper's table prints beside what its own formulas give. */

const BESIDE_PAPER = ["--paper", "--table", "--explain", "--json"];

/** `--paper`, which takes the place of the run. */
export function withPaper(command: Command): Command {
  command.option("--paper [name]", "recompute the table of a paper instead of a run; without a name, list them");
  return refuseBefore(command, paperRefusal);
}

/** A paper's table has its own layers and rates, so all that is about runs and networks means nothing beside it. */
function paperRefusal(called: Command): Diagnostic | undefined {
  const { paper } = called.opts<{ readonly paper?: string | true }>();
  if (paper === undefined) return undefined;
  const [named] = called.args;
  if (named !== undefined) {
    const hint = "leave it out; --explain ROW explains one row";
    return cliDiagnostics.make("no-effect", `\`${named}\` means nothing beside --paper`, { hint });
  }
  if (paper === true) {
    const refusal = { why: "without a paper", hint: "add a name to --paper" };
    const without = withoutEffect(called, ["--explain", "--table"], refusal);
    if (without !== undefined) return without;
  }
  const others = called.options.flatMap(({ long }) => (!long || BESIDE_PAPER.includes(long) ? [] : [long]));
  const refusal = { why: "beside --paper", hint: `leave it out; a paper takes ${BESIDE_PAPER.slice(1).join(", ")}` };
  return withoutEffect(called, others, refusal);
}

function listText(): string {
  return table([["paper", "what it is"], ...PAPERS.map((name) => [name, builtInPaper(name).title])]);
}

/** Two digits more than are printed, 7 of what is not printed, and no more than a double has. */
function shown(value: number, printed?: string): string {
  const significant = printed === undefined ? 5 : printed.replace(".", "").replace(/^0+/, "").length;
  return String(Number(value.toPrecision(Math.min(15, Math.max(4, significant) + 2))));
}

function quantity(row: RecomputedRow, value: number | undefined): string {
  return value === undefined ? "-" : `${shown(value, row.printed)} ${row.unit}`;
}

/** Smaller parts of a figure are the rounding of doubles. */
const NOISE = 1e-14;

function differenceOf({ difference, printed, unit }: RecomputedRow): string {
  if (difference === undefined) return "-";
  if (Math.abs(difference) < NOISE * Number(printed)) return `0 ${unit}`;
  return `${difference > 0 ? "+" : ""}${Number(difference.toPrecision(3))} ${unit}`;
}

/** Rows of each verdict, for example `35 reproduced, 8 does not follow`. */
function summary(rows: readonly RecomputedRow[]): string {
  const counted = VERDICTS.map((verdict) => ({ verdict, n: rows.filter((row) => row.verdict === verdict).length }));
  return counted.flatMap(({ verdict, n }) => (n === 0 ? [] : [`${verdict} ${n}`])).join(", ");
}

/** The table, the reasons of verdicts that need one, and what a reader has to know. */
function paperText(paper: Paper, rows: readonly RecomputedRow[], prices: EnergyTable): string {
  const remarks = rows.flatMap(({ id, because, note }) => {
    const sentences = [because, note].flatMap((text) => text ?? []);
    return sentences.length === 0 ? [] : [`  ${id}: ${sentences.join("; ")}`];
  });
  return [
    paper.title,
    `source: ${paper.source}; prices of ${prices.name}`,
    "",
    table([
      ["row", "printed", "recomputed", "difference", "verdict"],
      ...rows.map((row) => [
        row.id,
        row.printed === undefined ? "-" : `${row.printed} ${row.unit}`,
        quantity(row, row.recomputed),
        differenceOf(row),
        row.verdict,
      ]),
    ]),
    "",
    `${rows.length} rows: ${summary(rows)}`,
    "",
    ...remarks,
    ...paper.notes.map((text) => `note: ${text}`),
  ].join("\n");
}

/** Operations at a price with its source; of a figure without prices, or of a sum of rows, what each adds. */
function termsText({ terms, unit }: RecomputedRow): string {
  const priced = terms.flatMap(({ what, count: { at }, price }) =>
    price === undefined
      ? []
      : [[what, count(at), `${price.joules.toExponential(3)} J`, si(at * price.joules, "J"), price.source]],
  );
  if (priced.length > 0) return table([["what", "count", "each", "together", "source"], ...priced]);
  const share = (at: number): string => {
    if (unit === "mJ") return si(at, "J");
    return unit === "G" || unit === "ops" ? count(at) : `${shown(at / UNITS[unit])} ${unit}`;
  };
  return table([["what", "adds"], ...terms.map(({ what, count: { at } }) => [what, share(at)])]);
}

/** Count x price x source of one row. */
function paperRowText(row: RecomputedRow): string {
  const { id, printed, unit, verdict, because, note, possible, terms } = row;
  const printedText = printed === undefined ? "not printed" : `printed ${printed} ${unit}`;
  const wide = possible !== undefined && possible[0] !== possible[1];
  const range = wide ? ` (${possible.map((end) => shown(end, printed)).join(" to ")})` : "";
  const lines = [
    `${id}: ${printedText}, recomputed ${quantity(row, row.recomputed)}${range}`,
    ...(verdict === "not printed" ? [] : [`  ${verdict}${because === undefined ? "" : `: ${because}`}`]),
    ...(note === undefined ? [] : [`  note: ${note}`]),
  ];
  return [...lines, ...(terms.length === 0 ? [] : [termsText(row)])].join("\n");
}

interface PaperOptions {
  readonly explain?: string | true;
  readonly json?: boolean;
}

/** The body of `spikec energy --paper [name] [--explain [row]]`. */
export function paperEnergy(
  name: string | true,
  prices: EnergyTable,
  { explain, json }: PaperOptions,
  report: Report,
  io: Io,
): void {
  if (name === true) return io.out(json === true ? JSON.stringify(PAPERS, null, 2) : listText());
  const paper = findPaper(name, report);
  if (paper === undefined) return;
  const all = checkPaper(paper, prices, report);
  const rows = all?.filter(({ id }) => typeof explain !== "string" || id === explain);
  if (rows === undefined) return;
  if (rows.length === 0 && typeof explain === "string") {
    const ids = paper.rows.map(({ id }) => id);
    const message = `\`${name}\` has no row \`${explain}\``;
    report.add(energyDiagnostics.make("unknown-row", message, { hint: didYouMean(explain, ids) }));
  } else if (json === true) {
    const { title, source, notes } = paper;
    io.out(JSON.stringify({ paper: paper.name, title, source, table: prices.name, rows, notes }, null, 2));
  } else if (explain === undefined) io.out(paperText(paper, rows, prices));
  else io.out(rows.map(paperRowText).join("\n\n"));
}
