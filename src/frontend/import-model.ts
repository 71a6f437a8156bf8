import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { didYouMean, reporting, type Report } from "../diagnostics/index.js";
import { verifyNet, type Net } from "../ir/index.js";
import { readCheckpointFile, type Checkpoint, type ConfigValue } from "./formats/index.js";
import { MODELS, modelDiagnostics, resolveSettings, type Model, type Settings } from "./models/index.js";

const CONFIG_LIMIT_BYTES = 1 << 20;

export interface ImportOptions {
  readonly arch: string;
  /** `--set name=value`. */
  readonly overrides?: ReadonlyMap<string, string>;
}

export interface ImportedModel {
  readonly net: Net;
  readonly model: Model;
  readonly settings: Settings;
  readonly checkpoint: Checkpoint;
  /** The config file beside the checkpoint, if it was used. */
  readonly configFile?: string;
  readonly unused: readonly string[];
}

/** Hyperparameters of a `config.json` beside the checkpoint: its top level, or its `hyperparameters` object. */
function readConfigBeside(path: string, report: Report): { file?: string; values: Map<string, ConfigValue> } {
  const file = join(dirname(path), "config.json");
  const values = new Map<string, ConfigValue>();
  if (!existsSync(file)) return { values };
  const location = { kind: "file", file } as const;
  try {
    if (statSync(file).size > CONFIG_LIMIT_BYTES) throw new Error("it is larger than 1 MiB");
    const json: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (!isRecord(json)) throw new Error("it is not a JSON object");
    const inner = json["hyperparameters"];
    for (const [name, value] of Object.entries(isRecord(inner) ? inner : json)) {
      if (value === null || ["string", "number", "boolean"].includes(typeof value))
        values.set(name, value as ConfigValue);
    }
    return { file, values };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    report.add(
      modelDiagnostics.make("config", `the config file cannot be read: ${reason}`, {
        location,
        hint: "mend it, or move it away",
      }),
    );
    return { values };
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function findModel(arch: string, report: Report): Model | undefined {
  const model = MODELS.find((m) => m.name === arch);
  if (model !== undefined) return model;
  const hint = didYouMean(
    arch,
    MODELS.map((m) => m.name),
  );
  return report.add(modelDiagnostics.make("unknown-arch", `no architecture \`${arch}\``, { hint }));
}

/** Reads a checkpoint file and builds the net of an architecture from it; everything wrong is reported at once. */
export function importModel(path: string, options: ImportOptions, report: Report): ImportedModel | undefined {
  const model = findModel(options.arch, report);
  if (model === undefined) return undefined;
  const checkpoint = readCheckpointFile(path, report);
  if (checkpoint === undefined) return undefined;
  const config = readConfigBeside(path, report);
  if (report.failed) return undefined;
  const sources = { overrides: options.overrides ?? new Map(), config: config.values };
  const settings = resolveSettings(model.settings, checkpoint, sources, report);
  if (settings === undefined) return undefined;
  const built = reporting(report, () => model.build(checkpoint, path, settings, report));
  if (built === undefined) return undefined;
  for (const diagnostic of verifyNet(built.net)) report.add(diagnostic);
  if (report.failed) return undefined;
  return {
    net: built.net,
    model,
    settings,
    checkpoint,
    unused: built.unused,
    ...(config.file === undefined ? {} : { configFile: config.file }),
  };
}
