import type { EnergyTable } from "../energy/index.js";
import { operandBits, type Convention, type ConventionResult } from "../energy/network.js";
import { barChartHtml, type BarChart } from "../report/bar-chart.js";
import type { Io } from "./command.js";
import { csvText } from "./csv.js";
import { AXES, UNTRAINED, type Axis } from "./energy-axes.js";
import { joulesFields, joulesText } from "./energy-text.js";
import { writeFileAtomically } from "./output.js";
import { count, si, table as columns } from "./text.js";

/** What `spikec energy --vary` found out, as a table for people, CSV, JSON and a picture. */

/** One value of each axis. */
export type Combination = ReadonlyMap<string, string>;

/** One combination: its prices, its network, and what each convention makes of them. */
export interface WhatIf {
  readonly combination: Combination;
  readonly table: EnergyTable;
  readonly parameters: number;
  readonly timesteps: number;
  readonly samples: number;
  readonly results: readonly ConventionResult[];
  /** Ops whose events only a simulated chip counts. */
  readonly uncounted: readonly string[];
}

export interface WhatIfs {
  readonly axes: readonly Axis[];
  readonly conventions: readonly Convention[];
  /** The last axis changes fastest. */
  readonly whatIfs: readonly WhatIf[];
}

/** `k = 8, chunk = 2`. */
export function comboText(combination: Combination): string {
  return [...combination].map(([field, value]) => `${field} = ${value}`).join(", ");
}

/** Bytes of the weights at the operand width of the table; undefined where the table does not say one. */
function weightBytes({ parameters, table }: WhatIf): number | undefined {
  const bits = operandBits(table);
  return bits === undefined ? undefined : (parameters * bits) / 8;
}

/** Everything that a convention counted per sample, priced or not. */
function countsOf({ rows, unpriced, samples }: ConventionResult): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { what, count: n } of [...rows, ...unpriced]) counts.set(what, (counts.get(what) ?? 0) + n / samples);
  return counts;
}

const numberOr = (value: string): string | number => (Number.isNaN(Number(value)) ? value : Number(value));

/** Every row as plain numbers, per sample; a count that only other rows have is 0. */
function plainRows({ whatIfs }: WhatIfs): readonly Readonly<Record<string, string | number | undefined>>[] {
  const counts = whatIfs.map(({ results }) => results.map(countsOf));
  const counted = (convention: number): ReadonlySet<string> =>
    new Set(counts.flatMap((mine) => [...(mine[convention]?.keys() ?? [])]));
  return whatIfs.map((one, row) => {
    const { combination, table, timesteps, samples, results } = one;
    const energies = results.flatMap(({ convention, total, range }, c): [string, number][] => [
      ...Object.entries(joulesFields(`${convention}_J`, total, range, samples)),
      ...[...counted(c)].map((what): [string, number] => [`${convention}_${what}`, counts[row]?.[c]?.get(what) ?? 0]),
    ]);
    return {
      ...Object.fromEntries([...combination].map(([field, value]) => [field, numberOr(value)])),
      ...(combination.has("table") ? {} : { table: table.name }),
      ...(combination.has("timesteps") ? {} : { timesteps }),
      samples,
      weight_bytes: weightBytes(one),
      ...Object.fromEntries(energies),
    };
  });
}

function sideBySide({ axes, conventions, whatIfs }: WhatIfs): string {
  const memory = axes.some(({ field }) => field === "table" || field === "bits");
  const bytes = (one: WhatIf): string => {
    const n = weightBytes(one);
    return n === undefined ? "-" : count(n);
  };
  const header = [
    ...axes.map(({ field }) => field),
    ...conventions.map(({ name }) => name),
    ...(memory ? ["weights, bytes"] : []),
  ];
  const rows = whatIfs.map((one) => [
    ...one.combination.values(),
    ...one.results.map(({ total, range, samples }) => joulesText(total, range, samples)),
    ...(memory ? [bytes(one)] : []),
  ]);
  return columns([header, ...rows]);
}

function notes({ axes, whatIfs }: WhatIfs): readonly string[] {
  const meanings = axes.map(({ field }) => `${field}: ${AXES[field].means}`);
  const unpriced = new Map<string, Set<string>>();
  for (const { convention, table, unpriced: without } of whatIfs.flatMap(({ results }) => results)) {
    const where = `\`${convention}\` counts without a price in ${table}`;
    for (const { what } of without) unpriced.set(where, (unpriced.get(where) ?? new Set()).add(what));
  }
  const free = [...unpriced].map(([where, kinds]) => `${where}: ${[...kinds].join(", ")}`);
  const uncounted = [...new Set(whatIfs.flatMap((one) => one.uncounted))];
  const chips = `selections are counted by the simulated chip, not here: ${uncounted.join(", ")}`;
  return [...meanings, UNTRAINED, ...free, ...(uncounted.length === 0 ? [] : [chips])];
}

/** Bars of all conventions over the first axis, a panel for each combination of the others. */
function chart({ axes, conventions, whatIfs }: WhatIfs, title: string, about: readonly string[]): BarChart {
  const [first] = axes;
  const field = first?.field ?? "";
  const panels = new Map<string, BarChart["panels"][number]["groups"]>();
  for (const { combination, results } of whatIfs) {
    const others = comboText(new Map([...combination].filter(([name]) => name !== field)));
    const group = {
      label: combination.get(field) ?? "",
      values: results.map(({ total, samples }) => total / samples),
    };
    panels.set(others, [...(panels.get(others) ?? []), group]);
  }
  return {
    title,
    notes: about,
    series: conventions.map(({ name }) => name),
    axis: field,
    quantity: "energy per sample",
    panels: [...panels].map(([others, groups]) => ({ title: others, groups })),
    format: (joules) => si(joules, "J"),
  };
}

/** Writes the files that were asked for, then prints. */
export async function printWhatIfs(
  found: WhatIfs,
  options: {
    readonly csv?: string;
    readonly plot?: string;
    readonly json?: boolean;
    readonly fromRates?: string;
  },
  io: Io,
): Promise<void> {
  const { axes, whatIfs } = found;
  const { csv, plot, json, fromRates } = options;
  const rows = plainRows(found);
  const about = notes(found);
  const [one] = whatIfs;
  const of = fromRates === undefined ? `mean of ${count(one?.samples ?? 0)} samples` : `rates \`${fromRates}\``;
  const priced = axes.some(({ field }) => field === "table" || field === "bits") ? "" : `, table ${one?.table.name}`;
  const title = `energy per sample, ${of}${priced}; arithmetic alone`;
  if (csv !== undefined) await writeFileAtomically(csv, csvText(rows));
  if (plot !== undefined) await writeFileAtomically(plot, barChartHtml(chart(found, title, about)));
  if (json === true) return io.out(JSON.stringify({ axes, notes: about, rows }, null, 2));
  io.out(`${title}\n`);
  io.out(sideBySide(found));
  io.out("");
  for (const note of about) io.out(note);
}
