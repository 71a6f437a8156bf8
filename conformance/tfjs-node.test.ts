import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, type TestContext } from "vitest";
import type { TfjsComparison } from "./support/compare-tfjs.js";
import { hasCommand, makeScratch, type Scratch } from "./support/scratch.js";
import { needShared, skipLoudly } from "./support/shared.js";

/**
 * TensorFlow's native library as an independent implementation. It is no dependency of spikec, so it is installed into a scratch
 * copy of the checkout; a machine without the tools or the network for it skips these checks, in a box.
 */

const TFJS_NODE = "@tensorflow/tfjs-node@4.22.0";

const TOOLS = [
  { name: "bash", present: () => hasCommand("bash", ["--version"]) },
  { name: "python3 with pip", present: () => hasCommand("python3", ["-m", "pip", "--version"]) },
  { name: "g++", present: () => hasCommand("g++", ["--version"]) },
  { name: "make", present: () => hasCommand("make", ["--version"]) },
  { name: "Node headers in /usr/include/node", present: () => existsSync("/usr/include/node/node_api.h") },
] as const;

/** What npm and pip say when a registry cannot be reached, or has no wheel for this kind of machine. */
const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|NewConnectionError|ConnectTimeout|ReadTimeout|No matching distribution/;

let installed: { readonly scratch: Scratch } | { readonly missing: string } | undefined;
afterAll(() => {
  if (installed !== undefined && "scratch" in installed) installed.scratch.remove();
});

function install(shared: string): NonNullable<typeof installed> {
  const script = join(shared, "tools", "install-tfjs-node");
  if (!existsSync(script)) return { missing: `no ${script}` };
  const absent = TOOLS.filter(({ present }) => !present()).map(({ name }) => name);
  if (absent.length > 0) return { missing: `tfjs-node cannot be built here, missing: ${absent.join(", ")}` };
  const scratch = makeScratch();
  const steps = [
    // As an optional peer of this very package it counts as wanted nowhere, unless it is asked for as a development dependency.
    () => scratch.run("npm", ["install", "--no-save", "--save-dev", "--ignore-scripts", TFJS_NODE]),
    () => scratch.run("bash", [script, scratch.folder]),
  ];
  for (const step of steps) {
    const { ok, output } = step();
    if (ok) continue;
    scratch.remove();
    const reason = output.split("\n").find((line) => NO_NETWORK.test(line));
    if (reason === undefined) throw new Error(`tfjs-node cannot be installed:\n${output}`);
    return { missing: `tfjs-node cannot be installed, no registry: ${reason.trim()}` };
  }
  return { scratch };
}

function needTfjsNode(context: TestContext): Scratch {
  installed ??= install(needShared(context));
  return "scratch" in installed ? installed.scratch : skipLoudly(context, installed.missing);
}

function compare(scratch: Scratch, cases: readonly string[]): TfjsComparison {
  const tsx = join("node_modules", "tsx", "dist", "cli.mjs");
  const script = join("conformance", "support", "compare-tfjs.ts");
  const { ok, stdout, output } = scratch.run(process.execPath, [tsx, script, ...cases]);
  if (!ok) throw new Error(output);
  return JSON.parse(stdout) as TfjsComparison;
}

describe("with the linear kernels of TensorFlow's native library", () => {
  it("networks have the spikes of the official code", (context) => {
    const { backend, note, faults } = compare(needTfjsNode(context), ["statten-tiny", "statten-cifar"]);
    expect(backend).toMatch(/^tfjs-node 4\./);
    expect(note).toBeUndefined();
    expect(faults).toEqual({ "statten-tiny": [], "statten-cifar": [] });
  });

  it("kernels equal the plain ones on random operands", (context) => {
    const vitest = join("node_modules", "vitest", "vitest.mjs");
    const { ok, output } = needTfjsNode(context).run(process.execPath, [vitest, "run", "test/tfjs"]);
    expect(ok, output).toBe(true);
  });

  // Last, because it breaks the copy.
  it("falls back to WebAssembly, with a note, where the native file is gone", (context) => {
    const scratch = needTfjsNode(context);
    const library = join(scratch.folder, "node_modules", "@tensorflow", "tfjs-node", "lib");
    rmSync(library, { recursive: true });
    const { backend, note, faults } = compare(scratch, ["statten-tiny"]);
    expect(backend).toMatch(/^tfjs-wasm /);
    expect(note).toMatch(/^tfjs-node is installed but does not load/);
    expect(faults).toEqual({ "statten-tiny": [] });
  });
});
