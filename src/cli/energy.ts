import type { Command } from "commander";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { ENERGY_TABLES, estimateEnergy, ownTable, readEnergyTable } from "../energy/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import { collectText, runCommand, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { energyNotes, energyText, explainText, hostText } from "./energy-text.js";
import { readAnyRun } from "./run-input.js";

interface EnergyOptions {
  readonly table: readonly string[];
  readonly explain?: string | true;
  readonly json?: boolean;
}

function energy(file: string, options: EnergyOptions, report: Report, io: Io): void {
  const named = options.table.flatMap((name) => readEnergyTable(name, report) ?? []);
  const run = readAnyRun(file, report);
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

export function registerEnergy(program: Command, io: Io): void {
  program
    .command("energy")
    .description("price the events of a run: per layer, total, per sample")
    .argument("<run>", "run.json written by `spikec simulate`")
    .option(
      "--table <name>",
      `energy table that \`spikec tables\` lists, or a JSON file; repeatable, where tables cover different components; default ${ENERGY_TABLES[0]!.name}, of step-by-step chips their own figures`,
      collectText,
      [],
    )
    .option("--explain [layer]", "every row, or those of one layer: count x figure, and where the figure comes from")
    .option("--json", "print JSON: every row, with its counts by timestep where there are such")
    .action((file: string, options: EnergyOptions) => runCommand(io, (report) => energy(file, options, report, io)));
}
