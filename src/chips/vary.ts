import { z } from "zod";
import { DiagnosticError, didYouMean, type Report } from "../diagnostics/index.js";
import { chipDiagnostics } from "./diagnostics.js";
import { parseChip } from "./index.js";
import { layerwiseChipSchema, type LayerwiseChip } from "./layerwise.js";

/** Descriptions that differ from another one in single numbers. */

/** Values of one number of a description, by its path: `lanes`, `memories.weight.bytes`. */
export interface Variation {
  readonly field: string;
  readonly values: readonly number[];
}

/** A range as JSON Schema has it. */
interface Range {
  readonly type?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Range>>;
}

function leaves(schema: Range, path: readonly string[]): [field: string, range: Range][] {
  if (schema.type === "integer" || schema.type === "number") return [[path.join("."), schema]];
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

/** Every number of a description with its legal range, from the schema. */
const NUMBERS: ReadonlyMap<string, Range> = new Map(leaves(z.toJSONSchema(layerwiseChipSchema) as Range, []));

function legalText({ type, minimum, exclusiveMinimum, maximum }: Range): string {
  const from = minimum ?? exclusiveMinimum;
  const least = from === undefined ? "" : minimum === undefined ? ` above ${from}` : ` from ${from}`;
  return `${type === "integer" ? "integers" : "numbers"}${least}${maximum === undefined ? "" : ` to ${maximum}`}`;
}

function isLegal(value: number, { type, minimum, exclusiveMinimum, maximum }: Range): boolean {
  return (
    Number.isFinite(value) &&
    (type !== "integer" || Number.isInteger(value)) &&
    value >= (minimum ?? -Infinity) &&
    value > (exclusiveMinimum ?? -Infinity) &&
    value <= (maximum ?? Infinity)
  );
}

/**
 * Reads `field=v1,v2,…`. Throws a DiagnosticError `chips/vary` where the field is no number of a description, or a value lies
 * outside its legal range.
 */
export function parseVariation(text: string): Variation {
  const fail = (message: string, hint: string): DiagnosticError =>
    new DiagnosticError(chipDiagnostics.make("vary", message, { hint }));
  const equals = text.indexOf("=");
  if (equals < 1) throw fail(`\`${text}\` is no FIELD=VALUE,VALUE,…`, "for example lanes=64,128,256");
  const field = text.slice(0, equals);
  const range = NUMBERS.get(field);
  if (range === undefined)
    throw fail(`\`${field}\` is no number of a chip description`, didYouMean(field, [...NUMBERS.keys()]));
  const texts = text.slice(equals + 1).split(",");
  for (const value of texts) {
    if (value.trim() !== "" && isLegal(Number(value), range)) continue;
    throw fail(`\`${field}\` cannot be \`${value}\``, `legal: ${legalText(range)}`);
  }
  const values = texts.map(Number);
  if (new Set(values).size !== values.length) throw fail(`\`${text}\` gives a value twice`, "leave one of them out");
  return { field, values };
}

/** Every combination of the values of several variations, the last one changing fastest; one empty combination of none. */
export function combinations<V>(
  variations: readonly { readonly field: string; readonly values: readonly V[] }[],
): readonly ReadonlyMap<string, V>[] {
  return variations.reduce<readonly ReadonlyMap<string, V>[]>(
    (all, { field, values }) => all.flatMap((one) => values.map((value) => new Map([...one, [field, value]]))),
    [new Map()],
  );
}

/**
 * The description with other numbers, under a name that says which. Undefined, with a report, where the numbers contradict each
 * other: `chips/bad-field`.
 */
export function varyChip(
  chip: LayerwiseChip,
  numbers: ReadonlyMap<string, number>,
  report: Report,
): LayerwiseChip | undefined {
  if (numbers.size === 0) return chip;
  const name = `${chip.name} ${[...numbers].map(([field, value]) => `${field}=${value}`).join(" ")}`;
  const sources = { ...chip.sources };
  const changed = { ...structuredClone(chip), name, sources } as Record<string, unknown>;
  for (const [field, value] of numbers) {
    const path = field.split(".");
    const last = path.pop()!;
    const holder = path.reduce((inner, key) => inner[key] as Record<string, unknown>, changed);
    holder[last] = value;
    for (const key of Object.keys(sources)) {
      if (field === key || field.startsWith(`${key}.`)) sources[key] = `varied: ${field}; before: ${sources[key]}`;
    }
  }
  return parseChip(JSON.stringify(changed), name, report, "layerwise");
}
