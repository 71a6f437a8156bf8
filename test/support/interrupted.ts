import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { CommandResult } from "./command-line.js";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Runs the command line in a process of its own, and sends it a signal as soon as `ready` says so of its stderr. */
export function interrupted(
  signal: NodeJS.Signals,
  ready: (err: string) => boolean,
  ...args: string[]
): Promise<CommandResult> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], { cwd: ROOT });
    let [out, err] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (out += text.toString()));
    child.stderr.on("data", (text: Buffer) => (err += text.toString()));
    const poll = setInterval(() => {
      if (!ready(err)) return;
      clearInterval(poll);
      child.kill(signal);
    }, 2);
    child.on("close", (code) => {
      clearInterval(poll);
      done({ code: code ?? -1, out, err });
    });
  });
}
