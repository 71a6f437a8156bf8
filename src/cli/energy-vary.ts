import { combinations } from "../chips/vary.js";
import type { Report } from "../diagnostics/index.js";
import { builtInTables, readEnergyTable, type EnergyTable } from "../energy/index.js";
import {
  applyConvention,
  countParameters,
  peakRate,
  scaleRates,
  tableOfWidth,
  type Convention,
  type ConventionResult,
  type Work,
} from "../energy/network.js";
import type { RateTable } from "../frontend/random/rates.js";
import type { Net } from "../ir/index.js";
import type { Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { AXES, parseAxes, type Axis, type VaryOptions } from "./energy-axes.js";
import {
  chosenConventions,
  measureWork,
  published,
  readEnergyInputs,
  type EnergyModelOptions,
  type PublishedNet,
} from "./energy-model.js";
import { comboText, printWhatIfs, type Combination, type WhatIf } from "./energy-vary-text.js";
import { checkOutput, pathsRead } from "./files.js";
import { loadNet } from "./load-net.js";
import { Progress } from "./progress.js";
import { selectTokens, tokensOf } from "./token-sweep.js";

/** `spikec energy … --vary`: the energy of one network under every combination of what-ifs, without training. */

export interface EnergyVaryOptions extends EnergyModelOptions, VaryOptions {
  readonly table: readonly string[];
}

function refuse(message: string, hint: string, report: Report): undefined {
  return report.add(cliDiagnostics.make("what-if", message, { hint }));
}

/** The options that build the model with the timesteps and the chunk of a combination. */
function withSettings<O extends EnergyModelOptions>(options: O, combination: Combination): O {
  const settings = (["timesteps", "chunk"] as const).flatMap((name): [string, string][] => {
    const value = combination.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return { ...options, set: new Map([...options.set, ...settings]) };
}

/** The net of a combination: built anew, with fewer tokens where it says so. */
async function buildNet(
  file: string | undefined,
  options: EnergyVaryOptions,
  combination: Combination,
  report: Report,
  io: Io,
): Promise<Net | undefined> {
  const net = await loadNet(file, withSettings(options, combination), report, io);
  if (net === undefined || report.failed) return undefined;
  if (combination.has("chunk") && !net.ops.some((op) => "chunk" in op.attrs))
    return refuse("the network has no attention over chunks", "leave `chunk` out of --vary", report);
  const k = combination.get("k");
  if (k === undefined) return net;
  const how = { cue: "rate" };
  if (tokensOf(net, how) === undefined)
    return refuse("the network has no place where tokens can be selected", "leave `k` out of --vary", report);
  return k === "all" ? net : selectTokens(net, { k: Number(k) }, how, report);
}

/** Rates at the first timesteps of a table. */
function firstTimesteps(rates: RateTable | number, timesteps: number, report: Report): RateTable | number | undefined {
  if (typeof rates === "number") return rates;
  const layers: Record<string, number | number[]> = {};
  for (const [name, mine] of Object.entries(rates.layers)) {
    if (typeof mine !== "number" && mine.length < timesteps) {
      const hint = `vary \`timesteps\` up to ${mine.length}`;
      const message = `\`${name}\` has rates of ${mine.length} timesteps, too few for ${timesteps}`;
      return refuse(message, hint, report);
    }
    layers[name] = typeof mine === "number" ? mine : mine.slice(0, timesteps);
  }
  return { ...rates, layers };
}

/** The networks of all combinations that are other networks, by what tells them apart. All are built before one is evaluated. */
async function networks(
  file: string | undefined,
  axes: readonly Axis[],
  options: EnergyVaryOptions,
  report: Report,
  io: Io,
): Promise<ReadonlyMap<string, PublishedNet> | undefined> {
  const different = combinations(axes.filter(({ field }) => AXES[field].rebuilds));
  const failed = (combination: Combination): undefined =>
    combination.size === 0
      ? undefined
      : refuse(`there is no network with ${comboText(combination)}`, "leave that value out of --vary", report);
  const { fromRates } = options;
  if (fromRates !== undefined) {
    const made = new Map<string, PublishedNet>();
    for (const combination of different) {
      const timesteps = combination.get("timesteps");
      const one = published(file, { ...withSettings(options, combination), fromRates }, report, (rates) =>
        timesteps === undefined ? rates : firstTimesteps(rates, Number(timesteps), report),
      );
      if (one === undefined) return failed(combination);
      made.set(comboText(combination), one);
    }
    return made;
  }
  const inputs = readEnergyInputs(options, report);
  if (inputs === undefined) return undefined;
  const nets = new Map<string, Net>();
  for (const combination of different) {
    const net = await buildNet(file, options, combination, report, io);
    if (net === undefined || report.failed) return failed(combination);
    nets.set(comboText(combination), net);
  }
  const progress = new Progress(io);
  progress.start(nets.size * (inputs.data.shape[0] ?? 0), "samples");
  const step = (): void => progress.step();
  const made = [...nets].map(([key, net]): [string, PublishedNet] => [
    key,
    { net, work: measureWork(net, inputs, options.integers, step) },
  ]);
  progress.stop();
  return new Map(made);
}

/** Axes that the subject does not have. */
function checkSubject(
  file: string | undefined,
  axes: readonly Axis[],
  options: EnergyVaryOptions,
  report: Report,
): void {
  const has = (field: Axis["field"]): boolean => axes.some((axis) => axis.field === field);
  if (options.fromRates !== undefined && has("k")) {
    const hint = "evaluate a network (--input), or leave `k` out of --vary";
    refuse("rates of neurons do not say which tokens fire, so `k` cannot be varied", hint, report);
  }
  const settings = (["timesteps", "chunk"] as const).filter(has);
  if (file?.endsWith(".snn") === true && settings.length > 0) {
    const names = settings.map((name) => `\`${name}\``).join(" and ");
    refuse(`\`${file}\` is complete: ${names} cannot be varied`, "start from the checkpoint", report);
  }
}

/** The table of each name that is varied, or of each width; else the one table of the options. Undefined where one cannot be read. */
function tables(
  axes: readonly Axis[],
  base: EnergyTable,
  report: Report,
): ((combination: Combination) => EnergyTable) | undefined {
  const read = new Map<string, EnergyTable>();
  for (const { field, values } of axes) {
    if (field !== "table" && field !== "bits") continue;
    for (const value of values) {
      const found = field === "table" ? readEnergyTable(value, report) : tableOfWidth(value, builtInTables());
      if (found !== undefined) read.set(value, found);
    }
  }
  if (report.failed) return undefined;
  return (combination) => read.get(combination.get("table") ?? combination.get("bits") ?? "") ?? base;
}

/** No neuron fires more than once per timestep. */
function checkRates(works: readonly Work[], axes: readonly Axis[], report: Report): void {
  const largest = Math.max(1, ...axes.flatMap(({ field, values }) => (field === "rate" ? values.map(Number) : [])));
  const peaks = works.map(peakRate).sort((a, b) => b.rate - a.rate);
  const [peak] = peaks;
  if (peak === undefined || largest === 1 || largest * peak.rate <= 1) return;
  const limit = Math.floor(1000 / peak.rate) / 1000;
  const message = `rate = ${largest} makes ${peak.where} fire at a rate of ${(largest * peak.rate).toFixed(3)} at a timestep, and no rate is above 1`;
  refuse(message, `use rates up to ${limit}`, report);
}

/** Undefined, with a report, where a convention needs what this network's activity does not have. */
function whatIf(
  combination: Combination,
  { net, work }: PublishedNet,
  table: EnergyTable,
  conventions: readonly Convention[],
  report: Report,
): WhatIf | undefined {
  const rate = combination.get("rate");
  const mine = rate === undefined ? work : scaleRates(work, Number(rate));
  const results: ConventionResult[] = [];
  for (const convention of conventions) {
    const result = applyConvention(convention, mine, table, report);
    if (result === undefined) {
      const message = `\`${convention.name}\` has no figure for ${comboText(combination)}`;
      return refuse(message, "name other conventions with --convention", report);
    }
    results.push(result);
  }
  const { timesteps, samples } = work.activity;
  const uncounted = work.counts?.uncounted ?? [];
  return { combination, table, parameters: countParameters(net), timesteps, samples, results, uncounted };
}

/** Prices every combination, writes and prints. */
export async function energyVaried(
  file: string | undefined,
  options: EnergyVaryOptions,
  base: EnergyTable,
  report: Report,
  io: Io,
): Promise<void> {
  const axes = parseAxes(options.vary, report);
  const byDefault = options.fromRates === undefined ? ["event", "statten"] : ["statten"];
  const conventions = chosenConventions(options, report, byDefault);
  if (axes === undefined || report.failed) return;
  const { csv, plot } = options;
  const tableFiles = [...options.table, ...axes.flatMap(({ field, values }) => (field === "table" ? values : []))];
  const read = [...pathsRead(file, { ...options, csv: undefined, plot: undefined }), ...tableFiles];
  if (csv !== undefined) checkOutput(csv, read);
  if (plot !== undefined) checkOutput(plot, csv === undefined ? read : [...read, csv]);
  checkSubject(file, axes, options, report);
  const tableOf = tables(axes, base, report);
  if (tableOf === undefined || report.failed) return;
  const made = await networks(file, axes, options, report, io);
  if (made === undefined || report.failed) return;
  checkRates(
    [...made.values()].map(({ work }) => work),
    axes,
    report,
  );
  if (report.failed) return;
  const whatIfs: WhatIf[] = [];
  for (const combination of combinations(axes)) {
    const different = new Map([...combination].filter(([field]) => AXES[field as Axis["field"]].rebuilds));
    const found = made.get(comboText(different))!;
    const one = whatIf(combination, found, tableOf(combination), conventions, report);
    if (one === undefined) return;
    whatIfs.push(one);
  }
  await printWhatIfs({ axes, conventions, whatIfs }, options, io);
}
