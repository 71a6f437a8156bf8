import { didYouMean, type Report } from "../diagnostics/index.js";
import { ENERGY_TABLES, estimateEnergy, ownTable, readEnergyTable } from "../energy/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import type { Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { energyNotes, energyText, explainText, hostText } from "./energy-text.js";
import { readRun } from "./run-input.js";

interface RunEnergyOptions {
  readonly table: readonly string[];
  readonly explain?: string | true;
  readonly json?: boolean;
}

/** Prices the events of a run by one table or several that cover different things. */
export function energyOfRun(file: string, options: RunEnergyOptions, report: Report, io: Io): void {
  const named = options.table.flatMap((name) => readEnergyTable(name, report) ?? []);
  const run = readRun(file, report);
  if (run === undefined || report.failed) return;
  const tables = named.length > 0 ? named : [defaultTable(run)];
  const estimate = estimateEnergy(run, ...tables);
  const notes = tables.flatMap((table) => energyNotes(run, table));
  if (options.json === true) return io.out(JSON.stringify({ ...estimate, notes }, null, 2));
  if (options.explain === undefined)
    return io.out([energyText(estimate, notes), hostText(estimate) ?? []].flat().join("\n\n"));
  if (options.explain === true) return io.out(explainText(estimate));
  const layers = run.layers.map(({ name }) => name);
  if (layers.includes(options.explain)) return io.out(explainText(estimate, options.explain));
  const message = `the run has no layer \`${options.explain}\``;
  report.add(cliDiagnostics.make("unknown-name", message, { hint: didYouMean(options.explain, layers) }));
}

/** A step-by-step chip has figures of its own. */
function defaultTable(run: RunFile | LoihiRunFile) {
  return "target" in run ? ownTable(run) : ENERGY_TABLES[0]!;
}
