import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { encodeProgram } from "../../src/backends/program/index.js";
import { dataWords, instruction, serialProgram, SMALL, tensor } from "./support.js";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** All source files that `file` loads, type imports included. */
function closure(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target] of readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    closure(resolve(dirname(file), target!.replace(/\.js$/, ".ts")), seen);
  }
  return seen;
}

describe("the simulator", () => {
  it.each([
    ["src/sim/layerwise/index.ts", "src/sim/layerwise/stepped/index.ts"],
    ["src/sim/loihi/stepped/index.ts", "src/sim/loihi/stepped/rules.ts"],
  ])("imports nothing but programs, chips, math and diagnostics (%s)", (entry, part) => {
    const files = [...closure(join(ROOT, entry))].map((file) => relative(ROOT, file));
    expect(files).toContain(part);
    for (const file of files) expect(file).toMatch(/^src\/(sim|backends\/program|chips|math|diagnostics)\//);
  });

  it("decodes and runs a program where loading src/ir throws", () => {
    const folder = mkdtempSync(join(tmpdir(), "isolation-"));
    const program = serialProgram({
      words: [
        {
          memory: "data",
          address: 0,
          bytes: dataWords(
            SMALL,
            tensor(1, 2, 8, (_, p, c) => p + c),
            "real",
          ),
        },
      ],
      instructions: [instruction("add", { a: 0, b: 0, words: 2, output: 4 })],
      read: [{ memory: "data", address: 4, words: 2 }],
    });
    writeFileSync(join(folder, "program.spkc"), encodeProgram(program));
    writeFileSync(
      join(folder, "hook.mjs"),
      `import { register } from "node:module";
const loader = "export async function load(url, context, next) {" +
  "if (url.includes('/src/ir/')) throw new Error('loaded ' + url);" +
  "return next(url, context); }";
register("data:text/javascript," + encodeURIComponent(loader));`,
    );
    const url = (path: string): string => JSON.stringify(pathToFileURL(join(ROOT, path)).href);
    writeFileSync(
      join(folder, "main.mts"),
      `import { readFileSync } from "node:fs";
import { decodeProgram } from ${url("src/backends/program/index.ts")};
import { Report } from ${url("src/diagnostics/index.ts")};
import { createStepped } from ${url("src/sim/layerwise/index.ts")};
const program = decodeProgram(readFileSync(${JSON.stringify(join(folder, "program.spkc"))}), "p", new Report(), "layerwise");
const result = createStepped(program).run(new Map());
const blocked = await import(${url("src/ir/index.ts")}).then(() => "no", () => "yes");
console.log(JSON.stringify({ blocked, y: [...new Float32Array(result.outputs.get("read0").buffer)] }));`,
    );
    const tsx = pathToFileURL(join(ROOT, "node_modules/tsx/dist/esm/index.mjs")).href;
    const hook = pathToFileURL(join(folder, "hook.mjs")).href;
    const out = execFileSync(process.execPath, ["--import", tsx, "--import", hook, join(folder, "main.mts")], {
      cwd: ROOT,
    });
    const expected = Array.from({ length: 16 }, (_, i) => 2 * (Math.floor(i / 8) + (i % 8)));
    expect(JSON.parse(out.toString())).toEqual({ blocked: "yes", y: expected });
  }, 60_000);
});
