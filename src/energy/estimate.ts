import { DiagnosticError } from "../diagnostics/index.js";
import { sum } from "../math/numbers.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import { countsOf, GROUPS, type AnyRun, type Count, type EnergyGroup } from "./run-counts.js";
import { energyDiagnostics } from "./diagnostics.js";
import { idleTimes, type IdleTime } from "./idle.js";
import {
  COMPONENTS,
  placesOf,
  priced,
  totalRange,
  type Component,
  type EnergyTable,
  type Figure,
  type Priced,
  type Range,
} from "./table.js";

/** Energy = counts x table. Every row can be traced: a count, a figure, the figure's source. */

/** One priced count: of one layer, or of the whole chip where there is no layer. */
export interface EnergyRow extends Count, Priced {
  /** J each; of power W, that is J per chip and second. */
  readonly figure: Figure;
}

/** Something that was counted and has no price in the table. */
export interface Unpriced {
  readonly what: string;
  readonly group: EnergyGroup;
  /** Events; bits of memories. */
  readonly count: number;
}

export interface EnergyEstimate {
  /** Names of the tables, joined with ` + `. */
  readonly table: string;
  /** What of the chip the rows cover, and what they do not: of that nothing is known here but that it is not nothing. */
  readonly covers: readonly Component[];
  readonly uncovered: readonly Component[];
  readonly samples: number;
  readonly rows: readonly EnergyRow[];
  readonly unpriced: readonly Unpriced[];
  /** J of the whole run, by group and together. `power` belongs to no layer. */
  readonly totals: Readonly<Record<EnergyGroup | "all", number>>;
  readonly ranges: Readonly<Record<EnergyGroup | "all", Range>>;
  /** Time without work, which has no price of its own. */
  readonly idle: readonly IdleTime[];
  /** What the host computes around a step-by-step chip; it has no price. */
  readonly host?: LoihiRunFile["host"];
}

/** What each kind of chip has; step-by-step chips have no DRAM, and no clock that all of them have. */
const PARTS: Readonly<Record<"layerwise" | "loihi", readonly Component[]>> = {
  layerwise: COMPONENTS,
  loihi: ["arithmetic", "sram", "noc", "control", "static"],
};

/** What a table's figures cover in runs of one kind of chip. */
function coveredBy(table: EnergyTable, target: "layerwise" | "loihi"): readonly Component[] {
  const places = placesOf(table).filter(({ paidBy }) => paidBy.includes(target));
  return COMPONENTS.filter((each) => places.some(({ covers }) => covers.includes(each)));
}

/** Components that figures cover which say so themselves: power, and whole-chip figures. Events of these need no price. */
function coveredAsAWhole({ events, sram, dram, steps, power }: EnergyTable): ReadonlySet<Component> {
  const { synapse = {}, ...others } = steps ?? {};
  const figures = [...Object.values(events), ...sram, dram, ...Object.values(others), ...Object.values(synapse), power];
  return new Set(figures.flatMap((each) => each?.covers ?? []));
}

/**
 * Prices a run by one table, or by several that cover different components.
 * @throws DiagnosticError `energy/overlap` where two tables cover the same, `energy/nothing-priced` where they are for another kind of chip.
 */
export function estimateEnergy(run: AnyRun, ...tables: readonly EnergyTable[]): EnergyEstimate {
  const target = "target" in run ? run.target : "layerwise";
  const covered = tables.map((table) => coveredBy(table, target));
  refuseOverlaps(tables, covered);
  const counts = tables.map((table) => countsOf(run, table));
  const rows = counts.flatMap((each) => each.flatMap((count) => rowOf(count) ?? []));
  const table = tables.map(({ name }) => name).join(" + ");
  const covers = COMPONENTS.filter((each) => covered.some((components) => components.includes(each)));
  if (covers.every((each) => each === "static")) {
    const message = `table \`${table}\` prices no event of chip \`${run.chip.name}\``;
    const hint = `\`spikec tables\` lists what each table prices${target === "loihi" ? "; without --table, the chip's own figures are taken" : ""}`;
    throw new DiagnosticError(energyDiagnostics.make("nothing-priced", message, { hint }));
  }
  return {
    table,
    covers,
    uncovered: PARTS[target].filter((each) => !covers.includes(each)),
    samples: run.samples.length,
    rows,
    unpriced: unpricedOf(counts, new Set(tables.flatMap((each) => [...coveredAsAWhole(each)]))),
    ...totalsOf(rows),
    idle: idleTimes(run),
    ...("target" in run ? { host: run.host } : {}),
  };
}

function rowOf(count: Count): EnergyRow | undefined {
  const { figure } = count;
  return figure === undefined ? undefined : { ...count, ...priced(count.count, figure), figure };
}

/** What no table prices, summed over layers; `whole`: components whose energy is in other figures. */
function unpricedOf(counts: readonly (readonly Count[])[], whole: ReadonlySet<Component>): readonly Unpriced[] {
  const key = ({ layer, what }: Count): string => JSON.stringify([layer, what]);
  const hasPrice = new Set(counts.flat().flatMap((count) => (count.figure === undefined ? [] : [key(count)])));
  const sums = new Map<string, Unpriced>();
  for (const each of counts[0] ?? []) {
    const { what, group, count } = each;
    if (hasPrice.has(key(each)) || whole.has(each.component)) continue;
    sums.set(what, { what, group, count: (sums.get(what)?.count ?? 0) + count });
  }
  return [...sums.values()];
}

function totalsOf(rows: readonly EnergyRow[]): Pick<EnergyEstimate, "totals" | "ranges"> {
  const groups = [...GROUPS, "all"] as const;
  const of = (group: EnergyGroup | "all"): readonly EnergyRow[] =>
    group === "all" ? rows : rows.filter((row) => row.group === group);
  return {
    totals: Object.fromEntries(groups.map((g) => [g, sum(of(g).map((row) => row.joules))])) as EnergyEstimate["totals"],
    ranges: Object.fromEntries(groups.map((g) => [g, totalRange(of(g))])) as EnergyEstimate["ranges"],
  };
}

function refuseOverlaps(tables: readonly EnergyTable[], covered: readonly (readonly Component[])[]): void {
  tables.forEach((a, i) => {
    tables.slice(i + 1).forEach((b, j) => {
      const both = covered[i]!.filter((each) => covered[i + 1 + j]!.includes(each));
      if (both.length === 0) return;
      const message = `tables \`${a.name}\` and \`${b.name}\` both cover ${both.join(", ")}: their sum would count that twice`;
      const hint = "take one of them, or tables that cover different components (`spikec tables`)";
      throw new DiagnosticError(energyDiagnostics.make("overlap", message, { hint }));
    });
  });
}
