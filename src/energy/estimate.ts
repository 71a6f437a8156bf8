import type { LayerTotals, RunFile } from "../sim/run-file.js";
import { sum } from "../math/numbers.js";
import type { EnergyTable, Figure, PricedEvent } from "./table.js";

/** Energy = counts x table. Every row can be traced: a count, a figure, the figure's source. */

/** One priced count of one layer. */
export interface EnergyRow {
  readonly layer: string;
  /** What was counted: an arithmetic event, `read spike`, `write data`, `DRAM`. */
  readonly what: string;
  readonly group: "arithmetic" | "sram" | "dram";
  /** Events, or bits for memories. */
  readonly count: number;
  readonly joules: number;
  readonly figure: Figure;
}

/** Something that was counted and has no price in the table. */
export interface Unpriced {
  readonly what: string;
  readonly count: number;
}

export interface EnergyEstimate {
  readonly table: string;
  readonly covers: readonly string[];
  readonly samples: number;
  readonly rows: readonly EnergyRow[];
  readonly unpriced: readonly Unpriced[];
  /** J of the whole run, by group and together. */
  readonly totals: { readonly arithmetic: number; readonly sram: number; readonly dram: number; readonly all: number };
}

/** The price of one bit of a memory: the smallest entry that is not smaller than the memory, or the largest entry. */
export function sramFigure(table: EnergyTable, bytes: number): EnergyTable["sram"][number] | undefined {
  const bySize = [...table.sram].sort((a, b) => a.bytes - b.bytes);
  return bySize.find((entry) => entry.bytes >= bytes) ?? bySize[bySize.length - 1];
}

const PRICED: readonly PricedEvent[] = ["ac", "mac", "kv", "qa", "add", "compare", "bit", "update"];

/** Rows of one layer; what has no price goes to `unpriced`. */
function layerRows(run: RunFile, layer: LayerTotals, table: EnergyTable, unpriced: Map<string, number>): EnergyRow[] {
  const rows: EnergyRow[] = [];
  const add = (what: string, group: EnergyRow["group"], count: number, figure: Figure | undefined): void => {
    if (count === 0) return;
    if (figure === undefined) unpriced.set(what, (unpriced.get(what) ?? 0) + count);
    else rows.push({ layer: layer.name, what, group, count, joules: count * figure.joules, figure });
  };
  for (const event of PRICED) add(event, "arithmetic", sum(layer.events[event]), table.events[event]);
  for (const memory of ["spike", "weight", "data"] as const) {
    const accesses = layer.accesses[memory];
    const { bytes, wordBytes } = run.chip.memories[memory];
    const figure = sramFigure(table, bytes);
    add(`read ${memory}`, "sram", accesses.reads * wordBytes * 8, figure);
    add(`write ${memory}`, "sram", accesses.writes * wordBytes * 8, figure);
  }
  add("DRAM", "dram", (layer.dram.read + layer.dram.written) * 8, table.dram);
  return rows;
}

/** Prices a run. Dynamic energy only: the table says what it covers, static energy is not in it. */
export function estimateEnergy(run: RunFile, table: EnergyTable): EnergyEstimate {
  const unpriced = new Map<string, number>();
  const rows = run.layers.flatMap((layer) => layerRows(run, layer, table, unpriced));
  const of = (group: EnergyRow["group"]): number =>
    sum(rows.filter((row) => row.group === group).map((row) => row.joules));
  const [arithmetic, sram, dram] = [of("arithmetic"), of("sram"), of("dram")];
  return {
    table: table.name,
    covers: table.covers,
    samples: run.samples.length,
    rows,
    unpriced: [...unpriced].map(([what, count]) => ({ what, count })),
    totals: { arithmetic, sram, dram, all: arithmetic + sram + dram },
  };
}
