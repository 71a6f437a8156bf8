import type { Command } from "commander";
import { estimateEnergy, loihiEnergy, readEnergyTable, type EnergyEstimate } from "../energy/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import { runCommand, withModelOptions, type Io } from "./command.js";
import { energyOfModel, isModelCall, withEnergyModelOptions, type EnergyModelOptions } from "./energy-model.js";
import { loihiEnergyText } from "./loihi-text.js";
import { withTable } from "./options.js";
import { readAnyRun } from "./run-input.js";
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
function ownEnergyText(run: LoihiRunFile, { json, explain }: Pick<EnergyModelOptions, "json" | "explain">): string {
  const energy = loihiEnergy(run);
  if (json === true) return JSON.stringify(energy, null, 2);
  if (explain === undefined) return loihiEnergyText(energy);
  const rows = energy.rows.map(({ layer, what, count: n, figure, joules }) => {
    const unit = what === "static power" ? "W" : "J";
    return [layer, what, String(n), `${figure.toExponential(3)} ${unit}`, si(joules, "J")];
  });
  return table([["layer", "what", "count (chip-seconds of static power)", "each", "together"], ...rows]);
}

export function registerEnergy(program: Command, io: Io): void {
  const command = program
    .command("energy")
    .description("price the events of a run, or of a network as papers count them: per layer, total, per sample")
    .argument("[run or model]", "run.json written by `spikec simulate`; or a checkpoint (with --arch) or net.snn");
  withEnergyModelOptions(withModelOptions(withTable(command), ["--from-rates"]))
    .option("--explain [layer]", "every row, or those of one layer: count x figure, and where the figure comes from")
    .option("--json", "print JSON")
    .action((file: string | undefined, options: EnergyModelOptions & { table: string }) =>
      runCommand(io, async (report) => {
        const prices = readEnergyTable(options.table, report);
        if (prices === undefined) return;
        if (file === undefined || isModelCall(options)) return energyOfModel(file, options, prices, report, io);
        const run = readAnyRun(file, report);
        if (run === undefined) return;
        if ("target" in run) return io.out(ownEnergyText(run, options));
        const estimate = estimateEnergy(run, prices);
        if (options.json === true) return io.out(JSON.stringify({ ...estimate, notes: energyNotes(run) }, null, 2));
        if (options.explain === undefined) return io.out(energyText(estimate, energyNotes(run)));
        const chosen = estimate.rows.filter(({ layer }) => options.explain === true || layer === options.explain);
        const rows = chosen.map((row) => [
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
