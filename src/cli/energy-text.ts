import { GROUPS, type EnergyEstimate, type EnergyGroup, type EnergyTable, type Range } from "../energy/index.js";
import { sum } from "../math/numbers.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import { count, percent, si, siRange, table } from "./text.js";

/** Energies for people, of any kind of chip. */

/** Weights of at most so many bits are no mantissas of f32 (24 bits and sign). */
const NARROW_BITS = 16;
const BYTE = 8;

/** What a reader has to know to compare the energy of this run with that of others. */
export function energyNotes(run: RunFile | LoihiRunFile, prices: EnergyTable): readonly string[] {
  const { chip } = run;
  const { chips, operands } = prices;
  const notes: string[] = [];
  if (chips !== undefined && !chips.includes(chip.name)) {
    notes.push(`table ${prices.name} has figures of ${chips.join(", ")}; this run is of ${chip.name}`);
  }
  const bits = "weightBits" in chip ? chip.weightBits : undefined;
  if (bits === undefined || operands === undefined) return notes;
  const floats = operands === "fp32" || operands === "fp16";
  if (bits <= NARROW_BITS && floats) {
    const other = bits <= BYTE ? "--table horowitz-45nm-int8" : "--table horowitz-45nm-int32";
    notes.push(
      `${chip.name} has ${bits}-bit weights, whose additions are priced as ${operands}, at the table's one figure; compare it with other integer nets, not with float nets, or price it with ${other}`,
    );
  }
  if (bits > BYTE && operands === "int8") {
    notes.push(`${chip.name} has ${bits}-bit weights, whose additions are priced as int8`);
  }
  return notes;
}

/** J of one of so many samples. */
export function joulesText(joules: number, [low, high]: Range, samples: number): string {
  return siRange(joules / samples, [low / samples, high / samples], "J");
}

/** The same as fields of a plain row: `name`, and where it has a range `name_low` and `name_high`. */
export function joulesFields(
  name: string,
  joules: number,
  [low, high]: Range,
  samples: number,
): Readonly<Record<string, number>> {
  const ends = low === high ? {} : { [`${name}_low`]: low / samples, [`${name}_high`]: high / samples };
  return { [name]: joules / samples, ...ends };
}

const HEADINGS: Partial<Record<EnergyGroup, string>> = { sram: "SRAM", dram: "DRAM" };

/** Layers by groups; then what belongs to no layer, and the total. */
function energyTable({ rows, totals, ranges, samples }: EnergyEstimate): string {
  const groups = GROUPS.filter((group) => rows.some((row) => row.layer !== undefined && row.group === group));
  const layers = [...new Set(rows.flatMap(({ layer }) => layer ?? []))];
  const cell = (joules: number): string => si(joules / samples, "J");
  const of = (layer: string, group: EnergyGroup): number =>
    sum(rows.filter((row) => row.layer === layer && row.group === group).map(({ joules }) => joules));
  const wholeChip = rows.filter(({ layer }) => layer === undefined);
  return table([
    ["layer", ...groups.map((group) => HEADINGS[group] ?? group), "all"],
    ...layers.map((layer) => {
      const parts = groups.map((group) => of(layer, group));
      return [layer, ...parts.map(cell), cell(sum(parts))];
    }),
    ...wholeChip.map(({ what, joules, range }) => [
      `${what}, of no layer`,
      ...groups.map(() => ""),
      joulesText(joules, range, samples),
    ]),
    [
      "total",
      ...groups.map((group) => joulesText(totals[group], ranges[group], samples)),
      joulesText(totals.all, ranges.all, samples),
    ],
  ]);
}

/** Per layer and in total, per sample. */
export function energyText(estimate: EnergyEstimate, notes: readonly string[] = []): string {
  const { samples, covers, uncovered, unpriced, totals, ranges } = estimate;
  const lines = [
    `energy per sample by ${estimate.table.startsWith("the ") ? "" : "table "}${estimate.table}; covers ${covers.join(", ")}`,
    "",
    energyTable(estimate),
  ];
  if (uncovered.length > 0) lines.push(`not covered, so not in the total: ${uncovered.join(", ")}`);
  if (unpriced.length > 0) {
    const list = unpriced.map(
      (u) => `${u.what} ${count(Math.round(u.count / samples))}${isTraffic(u.group) ? " bits" : ""}`,
    );
    lines.push("", `counted, without a price in this table (per sample): ${list.join(", ")}`);
  }
  for (const note of notes) lines.push("", `note: ${note}`);
  lines.push("", `whole run, ${samples} samples: ${joulesText(totals.all, ranges.all, 1)}`);
  return lines.join("\n");
}

/** Time without work, per sample, and which share of the time it is. */
export function idleText({ idle, samples }: EnergyEstimate): string {
  const parts = idle.map(({ part, units, idle: seconds, of }) => {
    const name = units === 1 ? part : `${part} of ${count(units)} cores`;
    return `${name} ${si(seconds / samples, "s")} (${percent(seconds / of, 1)})`;
  });
  return `idle per sample, without a price of its own: ${parts.join(", ")}`;
}

/** What the host computes around a step-by-step chip. */
export function hostText({ host }: EnergyEstimate): string | undefined {
  if (host === undefined || host.ops.length === 0) return undefined;
  const ops = host.ops.map(({ op, count: n }) => `${n} x ${op}`).join(", ");
  const bytes = count(sum(host.crossings.map((crossing) => crossing.bytes)));
  return `on the host, per sample, without a price: ${ops}; ${bytes} bytes to and from the chip`;
}

/** Each row per sample: count x figure, and where the figure comes from. */
export function explainText({ rows, samples }: Pick<EnergyEstimate, "rows" | "samples">): string {
  return table([
    ["layer", "part", "what", "count per sample", "each", "together", "inside the figure", "source"],
    ...rows.map(({ group, figure, ...row }) => [
      row.layer ?? "",
      row.part,
      row.what,
      countText(row.count / samples, group),
      `${figure.joules.toExponential(3)} ${group === "power" ? "W" : "J"}`,
      joulesText(row.joules, row.range, samples),
      figure.boundary,
      `${figure.source} (${figure.status})`,
    ]),
  ]);
}

const isTraffic = (group: EnergyGroup): boolean => group === "sram" || group === "dram";

function countText(n: number, group: EnergyGroup): string {
  if (group === "power") return `${n.toExponential(3)} chip-seconds`;
  return isTraffic(group) ? `${count(n)} bits` : count(n);
}
