import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, type TestContext } from "vitest";
import type { TfjsComparison } from "./support/compare-tfjs.js";
import type { Scratch } from "./support/scratch.js";
import { needShared, skipLoudly } from "./support/shared.js";
import { installTfjsNode, type TfjsNodeInstall } from "./support/tfjs-node.js";

/**
 * TensorFlow's native library as an independent implementation. It is no dependency of spikec, so it is installed into a scratch
 * copy of the checkout; a machine without the tools or the network for it skips these checks, in a box.
 */

let installed: TfjsNodeInstall | undefined;
afterAll(() => {
  if (installed !== undefined && "scratch" in installed) installed.scratch.remove();
});

function needTfjsNode(context: TestContext): Scratch {
  installed ??= installTfjsNode(needShared(context));
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
