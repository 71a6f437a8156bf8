import { sum } from "../math/numbers.js";
import type { Layer } from "./activity.js";
import type { Convention, ConventionResult } from "./conventions/convention.js";
import type { EnergyTable } from "./table.js";

/**
 * The same topology as an ANN: multiply-accumulates in every layer that the convention counts, one pass (T = 1), and the firing
 * rate at which the spiking layer's additions cost as much.
 */

export interface AnnRow {
  readonly layer: string;
  readonly result: string;
  readonly macs: number;
  /** J of one pass. */
  readonly ann: number;
  /** J of one sample of the spiking layer, as the convention counts it. */
  readonly snn: number;
  /** Mean firing rate of the layer's inputs as the convention counts them; undefined where no rate enters. */
  readonly rate?: number;
  /** The rate at which both cost the same: MACs x MAC price / (additions at rate 1 x their prices). Above 1 the spiking layer is always cheaper. */
  readonly breakEven?: number;
}

export interface AnnComparison {
  readonly convention: string;
  readonly rows: readonly AnnRow[];
  /** J of one pass of the ANN, and of one sample of the spiking network with everything that the convention counts. */
  readonly ann: number;
  readonly snn: number;
}

/** Compares a convention's result with the ANN of the same layers; undefined where the table has no price of a MAC. */
export function compareWithAnn(
  convention: Convention,
  result: ConventionResult,
  layers: readonly Layer[],
  timesteps: number,
  table: EnergyTable,
): AnnComparison | undefined {
  const mac = table.events.mac?.joules;
  if (mac === undefined) return undefined;
  const rows = layers.flatMap((layer): readonly AnnRow[] => {
    const dense = convention.dense(layer, timesteps);
    if (dense === undefined) return [];
    const mine = result.rows.filter((row) => row.result === layer.result);
    const joules = (of: typeof mine): number => sum(of.map((row) => row.joules)) / result.samples;
    const full = sum(dense.full.map(({ what, count }) => count * (table.events[what]?.joules ?? 0)));
    const byRate = mine.filter((row) => dense.full.some(({ what }) => what === row.what));
    const rates = full === 0 ? {} : { rate: joules(byRate) / full, breakEven: (dense.macs * mac) / full };
    const { name, result: value } = layer;
    return [{ layer: name, result: value, macs: dense.macs, ann: dense.macs * mac, snn: joules(mine), ...rates }];
  });
  return {
    convention: convention.name,
    rows,
    ann: sum(rows.map((row) => row.ann)),
    snn: result.total / result.samples,
  };
}
