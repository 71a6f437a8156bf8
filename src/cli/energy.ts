import type { Command } from "commander";
import type { Report } from "../diagnostics/index.js";
import { TABLE_NAMES, readEnergyTable, type EnergyTable } from "../energy/index.js";
import { collectText, runCommand, withModelOptions, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { energyOfModel, isModelCall, withEnergyModelOptions } from "./energy-model.js";
import { withVary } from "./energy-axes.js";
import { EXIT } from "./exit.js";
import { paperEnergy, withPaper } from "./energy-paper.js";
import { energyOfRun } from "./energy-run.js";
import { energyVaried, type EnergyVaryOptions } from "./energy-vary.js";

interface EnergyOptions extends EnergyVaryOptions {
  readonly paper?: string | true;
}

/** The one table of what is priced by one alone. */
function oneTable(names: readonly string[], report: Report): EnergyTable | undefined {
  const [name = TABLE_NAMES[0], ...more] = names;
  if (more.length === 0) return readEnergyTable(name, report);
  const message = `${names.length} tables are given, and only runs can be priced by several`;
  return report.add(cliDiagnostics.make("no-effect", message, { hint: "name one --table" }));
}

async function energy(file: string | undefined, options: EnergyOptions, report: Report, io: Io): Promise<void> {
  if (options.paper === undefined && file !== undefined && !isModelCall(options))
    return energyOfRun(file, options, report, io);
  const prices = oneTable(options.table, report);
  if (prices === undefined) return;
  if (options.paper !== undefined) return paperEnergy(options.paper, prices, options, report, io);
  if (options.vary.length > 0) return energyVaried(file, options, prices, report, io);
  return energyOfModel(file, options, prices, report, io);
}

/** What is priced: a run, a network, or a paper's table. */
function checkSubject(called: Command): void {
  const { paper, fromRates, randomInit } = called.opts<EnergyOptions>();
  if (called.args.length > 0 || [paper, fromRates, randomInit].some((given) => given !== undefined)) return;
  const ways = "a run.json, a network with --input, --from-rates TABLE, or --paper NAME";
  called.error(`error: nothing to price: name ${ways}`, { exitCode: EXIT.usage });
}

export function registerEnergy(program: Command, io: Io): void {
  const command = program
    .command("energy")
    .description("price the events of a run, or of a network as papers count them; or recompute the table of a paper")
    .argument("[run or model]", "run.json written by `spikec simulate`; or a checkpoint (with --arch) or net.snn")
    .option(
      "--table <name>",
      `energy table that \`spikec tables\` lists, or a JSON file; repeatable, where tables cover different components; default ${TABLE_NAMES[0]}, of step-by-step chips their own figures`,
      collectText,
      [],
    );
  command.hook("preAction", (_parent, called) => checkSubject(called));
  withPaper(command);
  withVary(withEnergyModelOptions(withModelOptions(command, ["--from-rates"])))
    .option(
      "--explain [layer]",
      "every row, or those of one layer (of a paper: of one row): count x figure, and where the figure comes from",
    )
    .option("--json", "print JSON: every row, with its counts by timestep where there are such")
    .action((file: string | undefined, options: EnergyOptions) =>
      runCommand(io, (report) => energy(file, options, report, io)),
    );
}
