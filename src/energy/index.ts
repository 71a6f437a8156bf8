import { existsSync, readFileSync } from "node:fs";
import type { LayerwiseChip } from "../chips/layerwise.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { energyDiagnostics } from "./diagnostics.js";
import { sramFigure } from "./estimate.js";
import { energyTableSchema, type EnergyTable } from "./table.js";
import { horowitz45nm } from "./tables/horowitz-45nm.js";

export * from "./estimate.js";
export * from "./loihi.js";
export type { EnergyTable } from "./table.js";

/** Built-in tables, written out by hand. */
export const ENERGY_TABLES: readonly EnergyTable[] = [horowitz45nm];

/** A table by name, or from a JSON file. */
export function readEnergyTable(nameOrPath: string, report: Report): EnergyTable | undefined {
  const builtIn = ENERGY_TABLES.find((table) => table.name === nameOrPath);
  if (builtIn !== undefined) return builtIn;
  if (!existsSync(nameOrPath)) {
    const hint = didYouMean(
      nameOrPath,
      ENERGY_TABLES.map((table) => table.name),
    );
    return report.add(energyDiagnostics.make("unknown-table", `no energy table \`${nameOrPath}\``, { hint }));
  }
  const location = { kind: "file", file: nameOrPath } as const;
  try {
    const parsed = energyTableSchema.safeParse(JSON.parse(readFileSync(nameOrPath, "utf8")));
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      report.add(
        energyDiagnostics.make("bad-table", `${issue.path.join(".") || "the table"}: ${issue.message}`, { location }),
      );
    }
  } catch (error) {
    report.add(
      energyDiagnostics.make("bad-table", error instanceof Error ? error.message : String(error), { location }),
    );
  }
  return undefined;
}

/** What one chip pays: J per event, per bit of each of its memories, per bit of DRAM. What a table does not price costs nothing. */
export function pricesOf(table: EnergyTable, chip: Pick<LayerwiseChip, "memories">) {
  const event = (name: keyof EnergyTable["events"]): number => table.events[name]?.joules ?? 0;
  const bit = (name: "spike" | "weight" | "data"): number => sramFigure(table, chip.memories[name].bytes)?.joules ?? 0;
  return {
    events: { ac: event("ac"), mac: event("mac"), kv: event("kv"), qa: event("qa"), add: event("add") },
    sramBit: { spike: bit("spike"), weight: bit("weight"), data: bit("data") },
    dramBit: table.dram?.joules ?? 0,
  };
}
