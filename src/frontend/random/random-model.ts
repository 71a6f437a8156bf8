import { didYouMean, internalError, reporting, type Report } from "../../diagnostics/index.js";
import { netTimesteps, verifyNet } from "../../ir/index.js";
import type { Checkpoint } from "../formats/index.js";
import { findModel, type ImportedModel } from "../import-model.js";
import { elements } from "../../math/tensor.js";
import { MODELS, resolveSettings, type Configuration, type MakeTensor, type Model } from "../models/index.js";
import { calibrate, type Calibration, type CalibrationOptions } from "./calibrate.js";
import { noiseInput } from "./noise.js";
import { randomDiagnostics } from "./diagnostics.js";
import { officialInitialisation } from "./initialise.js";
import { wantedRates, type RateTable } from "./rates.js";

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
  { arch, config }: Omit<RandomOptions, "seed">,
  report: Report,
): { readonly model: Model; readonly configuration?: Configuration } | undefined {
  const named = arch === undefined ? undefined : findModel(arch, report);
  if (arch !== undefined && named === undefined) return undefined;
  if (config === undefined) {
    if (named !== undefined) return { model: named };
    const hint = `add --arch ${MODELS.map(({ name }) => name).join(" or --arch ")}, or --config`;
    return report.add(randomDiagnostics.make("arch-needed", "nothing says which architecture is meant", { hint }));
  }
  const candidates = named === undefined ? MODELS : [named];
  for (const model of candidates) {
    const configuration = model.configurations.find(({ name }) => name === config);
    if (configuration !== undefined) return { model, configuration };
  }
  const names = candidates.flatMap(({ configurations }) => configurations.map(({ name }) => name));
  const of = named === undefined ? "" : ` of \`${named.name}\``;
  const hint = didYouMean(config, names);
  return report.add(randomDiagnostics.make("config", `no configuration \`${config}\`${of}`, { hint }));
}

export interface CalibratedModel extends ImportedModel {
  readonly calibration: Calibration;
}

/**
 * Sets the batch norms of a random model so that its layers have the rates of a table on the first sample of `inputs`, or on a
 * picture of noise drawn from the seed. A number as table is the rate of every layer with a batch norm of its own.
 */
export function calibrateModel(
  model: ImportedModel,
  rates: RateTable | number,
  options: Pick<CalibrationOptions, "seed" | "tolerance" | "onOp"> & { readonly input?: ArrayLike<number> },
  report: Report,
): CalibratedModel | undefined {
  const [input] = model.net.inputs;
  if (input === undefined) throw internalError("a model without an input");
  const wanted = wantedRates(rates, model.net, netTimesteps(model.net), report);
  if (wanted === undefined) return undefined;
  const data = options.input ?? noiseInput(input.type, options.seed);
  const settings = { ...options, wanted, ownOnly: typeof rates === "number" };
  const calibration = calibrate(model.net, new Map([[input.name, data]]), settings, report);
  if (report.failed) return undefined;
  const tensors = new Map(model.checkpoint.tensors);
  for (const [name, set] of calibration.changed) tensors.set(name, { dtype: "f32", shape: [set.length], data: set });
  return { ...model, net: calibration.net, checkpoint: { ...model.checkpoint, tensors }, calibration };
}

/** Builds the net of an architecture with the official initialisation drawn from a seed, and the checkpoint it stands for. */
export function randomModel(options: RandomOptions, report: Report): ImportedModel | undefined {
  return madeModel(options, `seed ${options.seed}`, officialInitialisation(options.seed), report);
}

/** The net of an architecture for its shapes alone: all parameters are 1 and share one array, so nothing is drawn. */
export function shapeModel(options: Omit<RandomOptions, "seed">, report: Report): ImportedModel | undefined {
  let ones = new Float32Array(0);
  const make: MakeTensor = (_name, shape) => {
    const n = elements(shape);
    if (n > ones.length) ones = new Float32Array(n).fill(1);
    return { dtype: "f32", shape, data: ones.subarray(0, n) };
  };
  return madeModel(options, "shapes", make, report);
}

function madeModel(
  options: Omit<RandomOptions, "seed">,
  file: string,
  make: MakeTensor,
  report: Report,
): ImportedModel | undefined {
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
  const built = reporting(report, () => model.build(EMPTY, file, settings, report, make));
  if (built === undefined) return undefined;
  for (const diagnostic of verifyNet(built.net)) report.add(diagnostic);
  if (report.failed) return undefined;
  return { net: built.net, model, settings, checkpoint: { ...EMPTY, tensors: built.made }, unused: built.unused };
}
