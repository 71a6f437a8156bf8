import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUILT_IN_CHIPS } from "../../src/chips/index.js";
import { energyTableSchema } from "../../src/energy/table.js";
import { builtInTable, builtInTables, type EnergyEstimate } from "../../src/energy/index.js";
import { runFileSchema } from "../../src/sim/run-file.js";
import { writeSafetensors } from "../../src/frontend/formats/index.js";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const model = digitsPath("model.pth");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the main job", () => {
  it("compiles, simulates and prices the embedded example through files", async () => {
    const compiled = await spikec(
      "compile",
      model,
      "--arch",
      "statten",
      "--target",
      "layerwise",
      "-o",
      at("digits.spk"),
    );
    expect(compiled).toMatchObject({ code: 0 });
    const simulated = await spikec(
      "simulate",
      at("digits.spk"),
      "--input",
      digitsPath("test-images.npy"),
      "--labels",
      digitsPath("test-labels.npy"),
      "--limit",
      "3",
      "-o",
      at("run.json"),
    );
    expect(simulated.err).toBe("");
    expect(simulated.code).toBe(0);
    const run = runFileSchema.parse(JSON.parse(readFileSync(at("run.json"), "utf8")));
    expect(run.samples).toHaveLength(3);
    expect(run.samples.every((sample) => sample.predicted === sample.label)).toBe(true);
    for (const states of Object.values(run.engines)) {
      expect(Object.values(states).reduce((a, b) => a + b, 0)).toBe(run.cycles);
    }
    const energy = await spikec("energy", at("run.json"), "--json");
    expect(energy.code).toBe(0);
    const estimate = JSON.parse(energy.out) as {
      totals: { all: number; arithmetic: number; sram: number; dram: number };
    };
    expect(estimate.totals.all).toBeGreaterThan(0);
    const { arithmetic, sram, dram } = estimate.totals;
    expect(arithmetic + sram + dram).toBeCloseTo(estimate.totals.all, 18);
    const explained = await spikec("energy", at("run.json"), "--explain");
    expect(explained.out).toContain("Horowitz");
  });

  it("says the same on plain kernels, which stepped does not have", async () => {
    const input = ["--input", digitsPath("test-images.npy"), "--limit", "1", "--json"];
    const simd = await spikec("simulate", at("digits.spk"), ...input, "--kernels", "simd");
    const plain = await spikec("simulate", at("digits.spk"), ...input, "--kernels", "plain");
    expect(simd.code).toBe(0);
    expect(plain).toEqual(simd);
    const named = await spikec("simulate", at("digits.spk"), ...input, "--kernels", "plain", "--simulator", "event");
    expect(named).toEqual(simd);
    const both = await spikec("simulate", at("digits.spk"), ...input, "--kernels", "simd", "--simulator", "stepped");
    expect(both).toMatchObject({ code: 2 });
    expect(both.err).toContain("--simulator");
  });

  it("prices with a user's table, and changes only what the table changes", async () => {
    const table = structuredClone(builtInTable());
    writeFileSync(
      at("table.json"),
      JSON.stringify({
        ...table,
        name: "mine",
        events: { ...table.events, ac: { ...table.events.ac, joules: 2e-12 } },
      }),
    );
    const totals = async (...args: string[]) =>
      (
        JSON.parse((await spikec("energy", at("run.json"), "--json", ...args)).out) as {
          totals: Record<string, number>;
        }
      ).totals;
    const [ours, mine] = [await totals(), await totals("--table", at("table.json"))];
    expect(mine["sram"]).toBe(ours["sram"]);
    expect(mine["dram"]).toBe(ours["dram"]);
    expect(mine["arithmetic"]).toBeGreaterThan(ours["arithmetic"]!);
    expect(energyTableSchema.safeParse(table).success).toBe(true);
  });

  it("explains one layer, lists tables, and never adds what two tables cover", async () => {
    const explained = await spikec("energy", at("run.json"), "--explain", "head");
    const { samples, rows } = JSON.parse(
      (await spikec("energy", at("run.json"), "--explain", "head", "--json")).out,
    ) as EnergyEstimate;
    expect(samples).toBeGreaterThan(1);
    expect(new Set(rows.map(({ layer }) => layer))).toEqual(new Set(["head"]));
    const additions = rows.find(({ what }) => what === "ac")!.count / samples;
    const line = new RegExp(
      `^head +accumulate +ac +${additions.toLocaleString("en-US")} .*fp32 add \\(published\\)$`,
      "m",
    );
    expect(explained.out).toMatch(line);
    expect(explained.out).not.toContain("head_lif");
    const wrong = await spikec("energy", at("run.json"), "--explain", "hed");
    expect(wrong).toMatchObject({ code: 1, out: "" });
    expect(wrong.err).toContain("did you mean `head`?");
    for (const { name } of builtInTables()) expect((await spikec("tables")).out).toContain(name);
    expect((await spikec("tables", "truenorth")).out).toMatch(/^steps\.synapse\.any +26 pJ +measured/m);
    const both = await spikec("energy", at("run.json"), "--table", "horowitz-45nm", "--table", "prosperity");
    expect(both).toMatchObject({ code: 1, out: "" });
    expect(both.err).toContain("both cover arithmetic, sram, dram");
    const { out } = await spikec("energy", at("run.json"));
    expect(out).toMatch(/^total .* \(.*–.*\)$/m);
    expect(out).toContain("not covered, so not in the total: noc, control, clock, static");
    expect(out).toMatch(/^idle per sample, .*: load \S+ µs \([\d.]+ %\), accumulate /m);
  });

  it("writes IR text that compiles to the same program", async () => {
    expect(await spikec("opt", model, "--arch", "statten", "-p", "import", "-o", at("net.snn"))).toMatchObject({
      code: 0,
      out: "",
    });
    expect(await spikec("compile", at("net.snn"), "-p", "", "-o", at("text.spk"))).toMatchObject({ code: 0 });
    expect(readFileSync(at("text.spk")).equals(readFileSync(at("digits.spk")))).toBe(true);
    expect((await spikec("opt", at("net.snn"))).out).toBe(readFileSync(at("net.snn"), "utf8").trimEnd());
  });

  it("inspects checkpoints, text and programs", async () => {
    const checkpoint = await spikec("inspect", model, "--arch", "statten");
    expect(checkpoint.out).toContain("63,980 parameters");
    expect(checkpoint.out).toMatch(/chunk\s+2\s+/);
    expect(checkpoint.out).toContain("talking_heads.weight");
    expect((await spikec("inspect", at("net.snn"))).out).toContain("block.0.attn.attn_lif");
    expect((await spikec("inspect", at("digits.spk"))).out).toContain("instructions");
  });

  it("says what a program holds where", async () => {
    const { out, code } = await spikec("inspect", at("digits.spk"), "--memory");
    expect(code).toBe(0);
    const json = JSON.parse((await spikec("inspect", at("digits.spk"), "--memory", "--json")).out) as {
      places: { place: string; peak: number; held: Record<string, number> }[];
      layers: { layer?: string; onChip: number; dram: number }[];
      regions: object[];
    };
    expect(json.regions.length).toBeGreaterThan(json.layers.length);
    const line = (start: string): string => out.split("\n").find((text) => text.startsWith(start))!;
    for (const { place, peak, held } of json.places) {
      for (const bytes of [peak, ...Object.values(held)])
        expect(line(`${place} `)).toContain(bytes.toLocaleString("en-US"));
    }
    for (const { layer, onChip, dram } of json.layers) {
      const row = line(layer === undefined ? "(ports" : `${layer} `);
      expect(row.trim().split(/ +/).slice(-2)).toEqual([onChip, dram].map((bytes) => bytes.toLocaleString("en-US")));
    }
  });
});

describe("passes on the command line", () => {
  it("prints IR after passes, times and counters to stderr, the result to stdout", async () => {
    const result = await spikec(
      "opt",
      model,
      "--arch",
      "statten",
      "-p",
      "fold-batchnorm",
      "--print-after=changed",
      "--time",
      "--stats=json",
    );
    expect(result.code).toBe(0);
    expect(result.out.startsWith("net @")).toBe(true);
    expect(result.out).not.toContain("norm.batch");
    expect(result.err).toContain("// after fold-batchnorm");
    expect(result.err).toContain('"counters"');
  });
});

describe("quantisation on the command line", () => {
  it("prints what was rounded, the agreement per layer and the change of accuracy", async () => {
    const digits = (name: string): string => `examples/digits/${name}.npy`;
    const measure = ["--calibrate", digits("test-images"), "--labels", digits("test-labels"), "--samples", "4"];
    const target = ["--chip", "layerwise-int8", "-o", at("int8.spkc")];
    const done = await spikec(
      "compile",
      model,
      "--arch",
      "statten",
      "-p",
      "quantized",
      "--explain",
      ...measure,
      ...target,
    );
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toMatch(/^patch_embed\.proj_conv1 +8 bits, own unit per channel +0 of 648$/m);
    expect(done.out).toMatch(/^block\.0\.attn\.attn_lif +\d+\.\d\d % +\d+\.\d\d % +\d+\.\d\d %$/m);
    expect(done.out).toMatch(/^predictions changed +0 of 4$/m);
    expect(done.out).toMatch(/^accuracy after +100\.00 %$/m);
    expect(done.out).toContain("for layerwise-int8");
    const input = ["--input", digitsPath("test-images.npy"), "--limit", "1"];
    await spikec("simulate", at("int8.spkc"), ...input, "-o", at("int8.json"));
    expect((await spikec("energy", at("int8.json"))).out).toMatch(/^note: layerwise-int8 has 8-bit weights/m);
    expect(JSON.parse((await spikec("energy", at("int8.json"), "--json")).out)).toMatchObject({
      notes: [expect.stringContaining("8-bit weights")],
    });
    expect((await spikec("energy", at("run.json"))).out).not.toContain("note:");
    const float = await spikec(
      "compile",
      model,
      "--arch",
      "statten",
      "--chip",
      "layerwise-int8",
      "-o",
      at("float.spkc"),
    );
    expect(float.code).toBe(1);
    expect(float.err).toMatch(/needs 25-bit weights \(largest mantissa \d+\), the chip has 8/);
  });
});

describe("wrong input gives one clear error and exit code 1 or 2", () => {
  const cases: readonly (readonly [string, readonly string[], number, string])[] = [
    ["unknown architecture", ["inspect", model, "--arch", "staten"], 1, "did you mean `statten`?"],
    ["no architecture", ["compile", model, "-o", "x.spk"], 1, "--arch statten"],
    ["a text instead of a checkpoint", ["compile", "README.md", "-o", "x.spk"], 1, "frontend/not-a-checkpoint"],
    ["arrays instead of a checkpoint", ["inspect", digitsPath("test-images.npy")], 1, "not a checkpoint"],
    ["missing file", ["inspect", "nowhere.pth", "--arch", "statten"], 1, "frontend/cannot-read"],
    [
      "calibration inputs of another shape",
      ["opt", model, "--arch", "statten", "-p", "quantized", "--calibrate", "examples/digits/test-labels.npy"],
      1,
      "expected [B,C,H,W]",
    ],
    [
      "labels without inputs",
      ["opt", model, "--arch", "statten", "-p", "quantized", "--labels", "examples/digits/test-labels.npy"],
      2,
      "--labels means nothing without --calibrate",
    ],
    ["unknown pass", ["opt", model, "--arch", "statten", "-p", "fold-batchnrm"], 1, "did you mean `fold-batchnorm`?"],
    ["unknown option", ["compile", model, "--arhc", "statten", "-o", "x.spk"], 2, "--arch"],
    ["unknown command", ["compil"], 2, "compile"],
    ["memory of what is no program", ["inspect", model, "--arch", "statten", "--memory"], 2, "compile it first"],
    ["unknown setting", ["inspect", model, "--arch", "statten", "--set", "chunks=2"], 1, "did you mean `chunk`?"],
    ["chunk that does not divide", ["inspect", model, "--arch", "statten", "--set", "chunk=3"], 1, "1, 2, 4"],
    ["malformed --set", ["inspect", model, "--arch", "statten", "--set", "chunk"], 2, "name=value"],
    [
      "unknown target",
      ["compile", model, "--arch", "statten", "--target", "layerwize", "-o", "x.spk"],
      1,
      "did you mean `layerwise`?",
    ],
    [
      "unknown chip",
      ["compile", model, "--arch", "statten", "--chip", "layerwise-defalt", "-o", "x.spk"],
      1,
      "layerwise-default",
    ],
    ["unwritable output", ["compile", model, "--arch", "statten", "-o", "/nowhere/x.spk"], 1, "cli/no-folder"],
    ["not a program", ["simulate", model, "--input", digitsPath("test-images.npy")], 1, "program/"],
    ["not a run", ["energy", model], 1, "cli/run-file"],
    ["unknown table", ["energy", model, "--table", "horowits-45nm"], 1, "did you mean `horowitz-45nm`?"],
    ["not a case", ["validate", digitsPath("")], 1, "validate/not-a-case"],
    ["unknown op", ["ops", "neuron.lfi"], 1, "did you mean `neuron.lif`?"],
    [
      "time block that splits a chunk",
      ["compile", model, "--arch", "statten", "--time-block", "3", "-o", "x.spk"],
      1,
      "time-block",
    ],
  ];
  it.each(cases)("%s", async (_name, args, code, text) => {
    const result = await spikec(...args);
    expect(result.err).toContain(text);
    expect(result.code).toBe(code);
  });

  const ALONE: readonly (readonly [command: string, option: readonly string[], needs: string])[] = [
    ["compile", ["--cue", "rate"], "--keep-energy"],
    ["compile", ["--table", "horowitz-45nm"], "--keep-energy or --time-block auto"],
    ["compile", ["--input", "images.npy", "--limit", "3"], "--keep-energy"],
    ["compile", ["--before", "mlp", "--drop", "residual"], "--keep-energy"],
    ["compile", ["--objective", "energy"], "--time-block auto"],
    ["compile", ["--time-block", "2", "--activity", "0.1"], "--time-block auto"],
    ["compile", ["--samples", "3"], "--calibrate"],
    ["opt", ["--samples", "3"], "--calibrate"],
    ["opt", ["--pad", "2", "--normalise", "cifar10"], "--calibrate"],
    ["inspect", ["--config", "statten-8-768"], "--random-init"],
    ["inspect", ["--rates", "0.1"], "--random-init"],
    ["inspect", ["--random-init", "1", "--rates-tolerance", "0.1"], "--rates"],
  ];
  it.each(ALONE)("%s %j is refused alone", async (command, options, needs) => {
    const output = command === "compile" ? ["-o", at("alone.spk")] : [];
    const result = await spikec(command, ...(options.includes("--random-init") ? [] : [model]), ...options, ...output);
    expect(result.err).toContain("error[cli/no-effect]");
    expect(result.err).toContain(`without ${needs}`);
    expect(result.code).toBe(2);
    expect(existsSync(at("alone.spk"))).toBe(false);
  });

  const BESIDE: readonly (readonly [option: readonly string[], says: string])[] = [
    [["--activity", "0.1", "--calibrate", "images.npy"], "--activity means nothing beside --calibrate"],
  ];
  it.each(BESIDE)("compile --time-block auto %j is refused", async (options, says) => {
    const args = ["compile", model, "--arch", "statten", "--time-block", "auto", "-o", at("beside.spk")];
    const result = await spikec(...args, ...options);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain(says);
    expect(existsSync(at("beside.spk"))).toBe(false);
  });

  it("lists the legal values of an option, whether or not it would be read", async () => {
    const stats = await spikec("opt", model, "--arch", "statten", "--stats=xml");
    expect(stats).toMatchObject({ code: 2 });
    expect(stats.err).toContain("Allowed choices are json");
    const normalise = await spikec("opt", model, "--arch", "statten", "--normalise", "cifar11");
    expect(normalise).toMatchObject({ code: 2 });
    expect(normalise.err).toContain("did you mean `cifar10`?");
  });

  it("prints after no pass that does not run", async () => {
    const args = ["opt", model, "--arch", "statten", "-p", "fold-batchnorm", "--print-after"];
    expect(await spikec(...args, "fold-batchnorm")).toMatchObject({ code: 0 });
    const result = await spikec(...args, "drop-dead");
    expect(result).toMatchObject({ code: 1 });
    expect(result.err).toContain("the pipeline runs no pass `drop-dead`");
    expect(result.err).toContain("fold-batchnorm");
  });

  it("writes IR text under its own kind of name alone", async () => {
    const result = await spikec("opt", model, "--arch", "statten", "-o", at("img.npy"));
    expect(result).toMatchObject({ code: 1 });
    expect(result.err).toContain("cli/not-ir-text");
    expect(existsSync(at("img.npy"))).toBe(false);
  });

  it("replaces no file of constants that it did not write, and no checkpoint", async () => {
    writeFileSync(
      at("theirs.safetensors"),
      writeSafetensors(new Map([["w", { dtype: "f32", shape: [1], data: Float32Array.of(1) }]])),
    );
    const before = readFileSync(at("theirs.safetensors"));
    const result = await spikec("opt", model, "--arch", "statten", "-o", at("theirs.snn"));
    expect(result).toMatchObject({ code: 1 });
    expect(result.err).toContain("cli/overwrites");
    expect(readFileSync(at("theirs.safetensors")).equals(before)).toBe(true);
  });

  it("replaces nothing that the command reads, whatever option names it", async () => {
    const copy = (name: string, of: string): string => {
      writeFileSync(at(name), readFileSync(of));
      return at(name);
    };
    const images = copy("images.npy", digitsPath("test-images.npy"));
    const labels = copy("labels.npy", digitsPath("test-labels.npy"));
    const commands = [
      ["compile", model, "--arch", "statten", "-p", "quantized", "--calibrate", images, "-o", images],
      ["compile", at("net.snn"), "-p", "", "-o", at("net.safetensors")],
      ["simulate", at("digits.spk"), "--input", images, "--labels", labels, "-o", labels],
      ["sweep-k", model, "--arch", "statten", "--input", images, "--labels", labels, "--k", "8", "-o", labels],
    ];
    for (const args of commands) {
      const result = await spikec(...args);
      expect(result.err).toContain("cli/overwrites");
      expect(result.code).toBe(1);
    }
    expect(readFileSync(images).equals(readFileSync(digitsPath("test-images.npy")))).toBe(true);
    expect(readFileSync(labels).equals(readFileSync(digitsPath("test-labels.npy")))).toBe(true);
  });

  it("does not sweep tokens of a net whose tokens are selected already", async () => {
    const images = digitsPath("test-images.npy");
    const result = await spikec(
      "sweep-k",
      model,
      "--arch",
      "statten",
      "-p",
      "sparse",
      "--input",
      images,
      "--limit",
      "1",
      "--k",
      "4",
    );
    expect(result.err).toContain("cli/no-selection");
    expect(result.code).toBe(1);
  });

  it("sees text and constants that do not belong together", async () => {
    const text = readFileSync(at("net.snn"), "utf8").replace(
      /external "(.)/,
      (_, c: string) => `external "${c === "0" ? "1" : "0"}`,
    );
    writeFileSync(at("other.snn"), text);
    writeFileSync(at("other.safetensors"), readFileSync(at("net.safetensors")));
    const result = await spikec("compile", at("other.snn"), "-o", at("other.spk"));
    expect(result.code).toBe(1);
    expect(result.err).toContain("the text was written with");
  });

  it("says of a program that it is one already", async () => {
    const result = await spikec("compile", at("digits.spk"), "-o", at("other.spk"));
    expect(result.code).toBe(1);
    expect(result.err).toContain("is already a program");
    expect(result.err).toContain(`spikec simulate ${at("digits.spk")}`);
  });

  it("names the file in which it looked for constants", async () => {
    writeFileSync(at("renamed.snn"), readFileSync(at("net.snn")));
    const result = await spikec("compile", at("renamed.snn"), "-o", at("other.spk"));
    expect(result.code).toBe(1);
    expect(result.err.match(/error\[/g)).toHaveLength(1);
    expect(result.err).toContain(`in \`${at("renamed.safetensors")}\`, and there is no such file`);
  });

  it("does not take settings for IR text", async () => {
    const result = await spikec("compile", at("net.snn"), "--set", "chunk=4", "-o", at("other.spk"));
    expect(result).toMatchObject({ code: 2 });
    expect(result.err).toContain("cli/no-effect");
  });

  it("feeds no program that needs more than one picture input", async () => {
    writeFileSync(
      at("two.snn"),
      "net @two(%a: real<1t, 1x1x1>, %b: real<1t, 1x1x1>) -> real<1t, 1x1x1> {\n  %y = stream.add %a, %b : real<1t, 1x1x1>\n  return %y\n}\n",
    );
    expect(await spikec("compile", at("two.snn"), "-o", at("two.spk"))).toMatchObject({ code: 0 });
    const result = await spikec("simulate", at("two.spk"), "--input", digitsPath("test-images.npy"));
    expect(result).toMatchObject({ code: 1 });
    expect(result.err).toContain("a (1x1x1, real), b (1x1x1, real)");
  });

  it("says what shape the inputs need", async () => {
    const result = await spikec("simulate", at("digits.spk"), "--input", digitsPath("test-labels.npy"));
    expect(result.code).toBe(1);
    expect(result.err).toContain("error[frontend/");
  });

  it("leaves no file behind when compiling fails", async () => {
    const before = readdirSync(folder);
    await spikec("compile", model, "--arch", "statten", "--set", "chunk=3", "-o", at("never.spk"));
    await spikec("compile", model, "--arch", "statten", "-o", join(at("no-folder"), "never.spk"));
    expect(readdirSync(folder)).toEqual(before);
    expect(existsSync(at("never.spk"))).toBe(false);
  });
});

describe("documentation comes from the code's own data", () => {
  it.each(["ops", "passes", "targets", "models", "explain"])("lists %s, and documents each entry", async (command) => {
    const list = await spikec(command);
    expect(list.code).toBe(0);
    const names = list.out
      .split("\n")
      .slice(1)
      .map((line) => line.split(/\s/)[0] ?? "")
      .filter((name) => name !== "" && !name.startsWith("pipeline"));
    expect(names.length).toBeGreaterThan(0);
    const page = await spikec(command, names[0]!);
    expect(page.code).toBe(0);
    expect(page.out).toContain(names[0]);
  });

  it("lists the chips that come with it, each with the source of every number", async () => {
    const list = await spikec("targets");
    for (const chip of BUILT_IN_CHIPS) {
      expect(list.out.split("\n").some((line) => line.startsWith(`${chip} `))).toBe(true);
      const page = await spikec("targets", chip);
      expect([chip, page.code]).toEqual([chip, 0]);
      expect(page.out).toMatch(/^(dram\.bandwidth +[\d,]+ bytes per cycle|time\.messageOut +[\d,]+) +\S/m);
      expect(page.out).not.toContain("not stated");
    }
  });
});

describe("time blocks on the command line", () => {
  const compile = (...more: readonly string[]) =>
    spikec("compile", model, "--arch", "statten", "--chip", "layerwise-small", "-o", at("auto.spkc"), ...more);
  const numbers = (text: string | undefined): number[] => (text ?? "").split(", ").map(Number);

  it("finds groups with blocks between the chunk and all timesteps, and prints what it chose from", async () => {
    const auto = ["--set", "timesteps=8", "--time-block", "auto", "--activity", "0.15", "--explain"];
    const done = await compile(...auto);
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toContain("expected costs with a firing rate of 0.15");
    const chosen = /^chosen +(\d+) +(\d+(?:, \d+)*) +([\d,]+) /m.exec(done.out);
    expect(numbers(chosen?.[2]).some((block) => block > 1 && block < 8)).toBe(true);
    const cycles = (text: string | undefined): number => Number((text ?? "").replaceAll(",", ""));
    const whole = [...done.out.matchAll(/^one group +1 +\d+ +([\d,]+) /gm)].map((row) => cycles(row[1]));
    expect(whole.length).toBeGreaterThan(1);
    expect(cycles(chosen?.[3])).toBeLessThanOrEqual(Math.min(...whole));
    const groups = [...done.out.matchAll(/^group \d+ of (\d+), /gm)];
    expect(groups).toHaveLength(Number(chosen?.[1]));
    const frugal = await compile(...auto, "--objective", "energy");
    expect(frugal.out).not.toBe(done.out);
  });

  it("prices schedules with the table that is named", async () => {
    const table = structuredClone(builtInTable());
    const dram = { ...table.dram, joules: 100 * table.dram!.joules, range: undefined };
    writeFileSync(at("dear.json"), JSON.stringify({ ...table, name: "dear", dram }));
    const chosen = async (name: string) => {
      const done = await compile("--time-block", "auto", "--table", name, "--explain");
      expect(done).toMatchObject({ code: 0 });
      return /^chosen .*$/m.exec(done.out)?.[0];
    };
    expect(await chosen("horowitz-45nm")).not.toBe(await chosen(at("dear.json")));
  });

  const pictures = ["--input", digitsPath("test-images.npy"), "--limit", "1"];
  // Six timesteps: the fewest at which the groups that are found differ in their time blocks.
  const searched = ["--set", "timesteps=6", "--time-block", "auto"];

  /** Of the program that `compile` wrote last. */
  async function simulated() {
    expect(await spikec("simulate", at("auto.spkc"), ...pictures, "-o", at("auto.json"))).toMatchObject({ code: 0 });
    const { cycles } = JSON.parse(readFileSync(at("auto.json"), "utf8")) as { cycles: number };
    const energy = await spikec("energy", at("auto.json"), "--json");
    return { cycles, joules: (JSON.parse(energy.out) as EnergyEstimate).totals.all };
  }

  it("searches for each net that sweep-k and compare compile, as compile does", async () => {
    expect(await compile(...searched)).toMatchObject({ code: 0 });
    const { cycles } = await simulated();
    const common = [model, "--arch", "statten", "--chip", "layerwise-small", ...searched, ...pictures];
    const compared = await spikec("compare", ...common, "--json");
    expect((JSON.parse(compared.out) as { points: unknown[] }).points).toMatchObject([{ cycles }]);
    expect(await spikec("sweep-k", ...common, "--k", "4", "-o", at("auto.csv"))).toMatchObject({ code: 0 });
    const [header = "", all = ""] = readFileSync(at("auto.csv"), "utf8").split("\n");
    expect(Number(all.split(",")[header.split(",").indexOf("cycles")])).toBe(cycles);
  });

  it("measures --keep-energy on the schedules that it searches", { timeout: 240_000 }, async () => {
    expect(await compile(...searched)).toMatchObject({ code: 0 });
    const all = (await simulated()).joules;
    const kept = await compile(...searched, "--keep-energy", "0.99", ...pictures);
    expect(kept).toMatchObject({ code: 0 });
    const share = (await simulated()).joules / all;
    expect(share).toBeLessThanOrEqual(0.99);
    expect(kept.out).toContain(`${(100 * share).toFixed(1)} % of the energy of all tokens on 1 samples`);
  });

  it("is strict about what it is told", async () => {
    for (const command of ["compare", "sweep-k", "validate"]) {
      const given = command === "validate" ? [folder] : [model, "--arch", "statten", ...pictures, "--k", "2"];
      const refused = await spikec(command, ...given, "--time-block", "some");
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.err).toContain("--time-block");
    }
    expect((await compile("--time-block", "some")).code).toBe(2);
    expect((await compile("--time-block", "auto", "--objective", "speed")).code).toBe(2);
    expect((await compile("--time-block", "auto", "--activity", "1.5")).code).toBe(2);
  });
});
