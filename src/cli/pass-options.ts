import { Option, type Command } from "commander";
import { DiagnosticError, didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { parsePipeline, runPipeline, type Calibration, type PassRecord, type PipelineStep } from "../passes/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import { readInputs, type NormalisationName } from "../frontend/inputs/index.js";
import { positiveInteger, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { normalisation, readLabels } from "./inputs.js";
import { onlyWith } from "./no-effect.js";
import { table } from "./text.js";

export interface PassOptions {
  readonly passes?: string;
  readonly verifyEach: boolean;
  readonly printAfter?: string;
  readonly time?: boolean;
  readonly stats?: true | "json";
  readonly calibrate?: string;
  /** Of commands that run inputs on a chip as well. */
  readonly input?: string;
  readonly labels?: string;
  readonly normalise?: NormalisationName;
  readonly pad?: number;
  readonly samples?: number;
  readonly explain?: boolean;
}

/** Calibration inputs read when nothing else is said: measuring runs the evaluator twice on each. */
const CALIBRATION_SAMPLES = 64;

/** The pass options of every command that runs passes, beside {@link withInputOptions}. IR for people goes to stderr: stdout is the result. */
export function withPassOptions(command: Command): Command {
  command
    .option("-p, --passes <pipeline>", 'passes or named pipelines, for example "fold-batchnorm,canonicalize"')
    .option("--no-verify-each", "do not verify the net after every pass")
    .option("--print-after <pass>", "print the net after a pass, after `all`, or after those that `changed` it")
    .option("--calibrate <file>", "inputs on which passes measure ranges and what they change (.npy, pictures, IDX, …)")
    .option("--samples <n>", `calibration inputs to use; default ${CALIBRATION_SAMPLES}`, positiveInteger)
    .option("--time", "print the time of each pass")
    .addOption(new Option("--stats [format]", "print the counters of each pass; =json for JSON").choices(["json"]));
  return onlyWith(command, ["--samples"], ["--calibrate"]);
}

/** Which results to print; throws where the pipeline runs no such pass. */
function printAfter(name: string | undefined, steps: readonly PipelineStep[]) {
  if (name === undefined) return {};
  if (name === "all" || name === "changed") return { printAfter: name } as const;
  const names = steps.map(({ pass }) => pass.name);
  if (names.includes(name)) return { printAfter: { pass: name } } as const;
  const hint = didYouMean(name, ["all", "changed", ...new Set(names)]);
  const message = `--print-after: the pipeline runs no pass \`${name}\``;
  throw new DiagnosticError(cliDiagnostics.make("unknown-name", message, { hint }));
}

function printStats(records: readonly PassRecord[], options: PassOptions, io: Io): void {
  if (options.stats === "json") {
    const rows = records.map(({ step, changed, counters, layersRemoved, seconds }) => ({
      step,
      changed,
      seconds,
      counters: Object.fromEntries(counters),
      layersRemoved,
    }));
    io.err(JSON.stringify(rows, null, 2));
  } else if (options.stats !== undefined) {
    const rows = records.flatMap(({ step, counters }) =>
      [...counters].map(([counter, n]) => [step, counter, String(n)]),
    );
    if (rows.length > 0) io.err(table([["pass", "counter", "count"], ...rows]));
  }
  if (options.time === true) {
    io.err(
      table([
        ["pass", "changed", "ms"],
        ...records.map((r) => [r.step, r.changed ? "yes" : "no", (r.seconds * 1000).toFixed(1)]),
      ]),
    );
  }
}

/** The inputs of `--calibrate` as the net takes them. */
export function readCalibration(net: Net, options: PassOptions, report: Report): Calibration | undefined {
  if (options.calibrate === undefined) return undefined;
  const limit = options.samples ?? CALIBRATION_SAMPLES;
  const set = readInputs(options.calibrate, report, { ...normalisation(options.normalise), limit, pad: options.pad });
  if (set === undefined) return undefined;
  // Where the command runs inputs as well, the labels are theirs.
  const labels = options.input === undefined ? readLabels(options.labels, set, report) : set.labels;
  const count = set.data.shape[0] ?? 0;
  const samples = Array.from(
    { length: count },
    (_, index) =>
      new Map(
        net.inputs.map(({ name, type }) => [
          name,
          sampleFor({ name, slots: type.time.count, shape: type.shape }, set.data, index),
        ]),
      ),
  );
  return { samples, labels };
}

/** Tables that passes made, for people. */
function tablesText(records: readonly PassRecord[]): readonly string[] {
  return records.flatMap(({ tables }) => tables.map((t) => `${t.title}\n${table([t.header, ...t.rows])}\n`));
}

/** Runs the pipeline of the options on a net; `explain` gets what passes found out. Undefined when a pass reported an error. */
export function runPasses(
  net: Net,
  options: PassOptions,
  report: Report,
  io: Io,
  explain: (text: string) => void = (text) => io.err(text),
): Net | undefined {
  const { steps, diagnostics } = parsePipeline(options.passes ?? "", "--passes");
  for (const diagnostic of diagnostics) report.add(diagnostic);
  if (steps === undefined) return undefined;
  const calibration = readCalibration(net, options, report);
  if (report.failed) return undefined;
  const run = runPipeline(net, steps, {
    verifyEach: options.verifyEach,
    ...(calibration === undefined ? {} : { calibration }),
    ...printAfter(options.printAfter, steps),
    onPrint: (step, text) => io.err(`// after ${step}\n${text}`),
    clock: () => performance.now() / 1000,
  });
  for (const diagnostic of run.diagnostics) report.add(diagnostic);
  for (const record of run.records) {
    if (record.layersRemoved.length > 0) io.err(`${record.pass} removed layers: ${record.layersRemoved.join(", ")}`);
  }
  printStats(run.records, options, io);
  if (options.explain === true) for (const text of tablesText(run.records)) explain(text);
  return run.result;
}
