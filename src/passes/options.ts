import { didYouMean } from "../diagnostics/index.js";
import type { OptionDefinition, OptionValue, Pass } from "./pass.js";

/** Values of options: what is legal, and how they are written. */

/** Options need of a pass only its name and what it takes. */
export type PassLike = Pick<Pass, "name" | "options">;

/** Says which values an option takes. */
export function describeOption(definition: OptionDefinition): string {
  switch (definition.type) {
    case "int":
      return definition.max === undefined
        ? `an integer of at least ${definition.min}`
        : `an integer in ${definition.min}..${definition.max}`;
    case "number":
      return "a number";
    case "ints":
      return `an integer of at least ${definition.min}, or a list of them like [3,2]`;
    case "numbers":
      return "a number, or a list of them like [0.5,0.25]";
    case "boolean":
      return "true or false";
    case "word":
      return `one of ${definition.oneOf.join(", ")}`;
    case "name":
      return "a name";
  }
}

/** A value or list as it stands in a pipeline, where a number is a list of one; the empty list only occurs as a default. */
export function printOption(value: OptionValue): string {
  if (typeof value !== "object") return String(value);
  if (value.length === 0) return "none";
  return value.length === 1 ? String(value[0]) : `[${value.join(",")}]`;
}

const isInteger = (n: number, min: number, max = Infinity): boolean => Number.isSafeInteger(n) && n >= min && n <= max;

/** Whether an option may have this value. */
export function isLegal(definition: OptionDefinition, value: OptionValue): boolean {
  switch (definition.type) {
    case "int":
      return typeof value === "number" && isInteger(value, definition.min, definition.max);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "ints":
      return typeof value === "object" && value.length > 0 && value.every((n) => isInteger(n, definition.min));
    case "numbers":
      return typeof value === "object" && value.length > 0 && value.every(Number.isFinite);
    case "boolean":
      return typeof value === "boolean";
    case "word":
      return typeof value === "string" && definition.oneOf.includes(value);
    case "name":
      return typeof value === "string";
  }
}

function readNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
}

/** The value of an option from its text, or that of a list from several; undefined where it is not legal. */
export function readOption(
  definition: OptionDefinition,
  texts: readonly string[],
  list: boolean,
): OptionValue | undefined {
  const value = valueOf(definition.type, texts, list);
  return value !== undefined && isLegal(definition, value) ? value : undefined;
}

function valueOf(type: OptionDefinition["type"], texts: readonly string[], list: boolean): OptionValue | undefined {
  if (type === "ints" || type === "numbers") return texts.map(readNumber);
  const [text] = texts;
  if (list || text === undefined) return undefined;
  switch (type) {
    case "int":
    case "number":
      return readNumber(text);
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : undefined;
    case "word":
    case "name":
      return text;
  }
}

/** What is wrong with giving a pass this option, or nothing. */
export function optionFault(
  pass: PassLike,
  name: string,
  legal: (definition: OptionDefinition) => boolean,
  got: string,
): { readonly code: "unknown-option" | "option"; readonly message: string; readonly hint?: string } | undefined {
  const definition = Object.hasOwn(pass.options, name) ? pass.options[name] : undefined;
  if (definition === undefined) {
    const names = Object.keys(pass.options);
    const hint = names.length === 0 ? "it takes no options" : didYouMean(name, names);
    const message = `\`${pass.name}\` has no option \`${name}\``;
    return hint === undefined ? { code: "unknown-option", message } : { code: "unknown-option", message, hint };
  }
  if (legal(definition)) return undefined;
  return { code: "option", message: `\`${name}\` expects ${describeOption(definition)}, got \`${got}\`` };
}
