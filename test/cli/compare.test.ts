import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EnergyEstimate } from "../../src/energy/index.js";
import { runFileSchema } from "../../src/sim/run-file.js";
import { builtIn } from "../sim/support.js";
import { spikec, type CommandResult } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";
import { interrupted } from "../support/interrupted.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const MODEL = [digitsPath("model.pth"), "--arch", "statten"] as const;
const INPUT = ["--input", digitsPath("test-images.npy")] as const;
const compare = (...args: string[]): Promise<CommandResult> => spikec("compare", ...MODEL, ...INPUT, ...args);

interface Point {
  readonly chip: string;
  readonly error?: string;
  readonly [column: string]: unknown;
}
const points = ({ out }: CommandResult): Point[] => (JSON.parse(out) as { points: Point[] }).points;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-compare-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("compare", () => {
  it("says of each chip what compile, simulate and energy say of it", async () => {
    const done = await compare("--vary", "lanes=32,64", "--limit", "2", "--csv", at("points.csv"), "--json");
    expect(done.code).toBe(0);
    expect(points(done).map(({ chip }) => chip)).toEqual(["layerwise-default lanes=32", "layerwise-default lanes=64"]);
    const chip = at("narrow.json");
    writeFileSync(chip, JSON.stringify({ ...builtIn("layerwise-default"), lanes: 32 }));
    await spikec("compile", ...MODEL, "--chip", chip, "-o", at("narrow.spk"));
    await spikec("simulate", at("narrow.spk"), ...INPUT, "--limit", "2", "-o", at("narrow-run.json"));
    const run = runFileSchema.parse(JSON.parse(readFileSync(at("narrow-run.json"), "utf8")));
    const energy = await spikec("energy", at("narrow-run.json"), "--json");
    const { totals, ranges } = JSON.parse(energy.out) as EnergyEstimate;
    expect(ranges.all[1]).toBeGreaterThan(ranges.all[0]);
    expect(points(done)[0]).toMatchObject({
      lanes: 32,
      samples: 2,
      cycles: run.cycles / 2,
      seconds: run.seconds / 2,
      energy_J: totals.all / 2,
      energy_J_low: ranges.all[0] / 2,
      energy_J_high: ranges.all[1] / 2,
      busy_accumulate: run.engines.accumulate.busy / run.cycles,
    });
    const [header, ...rows] = readFileSync(at("points.csv"), "utf8").trimEnd().split("\n");
    const columns = header!.split(",");
    for (const [i, row] of rows.entries()) {
      const cells = Object.fromEntries(row.split(",").map((cell, c) => [columns[c]!, cell]));
      const expected = Object.entries(points(done)[i]!).map(([name, value]) => [name, String(value)]);
      expect(cells).toEqual({ ...Object.fromEntries(expected), error: "" });
    }
  });

  it("gives a row with the reason to a chip that cannot run the net, and fails only where none can", async () => {
    const some = await compare("--chip", "layerwise-default", "--chip", "layerwise-int8", "--csv", at("some.csv"));
    expect(some.code).toBe(0);
    expect(some.out).toMatch(/layerwise-int8 .*does not run: .*25-bit weights/);
    expect(some.out).toMatch(/layerwise-default .*(works|waits for \w+): [\d.]+ %/);
    expect(some.err).toContain("2 of 2, layerwise-int8: does not run");
    expect(some.err).toMatch(/error\[[\w/-]+\]: .*25-bit weights[^]*hint: /);
    expect(some.err).toContain("1 of 2 chips do not run the network; exit code 0");
    expect(some.out).toContain("per sample, 1 simulated on each chip");
    expect(readFileSync(at("some.csv"), "utf8")).toMatch(/layerwise-int8,+"`patch_embed.*, the chip has 8"\n/);
    const none = await compare("--chip", "layerwise-int8");
    expect(none.code).toBe(1);
    expect(none.out).toContain("does not run");
    expect(none.err).toContain("no chip runs the network: exit code 1");
  });

  it.each([
    [["--vary", "lanes=64,1024"], "legal: integers above 0 to 512"],
    [["--vary", "lane=64"], "did you mean `lanes`?"],
    [["--vary", "lanes=64", "--vary", "lanes=32"], "varied twice"],
    [["--vary", "lanes=64,12"], "multiple of 8"],
    [["--chip", "layerwise-default", "--chip", "layerwise-defualt"], "did you mean `layerwise-default`?"],
  ])("refuses %j before anything runs", async (args, says) => {
    const done = await compare(...args, "--csv", at("never.csv"));
    expect(done).toMatchObject({ code: 1, out: "" });
    expect(done.err).toContain(says);
    expect(done.err).not.toMatch(/\d of \d/);
    expect(existsSync(at("never.csv"))).toBe(false);
  });

  it("keeps the points that were measured when it is interrupted", async () => {
    const values = Array.from({ length: 200 }, (_, i) => i + 1).join(",");
    const args = ["compare", ...MODEL, ...INPUT, "--vary", `dram.latencyCycles=${values}`, "--csv", at("cut.csv")];
    const done = await interrupted("SIGINT", (err) => err.includes("1 of 200"), ...args);
    expect(done.code).toBe(130);
    const [, first, ...rest] = readFileSync(at("cut.csv"), "utf8").trimEnd().split("\n");
    expect(first).toMatch(/^layerwise-default dram.latencyCycles=1,1,1,\d+/);
    expect(rest).toHaveLength(199);
    expect(rest.filter((row) => row.endsWith(",interrupted")).length).toBeLessThanOrEqual(1);
    expect(rest.at(-1)).toMatch(/not tried$/);
    expect(done.out).toMatch(/^layerwise-default dram.latencyCycles=200 .* not tried$/m);
    expect(done.out).not.toContain("does not run");
    expect(done.out).toContain("layerwise-default dram.latencyCycles=1 ");
  });
});
