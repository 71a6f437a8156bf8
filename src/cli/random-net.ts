import type { Report } from "../diagnostics/index.js";
import { readInputs } from "../frontend/inputs/index.js";
import type { ImportedModel } from "../frontend/import-model.js";
import type { Calibration } from "../frontend/random/calibrate.js";
import { calibrateModel, randomModel } from "../frontend/random/random-model.js";
import { readRates } from "../frontend/random/rates.js";
import { netInputs } from "../validate/replay.js";
import type { ModelOptions } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { Progress } from "./progress.js";
import { table } from "./text.js";

/** A model made from a seed, with what calibration reached if rates were asked for. */
export interface RandomNet {
  readonly model: ImportedModel;
  readonly calibration?: Calibration;
}

/** Makes the model of the options; see `withModelOptions`. Warns of one that nothing makes fire. */
export function makeRandomNet(options: ModelOptions, report: Report, progress: Progress): RandomNet | undefined {
  const { randomInit: seed = 0, arch, config, set, rates: table, ratesImages, ratesTolerance: tolerance } = options;
  const model = randomModel({ seed, arch, config, overrides: set }, report);
  const rates = table === undefined ? undefined : readRates(table, report);
  if (model === undefined || report.failed) return undefined;
  if (rates === undefined) {
    const message = `seed ${seed} gives weights, and nothing sets how often neurons fire: the network may be silent`;
    const hint =
      "set firing rates with --rates, for example --rates 0.15, before counts, cycles or energy mean anything";
    report.add(cliDiagnostics.make("no-rates", message, { hint }));
    return { model };
  }
  const images = ratesImages === undefined ? undefined : readInputs(ratesImages, report, { limit: 1 });
  if (report.failed) return undefined;
  const input = images === undefined ? undefined : [...netInputs(model.net, images.data, 0).values()][0];
  const settings = {
    seed,
    ...(input === undefined ? {} : { input }),
    ...(tolerance === undefined ? {} : { tolerance }),
    onOp: () => progress.step(),
  };
  progress.start(model.net.ops.length, "ops calibrated");
  const calibrated = calibrateModel(model, rates, settings, report);
  progress.stop();
  return calibrated === undefined ? undefined : { model: calibrated, calibration: calibrated.calibration };
}

/** Whether the net comes from a file or from a seed; exactly one of them has to be given. */
export function checkSource(file: string | undefined, options: ModelOptions, report: Report): boolean {
  const seeded = options.randomInit !== undefined;
  if (file === undefined && !seeded) {
    const hint = "name a checkpoint or IR text, or make a network with --random-init SEED --arch NAME";
    report.add(cliDiagnostics.make("model-source", "there is neither a file nor --random-init", { hint }));
  } else if (file !== undefined && seeded) {
    const hint = "leave out one of them";
    report.add(cliDiagnostics.make("model-source", `both \`${file}\` and --random-init are given`, { hint }));
  }
  return !report.failed;
}

function show(rates: readonly number[]): string {
  return rates.map((rate) => rate.toFixed(4)).join(" ");
}

/** The largest difference of the rates of a layer at one timestep. */
function furthestTimestep(reached: readonly number[], wanted: readonly number[]): number {
  return Math.max(...reached.map((rate, t) => Math.abs(rate - (wanted[t] ?? 0))));
}

/** Rates reached beside the wanted ones, per timestep. */
export function ratesText({ layers }: Calibration): string {
  return table([
    ["layer", "rates reached per timestep", "wanted", "furthest"],
    ...layers.map(({ layer, reached, wanted = [] }) => [
      layer,
      show(reached),
      show(wanted),
      wanted.length === 0 ? "" : furthestTimestep(reached, wanted).toFixed(4),
    ]),
  ]);
}

/** The worst deviations, in one line. */
export function ratesSummary({ layers }: Calibration): string {
  const mean = (rates: readonly number[]): number => rates.reduce((a, b) => a + b, 0) / rates.length;
  const held = layers.flatMap(({ layer, reached, wanted }) =>
    wanted === undefined ? [] : [{ layer, reached, wanted }],
  );
  const worst = (of: (row: (typeof held)[number]) => number) =>
    held.map((row) => ({ layer: row.layer, off: of(row) })).sort((a, b) => b.off - a.off)[0];
  const overTime = worst(({ reached, wanted }) => Math.abs(mean(reached) - mean(wanted)));
  const perStep = worst(({ reached, wanted }) => furthestTimestep(reached, wanted));
  if (overTime === undefined || perStep === undefined) return "rates: no layer has a wanted rate";
  return (
    `rates: ${held.length} layers calibrated; furthest mean over time ${overTime.off.toFixed(4)} at ${overTime.layer}, ` +
    `furthest single timestep ${perStep.off.toFixed(4)} at ${perStep.layer}`
  );
}
