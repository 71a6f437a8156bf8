import { readFileSync } from "node:fs";
import type { z } from "zod";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { chipDiagnostics } from "./diagnostics.js";
import { layerwiseChipSchema, type LayerwiseChip } from "./layerwise.js";
import { loihiChipSchema, type LoihiChip } from "./loihi.js";

export { chipDiagnostics } from "./diagnostics.js";
export { chipFields, type ChipField } from "./fields.js";
export { layerwiseChipSchema, parameterWords, wordBytes, type LayerwiseChip } from "./layerwise.js";
export { loihiChipSchema, type LoihiChip, type SynapseFormat } from "./loihi.js";

/** A description of any kind of chip; `target` says which. */
export type Chip = LayerwiseChip | LoihiChip;
export type Target = Chip["target"];
type ChipOf<T extends Target> = Extract<Chip, { target: T }>;

/** Chip descriptions that come with spikec; `<name>.json` beside this file. */
export const LAYERWISE_CHIPS = [
  "layerwise-default",
  "layerwise-int8",
  "layerwise-large",
  "layerwise-small",
  "loas",
  "sata",
  "c-dnn",
  "prosperity",
] as const;
export const LOIHI_CHIPS = [
  "loihi1",
  "loihi2",
  "loihi2-2x1",
  "loihi1+attention",
  "loihi1+attention-4x1",
  "loihi-teaching",
  "truenorth-grid",
] as const;
export const BUILT_IN_CHIPS = [...LAYERWISE_CHIPS, ...LOIHI_CHIPS] as const;

const SCHEMAS = { layerwise: layerwiseChipSchema, loihi: loihiChipSchema } satisfies Record<Target, z.ZodType>;
const TARGETS = Object.keys(SCHEMAS) as readonly Target[];

/**
 * Reads a chip description: a built-in name, or the path of a JSON file. One diagnostic per bad field. With a target: a chip of
 * another one is `chips/wrong-target`.
 */
export function readChip(nameOrPath: string, report: Report): Chip | undefined;
export function readChip<T extends Target>(nameOrPath: string, report: Report, target: T): ChipOf<T> | undefined;
export function readChip(nameOrPath: string, report: Report, target?: Target): Chip | undefined {
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
  return target === undefined ? parseChip(text, nameOrPath, report) : parseChip(text, nameOrPath, report, target);
}

/** Parses and validates the JSON text of a chip description; `file` is named in diagnostics. */
export function parseChip(text: string, file: string, report: Report): Chip | undefined;
export function parseChip<T extends Target>(
  text: string,
  file: string,
  report: Report,
  target: T,
): ChipOf<T> | undefined;
export function parseChip(text: string, file: string, report: Report, target?: Target): Chip | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return report.add(chipDiagnostics.make("not-json", reason, { location: { kind: "file", file } }));
  }
  const own = targetOf(value);
  if (own === undefined) {
    const message = `\`target\`: must be one of ${TARGETS.join(", ")}`;
    return report.add(
      chipDiagnostics.make("bad-field", message, { location: { kind: "file", file, path: "/target" } }),
    );
  }
  if (target !== undefined && own !== target) {
    return report.add(
      chipDiagnostics.make("wrong-target", `\`${file}\` describes a chip of target ${own}, ${target} is needed`, {
        location: { kind: "file", file, path: "/target" },
        hint: `chips of that target: ${(target === "loihi" ? LOIHI_CHIPS : LAYERWISE_CHIPS).join(", ")}`,
      }),
    );
  }
  const result = SCHEMAS[own].safeParse(value);
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

/** What chooses the schema of a description. */
function targetOf(value: unknown): Target | undefined {
  const target = typeof value === "object" && value !== null && "target" in value ? value.target : undefined;
  return TARGETS.find((each) => each === target);
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
