import { didYouMean, type Report } from "../../diagnostics/index.js";
import type { Checkpoint, ConfigValue } from "../formats/index.js";
import { modelDiagnostics } from "./diagnostics.js";

/**
 * Settings complete what tensor shapes cannot say. Each comes from the first source that has it: `--set`, `--config`, a config file beside the
 * checkpoint, the checkpoint's saved arguments, tensor shapes, the architecture's default. `inspect` shows which.
 */

export type SettingValue = number | boolean | string;
export type SettingOrigin = "--set" | "--config" | "config file" | "checkpoint args" | "tensor shapes" | "default";

export interface SettingDefinition {
  readonly name: string;
  readonly doc: string;
  readonly type: "int" | "boolean" | "word";
  /** Names of the same thing in training arguments and config files. */
  readonly aliases: readonly string[];
  readonly oneOf?: readonly string[];
  /** Largest legal integer: far above any network, far below what would exhaust memory. */
  readonly max?: number;
  readonly default?: SettingValue;
  /** Reads it from tensors. */
  readonly infer?: (tensors: Checkpoint["tensors"]) => SettingValue | undefined;
}

export interface Setting {
  readonly value: SettingValue;
  readonly origin: SettingOrigin;
}

export type SettingSources = {
  readonly overrides: ReadonlyMap<string, string>;
  readonly config: ReadonlyMap<string, ConfigValue>;
  /** Settings of a published configuration, by their own names. */
  readonly configuration?: Readonly<Record<string, SettingValue>>;
};

const MAX_INT = 65_536;

/** Resolved settings of one import, with typed access. */
export class Settings {
  constructor(readonly entries: ReadonlyMap<string, Setting>) {}

  int(name: string): number {
    return Number(this.entries.get(name)?.value ?? 0);
  }

  flag(name: string): boolean {
    return this.entries.get(name)?.value === true;
  }

  word(name: string): string {
    return String(this.entries.get(name)?.value ?? "");
  }
}

function convert(definition: SettingDefinition, raw: ConfigValue): SettingValue | undefined {
  switch (definition.type) {
    case "int": {
      const n = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
      return typeof n === "number" && Number.isInteger(n) && n > 0 && n <= (definition.max ?? MAX_INT) ? n : undefined;
    }
    case "boolean":
      if (typeof raw === "boolean") return raw;
      return raw === "true" ? true : raw === "false" ? false : undefined;
    case "word": {
      const text = String(raw);
      if (definition.oneOf === undefined) return text;
      return definition.oneOf.find((word) => word.toLowerCase() === text.toLowerCase());
    }
  }
}

function expected(definition: SettingDefinition): string {
  if (definition.type === "int") return `an integer in 1..${definition.max ?? MAX_INT}`;
  if (definition.oneOf !== undefined) return definition.oneOf.join(" or ");
  return definition.type === "boolean" ? "true or false" : "a word";
}

function lookUp(definition: SettingDefinition, values: ReadonlyMap<string, ConfigValue>): ConfigValue | undefined {
  for (const name of [definition.name, ...definition.aliases]) {
    const value = values.get(name);
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

/** Resolves all settings; reports unknown overrides, illegal values and settings that no source has. */
export function resolveSettings(
  definitions: readonly SettingDefinition[],
  checkpoint: Checkpoint,
  sources: SettingSources,
  report: Report,
): Settings | undefined {
  const before = report.errors.length;
  const names = definitions.map((d) => d.name);
  for (const name of sources.overrides.keys()) {
    if (definitions.some((d) => d.name === name || d.aliases.includes(name))) continue;
    report.add(modelDiagnostics.make("unknown-setting", `no setting \`${name}\``, { hint: didYouMean(name, names) }));
  }
  const entries = new Map<string, Setting>();
  for (const definition of definitions) {
    const candidates: readonly (readonly [SettingOrigin, ConfigValue | undefined])[] = [
      ["--set", lookUp(definition, sources.overrides)],
      ["--config", sources.configuration?.[definition.name]],
      ["config file", lookUp(definition, sources.config)],
      ["checkpoint args", lookUp(definition, checkpoint.config)],
      ["tensor shapes", definition.infer?.(checkpoint.tensors)],
      ["default", definition.default],
    ];
    const found = candidates.find(([, value]) => value !== undefined);
    if (found === undefined) {
      const hint = `--set ${definition.name}=…: ${definition.doc}`;
      const why = checkpoint.tensors.size === 0 ? "is not given" : "cannot be read from the checkpoint";
      report.add(modelDiagnostics.make("missing-setting", `\`${definition.name}\` ${why}`, { hint }));
      continue;
    }
    const [origin, raw] = found;
    const value = convert(definition, raw ?? null);
    if (value === undefined) {
      const message = `\`${definition.name}\` expects ${expected(definition)}, got ${String(raw)} (from ${origin})`;
      report.add(modelDiagnostics.make("setting", message));
      continue;
    }
    const inferred = definition.infer?.(checkpoint.tensors);
    if (inferred !== undefined && inferred !== value) {
      const message = `\`${definition.name}\` is ${String(value)} (from ${origin}), but the tensors have ${String(inferred)}`;
      report.add(modelDiagnostics.make("setting", message));
      continue;
    }
    entries.set(definition.name, { value, origin });
  }
  return report.errors.length > before ? undefined : new Settings(entries);
}
