import { describe, expect, it } from "vitest";
import { CONVENTIONS } from "../../src/energy/network.js";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";

const MODEL = [digitsPath("model.pth"), "--arch", "statten"];
const INPUT = ["--input", digitsPath("test-images.npy"), "--limit", "2"];
const energy = (...args: readonly string[]) => spikec("energy", ...args);

interface EnergyJson {
  readonly samples: number;
  readonly conventions: readonly {
    readonly name: string;
    readonly total: number;
    readonly rows: readonly {
      layer: string;
      what: string;
      count: number;
      joules: number;
      figure: { joules: number };
    }[];
    readonly ann: { readonly ann: number; readonly snn: number };
  }[];
  readonly layers: readonly { name: string; kind: string; events: Readonly<Record<string, readonly number[]>> }[];
}

describe("spikec energy of a network", () => {
  it("prints all conventions side by side and what each of them counts", async () => {
    const done = await energy(...MODEL, ...INPUT);
    expect(done).toMatchObject({ code: 0, err: "" });
    expect(done.out).toContain("mean of 2 samples");
    for (const { name, firstLayer, rates } of CONVENTIONS) {
      expect(done.out).toMatch(new RegExp(`^layer .*${name}`, "m"));
      for (const text of [firstLayer, rates]) expect(done.out).toContain(text);
    }
    expect(done.out).toMatch(/`event` counts without a price in this table \(per sample\): update [\d,]+/);
  });

  it("prints the same as JSON, with events per timestep", async () => {
    const json = JSON.parse((await energy(...MODEL, ...INPUT, "--json")).out) as EnergyJson;
    expect(json.samples).toBe(2);
    expect(json.conventions.map(({ name }) => name)).toEqual(CONVENTIONS.map(({ name }) => name));
    for (const { rows, total } of json.conventions) {
      for (const row of rows) expect(row.joules).toBe(row.count * row.figure.joules);
      expect(rows.reduce((sum, row) => sum + row.joules, 0)).toBeCloseTo(total, 20);
    }
    const conv = json.layers.find(({ name }) => name === "patch_embed.proj_conv1")!;
    const [event] = json.conventions;
    const row = event!.rows.find(({ layer, what }) => layer === "patch_embed.proj_conv1" && what === "ac")!;
    expect(conv.events["ac"]!.reduce((a, b) => a + b, 0)).toBe(row.count);
  });

  it("traces one layer: how the count comes about, the price, its source", async () => {
    const layer = "block.0.attn.proj_conv";
    const { out } = await energy(...MODEL, ...INPUT, "--convention", "event,statten", "--explain", layer);
    const [, ...lines] = out.split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/block\.0\.attn\.proj_conv .* ac .*9\.000e-13 J .*Horowitz/);
    const wrong = await energy(...MODEL, ...INPUT, "--explain", "block.0.attn.proj_con");
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain("did you mean `block.0.attn.proj_conv`?");
  });

  it("compares with an ANN of the same shape", async () => {
    const { out } = await energy(...MODEL, ...INPUT, "--convention", "event", "--ann");
    // 4.6 / 0.9 / 4 timesteps.
    expect(out).toMatch(/block\.0\.mlp\.fc1_conv .*never \(127\.78 %\)/);
  });

  it("recomputes from published rates without a checkpoint", async () => {
    const args = ["--from-rates", "statten-8-768", "--arch", "statten", "--config", "statten-8-768"];
    const { out, code } = await energy(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/^total +12\.36 mJ$/m);
    const refused = await energy(...args, "--convention", "event");
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("error[energy/convention-needs]: `event` counts events");
  });
});

describe("spikec energy refuses", () => {
  it.each([
    [["--convention", "statn", ...INPUT], "did you mean `statten`?"],
    [[], "the energy of a network needs inputs to evaluate"],
    [["--from-rates", "0.1"], "--from-rates are given"],
  ] as const)("a network with %j", async (args, message) => {
    const done = await energy(...MODEL, ...args);
    expect(done.code).toBe(1);
    expect(done.err).toContain(message);
  });

  it.each([
    ["run.json", "--ann"],
    ["run.json", "--convention", "event"],
    ["--from-rates", "0.1", "--config", "statten-8-768", "--integers", "bits"],
    ["--from-rates", "0.1", "--config", "statten-8-768", "--limit", "3"],
    ["--from-rates", "0.1", "--config", "statten-8-768", "--input", "x.npy"],
  ])("what has no effect: %j", async (...args) => {
    const done = await energy(...args);
    expect(done.code).toBe(2);
    expect(done.err).toContain("means nothing");
  });
});
