import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DiagnosticError } from "../diagnostics/index.js";
import { cliDiagnostics } from "./diagnostics.js";

/** The bytes of a file named on the command line; throws `cli/cannot-read`. */
export function readFileOrThrow(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DiagnosticError(cliDiagnostics.make("cannot-read", `cannot read \`${path}\`: ${reason}`));
  }
}

/** Where a path leads, also when the file does not exist yet. */
function target(path: string): string {
  const folder = dirname(path);
  return existsSync(path)
    ? realpathSync(path)
    : join(existsSync(folder) ? realpathSync(folder) : folder, basename(path));
}

/**
 * Every path that a command reads: its argument, the constants beside IR text, and all options whose value is a file that
 * exists, whatever they are called; `-o` apart.
 */
export function pathsRead(argument: string | undefined, options: object): readonly string[] {
  const values = Object.entries(options).flatMap(([name, value]: [string, unknown]) =>
    name === "output" ? [] : [value],
  );
  const files = values.filter((value) => typeof value === "string").filter((path) => existsSync(path));
  if (argument === undefined) return files;
  return argument.endsWith(".snn") ? [argument, constantsPath(argument), ...files] : [argument, ...files];
}

/** The constants of IR text live beside it: net.snn and net.safetensors. */
export function constantsPath(textPath: string): string {
  return `${textPath.replace(/\.snn$/, "")}.safetensors`;
}

/** Refuses, before any work is done, an output that is one of the inputs or whose folder does not exist. */
export function checkOutput(output: string, inputs: readonly string[]): void {
  const folder = dirname(output);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new DiagnosticError(
      cliDiagnostics.make("no-folder", `cannot write \`${output}\`: there is no folder \`${folder}\``),
    );
  }
  if (inputs.some((input) => target(input) === target(output))) {
    throw new DiagnosticError(
      cliDiagnostics.make("overwrites", `\`${output}\` is an input of this command`, { hint: "name another output" }),
    );
  }
}
