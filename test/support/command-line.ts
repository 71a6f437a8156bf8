import { main } from "../../src/cli/program.js";

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command in this process and returns what it printed and its exit code. */
export async function spikec(...args: string[]): Promise<CommandResult> {
  const out: string[] = [];
  const err: string[] = [];
  const before = process.exitCode;
  process.exitCode = 0;
  await main(args, {
    out: (text) => out.push(text),
    outPieces: (pieces) => out.push([...pieces].join("")),
    err: (text) => err.push(text),
  });
  const code = Number(process.exitCode ?? 0);
  process.exitCode = before;
  return { code, out: out.join("\n"), err: err.join("\n") };
}
