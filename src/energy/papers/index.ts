import { didYouMean, type Report } from "../../diagnostics/index.js";
import { readBuiltIn } from "../built-in.js";
import { energyDiagnostics } from "../diagnostics.js";
import type { EnergyTable } from "../table.js";
import { pricedEvents } from "./formulas.js";
import { recomputePaper, type RecomputedRow } from "./recompute.js";
import { paperSchema, type Paper } from "./schema.js";

export { operationsOf, type Term } from "./formulas.js";
export { recomputePaper, VERDICTS, type RecomputedRow, type Verdict } from "./recompute.js";
export { paperSchema, UNITS, type Operations, type Paper, type PaperRow } from "./schema.js";

/** Published tables that come with spikec; `<name>.json` beside this file. */
export const PAPERS = [
  "statten-appendix",
  "statten-table6",
  "staa-snn-resnet20",
  "vit-b",
  "spikingformer-8-512",
  "sparta-flops",
] as const;

/** A built-in table of a paper. */
export function builtInPaper(name: string): Paper {
  return readBuiltIn(new URL(`./${name}.json`, import.meta.url), paperSchema);
}

/** A built-in table by the name that somebody typed. */
export function findPaper(name: string, report: Report): Paper | undefined {
  if ((PAPERS as readonly string[]).includes(name)) return builtInPaper(name);
  const hint = didYouMean(name, PAPERS);
  return report.add(energyDiagnostics.make("unknown-paper", `no table of a paper is called \`${name}\``, { hint }));
}

/** Recomputes a built-in table of a paper with the prices of an energy table; a price that is needed and missing is an error. */
export function checkPaper(paper: Paper, table: EnergyTable, report: Report): readonly RecomputedRow[] | undefined {
  const needed = pricesNeeded(paper);
  const missing = [...needed].filter((event) => table.events[event] === undefined);
  if (missing.length === 0) return recomputePaper(paper, table, builtInPaper);
  const message = `\`${paper.name}\` is priced per ${missing.join(" and ")}, and table \`${table.name}\` has no price for that`;
  const hint = `add ${missing.map((event) => `events.${event}`).join(" and ")} to the table, or use horowitz-45nm`;
  return report.add(energyDiagnostics.make("no-price", message, { hint }));
}

function pricesNeeded(paper: Paper): ReadonlySet<"ac" | "mac"> {
  return new Set(
    paper.rows.flatMap((row) =>
      row.formula.kind === "elsewhere" ? [...pricesNeeded(builtInPaper(row.formula.paper))] : pricedEvents(row),
    ),
  );
}
