import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const url = (path: string): string => pathToFileURL(join(ROOT, path)).href;
let folder = "";

/** A loader that refuses everything under src/ir. */
const HOOK = `import { register } from "node:module";
const loader = "export async function load(url, context, next) {" +
  "if (url.includes('/src/ir/')) throw new Error('refused ' + url);" +
  "return next(url, context); }";
register("data:text/javascript," + encodeURIComponent(loader));`;

function alone(...args: string[]): string {
  const loaders = [
    "--import",
    url("node_modules/tsx/dist/esm/index.mjs"),
    "--import",
    pathToFileURL(join(folder, "hook.mjs")).href,
  ];
  return execFileSync(process.execPath, [...loaders, join(ROOT, "src/cli/main.ts"), ...args], {
    cwd: ROOT,
    stdio: "pipe",
  }).toString();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "spikec-alone-"));
  writeFileSync(join(folder, "hook.mjs"), HOOK);
  await spikec("compile", digitsPath("model.pth"), "--arch", "statten", "-o", join(folder, "digits.spk"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a process in which nothing under src/ir can be loaded", () => {
  it("runs `spikec simulate`", () => {
    const out = alone(
      "simulate",
      join(folder, "digits.spk"),
      "--input",
      digitsPath("test-images.npy"),
      "--limit",
      "1",
      "--json",
    );
    expect((JSON.parse(out) as { samples: unknown[] }).samples).toHaveLength(1);
  });

  it("cannot run `spikec compile`, so the refusal is real", () => {
    expect(() => alone("compile", digitsPath("model.pth"), "--arch", "statten", "-o", join(folder, "x.spk"))).toThrow(
      /refused/,
    );
  });
});
