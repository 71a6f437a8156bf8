import type { Command } from "commander";
import { DiagnosticError, didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { parsePipeline, PASSES, runPipeline, type PassRecord } from "../passes/index.js";
import type { Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { table } from "./text.js";

export interface PassOptions {
  readonly passes?: string;
  readonly verifyEach: boolean;
  readonly printAfter?: string;
  readonly time?: boolean;
  readonly stats?: boolean | string;
}

/** The pass options of every command that runs passes. IR for people goes to stderr: stdout is the result. */
export function withPassOptions(command: Command): Command {
  return command
    .option("-p, --passes <pipeline>", 'passes or named pipelines, for example "fold-batchnorm,canonicalize"')
    .option("--no-verify-each", "do not verify the net after every pass")
    .option("--print-after <pass>", "print the net after a pass, after `all`, or after those that `changed` it")
    .option("--time", "print the time of each pass")
    .option("--stats [format]", "print the counters of each pass; =json for JSON");
}

function printAfter(name: string | undefined) {
  if (name === undefined) return {};
  if (name === "all" || name === "changed") return { printAfter: name } as const;
  if (PASSES.some((pass) => pass.name === name)) return { printAfter: { pass: name } } as const;
  const hint = didYouMean(name, ["all", "changed", ...PASSES.map((pass) => pass.name)]);
  throw new DiagnosticError(cliDiagnostics.make("unknown-name", `--print-after: no pass \`${name}\``, { hint }));
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

/** Runs the pipeline of the options on a net. Undefined when a pass reported an error. */
export function runPasses(net: Net, options: PassOptions, report: Report, io: Io): Net | undefined {
  const { steps, diagnostics } = parsePipeline(options.passes ?? "", "--passes");
  for (const diagnostic of diagnostics) report.add(diagnostic);
  if (steps === undefined) return undefined;
  const run = runPipeline(net, steps, {
    verifyEach: options.verifyEach,
    ...printAfter(options.printAfter),
    onPrint: (step, text) => io.err(`// after ${step}\n${text}`),
    clock: () => performance.now() / 1000,
  });
  for (const diagnostic of run.diagnostics) report.add(diagnostic);
  for (const record of run.records) {
    if (record.layersRemoved.length > 0) io.err(`${record.pass} removed layers: ${record.layersRemoved.join(", ")}`);
  }
  printStats(run.records, options, io);
  return run.result;
}
