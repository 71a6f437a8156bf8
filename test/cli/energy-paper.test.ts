import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { builtInTable, PAPERS, type RecomputedRow } from "../../src/energy/index.js";
import { spikec } from "../support/command-line.js";

const folder = mkdtempSync(join(tmpdir(), "spikec-papers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const paper = (...args: string[]) => spikec("energy", "--paper", ...args);

async function rowsOf(name: string, ...args: string[]): Promise<readonly RecomputedRow[]> {
  const { code, out } = await paper(name, "--json", ...args);
  expect(code).toBe(0);
  return (JSON.parse(out) as { rows: RecomputedRow[] }).rows;
}

describe("spikec energy --paper", () => {
  it("lists the tables without a name", async () => {
    const { code, out } = await paper();
    expect(code).toBe(0);
    for (const name of PAPERS) expect(out).toContain(name);
    expect(JSON.parse((await paper("--json")).out)).toEqual(PAPERS);
  });

  it("prints each row with its difference and verdict, and why some do not follow", async () => {
    const { code, out } = await paper("statten-appendix");
    expect(code).toBe(0);
    const line = (id: string): string => out.split("\n").find((text) => text.startsWith(`${id} `)) ?? "";
    expect(line("conv4")).toMatch(/0\.3253 mJ +0\.325307 mJ +\+0\.00000695 mJ +reproduced$/);
    expect(line("enc1.sa")).toMatch(/0\.0993 mJ .* does not follow$/);
    expect(line("total.printed")).toMatch(/12\.36 mJ +12\.7175 mJ .* does not follow$/);
    expect(out).toContain("enc3.sa: printed is 2.669 times the formula");
    for (const name of PAPERS) expect((await paper(name)).code, name).toBe(0);
  });

  it("explains a row by count, price and source", async () => {
    const { code, out } = await paper("statten-appendix", "--explain", "enc1.sa");
    expect(code).toBe(0);
    expect(out).toContain("N D^2 115,605,504 x (0.1221 + 0.1313 + 0.1320 + 0.1451)");
    expect(out).toContain("61,328,719.872");
    expect(out).toContain("Horowitz, ISSCC 2014");
    expect(out).not.toContain("enc2");
    expect((await paper("statten-appendix", "--explain")).out).toContain("enc8.mlp2: printed 0.0255 mJ");
  });

  it("takes prices from --table", async () => {
    const table = structuredClone(builtInTable());
    table.name = "mine";
    table.events.ac!.joules = 1e-12;
    const file = join(folder, "mine.json");
    writeFileSync(file, JSON.stringify(table));
    const [before, after] = [await rowsOf("statten-appendix"), await rowsOf("statten-appendix", "--table", file)];
    const value = (rows: readonly RecomputedRow[], id: string): number =>
      rows.find((row) => row.id === id)!.recomputed!;
    expect(value(after, "enc1.qkv")).toBeCloseTo(value(before, "enc1.qkv") / 0.9, 10);
    expect(value(after, "conv1")).toBe(value(before, "conv1"));
  });

  it("names what it does not know", async () => {
    const wrong = await paper("vit");
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain("vit-b");
    const row = await paper("vit-b", "--explain", "energy.225");
    expect(row.code).toBe(1);
    expect(row.err).toContain("did you mean `energy.224`?");
  });

  it("refuses what would be ignored", async () => {
    const others = [
      ["--arch", "statten"],
      ["--set", "chunk=1"],
      ["--random-init", "1"],
      ["--from-rates", "0.1"],
      ["--input", "x.npy"],
      ["--convention", "event"],
    ];
    const beside = others.map((other) => ["vit-b", ...other]);
    for (const args of [["vit-b", "energy.224"], ["--explain"], ["--table", "sata"], ...beside]) {
      const { code, err } = await paper(...args);
      expect(code).toBe(2);
      expect(err).toContain("means nothing");
    }
    const { code, err } = await spikec("energy");
    expect(code).toBe(2);
    expect(err).toContain("nothing to price");
  });
});
