import { Command, InvalidArgumentError } from "commander";
import type { Report } from "../diagnostics/index.js";
import { estimateEnergy, type EnergyEstimate, type EnergyTable } from "../energy/index.js";
import type { Net } from "../ir/index.js";
import { makeStep, runPipeline, selectableTokens, sparsifyTopK } from "../passes/index.js";
import type { RunFile } from "../sim/run-file.js";
import { cliDiagnostics } from "./diagnostics.js";
import type { OnSignal } from "./interrupt.js";
import type { Progress } from "./progress.js";
import type { LabelledInputs } from "./inputs.js";
import { compileScheduled, type CompilingOptions } from "./schedule.js";
import { accuracyOf, simulateInThread } from "./simulation.js";
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
  readonly before?: string;
  readonly drop?: string;
  readonly floor?: number;
  readonly capacity?: number;
  readonly overflow?: string;
}

/** How many tokens stay: k of them per place, or those that reach a share of the way from the smallest score to the largest. */
export type Amount = { readonly k: number } | { readonly share: number };

export function amountText(amount: Amount | undefined): string {
  if (amount === undefined) return "all";
  return "k" in amount ? `k = ${amount.k}` : `share = ${amount.share}`;
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
    .option("--before <name>", "where tokens are left out: attention, mlp or both")
    .option("--drop <name>", "what an attention leaves out of a token: kv or residual")
    .option("--layers <name>", "places where tokens are selected, by the layer in front; default all");
}

/** Flags of {@link withSelectionOptions}. */
export const SELECTION_FLAGS: readonly string[] = withSelectionOptions(new Command()).options.flatMap(
  ({ long }) => long ?? [],
);

/** The net with fewer tokens. */
export function selectTokens(net: Net, amount: Amount, options: SelectionOptions, report: Report): Net | undefined {
  const { cue, alpha, beta, gamma, scope, layers, project, before, drop, floor, capacity, overflow } = options;
  const howMany = "k" in amount ? { k: [amount.k] } : amount;
  const bounds = { floor, capacity, overflow };
  const step = makeStep(
    sparsifyTopK,
    { ...howMany, ...bounds, cue, alpha, beta, gamma, scope, layers, project, before, drop },
    report,
  );
  if (step === undefined) return undefined;
  const run = runPipeline(net, [step]);
  for (const diagnostic of run.diagnostics) report.add(diagnostic);
  return run.result;
}

/** Places of a net where the options can leave tokens out, and the most tokens that all of them can keep. */
export function tokensOf(net: Net, { layers, before }: SelectionOptions): number | undefined {
  return selectableTokens(net, {
    ...(layers === undefined ? {} : { layers }),
    ...(before === undefined ? {} : { before }),
  });
}

/** A compiled and simulated choice of tokens. */
export interface SweepPoint {
  /** Undefined: all tokens, the net as it was. */
  readonly amount: Amount | undefined;
  readonly net: Net;
  readonly run: RunFile;
  readonly energy: EnergyEstimate;
  readonly accuracy: number | undefined;
}

/** Where and on what a sweep runs. */
export interface SweepSetup extends LabelledInputs {
  /** How each net is compiled, and how its tokens are chosen. */
  readonly options: CompilingOptions & SelectionOptions;
  readonly table: EnergyTable;
}

/** Compiles and simulates one net in a thread, so that signals are heard; undefined, with a report, where it is stopped. */
export async function measurePoint(
  net: Net,
  amount: Amount | undefined,
  setup: SweepSetup,
  progress: Progress,
  report: Report,
  onSignal: OnSignal,
): Promise<SweepPoint | undefined> {
  const program = compileScheduled(net, setup.options, setup.table, report);
  if (program === undefined) return undefined;
  const { inputs, labels } = setup;
  const simulation = { program, inputs, labels };
  const { run, stopped, bug } = await simulateInThread(simulation, progress, onSignal);
  if (bug !== undefined) throw bug;
  if (stopped !== undefined) return report.add(stopped);
  return { amount, net, run, energy: estimateEnergy(run, setup.table), accuracy: accuracyOf(run) };
}

/** Energy of a point as a fraction of that with all tokens. */
function share(point: SweepPoint, all: SweepPoint): number {
  return point.energy.totals.all / all.energy.totals.all;
}

/**
 * The largest k whose simulated energy is at most `fraction` of that with all tokens, by bisection: energy grows with k but
 * for the cost of choosing, so the result is checked by its own simulation. Reports where even one token needs more.
 */
export async function largestWithin(
  net: Net,
  fraction: number,
  setup: SweepSetup,
  progress: Progress,
  report: Report,
): Promise<{ readonly point: SweepPoint; readonly all: SweepPoint } | undefined> {
  // One token is legal wherever there are any: faults of the other options are found before anything is simulated.
  if (selectTokens(net, { k: 1 }, setup.options, report) === undefined) return undefined;
  const tokens = tokensOf(net, setup.options);
  if (tokens === undefined) {
    const hint = "leave --keep-energy out";
    return report.add(
      cliDiagnostics.make("keep-energy", "the net has no place where tokens can be selected", { hint }),
    );
  }
  // There is nothing to keep before the last number is known: a signal ends the process.
  const onSignal = (): void => undefined;
  const measure = async (k: number | undefined, all?: SweepPoint): Promise<SweepPoint | undefined> => {
    const amount = k === undefined ? undefined : { k };
    const chosen = amount === undefined ? net : selectTokens(net, amount, setup.options, report);
    const point =
      chosen === undefined ? undefined : await measurePoint(chosen, amount, setup, progress, report, onSignal);
    if (point === undefined) return undefined;
    progress.say(
      all === undefined ? `all ${tokens} tokens simulated` : `k = ${k}: ${percent(share(point, all), 1)} of the energy`,
    );
    return point;
  };
  const all = await measure(undefined);
  if (all === undefined) return undefined;
  if (fraction >= 1) return { point: { ...all, amount: { k: tokens } }, all };
  let best = await measure(1, all);
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
    const point = await measure(k, all);
    if (point === undefined) return undefined;
    if (share(point, all) <= fraction) [fits, best] = [k, point];
    else exceeds = k;
  }
  return { point: best, all };
}
