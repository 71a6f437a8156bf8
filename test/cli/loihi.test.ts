import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readProgram } from "../../src/backends/program/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { loihiEnergy } from "../../src/energy/index.js";
import { loihiRunSchema, type LoihiRunFile } from "../../src/sim/loihi/run-file.js";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const MODEL = [digitsPath("model.pth"), "--arch", "statten"] as const;
const CALIBRATE = ["--calibrate", digitsPath("test-images.npy"), "--samples", "8"] as const;
const INPUT = ["--input", digitsPath("test-images.npy"), "--labels", digitsPath("test-labels.npy")] as const;
const CHIP = ["--chip", "loihi1+attention"] as const;

const readRun = (name: string): LoihiRunFile => loihiRunSchema.parse(JSON.parse(readFileSync(at(name), "utf8")));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "spikec-loihi-"));
  const compiled = await spikec("compile", ...MODEL, ...CHIP, ...CALIBRATE, "-o", at("digits.spk"));
  expect(compiled.err).toBe("");
  expect(compiled.code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a program for a step-by-step chip", () => {
  it("is the same whether target and seed are named or not", async () => {
    const named = ["--target", "loihi", "--seed", "0"];
    await spikec("compile", ...MODEL, ...CHIP, ...CALIBRATE, ...named, "-o", at("named.spk"));
    expect(readFileSync(at("named.spk")).equals(readFileSync(at("digits.spk")))).toBe(true);
  });

  it("is drawn: every core of the program has a mark on the mesh", async () => {
    const { out, code } = await spikec("inspect", at("digits.spk"));
    expect(code).toBe(0);
    const program = readProgram(at("digits.spk"), new Report(), "loihi")!;
    const { tilesX, tilesY, coresPerTile } = program.chip.mesh;
    const lines = out.split("\n");
    const first = lines.findIndex((line) => line.startsWith("mesh;")) + 1;
    const rows = lines.slice(first, first + tilesY).map((line) => line.split(" "));
    expect(rows.map((row) => row.length)).toEqual(Array.from({ length: tilesY }, () => tilesX));
    expect(rows.flat().every((cell) => cell.length === coresPerTile)).toBe(true);
    for (const { kind, tile, slot } of program.cores) {
      const mark = rows[Math.floor(tile / tilesX)]![tile % tilesX]![slot]!;
      expect(mark).toMatch(kind === "attention" ? /#/ : /[a-zA-Z*]/);
    }
    expect(rows.flat().join("").replaceAll(".", "")).toHaveLength(program.cores.length);
    for (const { name } of program.layers) expect(out).toContain(name);
  });

  it("says what its cores hold, layer by layer", async () => {
    const { out, code } = await spikec("inspect", at("digits.spk"), "--memory");
    expect(code).toBe(0);
    const json = JSON.parse((await spikec("inspect", at("digits.spk"), "--memory", "--json")).out) as {
      layers: { layer: string; weights: number; potentials: number }[];
      total: { weights: number; addressing: number };
    };
    for (const { layer, weights, potentials } of json.layers) {
      const row = out.split("\n").find((line) => line.startsWith(`${layer} `))!;
      for (const bits of [weights, potentials]) expect(row).toContain(` ${bits.toLocaleString("en-US")}`);
    }
    const { weights, addressing } = json.total;
    expect(out).toContain(`synapse memory ${(weights + addressing).toLocaleString("en-US")} of`);
  });

  it("runs: predictions of the trained network, events that add up, the host's part in rows of its own", async () => {
    const { out, err, code } = await spikec(
      "simulate",
      at("digits.spk"),
      ...INPUT,
      "--limit",
      "4",
      "-o",
      at("run.json"),
    );
    expect(code).toBe(0);
    // Queues are longer than the chip has places for: said, and no error.
    expect(err).toContain("sim/queue");
    expect(out).toMatch(/into the chip +7 +3,072 +12,288/);
    const run = readRun("run.json");
    expect(run.samples.map(({ predicted }) => predicted)).toEqual(run.samples.map(({ label }) => label));
    expect(run.seconds * 1e12).toBeCloseTo(sum(run.samples.map(({ time }) => time)), 3);
    expect(sum(run.stepTimes)).toBeCloseTo(sum(run.samples.map(({ time }) => time)), 3);
    const sent = sum(run.layers.map(({ events }) => sum(events.message)));
    expect(sum(run.cores.map((core) => core.sent))).toBe(sent);
    expect(sum(run.cores.map((core) => core.received))).toBe(sent);
  });

  it("gives the same samples, printed as JSON, whatever runs before them", async () => {
    const { out } = await spikec("simulate", at("digits.spk"), ...INPUT, "--limit", "2", "--json", "--record");
    const run = loihiRunSchema.parse(JSON.parse(out));
    expect(run.samples.map(({ outputs, time }) => ({ outputs, time }))).toEqual(
      readRun("run.json")
        .samples.slice(0, 2)
        .map(({ outputs, time }) => ({ outputs, time })),
    );
    expect(run.samples[0]!.spikes!.map(({ layer }) => layer)).toContain("head_lif");
  });

  it("is priced by the chip's own figures, by `simulate` and `energy` alike", async () => {
    const run = readRun("run.json");
    const { totals } = loihiEnergy(run);
    expect(totals.static).toBeCloseTo(run.seconds * run.chip.energy.staticPerChip * 1e-3, 15);
    const done = await spikec("energy", at("run.json"), "--json");
    expect((JSON.parse(done.out) as { totals: unknown }).totals).toEqual(totals);
    expect((await spikec("energy", at("run.json"), "--explain")).out).toContain("static power");
  });

  it("is no run of a layer-by-layer chip", async () => {
    const { code, err } = await spikec("diff", at("run.json"), at("run.json"));
    expect(code).toBe(1);
    expect(err).toContain("step-by-step chip");
  });

  it.each([["--kernels", "plain"], ["--probe", "head_lif"], ["--trace"]])("refuses %s", async (...flags) => {
    const trace = flags[0] === "--trace" ? [at("trace.json")] : [];
    const { code, err } = await spikec("simulate", at("digits.spk"), ...INPUT, "--limit", "1", ...flags, ...trace);
    expect(code).toBe(1);
    expect(err).toContain("cli/no-effect");
  });
});

describe("compile for a step-by-step chip", () => {
  it("prints where the network lies, and both ways of its streams", async () => {
    const { out } = await spikec("compile", ...MODEL, ...CHIP, ...CALIBRATE, "--explain", "-o", at("explained.spk"));
    for (const text of ["in front of the chip", "unroll", "relay", "chosen", "synapse memory"])
      expect(out).toContain(text);
  });

  it.each([
    [["--streams", "relay"], []],
    [["--time-block", "2"], CHIP],
  ])("options of the other target mean nothing: %s %s", async (flags, chip) => {
    const { code, err } = await spikec("compile", ...MODEL, ...flags, ...chip, "-o", at("x.spk"));
    expect(code).toBe(2);
    expect(err).toContain("cli/no-effect");
  });

  it("says what --allow changes, and which approximations there are", async () => {
    const allowed = await spikec(
      "compile",
      ...MODEL,
      ...CHIP,
      ...CALIBRATE,
      "--allow",
      "approximate:biases",
      "-o",
      at("a.spk"),
    );
    expect(allowed.out).toContain("spikes that differ on 4 samples, 0 with another largest output");
    const unknown = await spikec("compile", ...MODEL, ...CHIP, "--allow", "biases", "-o", at("a.spk"));
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain("approximate:thresholds");
  });

  it("a chip of another target than the named one is an error", async () => {
    const { code, err } = await spikec("compile", ...MODEL, "--target", "layerwise", ...CHIP, "-o", at("x.spk"));
    expect(code).toBe(1);
    expect(err).toContain("chips/wrong-target");
  });
});

describe("the teaching example", () => {
  it("tells vertical from horizontal edges, in both simulators alike", async () => {
    const path = (name: string): string => fileURLToPath(new URL(`../../examples/teaching/${name}`, import.meta.url));
    const compiled = await spikec("compile", path("edges.snn"), "--chip", "loihi-teaching", "-o", at("edges.spk"));
    expect(compiled.code).toBe(0);
    const runs = await Promise.all(
      ["event", "stepped"].map(async (simulator) => {
        const input = ["--input", path("bars.npy"), "--simulator", simulator, "--json"];
        return loihiRunSchema.parse(JSON.parse((await spikec("simulate", at("edges.spk"), ...input)).out));
      }),
    );
    expect(runs[0]).toEqual(runs[1]);
    // A vertical bar, then a horizontal one: the class is the direction with more spikes.
    expect(runs[0]!.samples.map(({ predicted }) => predicted)).toEqual([0, 1]);
  });
});

describe("compare across targets", () => {
  it("measures each chip as simulate does, and names one that does not run the network", async () => {
    const chips = ["--chip", "layerwise-int8", ...CHIP, "--chip", "loihi2"];
    const done = await spikec("compare", ...MODEL, ...INPUT, ...chips, "--limit", "2", "--csv", at("c.csv"), "--json");
    expect(done.code).toBe(0);
    const { points } = JSON.parse(done.out) as { points: Record<string, number | string>[] };
    expect(points.map(({ chip }) => chip)).toEqual(["layerwise-int8", "loihi1+attention", "loihi2"]);
    const [layerwise, stepwise, refused] = points;
    expect(refused!["error"]).toContain("attention");
    for (const point of [layerwise!, stepwise!]) {
      expect(point["accuracy"]).toBe(1);
      const shares = Object.entries(point).flatMap(([name, share]) =>
        name.startsWith("time_") ? [Number(share)] : [],
      );
      expect(sum(shares)).toBeCloseTo(1, 9);
    }
    await spikec("compile", ...MODEL, ...CHIP, "--calibrate", INPUT[1], "--samples", "16", "-o", at("c.spk"));
    await spikec("simulate", at("c.spk"), ...INPUT, "--limit", "2", "-o", at("c.json"));
    const run = readRun("c.json");
    expect(stepwise!["seconds"]).toBe(run.seconds / 2);
    expect(stepwise!["messages"]).toBe(sum(run.layers.map(({ events }) => sum(events.message))) / 2);
    expect(readFileSync(at("c.csv"), "utf8").trim().split("\n")).toHaveLength(4);
  });

  it("varies no step-by-step chip", async () => {
    const { code, err } = await spikec("compare", ...MODEL, ...INPUT, ...CHIP, "--vary", "lanes=1,2");
    expect(code).toBe(1);
    expect(err).toContain("--vary");
  });
});
