import { sum } from "../math/numbers.js";
import type { LoihiLayerTotals, LoihiRunFile } from "../sim/loihi/run-file.js";
import { placesOf, type EnergyTable, type Figure, type StepEvent } from "./table.js";

/** Step-by-step chips: the table in their own description, and what they have in common with other chips. */

const PJ = 1e-12;
const MW = 1e-3;

type OwnEnergy = LoihiRunFile["chip"]["energy"];

/** The energies of a chip's description as a table. A description has 0 where it knows no figure: such events have no price. */
export function ownTable({ chip }: Pick<LoihiRunFile, "chip">): EnergyTable {
  const { synapse, staticPerChip, ...events } = chip.energy;
  const source = (field: keyof OwnEnergy): string =>
    chip.sources?.[`energy.${field}`] ?? chip.sources?.["energy"] ?? `the description of chip ${chip.name}`;
  const standing = (field: keyof OwnEnergy) =>
    ({
      source: source(field),
      boundary: "one event (docs/loihi-chip.md, section 7)",
      status: "described",
    }) as const;
  const figures = <K extends string>(entries: readonly (readonly [K, number])[], field: (key: K) => keyof OwnEnergy) =>
    Object.fromEntries(
      entries
        .filter(([, pJ]) => pJ > 0)
        .map(([key, pJ]): [K, Figure] => [key, { joules: pJ * PJ, ...standing(field(key)) }]),
    );
  const table: Omit<EnergyTable, "covers"> = {
    name: `the description of ${chip.name}`,
    description: `energies in the description of chip ${chip.name}`,
    technology: "as the description says",
    chips: [chip.name],
    events: {},
    sram: [],
    steps: {
      ...figures(Object.entries(events) as [StepEvent & keyof OwnEnergy, number][], (event) => event),
      synapse: figures(Object.entries(synapse), () => "synapse"),
    },
    ...(staticPerChip > 0 && {
      power: {
        watts: staticPerChip * MW,
        covers: ["static"],
        ...standing("staticPerChip"),
        boundary: "one chip, whatever it does",
      },
    }),
  };
  return { ...table, covers: placesOf({ ...table, covers: [] }).flatMap(({ covers }) => covers) };
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
