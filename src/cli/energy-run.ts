import { didYouMean, type Report } from "../diagnostics/index.js";
import { builtInTable, estimateEnergy, ownTable, readEnergyTable } from "../energy/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import type { Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { energyNotes, energyText, explainText, hostText, idleText } from "./energy-text.js";
import { readRun } from "./run-input.js";

interface RunEnergyOptions {
  readonly table: readonly string[];
  readonly explain?: string | true;
  readonly json?: boolean;
}

/** Prices the events of a run by one table or several that cover different things. */
export function energyOfRun(file: string, options: RunEnergyOptions, report: Report, io: Io): void {
  const named = options.table.flatMap((name) => readEnergyTable(name, report) ?? []);
  const run = readRun(file, report, "; of a network, add --input IMAGES");
  if (run === undefined || report.failed) return;
  const tables = named.length > 0 ? named : [defaultTable(run)];
  const estimate = estimateEnergy(run, ...tables);
  const notes = tables.flatMap((table) => energyNotes(run, table));
  const { explain } = options;
  const layers = run.layers.map(({ name }) => name);
  if (typeof explain === "string" && !layers.includes(explain)) {
    const message = `the run has no layer \`${explain}\``;
    return report.add(cliDiagnostics.make("unknown-name", message, { hint: didYouMean(explain, layers) }));
  }
  const rows = estimate.rows.filter(({ layer }) => typeof explain !== "string" || layer === explain);
  if (options.json === true) return io.out(JSON.stringify({ ...estimate, rows, notes }, null, 2));
  if (explain !== undefined) return io.out(explainText({ ...estimate, rows }));
  io.out([energyText(estimate, notes), idleText(estimate), hostText(estimate) ?? []].flat().join("\n\n"));
}

/** A step-by-step chip has figures of its own. */
function defaultTable(run: RunFile | LoihiRunFile) {
  return "target" in run ? ownTable(run) : builtInTable();
}
