import type { Command } from "commander";
import { renderDiagnostic, type Diagnostic } from "../diagnostics/index.js";
import { cliDiagnostics } from "./diagnostics.js";
import { EXIT } from "./exit.js";

/**
 * An option that has no effect is a usage error, whatever its value: who gave it expects something of it that would not
 * happen, and would not hear of it.
 */

/** Whether an option was given, by its flag, or with a certain value as in `--time-block auto`; defaults are not given. */
export function isGiven(command: Command, text: string): boolean {
  const [flag, value] = text.split(" ");
  const name = command.options.find(({ long }) => long === flag)?.attributeName();
  if (name === undefined || command.getOptionValueSource(name) !== "cli") return false;
  return value === undefined || command.getOptionValue(name) === value;
}

function list(flags: readonly string[], join: string): string {
  return flags.length < 2 ? flags.join("") : `${flags.slice(0, -1).join(", ")} ${join} ${flags[flags.length - 1]}`;
}

interface Refusal {
  readonly why: string;
  readonly hint: string;
}

/** The diagnostic of those of `flags` that were given; undefined where none was. */
export function withoutEffect(
  called: Command,
  flags: readonly string[],
  { why, hint }: Refusal,
): Diagnostic | undefined {
  const given = flags.filter((flag) => isGiven(called, flag));
  if (given.length === 0) return undefined;
  const message = `${list(given, "and")} ${given.length > 1 ? "mean" : "means"} nothing ${why}`;
  return cliDiagnostics.make("no-effect", message, { hint });
}

/** Ends the command with exit code 2 where `refusal` finds that what it was given means nothing. */
export function refuseBefore(command: Command, refusal: (called: Command) => Diagnostic | undefined): Command {
  return command.hook("preAction", (_parent, called) => {
    const diagnostic = refusal(called);
    if (diagnostic !== undefined) called.error(renderDiagnostic(diagnostic), { exitCode: EXIT.usage });
  });
}

/** The same when one of `flags` was given though `without` says that it means nothing. */
export function refuseWithoutEffect(
  command: Command,
  flags: readonly string[],
  without: (called: Command) => Refusal | undefined,
): Command {
  return refuseBefore(command, (called) => {
    const refusal = without(called);
    return refusal && withoutEffect(called, flags, refusal);
  });
}

/** Makes options that only matter beside one of `others` usage errors without it. */
export function onlyWith(command: Command, flags: readonly string[], others: readonly string[]): Command {
  return refuseWithoutEffect(command, flags, (called) =>
    others.some((other) => isGiven(called, other))
      ? undefined
      : { why: `without ${list(others, "or")}`, hint: `add ${list(others, "or")}, or leave it out` },
  );
}
