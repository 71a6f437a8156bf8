import type { LoihiLayerTotals, LoihiRunFile } from "../sim/loihi/run-file.js";
import { sum } from "../math/numbers.js";
import type { EnergyTable } from "./table.js";

/** Energy of a run on a step-by-step chip: counts x the figures of the chip's own description (docs/loihi-chip.md, section 7). */

export const LOIHI_GROUPS = ["neurons", "synapses", "messages", "attention", "host", "barriers", "static"] as const;
export type LoihiEnergyGroup = (typeof LOIHI_GROUPS)[number];

/** One priced count of one layer; of the whole chip where `layer` is empty. */
export interface LoihiEnergyRow {
  readonly layer: string;
  readonly what: string;
  readonly group: LoihiEnergyGroup;
  /** Events; of static power the chip-seconds. */
  readonly count: number;
  /** J each. */
  readonly figure: number;
  readonly joules: number;
}

export interface LoihiEnergy {
  readonly samples: number;
  readonly rows: readonly LoihiEnergyRow[];
  /** J of the whole run. */
  readonly totals: Readonly<Record<LoihiEnergyGroup | "all", number>>;
}

const PJ = 1e-12;
const MW = 1e-3;

type Price = Exclude<keyof LoihiRunFile["chip"]["energy"], "synapse" | "staticPerChip">;
type Event = keyof LoihiLayerTotals["events"];

/** What each event costs; a message is given off by a sender and taken in by an ingress. */
const PRICES: readonly { readonly event: Event; readonly price: Price; readonly group: LoihiEnergyGroup }[] = [
  { event: "access", price: "neuronAccess", group: "neurons" },
  { event: "update", price: "neuronUpdate", group: "neurons" },
  { event: "spike", price: "spikeOut", group: "neurons" },
  { event: "message", price: "messageOut", group: "messages" },
  { event: "message", price: "messageIn", group: "messages" },
  { event: "withinTile", price: "withinTile", group: "messages" },
  { event: "hopX", price: "hopX", group: "messages" },
  { event: "hopY", price: "hopY", group: "messages" },
  { event: "chipHop", price: "chipHop", group: "messages" },
  { event: "hostInput", price: "hostInput", group: "host" },
  { event: "kv", price: "attention", group: "attention" },
  { event: "qa", price: "attention", group: "attention" },
];

/** Prices a run by the chip's own figures: dynamic energy by layer, barriers, and static power over the simulated time. */
export function loihiEnergy(run: LoihiRunFile): LoihiEnergy {
  const { energy, chips } = run.chip;
  const samples = run.samples.length;
  const row = (layer: string, what: string, group: LoihiEnergyGroup, count: number, figure: number) =>
    count === 0 ? [] : [{ layer, what, group, count, figure, joules: count * figure }];
  const rows = [
    ...run.layers.flatMap(({ name, events, synapses }) => [
      ...PRICES.flatMap(({ event, price, group }) => row(name, price, group, sum(events[event]), energy[price] * PJ)),
      ...Object.entries(synapses).flatMap(([format, counts]) =>
        row(name, `synapse ${format}`, "synapses", sum(counts), (energy.synapse[format] ?? 0) * PJ),
      ),
    ]),
    ...row("", "barrier", "barriers", run.barriers * samples, energy.barrier * PJ),
    ...row("", "static power", "static", chips * run.seconds, energy.staticPerChip * MW),
  ];
  const of = (group: LoihiEnergyGroup): number => sum(rows.filter((r) => r.group === group).map((r) => r.joules));
  const totals = Object.fromEntries(LOIHI_GROUPS.map((group) => [group, of(group)])) as LoihiEnergy["totals"];
  return { samples, rows, totals: { ...totals, all: sum(rows.map((r) => r.joules)) } };
}

/** Additions of a run: synaptic events, and counters of attention cores (whole groups of lanes). */
export interface CommonCounts {
  readonly additions: number;
  readonly attention: number;
}

export function loihiCounts(run: LoihiRunFile): CommonCounts {
  const of = (pick: (layer: LoihiLayerTotals) => readonly (readonly number[])[]): number =>
    sum(run.layers.map((layer) => sum(pick(layer).map(sum))));
  return {
    additions: of(({ synapses }) => Object.values(synapses)),
    attention: of(({ events }) => [events.kv, events.qa]) * run.chip.lanes,
  };
}

/**
 * Arithmetic of any chip by one table, J: additions at `ac`, additions of attention at `kv`. Undefined where the table lacks a price
 * that is needed.
 */
export function commonEnergy({ additions, attention }: CommonCounts, { events }: EnergyTable): number | undefined {
  if (events.ac === undefined || (attention > 0 && events.kv === undefined)) return undefined;
  return additions * events.ac.joules + attention * (events.kv?.joules ?? 0);
}
