import { readFileSync } from "node:fs";
import type { z } from "zod";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { chipDiagnostics } from "./diagnostics.js";
import { layerwiseChipSchema, type LayerwiseChip } from "./layerwise.js";

export { chipDiagnostics } from "./diagnostics.js";
export { chipFields, type ChipField } from "./fields.js";
export { layerwiseChipSchema, parameterWords, wordBytes, type LayerwiseChip } from "./layerwise.js";

/** Chip descriptions that come with spikec; `<name>.json` beside this file. */
export const BUILT_IN_CHIPS = [
  "layerwise-default",
  "layerwise-int8",
  "layerwise-large",
  "layerwise-small",
  "loas",
  "sata",
  "c-dnn",
  "prosperity",
] as const;

/** Reads a chip description: a built-in name, or the path of a JSON file. One diagnostic per bad field. */
export function readChip(nameOrPath: string, report: Report): LayerwiseChip | undefined {
  const builtIn = (BUILT_IN_CHIPS as readonly string[]).includes(nameOrPath);
  const file = builtIn ? new URL(`./${nameOrPath}.json`, import.meta.url) : nameOrPath;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return report.add(
      chipDiagnostics.make("cannot-read", `cannot read chip description \`${nameOrPath}\`${reason}`, {
        hint: `a path, or a built-in chip; ${didYouMean(nameOrPath, BUILT_IN_CHIPS)}`,
      }),
    );
  }
  return parseChip(text, nameOrPath, report);
}

/** Parses and validates the JSON text of a chip description; `file` is named in diagnostics. */
export function parseChip(text: string, file: string, report: Report): LayerwiseChip | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return report.add(chipDiagnostics.make("not-json", reason, { location: { kind: "file", file } }));
  }
  const result = layerwiseChipSchema.safeParse(value);
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues.flatMap(fields)) {
    const place = `/${path.map(String).join("/")}`;
    report.add(
      chipDiagnostics.make("bad-field", `\`${path.map(String).join(".") || "the description"}\`: ${message}`, {
        location: { kind: "file", file, path: place },
      }),
    );
  }
  return undefined;
}

interface FieldIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** One entry per field: zod joins all unknown keys of an object into one issue. */
function fields(issue: z.core.$ZodIssue): FieldIssue[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: "is no field of a chip description" }));
  }
  return [{ path: issue.path, message: lowerFirst(issue.message) }];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
