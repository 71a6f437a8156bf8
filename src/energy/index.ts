import { existsSync, readFileSync } from "node:fs";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { energyDiagnostics } from "./diagnostics.js";
import { energyTableSchema, type EnergyTable } from "./table.js";
import { horowitz45nm } from "./tables/horowitz-45nm.js";

export * from "./estimate.js";
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
