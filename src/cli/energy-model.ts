import { InvalidArgumentError, type Command } from "commander";
import { didYouMean, type Report } from "../diagnostics/index.js";
import type { EnergyTable } from "../energy/index.js";
import {
  ActivityMeter,
  applyConvention,
  compareWithAnn,
  conventionOf,
  CONVENTIONS,
  EventCounter,
  layersOf,
  publishedActivity,
  type AnnComparison,
  type Convention,
  type ConventionResult,
  type IntegerRule,
  type Layer,
  type Work,
} from "../energy/network.js";
import { readInputs, type InputSet, type NormalisationName } from "../frontend/inputs/index.js";
import { shapeModel } from "../frontend/random/random-model.js";
import { readRates, sharedLayers, wantedRates, type RateTable } from "../frontend/random/rates.js";
import { evaluate, netTimesteps, type Evaluation, type Net } from "../ir/index.js";
import { netInputs } from "../validate/replay.js";
import type { Io, ModelOptions } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { joulesText } from "./energy-text.js";
import { normalisation, withLimit, withPictureOptions } from "./inputs.js";
import { loadNet } from "./load-net.js";
import { isGiven, onlyWith, refuseWithoutEffect } from "./no-effect.js";
import { withInputFor } from "./options.js";
import { Progress } from "./progress.js";
import { count, percent, si, table as columns } from "./text.js";

/** `spikec energy` of a network: evaluated on inputs, or from published firing rates; each convention beside the others. */

export interface EnergyModelOptions extends ModelOptions {
  readonly input?: string;
  readonly fromRates?: string;
  readonly limit?: number;
  readonly normalise?: NormalisationName;
  readonly pad?: number;
  readonly convention?: readonly string[];
  readonly integers: IntegerRule;
  readonly ann?: boolean;
  /** Rows of one layer, or of all. */
  readonly explain?: string | true;
  readonly json?: boolean;
}

function names(text: string): readonly string[] {
  return text.split(",").map((name) => name.trim());
}

function integerRule(text: string): IntegerRule {
  if (text === "counts" || text === "bits") return text;
  throw new InvalidArgumentError("expected counts or bits");
}

const MODEL_ONLY = ["--set", "--convention", "--integers", "--ann"];
const READING = ["--limit", "--normalise", "--pad"];

/** Options of `energy` that are about networks; `withModelOptions` has where they come from. */
export function withEnergyModelOptions(command: Command): Command {
  const all = CONVENTIONS.map(({ name }) => name).join(", ");
  withLimit(withPictureOptions(withInputFor(command, "a network")))
    .option("--from-rates <table>", "no checkpoint: a number, a JSON file of firing rates, or `statten-8-768`")
    .option(
      "--convention <names>",
      `how to count, comma-separated: ${all}, or all; default all, with --vary event and statten, with --from-rates statten`,
      names,
    )
    .option(
      "--integers <rule>",
      "additions of an input of n units: counts (n) or bits (set bits)",
      integerRule,
      "counts",
    )
    .option("--ann", "per layer: the same topology as an ANN, and the firing rate at which both cost the same");
  onlyWith(command, MODEL_ONLY, ["--input", "--from-rates"]);
  onlyWith(command, READING, ["--input"]);
  refuseWithoutEffect(command, ["--ann"], (called) =>
    isGiven(called, "--explain")
      ? { why: "with --explain, which prints rows of the spiking network", hint: "leave out one of them" }
      : undefined,
  );
  refuseWithoutEffect(command, ["--input"], (called) =>
    isGiven(called, "--from-rates")
      ? { why: "with --from-rates: rates are given, nothing is evaluated", hint: "leave out one of them" }
      : undefined,
  );
  refuseWithoutEffect(command, ["--integers"], (called) => {
    const { convention, json } = called.opts<EnergyModelOptions>();
    const matters = convention === undefined || ["event", "all"].some((name) => convention.includes(name));
    if (matters || json === true) return undefined;
    return { why: "without `event`: no other convention adds integers bit by bit", hint: "add it to --convention" };
  });
  return refuseWithoutEffect(command, ["--integers"], (called) =>
    isGiven(called, "--from-rates")
      ? { why: "with --from-rates: exact counts need an evaluated network", hint: "leave it out" }
      : undefined,
  );
}

/** Whether a call is about a network rather than a run. */
export function isModelCall(options: EnergyModelOptions): boolean {
  const asked = [options.fromRates, options.input, options.arch, options.randomInit];
  return asked.some((value) => value !== undefined);
}

/** The conventions that were named, else those of `byDefault`. */
export function chosenConventions(
  options: EnergyModelOptions,
  report: Report,
  byDefault: readonly string[] = [options.fromRates === undefined ? "all" : "statten"],
): readonly Convention[] {
  const asked = options.convention ?? byDefault;
  const named = asked.flatMap((name) =>
    name === "all" ? CONVENTIONS : (conventionOf(name, CONVENTIONS, report) ?? []),
  );
  return [...new Set(named)];
}

/** The inputs to evaluate a network on. */
export function readEnergyInputs(options: EnergyModelOptions, report: Report): InputSet | undefined {
  if (options.input === undefined) {
    const hint = "add --input IMAGES, or --from-rates TABLE in place of a checkpoint; or name a run.json";
    return report.add(cliDiagnostics.make("inputs", "the energy of a network needs inputs to evaluate", { hint }));
  }
  const { limit, pad } = options;
  return readInputs(options.input, report, {
    ...normalisation(options.normalise),
    ...(limit === undefined ? {} : { limit }),
    ...(pad === undefined ? {} : { pad }),
  });
}

/** Layers, activity and exact counts of a network on inputs; `onSample` gets each sample's evaluation. */
export function measureWork(
  net: Net,
  { data }: InputSet,
  integers: IntegerRule,
  onSample: (evaluation: Evaluation) => void,
): Work {
  const samples = data.shape[0] ?? 0;
  const layers = layersOf(net);
  const [meter, counter] = [new ActivityMeter(net, layers), new EventCounter(net, integers)];
  for (let sample = 0; sample < samples; sample++) {
    const evaluation = evaluate(net, netInputs(net, data, sample));
    meter.add(evaluation);
    counter.add(evaluation);
    onSample(evaluation);
  }
  return { layers, activity: meter.finish(), counts: counter.finish() };
}

async function evaluated(
  file: string | undefined,
  options: EnergyModelOptions,
  report: Report,
  io: Io,
): Promise<Work | undefined> {
  const inputs = readEnergyInputs(options, report);
  const net = options.input === undefined ? undefined : await loadNet(file, options, report, io);
  if (net === undefined || inputs === undefined || report.failed) return undefined;
  const progress = new Progress(io);
  progress.start(inputs.data.shape[0] ?? 0, "samples");
  const work = measureWork(net, inputs, options.integers, () => progress.step());
  progress.stop();
  return work;
}

/** A network of which only firing rates are known. */
export interface PublishedNet {
  readonly net: Net;
  readonly work: Work;
}

/** Its shapes, and the activity that the rates say; `adapt` may choose among the rates, or refuse them. */
export function published(
  file: string | undefined,
  options: EnergyModelOptions & { readonly fromRates: string },
  report: Report,
  adapt: (rates: RateTable | number) => RateTable | number | undefined = (rates) => rates,
): PublishedNet | undefined {
  if (file !== undefined || options.randomInit !== undefined) {
    const given = file === undefined ? "--random-init" : `\`${file}\``;
    const hint = "rates need no weights: leave it out and name the size, with --config or --arch and --set";
    return report.add(cliDiagnostics.make("model-source", `both ${given} and --from-rates are given`, { hint }));
  }
  const read = readRates(options.fromRates, report);
  const { arch, config, set } = options;
  const net: Net | undefined =
    read === undefined ? undefined : shapeModel({ arch, config, overrides: set }, report)?.net;
  if (read === undefined || net === undefined) return undefined;
  const rates = adapt(read);
  if (rates === undefined) return undefined;
  const timesteps = netTimesteps(net);
  const firing = wantedRates(rates, net, timesteps, report);
  if (firing === undefined) return undefined;
  const layers = layersOf(net);
  const activity = publishedActivity({ firing, shared: sharedLayers(rates) }, layers, timesteps);
  return { net, work: { layers, activity } };
}

interface Outcome {
  readonly convention: Convention;
  readonly result: ConventionResult;
  readonly ann: AnnComparison | undefined;
}

/** Rows of one layer by its name in the source model or its value in the net; all where none is named. */
function chosenLayers(layers: readonly Layer[], explain: string | boolean, report: Report): ReadonlySet<string> {
  const found = layers.filter(({ name, result }) => explain === true || name === explain || result === explain);
  if (found.length === 0) {
    const hint = didYouMean(
      String(explain),
      layers.map(({ name }) => name),
    );
    report.add(cliDiagnostics.make("unknown-name", `the network has no layer \`${explain}\``, { hint }));
  }
  return new Set(found.map(({ result }) => result));
}

function explainText(outcomes: readonly Outcome[], layers: ReadonlySet<string>): string {
  const rows = outcomes.flatMap(({ result }) =>
    result.rows
      .filter((row) => layers.has(row.result))
      .map((row) => [
        result.convention,
        row.layer,
        row.how,
        `${count(Math.round(row.count / result.samples))} ${row.what}`,
        `${row.figure.joules.toExponential(3)} J`,
        joulesText(row.joules, row.range, result.samples),
        `${row.figure.source} (${row.figure.status})`,
      ]),
  );
  return columns([["convention", "layer", "how", "count per sample", "each", "together", "source"], ...rows]);
}

function sideBySide(work: Work, outcomes: readonly Outcome[]): string {
  const cell = (joules: number | undefined): string => (joules === undefined ? "-" : si(joules, "J"));
  const rows = work.layers.flatMap(({ name, result: value }) => {
    const joules = outcomes.map(({ result }) => {
      const mine = result.rows.filter((row) => row.result === value);
      return mine.length === 0 ? undefined : mine.reduce((sum, row) => sum + row.joules, 0) / result.samples;
    });
    return joules.every((j) => j === undefined) ? [] : [[name, ...joules.map(cell)]];
  });
  const ratio = (ann: AnnComparison | undefined): string =>
    ann === undefined || ann.snn === 0 ? "-" : (ann.ann / ann.snn).toFixed(3);
  return columns([
    ["layer", ...outcomes.map(({ convention }) => convention.name)],
    ...rows,
    ["total", ...outcomes.map(({ result }) => joulesText(result.total, result.range, result.samples))],
    ["the same layers as an ANN", ...outcomes.map(({ ann }) => cell(ann?.ann))],
    ["ANN / SNN", ...outcomes.map(({ ann }) => ratio(ann))],
  ]);
}

function conventionText({ name, summary, source, includes, excludes, firstLayer, heads, rates }: Convention): string {
  return [
    `${name}: ${summary}`,
    `  counts       ${includes.join("\n               ")}`,
    `  leaves out   ${excludes.join("\n               ")}`,
    `  first layer  ${firstLayer}`,
    `  heads        ${heads}`,
    `  rates        ${rates}`,
    `  source       ${source}`,
  ].join("\n");
}

function annText({ convention, rows }: AnnComparison): string {
  const rate = (value: number | undefined): string => (value === undefined ? "-" : percent(value));
  return columns([
    [`layer (${convention})`, "MACs of the ANN", "ANN", "SNN", "firing rate", "break-even rate"],
    ...rows.map((row) => [
      row.layer,
      count(row.macs),
      si(row.ann, "J"),
      si(row.snn, "J"),
      rate(row.rate),
      row.breakEven !== undefined && row.breakEven > 1 ? `never (${percent(row.breakEven)})` : rate(row.breakEven),
    ]),
  ]);
}

function notes(work: Work, outcomes: readonly Outcome[]): readonly string[] {
  const unpriced = outcomes.flatMap(({ result }) => {
    if (result.unpriced.length === 0) return [];
    const list = result.unpriced.map(({ what, count: n }) => `${what} ${count(Math.round(n / result.samples))}`);
    return [`\`${result.convention}\` counts without a price in this table (per sample): ${list.join(", ")}`];
  });
  const uncounted = work.counts?.uncounted ?? [];
  const unknown = `selections are counted by the simulated chip, not here: ${uncounted.join(", ")}`;
  return [...unpriced, ...(uncounted.length === 0 ? [] : [unknown])];
}

/** Everything; of `shown`, where it is given, those rows and layers alone. Totals are those of the network. */
function jsonText(
  work: Work,
  outcomes: readonly Outcome[],
  table: EnergyTable,
  shown: ReadonlySet<string> | undefined,
): string {
  const { samples, timesteps } = work.activity;
  const isShown = ({ result }: { readonly result: string }): boolean => shown?.has(result) ?? true;
  const conventions = outcomes.map(({ convention, result, ann }) => {
    const { name, summary, source, includes, excludes, firstLayer, heads, rates } = convention;
    const rows = result.rows.filter(isShown);
    return { name, summary, source, includes, excludes, firstLayer, heads, rates, ...result, rows, ann: ann ?? null };
  });
  const layers = work.layers.filter(isShown).map(({ name, result, kind }) => {
    const events = Object.entries(work.counts?.layers.get(result) ?? {}).filter(([, n]) => n.some((x) => x !== 0));
    return { name, result, kind, events: Object.fromEntries(events.map(([event, n]) => [event, Array.from(n)])) };
  });
  const uncounted = work.counts?.uncounted ?? [];
  const json = { table: table.name, samples, timesteps, conventions, layers, uncounted };
  return JSON.stringify(json, null, 2);
}

/** Counts, prices and prints. */
export async function energyOfModel(
  file: string | undefined,
  options: EnergyModelOptions,
  table: EnergyTable,
  report: Report,
  io: Io,
): Promise<void> {
  const conventions = chosenConventions(options, report);
  if (report.failed) return;
  const { fromRates } = options;
  const work =
    fromRates === undefined
      ? await evaluated(file, options, report, io)
      : published(file, { ...options, fromRates }, report)?.work;
  if (work === undefined) return;
  const outcomes = conventions.flatMap((convention): readonly Outcome[] => {
    const result = applyConvention(convention, work, table, report);
    if (result === undefined) return [];
    const ann = compareWithAnn(convention, result, work.layers, work.activity.timesteps, table);
    return [{ convention, result, ann }];
  });
  const { explain } = options;
  const layers = explain === undefined ? undefined : chosenLayers(work.layers, explain, report);
  if (report.failed) return;
  if (options.json === true) return io.out(jsonText(work, outcomes, table, layers));
  if (layers !== undefined) return io.out(explainText(outcomes, layers));
  const of = fromRates === undefined ? `mean of ${count(work.activity.samples)} samples` : `rates \`${fromRates}\``;
  io.out(`energy per sample, ${of}, table ${table.name}; arithmetic alone\n`);
  io.out(sideBySide(work, outcomes));
  if (options.ann === true) for (const { ann } of outcomes) if (ann !== undefined) io.out(`\n${annText(ann)}`);
  for (const note of notes(work, outcomes)) io.out(`\n${note}`);
  for (const { convention } of outcomes) io.out(`\n${conventionText(convention)}`);
}
