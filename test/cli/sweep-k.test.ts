import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";
import { interrupted } from "../support/interrupted.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const DIGITS = [digitsPath("model.pth"), "--arch", "statten", "--input", digitsPath("test-images.npy")];
const LABELS = ["--labels", digitsPath("test-labels.npy"), "--limit", "4"];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-sweep-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("sweep-k", () => {
  it("prints and writes what each k costs on the simulated chip", async () => {
    const { code, out, err } = await spikec("sweep-k", ...DIGITS, ...LABELS, "--k", "8,16,1", "-o", at("sweep.csv"));
    expect(code).toBe(0);
    expect(err).toContain("k = 8 simulated");
    expect(out).toContain("4 samples on layerwise-default, cue rate");
    const [header = "", ...rows] = readFileSync(at("sweep.csv"), "utf8").trim().split("\n");
    const columns = header.split(",");
    const value = (row: string | undefined, column: string): number => Number(row?.split(",")[columns.indexOf(column)]);
    expect(rows.map((row) => row.split(",")[0])).toEqual(["", "8", "16", "1"]);
    const [all, eight, sixteen, one] = rows;
    // 16 tokens are all of them: the same program.
    expect(sixteen?.replace(/^16/, "")).toBe(all);
    const attention = [all, eight, one].map((row) => value(row, "attention_additions"));
    expect(attention).toEqual([...attention].sort((a, b) => b - a));
    expect(attention[2]).toBeLessThan(attention[0] ?? 0);
    const parts = ["arithmetic", "sram", "dram"].map((part) => value(eight, `energy_${part}_J`));
    expect(parts.reduce((a, b) => a + b, 0)).toBeCloseTo(value(eight, "energy_J"), 15);
  });

  it("says which k are legal", async () => {
    const { code, err } = await spikec("sweep-k", ...DIGITS, ...LABELS, "--k", "17");
    expect(code).toBe(1);
    expect(err).toContain("use k = 1 to 16");
    expect((await spikec("sweep-k", ...DIGITS, "--k", "2,x")).code).toBe(2);
    const wrong = await spikec("sweep-k", ...DIGITS, ...LABELS, "--k", "2", "--cue", "luck");
    expect(wrong.err).toContain("one of rate, first-spike, interval, sparta, relevance");
  });

  it("looks at every number and option before it simulates anything", async () => {
    for (const given of [
      ["--k", "2,17"],
      ["--k", "2", "--layers", "block.9"],
      ["--k", "2", "--before", "mlp", "--cue", "relevance"],
      ["--share", "0.5", "--capacity", "17"],
      // Options are data: this is a layer without such a name, and no second pass.
      ["--k", "2", "--layers", "all},drop-dead{"],
      [],
      ["--k", "2", "--share", "0.5"],
    ]) {
      const { code, out, err } = await spikec("sweep-k", ...DIGITS, ...LABELS, ...given);
      expect([code, out]).toEqual([1, ""]);
      expect(err).toContain("hint:");
      expect(err).not.toContain("simulated");
    }
    const injected = await spikec("sweep-k", ...DIGITS, ...LABELS, "--k", "2", "--layers", "all},drop-dead{");
    expect(injected.err).toContain("no attention has the name `all},drop-dead{`");
    expect((await spikec("sweep-k", ...DIGITS, "--share", "0.5,2")).code).toBe(2);
  });

  it("keeps the rows that were measured when it is interrupted", async () => {
    const args = ["sweep-k", ...DIGITS, "--k", "12,10,8,6,4,2", "-o", at("cut.csv")];
    const done = await interrupted("SIGINT", (err) => err.includes("k = 12 simulated"), ...args);
    expect(done.code).toBe(130);
    expect(done.err).toContain("cli/interrupted");
    const [, ...rows] = readFileSync(at("cut.csv"), "utf8").trimEnd().split("\n");
    expect(rows.slice(0, 2).map((row) => row.split(",")[0])).toEqual(["", "12"]);
    expect(rows.length).toBeLessThan(7);
    expect(done.out).toMatch(/^k = 12 /m);
  });

  it("sweeps over shares, in front of attention and MLP", async () => {
    const places = ["--before", "both", "--drop", "residual", "--overflow", "keep-best", "--capacity", "12"];
    const file = at("share.csv");
    const { code, out, err } = await spikec(
      "sweep-k",
      ...DIGITS,
      ...LABELS,
      "--share",
      "0.9,0.2",
      ...places,
      "-o",
      file,
    );
    expect(code).toBe(0);
    expect(err).toContain("share = 0.9 simulated");
    expect(out).toContain("share = 0.2");
    const [header = "", ...rows] = readFileSync(file, "utf8").trim().split("\n");
    expect(header.split(",").slice(0, 3)).toEqual(["k", "share", "samples"]);
    expect(rows.map((row) => row.split(",").slice(0, 2).join())).toEqual([",", ",0.9", ",0.2"]);
    const accumulates = rows.map((row) => Number(row.split(",")[header.split(",").indexOf("ac")]));
    // A higher share leaves fewer tokens, and fewer additions.
    expect(accumulates[1]).toBeLessThan(accumulates[2] ?? 0);
    expect(accumulates[2]).toBeLessThan(accumulates[0] ?? 0);
  });
});

describe("compile --keep-energy", () => {
  const compile = ["compile", ...DIGITS, ...LABELS, "-o"];

  it("keeps all tokens where all of the energy may be used", async () => {
    const { code, out } = await spikec(...compile, at("all.spk"), "--keep-energy", "1");
    expect(code).toBe(0);
    expect(out).toContain("k = 16: 100.0 % of the energy of all tokens on 4 samples, accuracy 100.00 %");
    const wrong = await spikec(...compile, at("wrong.spk"), "--keep-energy", "1", "--cue", "luck");
    expect([wrong.code, wrong.out]).toEqual([1, ""]);
    expect(wrong.err).toContain("one of rate, first-spike, interval, sparta, relevance");
    expect(wrong.err).not.toContain("simulated");
  });

  it("finds the largest k within the energy, and simulates it", async () => {
    const { code, out, err } = await spikec(...compile, at("few.spk"), "--keep-energy", "0.995", "--project", "kept");
    expect(code).toBe(0);
    const [, k = "", share = ""] = /^k = (\d+): (\d+\.\d) % of the energy/.exec(out) ?? [];
    expect(Number(k)).toBeGreaterThanOrEqual(1);
    expect(Number(k)).toBeLessThan(16);
    expect(Number(share)).toBeLessThanOrEqual(99.5);
    // The next larger k was tried and needs more.
    const [, above = ""] = new RegExp(`k = ${Number(k) + 1}: (\\d+\\.\\d) %`).exec(err) ?? [];
    expect(Number(above)).toBeGreaterThanOrEqual(99.5);
  });

  it("says how much one token needs where less is asked for, and that it needs inputs", async () => {
    const { code, err } = await spikec(...compile, at("none.spk"), "--keep-energy", "0.01");
    expect(code).toBe(1);
    expect(err).toMatch(/one token of 16 still needs \d+\.\d % of the energy/);
    expect(err).toMatch(/ask for --keep-energy 0\.\d+ or more/);
    const without = await spikec(
      "compile",
      digitsPath("model.pth"),
      "--arch",
      "statten",
      "-o",
      at("x"),
      "--keep-energy",
      "0.5",
    );
    expect(without.err).toContain("add --input");
  });
});
