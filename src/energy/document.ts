import type { EnergyTable, Figure } from "./table.js";

/** Tables for people: rows of text, from the data alone. */

/** One figure of a table. */
export interface TableEntry {
  /** Where it stands in the JSON: `events.ac`, `sram 8192 bytes`, `steps.synapse.dense`. */
  readonly name: string;
  /** With its unit. */
  readonly value: string;
  readonly figure: Pick<Figure, "source" | "boundary" | "status">;
}

const PICO = 1e12;
const pico = (joules: number): string => `${Number((joules * PICO).toPrecision(6))}`;

function energy({ joules, range }: Figure, unit: string): string {
  return `${pico(joules)}${range === undefined ? "" : ` (${range.map(pico).join("–")})`} ${unit}`;
}

/** Every figure of a table, in the order of the schema. */
export function tableEntries({ events, sram, dram, steps, power }: EnergyTable): readonly TableEntry[] {
  const { synapse = {}, ...others } = steps ?? {};
  const entry = (name: string, figure: Figure | undefined, unit: string): readonly TableEntry[] =>
    figure === undefined ? [] : [{ name, value: energy(figure, unit), figure }];
  const list = (place: string, figures: Readonly<Record<string, Figure | undefined>>) =>
    Object.entries(figures).flatMap(([name, figure]) => entry(`${place}.${name}`, figure, "pJ"));
  return [
    ...list("events", events),
    ...sram.flatMap((memory) => entry(`sram, ${memory.bytes.toLocaleString("en-US")} bytes`, memory, "pJ/bit")),
    ...entry("dram", dram, "pJ/bit"),
    ...list("steps", others),
    ...list("steps.synapse", synapse),
    ...(power === undefined ? [] : [{ name: "power", value: watts(power), figure: power }]),
  ];
}

function watts({ watts: value, range }: NonNullable<EnergyTable["power"]>): string {
  return `${value}${range === undefined ? "" : ` (${range.join("–")})`} W`;
}

/** How many figures of a table have each status: `9 published, 1 assumed`. */
export function statuses(table: EnergyTable): string {
  const counts = new Map<string, number>();
  for (const { figure } of tableEntries(table)) counts.set(figure.status, (counts.get(figure.status) ?? 0) + 1);
  return [...counts].map(([status, n]) => `${n} ${status}`).join(", ");
}

/** docs/energy-tables.md. */
export function documentTables(tables: readonly EnergyTable[]): string {
  const sections = tables.map((table) => {
    const chips = table.chips === undefined ? [] : [`* chips: ${table.chips.join(", ")}`];
    const operands = table.operands === undefined ? [] : [`* arithmetic: ${table.operands}`];
    return [
      `## ${table.name}`,
      "",
      table.description,
      "",
      `* covers: ${table.covers.join(", ")}`,
      `* technology: ${table.technology}`,
      ...operands,
      ...chips,
      "",
      "| figure | value | inside it | source | status |",
      "|---|---|---|---|---|",
      ...tableEntries(table).map(
        ({ name, value, figure }) =>
          `| ${name} | ${value} | ${figure.boundary} | ${figure.source} | ${figure.status} |`,
      ),
      "",
    ].join("\n");
  });
  return `${INTRODUCTION}\n${sections.join("\n")}`;
}

const INTRODUCTION = `# Energy tables

Written by \`npm run docs\` from \`src/energy/tables\`. Energy is counts × table: a simulator counts events, a table prices them afterwards.

* **A table says what it covers**: arithmetic, SRAM, DRAM, NoC, control, clock, static. What it does not cover is listed beside the total, without a number. Events that a run has counted
  and the table does not price are listed with their counts.
* **What is covered twice is never added.** Within a table, and of several tables given to \`spikec energy --table A --table B\`, no two places (\`events\`, \`sram\`, \`dram\`, cores, network and barrier of \`steps\`, \`power\`)
  may cover the same component; that is an error (\`energy/overlap\`) which names it. A whole-chip figure says with \`covers\` what is in it.
* **Each figure** has its source, what is inside it (\`boundary\`) and a status: \`measured\` on a chip, \`published\` (computed, simulated or printed by its authors), \`fitted\` to measurements, \`assumed\` by us; \`described\` are
  the numbers of a chip's own description, whose source says how they stand. A \`range\` is what the source leaves open; totals are then printed as \`x (low–high)\`, as if all figures were at the same end.
* **Chips of different kinds** are compared by event counts and one table of additions (\`spikec compare\`), never by two tables.
* **No scaling between technologies**: we have no sourced model of it, and figures of 45 nm stay figures of 45 nm.

A table of your own is a JSON file like those in \`src/energy/tables\`; \`spikec energy run.json --table mine.json\` names the field that is wrong. Figures are in J (per event, per bit of a memory), \`power\` in W.
Of a layer-by-layer chip \`events\`, \`sram\`, \`dram\` and \`power\` are paid, of a step-by-step chip \`steps\` and \`power\`; without \`steps\`, its synaptic events and the additions of its attention cores are paid by \`events\`.
Time in which engines or cores do nothing is printed beside the total: its energy is in static power and the clock, where a table has these. Traffic of a mesh is counted in messages and in the links that they pass, not in bytes: no
source gives the bits of a message.
A synapse format without an entry pays that of the format whose variant it is (\`dense-4bit\` that of \`dense\`), or \`any\`.
`;
