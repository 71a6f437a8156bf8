import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readProgram } from "../../src/backends/program/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { estimateEnergy, ownTable, type EnergyEstimate } from "../../src/energy/index.js";
import { loihiRunSchema, type LoihiRunFile } from "../../src/sim/loihi/run-file.js";
import { unpackSpikes } from "../../src/sim/recording.js";
import { spikec, type CommandResult } from "../support/command-line.js";
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

  it("is placed by the messages of a run of it, and computes the same", async () => {
    await spikec("simulate", at("digits.spk"), ...INPUT, "--limit", "2", "--record", "-o", at("recorded.json"));
    const profile = ["--profile", at("recorded.json")];
    const compiled = await spikec("compile", ...MODEL, ...CHIP, ...CALIBRATE, ...profile, "-o", at("placed.spk"));
    expect([compiled.code, compiled.err]).toEqual([0, ""]);
    expect((await spikec("inspect", at("placed.spk"))).out).toContain("messages measured in recorded.json, 2 samples");
    expect((await spikec("inspect", at("digits.spk"))).out).toContain("messages measured on 4 inputs");
    const again = await spikec("simulate", at("placed.spk"), ...INPUT, "--limit", "2", "--record", "--json");
    const outputs = ({ samples }: LoihiRunFile) => samples.map(({ outputs: out, spikes }) => ({ out, spikes }));
    expect(outputs(loihiRunSchema.parse(JSON.parse(again.out)))).toEqual(outputs(readRun("recorded.json")));
  });

  it("takes fewer cores, and more time, where it is mapped for cores", async () => {
    const few = ["--objective", "cores"];
    await spikec("compile", ...MODEL, ...CHIP, ...CALIBRATE, ...few, "-o", at("few.spk"));
    const cores = (name: string): number => readProgram(at(name), new Report(), "loihi")!.cores.length;
    expect(cores("few.spk")).toBeLessThan(cores("digits.spk"));
    expect((await spikec("inspect", at("few.spk"))).out).toContain(`mapped for few cores: ${cores("few.spk")}`);
    expect((await spikec("inspect", at("digits.spk"))).out).toContain("mapped for time");
    const done = await spikec("simulate", at("few.spk"), ...INPUT, "--limit", "4", "--json");
    const [slow, fast] = [loihiRunSchema.parse(JSON.parse(done.out)), readRun("run.json")];
    expect(slow.samples.map(({ outputs }) => outputs)).toEqual(fast.samples.map(({ outputs }) => outputs));
    expect(fast.seconds).toBeLessThan(0.5 * slow.seconds);
  });

  it("takes no run of another network as its profile", async () => {
    const teaching = fileURLToPath(new URL("../../examples/teaching/edges.snn", import.meta.url));
    const args = ["--chip", "loihi-teaching", "--profile", at("run.json"), "-o", at("x.spk")];
    const { code, err } = await spikec("compile", teaching, ...args);
    expect(code).toBe(1);
    expect(err).toContain("loihi/profile");
    expect(err).toContain("run.json");
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
    const { totals } = estimateEnergy(run, ownTable(run));
    expect(totals.power).toBeCloseTo(run.seconds * run.chip.energy.staticPerChip * 1e-3, 15);
    const done = await spikec("energy", at("run.json"), "--json");
    expect((JSON.parse(done.out) as { totals: unknown }).totals).toEqual(totals);
    expect((await spikec("energy", at("run.json"), "--explain")).out).toContain("static power");
  });

  it("is priced by the table that is named, which says whose chip it is", async () => {
    const energy = async (...table: string[]) => {
      const { out, code } = await spikec("energy", at("run.json"), "--json", ...table);
      expect(code).toBe(0);
      return JSON.parse(out) as EnergyEstimate & { notes: string[] };
    };
    const [own, fit, davies] = [
      await energy(),
      await energy("--table", "loihi1-fit"),
      await energy("--table", "loihi1-davies"),
    ];
    // The description has the same figures, and one more: of its attention cores.
    expect(fit.totals.all).toBeCloseTo(own.totals.all - own.totals.attention, 15);
    expect(davies.totals.neurons).not.toBeCloseTo(fit.totals.neurons, 9);
    expect([fit.notes, davies.notes]).toEqual([[], []]);
    expect((await energy("--table", "truenorth")).notes).toEqual([
      "table truenorth has figures of truenorth-grid; this run is of loihi1+attention",
    ]);
  });

  it.each([
    ["--kernels", "plain"],
    ["--workers", "1"],
  ])("refuses %s", async (...flags) => {
    const { code, err } = await spikec("simulate", at("digits.spk"), ...INPUT, "--limit", "1", ...flags);
    expect(code).toBe(2);
    expect(err).toContain("cli/no-effect");
  });

  it("has probes of its neurons alone, and names those it has", async () => {
    const typo = await spikec("simulate", at("digits.spk"), ...INPUT, "--probe", "head_lof");
    expect(typo.code).toBe(1);
    expect(typo.err).toContain("did you mean `head_lif`?");
    const program = readProgram(at("digits.spk"), new Report(), "loihi")!;
    const relay = program.layers.find(({ kind }) => kind === "stream.relay")!;
    const none = await spikec("simulate", at("digits.spk"), ...INPUT, "--probe", relay.name);
    expect(none.err).toContain("has no neurons");
    expect((await spikec("simulate", at("digits.spk"), ...INPUT, "--probe", "head_lif:48")).err).toContain("0 to 47");
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
    [["--profile", "run.json"], []],
    [["--objective", "cores"], []],
    [["--objective", "latency"], CHIP],
    [["--time-block", "2"], CHIP],
  ])("options of the other target mean nothing: %s %s", async (flags, chip) => {
    const { code, err } = await spikec("compile", ...MODEL, ...flags, ...chip, "-o", at("x.spk"));
    expect(code).toBe(2);
    expect(err).toContain("cli/no-effect");
  });

  it("objectives of the other target are told those of this one", async () => {
    const { err } = await spikec("compile", ...MODEL, ...CHIP, "--objective", "energy", "-o", at("x.spk"));
    expect(err).toContain("--objective energy means nothing on a step-by-step chip");
    expect(err).toContain("--objective time or cores");
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
  const path = (name: string): string => fileURLToPath(new URL(`../../examples/teaching/${name}`, import.meta.url));
  const simulate = (program: string, output: string, ...args: string[]): Promise<CommandResult> =>
    spikec("simulate", at(program), "--input", path("bars.npy"), "-o", at(output), ...args);

  beforeAll(async () => {
    const chip = ["--chip", "loihi-teaching", "--objective", "cores"];
    expect((await spikec("compile", path("edges.snn"), ...chip, "-o", at("edges.spk"))).code).toBe(0);
    const text = readFileSync(path("edges.snn"), "utf8");
    writeFileSync(at("dull.snn"), text.replace("v_th = 25", "v_th = 45"));
    expect((await spikec("compile", at("dull.snn"), ...chip, "-o", at("dull.spk"))).code).toBe(0);
  });

  it("tells vertical from horizontal edges, in both simulators alike, looked into or not", async () => {
    const inside = ["--record", "--probe", "edges", "--probe", "directions:1"];
    for (const simulator of ["event", "stepped"]) {
      const trace = ["--trace", at(`${simulator}.trace.json`)];
      const done = await simulate("edges.spk", `${simulator}.json`, "--simulator", simulator, ...inside, ...trace);
      expect(done).toMatchObject({ code: 0, err: "" });
    }
    await simulate("edges.spk", "plain.json");
    expect(readRun("event.json")).toEqual(readRun("stepped.json"));
    const text = (name: string): string => readFileSync(at(name), "utf8");
    expect(text("event.trace.json")).toBe(text("stepped.trace.json"));
    const { samples, layers, ...rest } = readRun("event.json");
    const bare = {
      ...rest,
      layers: layers.map(({ places: _places, ...layer }) => layer),
      samples: samples.map(({ spikes: _spikes, probes: _probes, ...sample }) => sample),
    };
    expect(readRun("plain.json")).toEqual(bare);
    // A vertical bar, then a horizontal one: the class is the direction with more spikes.
    expect(samples.map(({ predicted }) => predicted)).toEqual([0, 1]);
  });

  it("warns of potentials that its states do not hold, with layer and core", async () => {
    const text = readFileSync(path("edges.snn"), "utf8");
    writeFileSync(at("narrow.snn"), text.replace("v_th = 30", "v_th = 30, v_max = 1000"));
    const chip = ["--chip", "loihi-teaching", "--objective", "cores"];
    expect((await spikec("compile", at("narrow.snn"), ...chip, "-o", at("narrow.spk"))).code).toBe(0);
    const { code, err } = await simulate("narrow.spk", "narrow.json");
    expect(code).toBe(0);
    expect(err).toContain("warning[sim/saturation]");
    const [, clipped, updates] = /directions: (\d+) in (\d+) updates, core 2; v holds -8388607\.\.1000/.exec(err)!;
    const { events } = readRun("narrow.json").layers[1]!;
    const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
    expect([Number(clipped), Number(updates)]).toEqual([total(events.saturation), total(events.update)]);
    expect(err).not.toContain("edges:");
  });

  it("shows the u and v that its text defines, beside the spikes that were recorded", () => {
    const run = readRun("event.json");
    for (const { probes, spikes } of run.samples) {
      const [edges, direction] = probes!;
      expect(edges!.spikes).toEqual([
        ...unpackSpikes(
          spikes!.find(({ layer }) => layer === "edges")!,
          8,
        )!,
      ]);
      expect(direction).toMatchObject({ neuron: 1, timesteps: 8 });
      expect(new Set(edges!.threshold)).toEqual(new Set([25 * 64]));
      // decay_u = 4095: u is the input alone. v loses a quarter, toward zero, then takes u; above 25 x 64 it fires and is 0.
      const size = edges!.positions * edges!.channels;
      for (const [i, u] of edges!.u.entries()) {
        const charged = Math.trunc((i < size ? 0 : edges!.v[i - size]!) * 0.75) + u;
        expect([edges!.spikes[i], edges!.v[i]]).toEqual(charged > 1600 ? [1, 0] : [0, charged]);
      }
    }
  });

  it("is compared spike by spike: the first that differs has a core and a compartment", async () => {
    await simulate("dull.spk", "dull.json", "--record");
    const same = await spikec("diff", at("event.json"), at("stepped.json"));
    expect(same).toMatchObject({ code: 0, err: "" });
    const done = await spikec("diff", at("event.json"), at("dull.json"));
    expect(done.code).toBe(1);
    expect(done.out).toContain("first difference: layer edges,");
    expect(done.out).toMatch(/core +tile.slot +compartment/);
    const json = JSON.parse((await spikec("diff", at("event.json"), at("dull.json"), "--json")).out) as {
      first: {
        sample: number;
        timestep: number;
        position: number;
        channel: number;
        sides: { u?: number; place: { core: number; tile: number; slot: number; compartment: number } }[];
      };
    };
    const { position, channel, timestep, sample, sides } = json.first;
    const neuron = 2 * position + channel;
    for (const [i, name] of ["edges.spk", "dull.spk"].entries()) {
      const program = readProgram(at(name), new Report(), "loihi")!;
      const { core, tile, slot, compartment } = sides[i]!.place;
      const there = program.cores[core]!;
      expect([there.tile, there.slot]).toEqual([tile, slot]);
      const group = there.kind === "neuro" && there.groups.find(({ first }) => first <= compartment);
      expect(group && group.neurons[compartment - group.first]).toBe(neuron);
    }
    // One side was probed; the other is told how.
    expect(sides[0]!.u).toBe(readRun("event.json").samples[sample]!.probes![0]!.u[timestep * 32 + neuron]);
    expect(sides[1]!.u).toBeUndefined();
    expect(done.out).toContain(`for u and v of ${at("dull.json")}`);
    expect(done.out).not.toContain(`for u and v of ${at("event.json")}`);
    await simulate("edges.spk", "bare.json");
    expect((await spikec("diff", at("event.json"), at("bare.json"))).err).toContain("--record");
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
