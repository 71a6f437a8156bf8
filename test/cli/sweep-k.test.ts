import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";

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
});

describe("compile --keep-energy", () => {
  const compile = ["compile", ...DIGITS, ...LABELS, "-o"];

  it("keeps all tokens where all of the energy may be used", async () => {
    const { code, out } = await spikec(...compile, at("all.spk"), "--keep-energy", "1");
    expect(code).toBe(0);
    expect(out).toContain("k = 16: 100.0 % of the energy of all tokens on 4 samples, accuracy 100.00 %");
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
