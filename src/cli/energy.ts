import type { Command } from "commander";
import { estimateEnergy, loihiEnergy, readEnergyTable, type EnergyEstimate } from "../energy/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import { runCommand, type Io } from "./command.js";
import { paperEnergy, withPaper } from "./energy-paper.js";
import { loihiEnergyText } from "./loihi-text.js";
import { withTable } from "./options.js";
import { readRun } from "./run-input.js";
import { count, si, table } from "./text.js";

/** Weights of at most so many bits are no mantissas of f32 (24 bits and sign), and cost less than the tables say. */
const NARROW_BITS = 16;

/** What a reader has to know to compare the energy of this run with that of others. */
export function energyNotes({ chip }: RunFile): readonly string[] {
  const { name, weightBits } = chip;
  if (weightBits === undefined || weightBits > NARROW_BITS) return [];
  return [
    `${name} has ${weightBits}-bit weights, whose additions are priced as if they were wide, at the table's one figure (fp32 in the built-in table); compare it with other integer nets, not with float nets`,
  ];
}

/** Per layer and in total, per sample. */
export function energyText(estimate: EnergyEstimate, notes: readonly string[] = []): string {
  const perSample = (joules: number): string => si(joules / estimate.samples, "J");
  const layers = [...new Set(estimate.rows.map((row) => row.layer))];
  const of = (layer: string, group: string): number =>
    estimate.rows.filter((row) => row.layer === layer && row.group === group).reduce((sum, row) => sum + row.joules, 0);
  const rows = layers.map((layer) => {
    const parts = ["arithmetic", "sram", "dram"].map((group) => of(layer, group));
    return [layer, ...parts.map(perSample), perSample(parts.reduce((a, b) => a + b, 0))];
  });
  const { totals } = estimate;
  const lines = [
    `energy per sample, table ${estimate.table} (covers ${estimate.covers.join(", ")}; not clock, control or leakage)`,
    "",
    table([
      ["layer", "arithmetic", "SRAM", "DRAM", "all"],
      ...rows,
      ["total", perSample(totals.arithmetic), perSample(totals.sram), perSample(totals.dram), perSample(totals.all)],
    ]),
  ];
  if (estimate.unpriced.length > 0) {
    const list = estimate.unpriced.map((u) => `${u.what} ${count(Math.round(u.count / estimate.samples))}`);
    lines.push("", `counted, without a price in this table (per sample): ${list.join(", ")}`);
  }
  for (const note of notes) lines.push("", `note: ${note}`);
  lines.push("", `whole run, ${estimate.samples} samples: ${si(totals.all, "J")}`);
  return lines.join("\n");
}

/** The energy of a step-by-step chip, whose own figures stand in its run. */
function ownEnergyText(run: LoihiRunFile, { json, explain }: { json?: boolean; explain?: boolean }): string {
  const energy = loihiEnergy(run);
  if (json === true) return JSON.stringify(energy, null, 2);
  if (explain !== true) return loihiEnergyText(energy);
  const rows = energy.rows.map(({ layer, what, count: n, figure, joules }) => {
    const unit = what === "static power" ? "W" : "J";
    return [layer, what, String(n), `${figure.toExponential(3)} ${unit}`, si(joules, "J")];
  });
  return table([["layer", "what", "count (chip-seconds of static power)", "each", "together"], ...rows]);
}

export function registerEnergy(program: Command, io: Io): void {
  const command = program
    .command("energy")
    .description("price the events of a run: per layer, total, per sample")
    .argument("[run]", "run.json written by `spikec simulate`; with --paper the row to explain");
  withPaper(withTable(command))
    .option("--explain", "every row: count x figure, and where the figure comes from")
    .option("--json", "print JSON")
    .action((file: string, options: { table: string; explain?: boolean; json?: boolean; paper?: string | true }) =>
      runCommand(io, (report) => {
        const prices = readEnergyTable(options.table, report);
        if (options.paper !== undefined) return paperEnergy(options.paper, file, prices, options, report, io);
        const run = readRun(file, report);
        if (prices === undefined || run === undefined) return;
        if ("target" in run) return io.out(ownEnergyText(run, options));
        const estimate = estimateEnergy(run, prices);
        if (options.json === true) return io.out(JSON.stringify({ ...estimate, notes: energyNotes(run) }, null, 2));
        if (options.explain !== true) return io.out(energyText(estimate, energyNotes(run)));
        const rows = estimate.rows.map((row) => [
          row.layer,
          row.what,
          count(row.count),
          `${row.figure.joules.toExponential(3)} J`,
          si(row.joules, "J"),
          `${row.figure.source} (${row.figure.status})`,
        ]);
        io.out(table([["layer", "what", "count (bits for memories)", "each", "together", "source"], ...rows]));
      }),
    );
}
