import { didYouMean, type Report } from "../../diagnostics/index.js";
import { sum } from "../../math/numbers.js";
import type { Activity, Layer, LayerInput } from "../activity.js";
import type { EventCount } from "../count.js";
import { energyDiagnostics } from "../diagnostics.js";
import { priced, totalRange, type ArithmeticEvent, type EnergyTable, type Figure, type Range } from "../table.js";

/**
 * A convention is a way in which papers turn activity into joules: which layers, how many operations each, at which rate, at
 * which price. All read the same layers, the same activity and the same counts, so that their results differ for one reason only.
 */

/** What a convention is given: layers, how active they were, and exact counts where the net was evaluated. */
export interface Work {
  readonly layers: readonly Layer[];
  readonly activity: Activity;
  readonly counts?: EventCount;
}

/** One priced count of one layer, all samples together. */
export interface ConventionRow {
  readonly layer: string;
  /** The layer's value in the net: names may repeat, values do not. */
  readonly result: string;
  readonly what: ArithmeticEvent;
  readonly count: number;
  /** How the count comes about, in numbers. */
  readonly how: string;
  readonly figure: Figure;
  readonly joules: number;
  /** J by the ends of the figure's range. */
  readonly range: Range;
}

/** A count before its price. */
export type Counted = Pick<ConventionRow, "layer" | "result" | "what" | "count" | "how">;

export interface ConventionResult {
  readonly convention: string;
  readonly table: string;
  readonly samples: number;
  readonly rows: readonly ConventionRow[];
  /** Counted, and without a price in the table. */
  readonly unpriced: readonly { readonly what: string; readonly count: number }[];
  /** J of all samples. */
  readonly total: number;
  readonly range: Range;
}

/** Operations of one layer in an ANN of the same shape, and of the spiking layer if every input fired at every timestep. */
export interface DenseWork {
  /** Multiply-accumulates of one pass. */
  readonly macs: number;
  /** Additions of one sample at a rate of 1; empty where no rate enters. */
  readonly full: readonly { readonly what: ArithmeticEvent; readonly count: number }[];
}

export interface Convention {
  readonly name: string;
  readonly summary: string;
  /** Where it was read. */
  readonly source: string;
  readonly includes: readonly string[];
  readonly excludes: readonly string[];
  /** How often the first layer counts. */
  readonly firstLayer: string;
  readonly heads: string;
  /** Where firing rates are read. */
  readonly rates: string;
  /** All counts, or undefined with an error where the activity lacks what the convention needs. */
  count(work: Work, report: Report): readonly Counted[] | undefined;
  /** Undefined where the convention leaves the layer out. */
  dense(layer: Layer, timesteps: number): DenseWork | undefined;
}

/** Prices the counts of a convention; what the table has no price for is listed, and a table that prices none is an error. */
export function applyConvention(
  convention: Convention,
  work: Work,
  table: EnergyTable,
  report: Report,
): ConventionResult | undefined {
  const counted = convention.count(work, report);
  if (counted === undefined) return undefined;
  const rows: ConventionRow[] = [];
  const unpriced = new Map<string, number>();
  for (const row of counted) {
    const figure = table.events[row.what];
    if (row.count === 0) continue;
    if (figure === undefined) unpriced.set(row.what, (unpriced.get(row.what) ?? 0) + row.count);
    else rows.push({ ...row, figure, ...priced(row.count, figure) });
  }
  if (rows.length === 0 && unpriced.size > 0) {
    const message = `table \`${table.name}\` prices nothing that \`${convention.name}\` counts: ${[...unpriced.keys()].join(", ")}`;
    const hint = "`--table horowitz-45nm`, or another one that has `events` of these names";
    return report.add(energyDiagnostics.make("nothing-priced", message, { hint }));
  }
  return {
    convention: convention.name,
    table: table.name,
    samples: work.activity.samples,
    rows,
    unpriced: [...unpriced].map(([what, count]) => ({ what, count })),
    total: sum(rows.map((row) => row.joules)),
    range: totalRange(rows),
  };
}

/** A convention by name. */
export function conventionOf(name: string, all: readonly Convention[], report: Report): Convention | undefined {
  const found = all.find((convention) => convention.name === name);
  if (found !== undefined) return found;
  const hint = didYouMean(
    name,
    all.map((convention) => convention.name),
  );
  return report.add(energyDiagnostics.make("unknown-convention", `no convention \`${name}\``, { hint }));
}

/** What a convention misses in a layer, as the end of "needs … for the layer". */
export interface Lack {
  readonly lacks: string;
}

export function isLack(value: unknown): value is Lack {
  return typeof value === "object" && value !== null && "lacks" in value;
}

/** Counts layer by layer; undefined with one error where layers lack something. */
export function perLayer(
  convention: string,
  layers: readonly Layer[],
  report: Report,
  count: (layer: Layer) => readonly Counted[] | Lack,
): readonly Counted[] | undefined {
  const rows: Counted[] = [];
  const lacking: string[] = [];
  for (const layer of layers) {
    const found = count(layer);
    if (isLack(found)) lacking.push(`${found.lacks} for \`${layer.name}\``);
    else rows.push(...found);
  }
  const [first, ...others] = lacking;
  if (first === undefined) return rows;
  const more = others.length === 0 ? "" : ` (and something for ${others.length} more layers)`;
  return needs(convention, `needs ${first}${more}`, report);
}

function needs(convention: string, what: string, report: Report): undefined {
  const hint = "evaluate a network (--input), or choose the convention that rates of neurons suffice for: statten";
  return report.add(energyDiagnostics.make("convention-needs", `\`${convention}\` ${what}`, { hint }));
}

/** The exact counts, or an error. */
export function needCounts(convention: string, { counts }: Work, report: Report): EventCount | undefined {
  return counts ?? needs(convention, "counts events, which depend on where spikes are; rates do not say that", report);
}

/** Mean output per timestep of the one neuron layer behind an input; undefined where several meet or the rate is not known. */
export function firingOf(input: LayerInput, { firing }: Activity): readonly number[] | undefined {
  const [neuron] = input.neurons;
  return input.path === "altered" || neuron === undefined ? undefined : firing.get(neuron);
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

/** Numbers of explanations: whole ones with separators, others with five digits. */
export function show(n: number): string {
  return Number.isInteger(n) ? n.toLocaleString("en-US") : n.toPrecision(5);
}

/** Operations of one attention product per timestep: N D² / heads. */
export function productOps({ tokens, channels, heads }: NonNullable<Layer["attention"]>): number {
  return (tokens * channels * channels) / heads;
}
