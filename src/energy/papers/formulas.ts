import { internalError, unreachable } from "../../diagnostics/index.js";
import type { EnergyTable } from "../table.js";
import { add, exactly, least, readPrinted, scale, type Range, type Reading } from "./printed.js";
import { UNITS, type Formula, type Operations, type Paper, type PaperRow } from "./schema.js";

/** One addend of a recomputed figure: operations at a price, or a quantity that has none. */
export interface Term {
  readonly what: string;
  /** J per operation, and who says so; none where the figure is no energy. */
  readonly price?: { readonly joules: number; readonly source: string };
  /** Operations that are priced; elsewhere the quantity itself, in J, operations, bytes, parameters or tokens. */
  readonly count: Range;
}

/** What a formula is evaluated with. */
export interface Context {
  readonly paper: Paper;
  readonly table: EnergyTable;
  readonly reading: Reading;
  /** Another built-in table of a paper. */
  readonly find: (paper: string) => Paper;
}

/** Operations of all copies of a layer, per timestep. */
export function operationsOf(layer: Operations): number {
  switch (layer.kind) {
    case "conv":
      return layer.copies * layer.kernel ** 2 * layer.height * layer.width * layer.in * layer.out;
    case "linear":
      return layer.copies * layer.tokens * layer.out * (layer.in + (layer.bias ? 1 : 0));
    case "elements":
      return layer.copies * layer.elements * layer.each;
    default:
      return unreachable(layer);
  }
}

/** Events whose price a formula takes from the energy table. */
export function pricedEvents({ formula, unit }: PaperRow): readonly ("ac" | "mac")[] {
  if (formula.kind === "counts")
    return formula.counts.flatMap(({ event, price }) => (price === undefined ? [event] : []));
  const event = EVENT[formula.kind];
  return event === undefined || unit !== "mJ" ? [] : [event];
}

const EVENT: Readonly<Partial<Record<Formula["kind"], "ac" | "mac">>> = {
  spikes: "ac",
  "attention-sum": "ac",
  "attention-min": "ac",
  dense: "mac",
};

/** Operations as people read them. */
function grouped(operations: number): string {
  return operations.toLocaleString("en-US");
}

function sumText(rates: readonly string[]): string {
  return rates.length === 1 ? rates.join() : `(${rates.join(" + ")})`;
}

/** The polynomial through points, by Lagrange; linear in the values, so their ranges go through. */
function throughPoints(points: readonly { readonly at: number; readonly value: Range }[], x: number): Range {
  return add(
    points.map(({ at, value }, i) => {
      const others = points.filter((_, j) => j !== i);
      return scale(
        value,
        others.reduce((product, other) => (product * (x - other.at)) / (at - other.at), 1),
      );
    }),
  );
}

/** Tokens that a sparsity in percent leaves; more sparsity leaves fewer. */
function tokensLeft(tokens: number, sparsityPercent: string, reading: Reading): Range {
  return add([exactly(tokens), scale(readPrinted(sparsityPercent, reading), -tokens / 100)]);
}

/** The addends of a row's figure; undefined where nothing can be recomputed. */
export function termsOf(row: PaperRow, context: Context): readonly Term[] | undefined {
  const { formula, unit } = row;
  const { paper, table, reading, find } = context;
  const read = (text: string): Range => readPrinted(text, reading);
  const priceOf = (event: "ac" | "mac"): NonNullable<Term["price"]> => {
    const figure = table.events[event];
    if (figure === undefined) throw internalError(`table ${table.name} has no price for ${event}`);
    return figure;
  };
  /** Operations, priced where the row is an energy. */
  const events = (what: string, event: "ac" | "mac", count: Range): Term =>
    unit === "mJ" ? { what, count, price: priceOf(event) } : { what, count };

  switch (formula.kind) {
    case "spikes": {
      const { operations, rates, times } = formula;
      const layer = operationsOf(operations);
      const mean = times === 1 ? "" : ` x ${times} timesteps`;
      const what = `F ${grouped(layer)}${mean} x ${sumText(rates)}`;
      return [events(what, "ac", scale(add(rates.map(read)), layer * times))];
    }
    case "attention-sum": {
      const { tokens, channels, rates } = formula;
      const factor = tokens * channels * channels;
      return [events(`N D^2 ${grouped(factor)} x ${sumText(rates)}`, "ac", scale(add(rates.map(read)), factor))];
    }
    case "attention-min": {
      const { timesteps, heads, tokens, headChannels, q, k, v } = formula;
      const factor = timesteps * heads * tokens * headChannels * headChannels;
      return [
        events(`K^T V: T h N d^2 ${grouped(factor)} x min(${k}, ${v})`, "ac", scale(least(read(k), read(v)), factor)),
        events(`Q (K^T V): T h N d^2 ${grouped(factor)} x ${q}`, "ac", scale(read(q), factor)),
      ];
    }
    case "dense":
      return formula.layers.map(({ name, operations }) =>
        events(
          formula.times === 1 ? name : `${name} x ${formula.times}`,
          "mac",
          exactly(operationsOf(operations) * formula.times),
        ),
      );
    case "counts":
      return formula.counts.map(({ event, giga, price }) => ({
        what: `${giga} G ${event.toUpperCase()}`,
        count: scale(read(giga), 1e9),
        price: price ?? priceOf(event),
      }));
    case "sum":
      return formula.parts.flatMap((part) =>
        paper.rows
          .filter(({ group }) => group === part.group)
          .map((member) => ({ what: `${member.id}, ${part.as}`, count: partOf(member, part.as, context) })),
      );
    case "elsewhere": {
      const other = find(formula.paper);
      const found = other.rows.find(({ id }) => id === formula.row);
      if (found === undefined) throw internalError(`${formula.paper} has no row ${formula.row}`);
      return [
        { what: `${formula.paper}: ${formula.row}`, count: partOf(found, "recomputed", { ...context, paper: other }) },
      ];
    }
    case "memory":
      return [
        { what: `${formula.bytes} bytes x parameters`, count: scale(read(formula.parameters), formula.bytes * 1e6) },
        { what: `${formula.bytes} bytes x activations`, count: exactly(formula.bytes * formula.activations) },
      ];
    case "memory-parameters":
      return [
        { what: `${formula.megabytes32} MB / 3`, count: scale(read(formula.megabytes32), 1e6 / 3) },
        { what: `less ${formula.megabytes8} MB / 3`, count: scale(read(formula.megabytes8), -1e6 / 3) },
      ];
    case "memory-activations":
      return [
        { what: `4 x ${formula.megabytes8} MB / 3`, count: scale(read(formula.megabytes8), 4e6 / 3) },
        { what: `less ${formula.megabytes32} MB / 3`, count: scale(read(formula.megabytes32), -1e6 / 3) },
      ];
    case "tokens-left": {
      const { tokens, sparsityPercent } = formula;
      const what = `${tokens} x (1 - ${sparsityPercent} %)`;
      return [{ what, count: tokensLeft(tokens, sparsityPercent, reading) }];
    }
    case "curve": {
      const { tokens, sparsityPercent } = formula;
      const points = formula.points.map(({ at, value }) => ({ at, value: scale(read(value), UNITS[unit]) }));
      const left = tokensLeft(tokens, sparsityPercent, reading);
      const [low, at, high] = [left.low, left.at, left.high].map((x) => throughPoints(points, x));
      const what = `curve through ${points.map((p) => p.at).join(", ")} at ${left.at.toFixed(1)}`;
      const ends = [low!, high!];
      const range = {
        low: Math.min(...ends.map((r) => r.low)),
        at: at!.at,
        high: Math.max(...ends.map((r) => r.high)),
      };
      return [{ what, count: range }];
    }
    case "none":
      return undefined;
    default:
      return unreachable(formula);
  }
}

/** A row as an addend of another. */
function partOf(row: PaperRow, as: "printed" | "recomputed", context: Context): Range {
  if (as === "printed") {
    if (row.printed === undefined) throw internalError(`${row.id} is not printed`);
    return scale(readPrinted(row.printed, context.reading), UNITS[row.unit]);
  }
  const terms = termsOf(row, context);
  if (terms === undefined) throw internalError(`${row.id} cannot be recomputed`);
  return total(terms);
}

/** The figure that terms add up to. */
export function total(terms: readonly Term[]): Range {
  return add(terms.map(({ count, price }) => scale(count, price?.joules ?? 1)));
}
