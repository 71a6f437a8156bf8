import type { Command } from "commander";
import type { Report } from "../diagnostics/index.js";
import { ENERGY_TABLES, readEnergyTable, type EnergyTable } from "../energy/index.js";
import { collectText, runCommand, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { paperEnergy, withPaper } from "./energy-paper.js";
import { energyOfRun } from "./energy-run.js";

interface EnergyOptions {
  readonly paper?: string | true;
  readonly table: readonly string[];
  readonly explain?: string | true;
  readonly json?: boolean;
}

/** The one table of what is priced by one alone. */
function oneTable(names: readonly string[], report: Report): EnergyTable | undefined {
  const [name = ENERGY_TABLES[0]!.name, ...more] = names;
  if (more.length === 0) return readEnergyTable(name, report);
  const message = `${names.length} tables are given, and only runs can be priced by several`;
  return report.add(cliDiagnostics.make("no-effect", message, { hint: "name one --table" }));
}

function energy(file: string | undefined, options: EnergyOptions, report: Report, io: Io): void {
  if (file !== undefined) return energyOfRun(file, options, report, io);
  const prices = oneTable(options.table, report);
  if (options.paper !== undefined && prices !== undefined) paperEnergy(options.paper, prices, options, report, io);
}

export function registerEnergy(program: Command, io: Io): void {
  const command = program
    .command("energy")
    .description("price the events of a run: per layer, total, per sample; or recompute the table of a paper")
    .argument("[run]", "run.json written by `spikec simulate`")
    .option(
      "--table <name>",
      `energy table that \`spikec tables\` lists, or a JSON file; repeatable, where tables cover different components; default ${ENERGY_TABLES[0]!.name}, of step-by-step chips their own figures`,
      collectText,
      [],
    );
  withPaper(command)
    .option(
      "--explain [layer]",
      "every row, or those of one layer (of a paper: of one row): count x figure, and where the figure comes from",
    )
    .option("--json", "print JSON: every row, with its counts by timestep where there are such")
    .action((file: string | undefined, options: EnergyOptions) =>
      runCommand(io, (report) => energy(file, options, report, io)),
    );
}
