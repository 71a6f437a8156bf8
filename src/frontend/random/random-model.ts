import { didYouMean, reporting, type Report } from "../../diagnostics/index.js";
import { verifyNet } from "../../ir/index.js";
import type { Checkpoint } from "../formats/index.js";
import { findModel, type ImportedModel } from "../import-model.js";
import { MODELS, resolveSettings, type Configuration, type Model } from "../models/index.js";
import { randomDiagnostics } from "./diagnostics.js";
import { officialInitialisation } from "./initialise.js";

export interface RandomOptions {
  readonly seed: number;
  /** May be left out where `config` names an architecture's configuration. */
  readonly arch?: string | undefined;
  /** A published configuration. */
  readonly config?: string | undefined;
  /** `--set name=value`. */
  readonly overrides?: ReadonlyMap<string, string>;
}

const EMPTY: Checkpoint = {
  tensors: new Map(),
  config: new Map(),
  metadata: new Map(),
  container: "random",
  ignored: [],
};

/** The architecture of the options, and the configuration if one is named. */
function choose(
  { arch, config }: RandomOptions,
  report: Report,
): { readonly model: Model; readonly configuration?: Configuration } | undefined {
  const named = arch === undefined ? undefined : findModel(arch, report);
  if (arch !== undefined && named === undefined) return undefined;
  if (config === undefined) {
    if (named !== undefined) return { model: named };
    const hint = `add --arch ${MODELS.map(({ name }) => name).join(" or --arch ")}, or --config`;
    return report.add(
      randomDiagnostics.make("arch-needed", "a seed does not say which architecture is meant", { hint }),
    );
  }
  const candidates = named === undefined ? MODELS : [named];
  for (const model of candidates) {
    const configuration = model.configurations.find(({ name }) => name === config);
    if (configuration !== undefined) return { model, configuration };
  }
  const names = candidates.flatMap(({ configurations }) => configurations.map(({ name }) => name));
  const of = named === undefined ? "" : ` of \`${named.name}\``;
  const hint = `${didYouMean(config, names)}; known: ${names.join(", ")}`;
  return report.add(randomDiagnostics.make("config", `no configuration \`${config}\`${of}`, { hint }));
}

/** Builds the net of an architecture with the official initialisation drawn from a seed, and the checkpoint it stands for. */
export function randomModel(options: RandomOptions, report: Report): ImportedModel | undefined {
  const chosen = choose(options, report);
  if (chosen === undefined) return undefined;
  const { model, configuration } = chosen;
  const sources = {
    overrides: options.overrides ?? new Map<string, string>(),
    config: new Map(),
    ...(configuration === undefined ? {} : { configuration: configuration.settings }),
  };
  const settings = resolveSettings(model.settings, EMPTY, sources, report);
  if (settings === undefined) return undefined;
  const make = officialInitialisation(options.seed);
  const built = reporting(report, () => model.build(EMPTY, `seed ${options.seed}`, settings, report, make));
  if (built === undefined) return undefined;
  for (const diagnostic of verifyNet(built.net)) report.add(diagnostic);
  if (report.failed) return undefined;
  return { net: built.net, model, settings, checkpoint: { ...EMPTY, tensors: built.made }, unused: built.unused };
}
