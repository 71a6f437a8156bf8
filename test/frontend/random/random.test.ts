import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { writeNpy } from "../../../src/frontend/formats/index.js";
import { MODELS, resolveSettings } from "../../../src/frontend/models/index.js";
import { noiseInput } from "../../../src/frontend/random/noise.js";
import { Generator } from "../../../src/frontend/random/generator.js";
import {
  calibrateModel,
  randomModel,
  type CalibratedModel,
  type RandomOptions,
} from "../../../src/frontend/random/random-model.js";
import { BUILT_IN_RATES, readRates, wantedRates, type RateTable } from "../../../src/frontend/random/rates.js";
import { evaluate, everyStep, NetBuilder, REAL, verifyNet, type Net } from "../../../src/ir/index.js";
import { log } from "../../../src/math/log.js";
import { elements } from "../../../src/math/tensor.js";
import { spikec } from "../../support/command-line.js";
import { digitsPath } from "../../support/digits.js";

const folder = mkdtempSync(join(tmpdir(), "spikec-random-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL = {
  timesteps: "4",
  chunk: "2",
  height: "16",
  width: "16",
  pooling: "0011",
  channels: "3",
  classes: "5",
  dim: "32",
  heads: "4",
  depth: "1",
  "mlp-ratio": "4",
};

function make(options: Partial<RandomOptions> & { readonly set?: Readonly<Record<string, string>> } = {}) {
  const report = new Report();
  const { set = options.config === undefined ? SMALL : {}, ...rest } = options;
  const arch = options.config === undefined ? { arch: "statten" } : {};
  const model = randomModel({ seed: 1, ...arch, ...rest, overrides: new Map(Object.entries(set)) }, report);
  if (model === undefined) throw new Error(report.errors[0]?.message);
  return model;
}

function calibrated(model: ReturnType<typeof make>, rates: RateTable | number, tolerance?: number, onOp?: () => void) {
  const report = new Report();
  const options = {
    seed: 1,
    ...(tolerance === undefined ? {} : { tolerance }),
    ...(onOp === undefined ? {} : { onOp }),
  };
  return { report, result: calibrateModel(model, rates, options, report) };
}

const table = (layers: RateTable["layers"]): RateTable => ({ name: "test", source: "a test", layers });

/** Mean rate of each layer per timestep on the noise that was calibrated on, through `evaluate`. */
function evaluatedRates(net: Net): ReadonlyMap<string, readonly number[]> {
  const input = net.inputs[0]!;
  const { values } = evaluate(net, new Map([[input.name, noiseInput(input.type, 1)]]));
  const sum = (slot: ArrayLike<number>): number => Array.from(slot).reduce((a, b) => a + b, 0);
  return new Map(
    net.ops.flatMap((op) =>
      op.layer === undefined
        ? []
        : [[op.layer.name, values.get(op.result)!.map((slot) => sum(slot) / slot.length)] as const],
    ),
  );
}

const mean = (rates: readonly number[]): number => rates.reduce((a, b) => a + b, 0) / rates.length;

describe("the generator", () => {
  it("has known values, so that it never changes by accident", () => {
    const random = new Generator(1, "stream");
    expect([random.next32(), random.next32(), random.next32()]).toMatchInlineSnapshot(`
      [
        1789626775,
        4069657613,
        2204982959,
      ]
    `);
    expect(random.normal()).toMatchInlineSnapshot(`0.5498175345862902`);
  });

  it("gives other numbers for another seed or stream", () => {
    const first = (seed: number, stream: string): number => new Generator(seed, stream).next32();
    const all = [first(1, "a"), first(2, "a"), first(1, "b"), first(2 ** 32 + 1, "a"), first(0, "")];
    expect(new Set(all).size).toBe(all.length);
  });

  it("draws normal numbers: moments and tails", () => {
    const random = new Generator(7, "normal");
    const draws = Array.from({ length: 200_000 }, () => random.normal());
    expect(Math.abs(mean(draws))).toBeLessThan(0.01);
    expect(Math.abs(mean(draws.map((x) => x * x)) - 1)).toBeLessThan(0.02);
    expect(Math.abs(mean(draws.map((x) => x ** 4)) - 3)).toBeLessThan(0.15);
    expect(Math.abs(draws.filter((x) => x > 2).length / draws.length - 0.02275)).toBeLessThan(0.002);
  });

  it("has a logarithm of its own that agrees with the engine's", () => {
    for (let i = 1; i < 4000; i++) {
      const x = (i / 4000) ** 4 + 1e-12;
      expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(1e-14 * Math.abs(Math.log(x)) + 1e-16);
    }
    expect(log(1)).toBe(0);
    expect(Math.abs(log(1000) - Math.log(1000))).toBeLessThan(1e-13);
  });
});

describe("a network from a seed", () => {
  it("is the same bytes for the same seed, and others for another", () => {
    const [a, b, c] = [make(), make(), make({ seed: 2 })];
    const name = "block.0.attn.q_conv.weight";
    expect([...a.checkpoint.tensors.keys()]).toEqual([...b.checkpoint.tensors.keys()]);
    for (const [key, tensor] of a.checkpoint.tensors) expect(b.checkpoint.tensors.get(key)).toEqual(tensor);
    expect(a.checkpoint.tensors.get(name)).not.toEqual(c.checkpoint.tensors.get(name));
  });

  it("keeps a tensor's numbers whatever other tensors there are", () => {
    const name = "block.0.attn.q_conv.weight";
    const deeper = make({ set: { ...SMALL, depth: "2", classes: "7" } });
    expect(deeper.checkpoint.tensors.get(name)).toEqual(make().checkpoint.tensors.get(name));
  });

  it("has the names and shapes that an import asks for: built again from its tensors it is the same net", () => {
    const { net, checkpoint, model, settings } = make();
    const report = new Report();
    const again = model.build(checkpoint, "again", settings, report);
    expect(report.diagnostics).toEqual([]);
    expect(again!.net).toEqual(net);
  });

  it("starts as the official code does", () => {
    const { tensors } = make({ config: "statten-cifar10-2-256" }).checkpoint;
    const spread = (name: string): number => Math.sqrt(mean([...tensors.get(name)!.data].map((x) => x * x)));
    expect(Math.abs(spread("block.0.mlp.fc1_conv.weight") - 0.02)).toBeLessThan(2e-4);
    expect(new Set(tensors.get("block.0.mlp.fc1_conv.bias")!.data)).toEqual(new Set([0]));
    expect(new Set(tensors.get("block.0.mlp.fc1_bn.weight")!.data)).toEqual(new Set([1]));
    const head = [...tensors.get("head.weight")!.data];
    expect(Math.max(...head.map(Math.abs))).toBeLessThanOrEqual(1 / 16);
    expect(Math.max(...head.map(Math.abs))).toBeGreaterThan(0.99 / 16);
  });

  it.each([
    ["statten-cifar10-2-256", 2_567_082],
    ["statten-cifar100-2-256", 2_590_212],
    ["statten-cifar10-2-512", 10_233_546],
    ["statten-cifar100-2-512", 10_279_716],
    ["statten-cifar10dvs-2-256", 2_566_794],
    ["statten-ncaltech101-2-256", 2_590_181],
    ["sdt-cifar10-2-256", 2_567_082],
    ["sdt-cifar10dvs-2-256", 2_566_794],
    ["statten-8-768", 66_339_144],
  ])(
    "%s has %i parameters",
    async (config, parameters) => {
      const { code, out } = await spikec("inspect", "--random-init", "1", "--config", config, "--json");
      expect(code).toBe(0);
      expect((JSON.parse(out) as { parameters: number }).parameters).toBe(parameters);
    },
    240_000,
  );

  it.each([
    ["sdt-8-384", 16_816_536],
    ["sdt-6-512", 23_373_736],
    ["statten-8-512", 29_689_896],
  ])("%s asks for %i parameters", (config, parameters) => {
    // Without drawing numbers: tensors of zeros, so that large networks are quick.
    const [report, model] = [new Report(), MODELS.find(({ configurations }) => configurations.some(named))!];
    function named({ name }: { readonly name: string }): boolean {
      return name === config;
    }
    const { settings: configuration } = model.configurations.find(named)!;
    const none = { tensors: new Map(), config: new Map(), metadata: new Map(), container: "", ignored: [] };
    const sources = { overrides: new Map<string, string>(), config: new Map(), configuration };
    const settings = resolveSettings(model.settings, none, sources, report)!;
    let count = 0;
    model.build(none, "zeros", settings, report, (name, shape) => {
      if (!/\.(running_\w+|num_batches_tracked)$/.test(name)) count += elements(shape);
      return { dtype: "f32", shape, data: new Float32Array(elements(shape)) };
    });
    expect(count).toBe(parameters);
  });

  it("has configurations under names of their own", () => {
    const names = MODELS.flatMap(({ configurations }) => configurations.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("calibration", () => {
  it("gives every layer with a batch norm of its own the wanted rate, as evaluate counts it", () => {
    const { report, result } = calibrated(make(), 0.2);
    expect(report.diagnostics).toEqual([]);
    const rates = evaluatedRates(result!.net);
    for (const { layer, wanted, reached } of result!.calibration.layers) {
      expect(rates.get(layer)).toEqual(reached);
      if (wanted === undefined) continue;
      const neurons = layer === "head_lif" ? 32 : 1e9;
      expect(Math.abs(mean(reached) - 0.2)).toBeLessThanOrEqual(Math.max(0.004, 1.01 / (4 * neurons)));
    }
    expect(result!.calibration.layers.filter(({ wanted }) => wanted === undefined).map(({ layer }) => layer)).toEqual([
      "block.0.attn.attn_lif",
    ]);
    expect(verifyNet(result!.net)).toEqual([]);
  });

  it("meets a table per timestep as published for the first layers, and layers behind attention", () => {
    const wanted = {
      "patch_embed.proj_lif": [0.0771, 0.1389, 0.1092, 0.1561],
      "patch_embed.proj_lif1": 0.05,
      "block.0.attn.shortcut_lif": 0.25,
      "block.0.attn.q_lif + block.0.attn.k_lif + block.0.attn.v_lif": [0.36, 0.36, 0.36, 0.36],
      "block.0.attn.attn_lif": 0.3,
      "block.0.mlp.fc1_lif": 0.33,
      "block.0.mlp.fc2_lif": 0.04,
    };
    const { report, result } = calibrated(make({ set: { ...SMALL, height: "32", width: "32" } }), table(wanted));
    expect(report.errors.map(({ message, hint }) => `${message}; ${hint}`)).toEqual([]);
    const rates = evaluatedRates(result!.net);
    const at = (layer: string): readonly number[] => rates.get(layer)!;
    at("patch_embed.proj_lif").forEach((r, t) =>
      expect(Math.abs(r - wanted["patch_embed.proj_lif"][t]!)).toBeLessThan(0.012),
    );
    expect(Math.abs(mean(at("block.0.attn.attn_lif")) - 0.3)).toBeLessThan(0.0061);
    for (const name of ["q", "k", "v"])
      expect(Math.abs(mean(at(`block.0.attn.${name}_lif`)) - 0.12)).toBeLessThan(0.0025);
  });

  it("meets the rates of each timestep, and warns with the nearest where a picture held still allows none", () => {
    const model = (): ReturnType<typeof make> => make({ set: { ...SMALL, height: "32", width: "32" } });
    const wanted = {
      "patch_embed.proj_lif": [0.08, 0.14, 0.11, 0.15],
      "block.0.attn.shortcut_lif": [0.3, 0.25, 0.2, 0.25],
      "block.0.mlp.fc1_lif": [0.2, 0.25, 0.3, 0.25],
    };
    const { report, result } = calibrated(model(), table(wanted), 0.07);
    expect(report.diagnostics).toEqual([]);
    const rates = evaluatedRates(result!.net);
    for (const [layer, list] of Object.entries(wanted)) {
      const allowed = 0.07 * mean(list);
      for (const [t, rate] of list.entries())
        expect(Math.abs(rates.get(layer)![t]! - rate)).toBeLessThanOrEqual(allowed);
    }

    const falling = calibrated(model(), table({ "patch_embed.proj_lif": [0.3, 0.1, 0.1, 0.1] }));
    expect(falling.report.diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
      ["random/profile", "warning"],
    ]);
    const reached = evaluatedRates(falling.result!.net).get("patch_embed.proj_lif")!;
    expect(Math.abs(mean(reached) - 0.15)).toBeLessThanOrEqual(0.02 * 0.15);
    expect(falling.report.diagnostics[0]!.notes[0]!.message).toContain(reached.map((r) => r.toFixed(4)).join(" "));
  });

  it("calibrates event frames and SDT's own attention", () => {
    const events = make({ set: { ...SMALL, events: "true", channels: "2" } });
    expect(calibrated(events, 0.15).report.diagnostics).toEqual([]);
    const sdt = make({ arch: "sdt" });
    expect(calibrated(sdt, 0.15).report.diagnostics).toEqual([]);
  });

  it("says which rate cannot be reached, and the nearest", () => {
    const { report, result } = calibrated(
      make(),
      table({
        "block.0.attn.q_lif": 0.001,
        "block.0.attn.k_lif": 0.001,
        "block.0.attn.v_lif": 0.001,
        "block.0.attn.attn_lif": 0.9,
      }),
    );
    expect(result).toBeUndefined();
    expect(report.diagnostics.map(({ code }) => code)).toContain("random/rate");
    const fault = report.errors.find(({ message }) => message.includes("attn_lif"))!;
    expect(fault.message).toContain("cannot reach the mean rate 0.9");
    expect(fault.hint).toMatch(/the nearest rate is 0\.\d+/);
  });

  it("is the same for the same seed", () => {
    const twice = [make(), make()].map((model) => calibrated(model, 0.1).result as CalibratedModel);
    expect(twice[0]!.calibration.layers).toEqual(twice[1]!.calibration.layers);
    expect([...twice[0]!.checkpoint.tensors]).toEqual([...twice[1]!.checkpoint.tensors]);
  });

  it("writes its statistics into the checkpoint too: built again from it, the net is the calibrated one", () => {
    const { result } = calibrated(make(), 0.2);
    const { model, checkpoint, settings, net } = result!;
    expect(model.build(checkpoint, "again", settings, new Report())!.net).toEqual(net);
  });
});

describe("tables of rates", () => {
  it.each(BUILT_IN_RATES)("%s fits the network it is named after", (name) => {
    const report = new Report();
    const rates = readRates(name, report);
    const layers = Array.from({ length: 8 }, (_, i) => i);
    const builder = new NetBuilder("layers");
    const x = builder.input("x", { number: REAL, time: everyStep(4), shape: [1] });
    const stem = ["proj_lif", "proj_lif1", "proj_lif2", "proj_lif3"].map((lif) => `patch_embed.${lif}`);
    const block = (i: number): string[] => [
      ...["shortcut", "q", "k", "v", "attn"].map((lif) => `block.${i}.attn.${lif}_lif`),
      ...["fc1", "fc2"].map((lif) => `block.${i}.mlp.${lif}_lif`),
    ];
    const names = [...stem, ...layers.flatMap(block)];
    for (const layer of names) builder.op("neuron.lif", [x], { layer });
    const wanted = wantedRates(rates!, builder.finish(), 4, report);
    expect(report.diagnostics).toEqual([]);
    expect([...wanted!.keys()].sort()).toEqual([...names].sort());
    // The published table: the self-attention row of encoder 1 is the sum of three.
    const sum = ["q", "k", "v"].reduce((s, n) => s + wanted!.get(`block.0.attn.${n}_lif`)![0]!, 0);
    expect(sum).toBeCloseTo(0.1221, 12);
    expect(wanted!.get("block.7.mlp.fc2_lif")).toEqual([0.0123, 0.0177, 0.0168, 0.0145]);
  });
});

it("calibration tells of each op that it is done with", () => {
  const model = make();
  let ops = 0;
  calibrated(model, 0.2, undefined, () => ops++);
  expect(ops).toBe(model.net.ops.length);
});

describe("the command line", () => {
  const set = Object.entries(SMALL).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  const seeded = ["--random-init", "1", "--arch", "statten", ...set];
  const rates = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };

  it("inspects, optimises and compiles without a checkpoint", async () => {
    const inspected = await spikec("inspect", ...seeded, "--rates", "0.2");
    expect(inspected).toMatchObject({ code: 0, err: "" });
    expect(inspected.out).toContain("container: random");
    expect(inspected.out).toContain("rates reached per timestep");
    const opt = await spikec("opt", ...seeded, "--rates", "0.2", "-p", "import");
    expect(opt.code).toBe(0);
    expect(opt.err).toContain("layers calibrated");
    expect(opt.out).not.toContain("norm.batch");
    expect(await spikec("compile", ...seeded, "-o", join(folder, "small.spk"))).toMatchObject({ code: 0 });
    const silent = await spikec("inspect", ...seeded);
    expect(silent).toMatchObject({ code: 0 });
    expect(silent.err).toContain("warning[cli/no-rates]");
  });

  it("calibrates on a given picture", async () => {
    const path = join(folder, "picture.npy");
    const data = Float32Array.from({ length: 768 }, (_, i) => Math.sin(i));
    writeFileSync(path, writeNpy({ dtype: "f32", shape: [1, 3, 16, 16], data }));
    const [noise, picture] = [
      await spikec("inspect", ...seeded, "--rates", "0.2", "--json"),
      await spikec("inspect", ...seeded, "--rates", "0.2", "--json", "--rates-images", path),
    ];
    expect([noise.code, picture.code]).toEqual([0, 0]);
    expect(picture.out).not.toBe(noise.out);
    writeFileSync(path, writeNpy({ dtype: "f32", shape: [1, 3, 8, 8], data: data.slice(0, 192) }));
    const wrong = await spikec("inspect", ...seeded, "--rates", "0.2", "--rates-images", path);
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain("3x16x16");
  });

  it.each([
    ["nothing at all", ["inspect"], 1, "--random-init SEED"],
    ["no architecture", ["inspect", "--random-init", "1"], 1, "--arch statten"],
    ["a checkpoint and a seed", ["opt", digitsPath("model.pth"), ...seeded], 1, "both"],
    ["a seed that is none", ["inspect", "--random-init", "-1", "--arch", "statten"], 2, "integer"],
    ["missing settings", ["inspect", "--random-init", "1", "--arch", "statten"], 1, "--set dim="],
    [
      "a network beyond memory",
      ["inspect", ...seeded, "--set", "dim=65536", "--set", "heads=8"],
      1,
      "more than 268435456 parameters",
    ],
    ["an unknown configuration", ["inspect", "--random-init", "1", "--config", "statten-8-786"], 1, "statten-8-768"],
    [
      "another architecture's configuration",
      ["inspect", "--random-init", "1", "--arch", "sdt", "--config", "statten-8-768"],
      1,
      "no configuration",
    ],
    ["rates without a seed", ["inspect", digitsPath("model.pth"), "--arch", "statten", "--rates", "0.1"], 2, "--rates"],
    ["a rate above 1", ["inspect", ...seeded, "--rates", "1.5"], 1, "0..1"],
    ["an unknown table", ["inspect", ...seeded, "--rates", "statten-8-512"], 1, "statten-8-768"],
    ["a table that is not JSON", ["inspect", ...seeded, "--rates", rates("text.json", "{")], 1, "not JSON"],
    [
      "a table with a bad rate",
      ["inspect", ...seeded, "--rates", rates("bad.json", table({ head_lif: 2 }))],
      1,
      "random/rates",
    ],
    [
      "a table with an unknown layer",
      ["inspect", ...seeded, "--rates", rates("layer.json", table({ head_lfi: 0.1 }))],
      1,
      "did you mean `head_lif`?",
    ],
    [
      "a table with other timesteps",
      ["inspect", ...seeded, "--rates", rates("steps.json", table({ head_lif: [0.1, 0.2] }))],
      1,
      "4 timesteps",
    ],
    [
      "a layer with two rates",
      ["inspect", ...seeded, "--rates", rates("two.json", table({ head_lif: 0.1, "head_lif + head_lif": 0.1 }))],
      1,
      "two rates",
    ],
  ] as const)("refuses %s", async (_what, args, code, text) => {
    const result = await spikec(...args);
    expect(result.code).toBe(code);
    expect(result.err).toContain(text);
  });
});
