import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, SHARED } from "./shared.js";

/** A copy of the checkout, with its own node_modules, into which packages can be installed. */
export interface Scratch {
  readonly folder: string;
  run(command: string, args: readonly string[]): ScratchRun;
  remove(): void;
}

export interface ScratchRun {
  readonly ok: boolean;
  readonly stdout: string;
  /** Standard output and error, for messages. */
  readonly output: string;
}

const COPIED = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "vitest.config.ts",
  "scripts",
  "assembly",
  "src",
  "test/tfjs",
  "conformance",
  "bench",
  "node_modules",
] as const;

export function makeScratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), "spikec-tfjs-node-"));
  for (const path of COPIED) {
    const from = join(ROOT, path);
    // A folder that is a link itself is followed: what is installed into the copy must not end up in the original.
    if (existsSync(from)) cpSync(realpathSync(from), join(folder, path), { recursive: true, verbatimSymlinks: true });
  }
  return {
    folder,
    run: (command, args) => runIn(folder, command, args),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Vitest's own variables would make a vitest in the copy believe that it is one of our workers. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_ENV$)/.test(name));
  return { ...Object.fromEntries(own), SPIKEC_SHARED: SHARED };
}

function runIn(folder: string, command: string, args: readonly string[]): ScratchRun {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    env: outerEnvironment(),
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const output = `${stdout ?? ""}${stderr ?? ""}${error === undefined ? "" : error.message}`;
  return { ok: status === 0, stdout: stdout ?? "", output };
}

/** Whether a command can be started here. */
export function hasCommand(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}
