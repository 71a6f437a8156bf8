import { existsSync, readFileSync } from "node:fs";
import type { LayerwiseChip } from "../chips/layerwise.js";
import { didYouMean, DiagnosticError, type Report } from "../diagnostics/index.js";
import { readBuiltIn } from "./built-in.js";
import { energyDiagnostics } from "./diagnostics.js";
import { energyTableSchema, sramFigure, type EnergyTable } from "./table.js";

export * from "./estimate.js";
export type { IdleTime } from "./idle.js";
export * from "./loihi.js";
export * from "./papers/index.js";
export { GROUPS, type AnyRun, type EnergyGroup } from "./run-counts.js";
export {
  COMPONENTS,
  OPERANDS,
  sramFigure,
  type Component,
  type EnergyTable,
  type Figure,
  type Range,
} from "./table.js";

/** Tables that come with spikec, the one that prices where none is named first; `tables/<name>.json`. */
export const TABLE_NAMES = [
  "horowitz-45nm",
  "horowitz-45nm-int8",
  "horowitz-45nm-fp16",
  "horowitz-45nm-int32",
  "sata",
  "prosperity",
  "loihi1-fit",
  "loihi1-davies",
  "loihi2",
  "truenorth",
] as const;

const read = new Map<string, EnergyTable>();

/** A table that comes with spikec, read when it is first asked for: most commands need one of them, or none. */
export function builtInTable(name: (typeof TABLE_NAMES)[number] = TABLE_NAMES[0]): EnergyTable {
  const table = read.get(name) ?? readBuiltIn(new URL(`./tables/${name}.json`, import.meta.url), energyTableSchema);
  read.set(name, table);
  return table;
}

export function builtInTables(): readonly EnergyTable[] {
  return TABLE_NAMES.map((name) => builtInTable(name));
}

/** A table by name, or from a JSON file. */
export function readEnergyTable(nameOrPath: string, report: Report): EnergyTable | undefined {
  const builtIn = TABLE_NAMES.find((name) => name === nameOrPath);
  if (builtIn !== undefined) return builtInTable(builtIn);
  if (!existsSync(nameOrPath)) {
    const hint = didYouMean(nameOrPath, TABLE_NAMES);
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

/**
 * What one chip pays: J per event, per bit of each of its memories, per bit of DRAM. What a table does not price costs nothing.
 * @throws DiagnosticError `energy/nothing-priced` of a table that has whole-chip figures in place of these.
 */
export function pricesOf(table: EnergyTable, chip: Pick<LayerwiseChip, "memories">) {
  if (table.events.ac === undefined && table.sram.length === 0) {
    const message = `table \`${table.name}\` prices neither additions nor accesses, so it cannot tell schedules apart`;
    const hint = "`--table horowitz-45nm`, or another one whose `events` have `ac`";
    throw new DiagnosticError(energyDiagnostics.make("nothing-priced", message, { hint }));
  }
  const event = (name: keyof EnergyTable["events"]): number => table.events[name]?.joules ?? 0;
  const bit = (name: "spike" | "weight" | "data"): number => sramFigure(table, chip.memories[name].bytes)?.joules ?? 0;
  return {
    events: { ac: event("ac"), mac: event("mac"), kv: event("kv"), qa: event("qa"), add: event("add") },
    sramBit: { spike: bit("spike"), weight: bit("weight"), data: bit("data") },
    dramBit: table.dram?.joules ?? 0,
  };
}
