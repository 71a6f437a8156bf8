import { InvalidArgumentError, type Command, type CommanderError } from "commander";
import { DiagnosticError, renderDiagnostic, Report } from "../diagnostics/index.js";
import { EXIT } from "./exit.js";
import { onlyWith, refuseWithoutEffect } from "./no-effect.js";

/** What every command shares: results on stdout, everything else on stderr, exit codes as in {@link EXIT}. */

export interface Io {
  /** Results. */
  out(text: string): void;
  /** A result that need not fit into one string. */
  outPieces(pieces: Iterable<string>): void;
  /** Everything else: diagnostics, progress, hints. */
  err(text: string): void;
}

export const terminalIo: Io = {
  out: (text) => process.stdout.write(`${text}\n`),
  outPieces: (pieces) => {
    for (const piece of pieces) process.stdout.write(piece);
    process.stdout.write("\n");
  },
  err: (text) => process.stderr.write(`${text}\n`),
};

/** Prints the diagnostics that have not been printed yet. */
export function printDiagnostics(report: Report, io: Io, from = 0): void {
  for (const diagnostic of report.diagnostics.slice(from)) io.err(`${renderDiagnostic(diagnostic)}\n`);
}

export type Outcome = boolean | void | { readonly exit: number };

/**
 * Runs the body of a command: prints its diagnostics and sets the exit code. The body returns false when it failed in a way that
 * it has already printed, for example a rung of the ladder, or an exit code in place of that of the diagnostics.
 */
export async function runCommand(io: Io, body: (report: Report) => Promise<Outcome> | Outcome): Promise<void> {
  const report = new Report();
  try {
    const outcome = await body(report);
    printDiagnostics(report, io);
    if (typeof outcome === "object") process.exitCode = outcome.exit;
    else if (report.failed || outcome === false) process.exitCode = EXIT.input;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) {
      printDiagnostics(report, io);
      throw error;
    }
    report.add(error.diagnostic);
    printDiagnostics(report, io);
    process.exitCode = EXIT.input;
  }
}

/** Collects a repeatable `--set name=value`. */
export function collectAssignments(text: string, previous: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("expected name=value");
  return new Map([...previous, [text.slice(0, equals), text.slice(equals + 1)]]);
}

export function positiveInteger(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("expected a positive integer");
  return n;
}

function seed(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(n) || n < 0)
    throw new InvalidArgumentError("expected an integer of at least 0");
  return n;
}

function fraction(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !(n >= 0 && n <= 1)) throw new InvalidArgumentError("expected a number in 0..1");
  return n;
}

/** Options of every command that imports a model, or makes one from a seed. `--config` also goes with the options of `configured`. */
export function withModelOptions(command: Command, configured: readonly string[] = []): Command {
  command
    .option("--arch <name>", "architecture of the checkpoint; `spikec models` lists them")
    .option(
      "--set <name=value>",
      "a setting of the architecture or NetX network, repeatable",
      collectAssignments,
      new Map<string, string>(),
    )
    .option("--random-init <seed>", "no checkpoint: the official initialisation drawn from this seed", seed)
    .option("--config <name>", "with --random-init: a published configuration; `spikec models NAME` lists them")
    .option(
      "--rates <table>",
      "with --random-init: set batch norms to these firing rates: a number, a JSON file, or `statten-8-768`",
    )
    .option("--rates-images <path>", "with --rates: calibrate on the first of these images instead of noise")
    .option("--rates-tolerance <fraction>", "with --rates: allowed deviation of a mean rate, 0.02 by default", fraction)
    .addHelpText("after", RANDOM_HELP);
  onlyWith(command, ["--config"], ["--random-init", ...configured]);
  onlyWith(command, ["--rates", "--rates-images", "--rates-tolerance"], ["--random-init"]);
  onlyWith(command, ["--rates-images", "--rates-tolerance"], ["--rates"]);
  refuseWithoutEffect(command, ["--arch"], ({ args: [file = ""] }) =>
    file.endsWith(".net")
      ? { why: `for \`${file}\`: a NetX network says its own architecture`, hint: "leave it out" }
      : undefined,
  );
  return refuseWithoutEffect(command, ["--arch", "--set"], ({ args: [file = ""] }) =>
    /\.(snn|spk)$/.test(file)
      ? {
          why: `for \`${file}\`: IR text and programs are complete`,
          hint: "leave it out, or start from the checkpoint",
        }
      : undefined,
  );
}

const RANDOM_HELP = `
Without a checkpoint:
  --random-init 1 --config statten-8-768           a published size; --set changes single settings
  --random-init 1 --arch statten --set dim=64 ...  any size; every setting without a default has to be given
  --rates statten-8-768                            batch norms such that layers fire as published for STAtten 8-768
  A table of rates is JSON: {"name", "source", "layers": {"LAYER": [rate per timestep]}}; rates of \`A + B\` are the sum of both.
  Means over time are met within the tolerance, or the command fails; rates per timestep as nearly as channels with different
  gamma and beta allow, and a warning gives the nearest where that is further than the tolerance.
  Rates hold on the picture they were calibrated on: noise drawn from the seed, or --rates-images.`;

export interface ModelOptions {
  readonly arch?: string;
  readonly set: ReadonlyMap<string, string>;
  readonly randomInit?: number;
  readonly config?: string;
  readonly rates?: string;
  readonly ratesImages?: string;
  readonly ratesTolerance?: number;
}

/** Exit code of an error that commander raised: help is fine, anything else is wrong usage. */
export function usageExit(error: CommanderError): number {
  return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
}

/** Collects a repeatable option. */
export function collectText(text: string, previous: readonly string[]): readonly string[] {
  return [...previous, text];
}
