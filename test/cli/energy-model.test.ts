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

  it("has a convention once, however often it is named", async () => {
    const { out } = await energy(...MODEL, ...INPUT, "--convention", "statten,event,statten");
    expect(out).toMatch(/^layer +statten +event$/m);
  });

  it("prints the same of one layer as JSON, with the totals of the network", async () => {
    const of = async (...more: readonly string[]) =>
      JSON.parse((await energy(...MODEL, ...INPUT, "--convention", "event", "--json", ...more)).out) as EnergyJson;
    const [whole, part] = [await of(), await of("--explain", "head")];
    const only = <T extends { readonly layer?: string }>(rows: readonly T[]) => rows.filter((r) => r.layer === "head");
    expect(part.layers.map(({ name }) => name)).toEqual(["head"]);
    expect(part.conventions[0]!.rows).toEqual(only(whole.conventions[0]!.rows));
    expect(part.conventions[0]!.rows.length).toBeGreaterThan(0);
    expect(part.conventions[0]!.total).toBe(whole.conventions[0]!.total);
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
    [["--convention", "all,statn", ...INPUT], "did you mean `statten`?"],
    [[], "the energy of a network needs inputs to evaluate"],
    [["--table", "truenorth", "--convention", "statten", ...INPUT], "prices nothing that `statten` counts: mac, ac"],
    [["--from-rates", "0.1"], "--from-rates are given"],
  ] as const)("a network with %j", async (args, message) => {
    const done = await energy(...MODEL, ...args);
    expect(done.code).toBe(1);
    expect(done.err).toContain(message);
  });

  it("a network without inputs, and says what to add", async () => {
    const done = await energy(digitsPath("model.pth"));
    expect(done.code).toBe(1);
    expect(done.err).toMatch(/model\.pth` is not a run: .*; of a network, add --input IMAGES/s);
  });

  it("an option of other commands", async () => {
    const done = await energy(...MODEL, ...INPUT, "--labels", digitsPath("test-labels.npy"));
    expect(done.code).toBe(2);
    expect(done.err).toContain("unknown option '--labels'");
  });

  it.each([
    ["run.json", "--ann"],
    ["run.json", "--set", "chunk=1"],
    [...MODEL, ...INPUT, "--ann", "--explain"],
    [...MODEL, ...INPUT, "--integers", "bits", "--convention", "statten,syops-counter"],
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
