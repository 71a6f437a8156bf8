import { InvalidArgumentError, type Command } from "commander";
import { decodeProgram, encodeProgram } from "../backends/program/index.js";
import type { Report } from "../diagnostics/index.js";
import { estimateEnergy, type EnergyEstimate, type EnergyTable } from "../energy/index.js";
import type { Net } from "../ir/index.js";
import { parsePipeline, runPipeline, selectableTokens } from "../passes/index.js";
import type { RunFile } from "../sim/run-file.js";
import { compileNet } from "./compile-net.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { Progress } from "./progress.js";
import { accuracyOf, simulateAll, type LabelledInputs } from "./simulate.js";
import { percent } from "./text.js";

/** What keeping fewer tokens costs and saves: compile and simulate, for one k after the other. */

export interface SelectionOptions {
  readonly cue: string;
  readonly alpha?: number;
  readonly beta?: number;
  readonly gamma?: number;
  readonly scope?: string;
  readonly layers?: string;
  readonly project?: string;
}

function finiteNumber(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isFinite(n)) throw new InvalidArgumentError("expected a number");
  return n;
}

/** How tokens are chosen: the options of `sparsify-top-k`, which checks them. */
export function withSelectionOptions(command: Command): Command {
  return command
    .option("--cue <name>", "what makes a token important: rate, first-spike, interval, sparta, relevance", "rate")
    .option("--alpha <weight>", "cue sparta: weight of early first spikes", finiteNumber)
    .option("--beta <weight>", "cue sparta: weight of short intervals", finiteNumber)
    .option("--gamma <weight>", "cue sparta: weight of high rates", finiteNumber)
    .option("--scope <name>", "timesteps that a decision looks at: sample or chunk")
    .option("--project <name>", "tokens whose keys and values are computed at all: all or kept")
    .option("--layers <name>", "attentions whose tokens are selected, by shortcut layer; default all");
}

/** The net with k tokens per attention. */
export function selectTokens(net: Net, k: number, options: SelectionOptions, report: Report): Net | undefined {
  const { cue, alpha, beta, gamma, scope, layers, project } = options;
  const given = Object.entries({ k, cue, alpha, beta, gamma, scope, layers, project }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const { steps, diagnostics } = parsePipeline(`sparsify-top-k{${given.join(" ")}}`, "sparsify-top-k");
  for (const diagnostic of diagnostics) report.add(diagnostic);
  if (steps === undefined) return undefined;
  const run = runPipeline(net, steps);
  for (const diagnostic of run.diagnostics) report.add(diagnostic);
  return run.result;
}

/** A compiled and simulated choice of k. */
export interface SweepPoint {
  /** Undefined: all tokens, the net as it was. */
  readonly k: number | undefined;
  readonly net: Net;
  readonly run: RunFile;
  readonly energy: EnergyEstimate;
  readonly accuracy: number | undefined;
}

/** Where and on what a sweep runs. */
export interface SweepSetup extends LabelledInputs {
  readonly target: string;
  readonly chip: string;
  readonly timeBlock?: number | undefined;
  readonly table: EnergyTable;
  readonly selection: SelectionOptions;
}

/** Compiles and simulates one net; through the program's bytes, so that the simulator sees nothing else. */
export function measurePoint(
  net: Net,
  k: number | undefined,
  setup: SweepSetup,
  progress: Progress,
  report: Report,
): SweepPoint | undefined {
  const chosen = k === undefined ? net : selectTokens(net, k, setup.selection, report);
  const compiled = chosen === undefined ? undefined : compileNet(chosen, setup, report);
  const program = compiled === undefined ? undefined : decodeProgram(encodeProgram(compiled), "sweep", report);
  if (chosen === undefined || program === undefined) return undefined;
  const run = simulateAll(program, setup.inputs, setup.labels, progress);
  return { k, net: chosen, run, energy: estimateEnergy(run, setup.table), accuracy: accuracyOf(run) };
}

/** Energy of a point as a fraction of that with all tokens. */
function share(point: SweepPoint, all: SweepPoint): number {
  return point.energy.totals.all / all.energy.totals.all;
}

/**
 * The largest k whose simulated energy is at most `fraction` of that with all tokens, by bisection: energy grows with k but
 * for the cost of choosing, so the result is checked by its own simulation. Reports where even one token needs more.
 */
export function largestWithin(
  net: Net,
  fraction: number,
  setup: SweepSetup,
  progress: Progress,
  report: Report,
): { readonly point: SweepPoint; readonly all: SweepPoint } | undefined {
  const tokens = selectableTokens(net, setup.selection.layers);
  if (tokens === undefined) {
    const hint = "leave --keep-energy out";
    return report.add(
      cliDiagnostics.make("keep-energy", "the net has no attention whose tokens can be selected", { hint }),
    );
  }
  const measure = (k: number | undefined, all?: SweepPoint): SweepPoint | undefined => {
    const point = measurePoint(net, k, setup, progress, report);
    if (point === undefined) return undefined;
    progress.say(
      all === undefined ? `all ${tokens} tokens simulated` : `k = ${k}: ${percent(share(point, all), 1)} of the energy`,
    );
    return point;
  };
  const all = measure(undefined);
  if (all === undefined) return undefined;
  if (fraction >= 1) return { point: { ...all, k: tokens }, all };
  let best = measure(1, all);
  if (best === undefined) return undefined;
  const least = share(best, all);
  if (least > fraction) {
    return report.add(
      cliDiagnostics.make("keep-energy", `one token of ${tokens} still needs ${percent(least, 1)} of the energy`, {
        hint: `ask for --keep-energy ${(Math.ceil(1000 * least) / 1000).toFixed(3)} or more`,
      }),
    );
  }
  let [fits, exceeds] = [1, tokens + 1];
  while (exceeds - fits > 1) {
    const k = Math.floor((fits + exceeds) / 2);
    const point = measure(k, all);
    if (point === undefined) return undefined;
    if (share(point, all) <= fraction) [fits, best] = [k, point];
    else exceeds = k;
  }
  return { point: best, all };
}
