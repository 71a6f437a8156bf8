import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Group } from "h5wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DiagnosticError, Report, type Diagnostic } from "../../../src/diagnostics/index.js";
import { readHdf5 } from "../../../src/frontend/formats/hdf5.js";
import {
  netOfNetx,
  type NetxConv,
  type NetxDense,
  type NetxLayer,
  type NetxNetwork,
} from "../../../src/frontend/netx/index.js";
import { readNetwork } from "../../../src/frontend/netx/read.js";
import { evaluate } from "../../../src/ir/index.js";
import { spikec } from "../../support/command-line.js";
import { anyNetwork, simulateNetx } from "../../support/netx-networks.js";
import { integer, integers, text, writeHdf5, writeNetx } from "../../support/netx-writer.js";

const read = (bytes: Uint8Array): Promise<NetxNetwork> =>
  readHdf5(bytes, "a.net", (file) => readNetwork(file, "a.net"));

/** The fault of reading a file, as `CODE: MESSAGE`. */
async function fault(bytes: Uint8Array): Promise<Diagnostic | undefined> {
  try {
    await read(bytes);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostic;
    throw error;
  }
  return undefined;
}

const style = fc.record({
  weights: fc.constantFrom("float32" as const, "int64" as const),
  compression: fc.constantFrom(0, 4),
  type: fc.constantFrom("array" as const, "scalar" as const),
  time: fc.boolean(),
  scalars: fc.boolean(),
  repeat: fc.boolean(),
});

/** [C, H, W] to [H, W, C] of one timestep; a vector stays. */
function channelsLast(slot: readonly number[], [c = 1, h = 1, w = 1]: readonly number[]): number[] {
  return Array.from({ length: h * w * c }, (_, i) => slot[(i % c) * h * w + Math.floor(i / c)]!);
}

/** The one thing that `fire = ge` refuses: a bias in a current that lasts. */
function keepsBiasedCurrent(layer: NetxLayer): boolean {
  const weighted = layer.type === "dense" || layer.type === "conv" ? layer : undefined;
  return weighted !== undefined && weighted.neuron.iDecay !== 4096 && weighted.bias?.some((b) => b !== 0) === true;
}

describe("a NetX file", () => {
  it("gives the network that was written, however it was written", async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, style, async (network, how) => {
        expect(await read(await writeNetx(network, how))).toEqual(network);
      }),
      { numRuns: 60 },
    );
  });

  it("computes what its layers say, with either comparison", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyNetwork,
        fc.constantFrom("gt" as const, "ge" as const),
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 64, maxLength: 64 }),
        async (network, fire, bits) => {
          const first = network.layers[0]!;
          const T = 6;
          const size = first.shape.reduce((a, b) => a * b, 1);
          const driven = first.type === "input" && first.neuron !== undefined;
          const input = Array.from({ length: T }, (_, t) =>
            Array.from({ length: size }, (_unused, i) => bits[(7 * t + i) % 64]! * (driven ? 3 + ((t + i) % 9) : 1)),
          );
          const report = new Report();
          const imported = netOfNetx(network, "a.net", new Map(Object.entries({ timesteps: String(T), fire })), report);
          if (imported === undefined) {
            expect([fire, ...report.diagnostics.map(({ code }) => code)]).toEqual(["ge", "netx/unsupported-neuron"]);
            expect(network.layers.some(keepsBiasedCurrent)).toBe(true);
            return;
          }
          expect(fire === "ge" && network.layers.some(keepsBiasedCurrent)).toBe(false);
          const expected = simulateNetx(network, input, fire);
          const flat = input.flatMap((slot) => channelsLast(slot, first.shape));
          const { values, state } = evaluate(imported.net, new Map([["input", flat]]));
          for (const [index, { spikes, u, v }] of expected) {
            const { shape } = network.layers[index]!;
            const op = imported.net.ops.find(({ layer }) => layer?.name === `layer.${index}`)!;
            const computed = values.get(op.result)!.map((slot) => [...slot]);
            expect(computed).toEqual(spikes.map((slot) => channelsLast(slot, shape)));
            const after = state.get(op.result)!;
            // With `ge` biases lie in the weights, so that currents hold them.
            if (fire === "gt") expect([...after["u"]!]).toEqual(channelsLast(u, shape));
            expect([...after["v"]!]).toEqual(channelsLast(v, shape));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("at the threshold exactly: gt is silent, ge fires", async () => {
    const network: NetxNetwork = {
      layers: [
        {
          type: "dense",
          index: 0,
          shape: [2],
          inputs: 1,
          outputs: 2,
          neuron: { type: "CUBA", iDecay: 4096, vDecay: 0, vThMant: 6 },
          weight: Int32Array.of(6, 8),
          bias: undefined,
          delay: 0,
        },
      ],
      timesteps: 2,
    };
    for (const [fire, spikes] of [
      ["gt", [0, 1, 1, 1]],
      ["ge", [1, 1, 1, 1]],
    ] as const) {
      const { net } = netOfNetx(network, "a.net", new Map([["fire", fire]]), new Report())!;
      const { outputs } = evaluate(net, new Map([["input", [1, 1]]]));
      expect(outputs.get("output")!.flatMap((slot) => [...slot])).toEqual(spikes);
    }
  });
});

/** A dense layer 2 to 1 whose fields a test spoils. */
async function spoiled(spoil: (layer: Group, neuron: Group, root: Group) => void, leave: readonly string[] = []) {
  return writeHdf5((root) => {
    const layer = root.create_group("layer").create_group("0");
    const neuron = layer.create_group("neuron");
    const wanted = (name: string): boolean => !leave.includes(name);
    if (wanted("type")) text(layer, "type", "dense");
    if (wanted("shape")) integers(layer, "shape", [1]);
    if (wanted("weight")) layer.create_dataset({ name: "weight", data: Float32Array.of(2, 4), shape: [1, 2] });
    if (wanted("neuron/type")) text(neuron, "type", "CUBA");
    for (const [name, value] of [
      ["iDecay", 4096],
      ["vDecay", 100],
      ["vThMant", 6],
      ["refDelay", 1],
    ] as const) {
      if (wanted(name)) integer(neuron, name, value);
    }
    spoil(layer, neuron, root);
  });
}

describe("what cannot be imported is named", () => {
  it("and the unspoiled file can", async () => {
    expect(await fault(await spoiled(() => undefined))).toBeUndefined();
  });

  it.each<[string, string, string, () => Promise<Uint8Array>]>([
    ["no layers", "netx/not-netx", "no group `/layer`", () => writeHdf5((root) => root.create_group("node"))],
    [
      "a gap in the layers",
      "netx/not-netx",
      "no layer 1",
      () => spoiled((_l, _n, root) => (root.get("layer") as Group).create_group("2")),
    ],
    [
      "a pool layer",
      "netx/unsupported-layer",
      "layer 0 is `pool`, imported are input, dense, conv, flatten",
      () => spoiled((l) => text(l, "type", "pool"), ["type"]),
    ],
    [
      "a sigma-delta neuron",
      "netx/unsupported-neuron",
      "the neuron is `SDNN`",
      () => spoiled((_l, n) => text(n, "type", "SDNN"), ["neuron/type"]),
    ],
    [
      "a refractory period",
      "netx/unsupported-neuron",
      "`refDelay` is 2",
      () => spoiled((_l, n) => integer(n, "refDelay", 2), ["refDelay"]),
    ],
    [
      "graded spikes",
      "netx/unsupported-neuron",
      "`gradedSpike` is 1",
      () => spoiled((_l, n) => integer(n, "gradedSpike", 1)),
    ],
    [
      "decays per neuron",
      "netx/unsupported-neuron",
      "`vDecay` differs between neurons (1 and 2)",
      () => spoiled((_l, n) => integers(n, "vDecay", [1, 2]), ["vDecay"]),
    ],
    [
      "a decay beyond the register",
      "netx/field",
      "`iDecay` is 4097, expected an integer in 1..4096",
      () => spoiled((_l, n) => integer(n, "iDecay", 4097), ["iDecay"]),
    ],
    [
      "a current that never decays",
      "netx/field",
      "`iDecay` is 0",
      () => spoiled((_l, n) => integer(n, "iDecay", 0), ["iDecay"]),
    ],
    ["a missing threshold", "netx/field", "has no `vThMant`", () => spoiled(() => undefined, ["vThMant"])],
    [
      "real weights",
      "netx/field",
      "element 1 of the weights is 0.5",
      () =>
        spoiled((l) => l.create_dataset({ name: "weight", data: Float32Array.of(2, 0.5), shape: [1, 2] }), ["weight"]),
    ],
    [
      "NaN in weights",
      "netx/field",
      "is NaN",
      () =>
        spoiled((l) => l.create_dataset({ name: "weight", data: Float32Array.of(NaN, 2), shape: [1, 2] }), ["weight"]),
    ],
    [
      "complex weights",
      "netx/unsupported-layer",
      "complex weights",
      () => spoiled((l) => integers(l.create_group("weight"), "real", [1, 2]), ["weight"]),
    ],
    [
      "weights that do not fit",
      "netx/shape",
      "weights are 1x2, 3 outputs need 3 rows",
      () => spoiled((l) => integers(l, "shape", [3]), ["shape"]),
    ],
    [
      "biases that do not fit",
      "netx/shape",
      "2 biases for 1 output channels",
      () => spoiled((l) => integers(l, "bias", [1, 2])),
    ],
    ["a bias beyond 13 bits", "netx/field", "`bias` is 4096", () => spoiled((l) => integers(l, "bias", [4096]))],
    [
      "delays that differ",
      "netx/unsupported-layer",
      "different delays (0 and 3)",
      () => spoiled((l) => integers(l, "delay", [0, 3])),
    ],
    [
      "a type that is a number",
      "frontend/unsupported-dtype",
      "is no string",
      () => spoiled((l) => integer(l, "type", 3), ["type"]),
    ],
    [
      "weights that are text",
      "frontend/unsupported-dtype",
      "holds no numbers",
      () => spoiled((l) => text(l, "weight", "heavy"), ["weight"]),
    ],
    [
      "a field that is a group",
      "frontend/corrupt-file",
      "is a group",
      () => spoiled((l) => l.create_group("shape"), ["shape"]),
    ],
    [
      "a link to another file",
      "frontend/corrupt-file",
      "leads out of the file",
      () => spoiled((l) => l.create_external_link("/etc/passwd", "/", "weight"), ["weight"]),
    ],
    [
      "a link to itself",
      "frontend/corrupt-file",
      "",
      () => spoiled((l) => l.create_soft_link("/layer/0/weight", "weight"), ["weight"]),
    ],
  ])("%s", async (_name, code, message, bytes) => {
    const diagnostic = await fault(await bytes());
    expect(diagnostic?.code).toBe(code);
    expect(diagnostic?.message).toContain(message);
    expect(diagnostic?.location).toMatchObject({ kind: "file", file: "a.net" });
  });

  it("a size that the file cannot hold is refused before memory is taken", async () => {
    const bytes = await spoiled(
      (layer) => {
        const data = new Float32Array(2);
        layer.create_dataset({ name: "weight", data, shape: [2], maxshape: [null], chunks: [2] }).resize([2 ** 25]);
      },
      ["weight"],
    );
    const before = process.memoryUsage().rss;
    expect(await fault(bytes)).toMatchObject({ code: "frontend/too-large" });
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 26);
  });

  it("a damaged file gives a network or a diagnostic", async () => {
    const bytes = await spoiled(() => undefined);
    const position = fc.nat({ max: bytes.length - 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          position.map((length) => bytes.slice(0, length)),
          fc
            .array(fc.tuple(position, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 })
            .map((flips) => {
              const copy = bytes.slice();
              for (const [at, mask] of flips) copy[at]! ^= mask;
              return copy;
            }),
        ),
        async (broken) => {
          const diagnostic = await fault(broken);
          if (diagnostic !== undefined) expect(diagnostic.code).toMatch(/^(frontend|netx)\//);
        },
      ),
      { numRuns: 300 },
    );
  });
});

const neuron = { type: "CUBA", iDecay: 4096, vDecay: 100, vThMant: 6 } as const;

function denseLayer(index: number, inputs: number, outputs: number, weight?: number[]): NetxDense {
  return {
    type: "dense",
    index,
    shape: [outputs],
    inputs,
    outputs,
    neuron,
    weight: Int32Array.from(weight ?? Array<number>(inputs * outputs).fill(2)),
    bias: undefined,
    delay: 0,
  };
}

function convLayer(index: number, inChannels: number, shape: readonly [number, number, number]): NetxConv {
  return {
    type: "conv",
    index,
    shape,
    inChannels,
    outChannels: shape[0],
    kernel: 1,
    stride: 1,
    padding: 0,
    dilation: 1,
    groups: 1,
    neuron,
    weight: new Int32Array(shape[0] * inChannels).fill(2),
    bias: undefined,
    delay: 0,
  };
}

const entry = (...shape: number[]): NetxLayer => ({
  type: "input",
  index: 0,
  shape,
  neuron: undefined,
  transform: undefined,
});
const flat = (index: number, size: number): NetxLayer => ({ type: "flatten", index, shape: [size, 1, 1] });

/** What building a net of these layers reports, as `CODE: MESSAGE`. */
function built(layers: readonly NetxLayer[], settings: Record<string, string> = { timesteps: "2" }): string[] {
  const report = new Report();
  const imported = netOfNetx({ layers, timesteps: undefined }, "a.net", new Map(Object.entries(settings)), report);
  expect(imported === undefined).toBe(report.failed);
  return report.diagnostics.map(({ code, message }) => `${code}: ${message}`);
}

describe("layers that do not fit each other", () => {
  it.each<[string, string, readonly NetxLayer[]]>([
    [
      "netx/shape: layer 1 has weights for 3 inputs, the layer before gives 2",
      "sizes",
      [entry(2), denseLayer(1, 3, 1)],
    ],
    [
      "netx/shape: layer 1 is dense on a map of 2x2 without a flatten layer between",
      "no flatten",
      [entry(1, 2, 2), denseLayer(1, 4, 1)],
    ],
    [
      "netx/unsupported-layer: layer 2 reads a flattened map of 2x3, imported are square ones",
      "not square",
      [entry(1, 2, 3), flat(1, 6), denseLayer(2, 6, 1)],
    ],
    [
      "netx/shape: layer 1 is a convolution of 2 channels, the layer before gives 4",
      "convolution of a vector",
      [entry(4), convLayer(1, 2, [1, 2, 2])],
    ],
    [
      "netx/shape: layer 1 is a convolution of 2 channels, the layer before gives 2x2x1",
      "channels",
      [entry(1, 2, 2), convLayer(1, 2, [1, 2, 2])],
    ],
    [
      "netx/shape: layer 2 is a convolution of 1 channels, the layer before gives a flattened map",
      "convolution behind flatten",
      [entry(1, 2, 2), flat(1, 4), convLayer(2, 1, [1, 2, 2])],
    ],
    [
      "netx/shape: layer 1 gives 2x2x1, its `shape` says 3x2x1 (height, width, channels)",
      "stated shape",
      [entry(1, 2, 2), convLayer(1, 1, [1, 3, 2])],
    ],
    [
      "netx/unsupported-layer: an input layer stands behind others",
      "second input",
      [denseLayer(0, 2, 2), { ...entry(2), index: 1 }],
    ],
  ])("%s (%s)", (message, _what, layers) => {
    expect(built(layers)).toEqual([message]);
  });

  it.each<[number[], string | undefined]>([
    [[-256, 254], undefined],
    [[-258, 254], "lie in -258..254: more"],
    [[-256, 256], "lie in -256..256: more"],
    [[-128, 127], undefined],
    [[-129, 2], "lie in -129..2 and are not all even: more"],
    [[0, 255], undefined],
    [[0, 256], "lie in 0..256: more"],
    [[-255, -1], undefined],
    [[-257, -1], "lie in -257..0 and are not all even: more"],
  ])("weights %j warn where a synapse cannot hold them", (weight, message) => {
    const warnings = built([denseLayer(0, 2, 1, weight)]);
    if (message === undefined) expect(warnings).toEqual([]);
    else expect(warnings).toEqual([expect.stringContaining(`netx/weight-format: weights of layer 0 ${message}`)]);
  });
});

describe("settings", () => {
  const conv = convLayer(0, 1, [1, 2, 3]);

  it("complete what a file does not say", () => {
    expect(built([denseLayer(0, 1, 1)], {})).toEqual([
      "netx/setting: the file does not say for how many timesteps the network runs",
    ]);
    expect(built([conv])).toEqual([
      "netx/setting: the first layer is `conv` and no input layer says how large its input is",
    ]);
    expect(built([conv], { timesteps: "1", input: "2x3x1" })).toEqual([]);
  });

  it.each([
    [{ timesteps: "0" }, "`--set timesteps=0`: expected an integer in 1..65536"],
    [{ timesteps: "1", input: "2x3" }, "`--set input=2x3`: expected HxWxC, such as 28x28x1"],
    [{ timesteps: "1", fire: "lt" }, "`--set fire=lt`: expected gt (lava, the chip) or ge (lava-dl's training code)"],
    [{ steps: "1" }, "a NetX network has no setting `steps`"],
  ])("%j is refused", (settings, message) => {
    expect(built([conv], settings as Record<string, string>)).toEqual([`netx/setting: ${message}`]);
  });

  it("a size of the input beside one that the file states is refused", () => {
    expect(built([entry(1, 2, 3), { ...conv, index: 1 }], { timesteps: "1", input: "2x3x1" })).toEqual([
      "netx/setting: `--set input` is for networks that begin with a convolution; this file says its input",
    ]);
  });
});

describe("the command line", () => {
  let folder = "";
  const at = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "spikec-netx-"));
    const layers = [entry(1, 2, 2), flat(1, 4), denseLayer(2, 4, 3)];
    writeFileSync(at("a.net"), await writeNetx({ layers, timesteps: 5 }));
    writeFileSync(at("b.net"), await writeNetx({ layers, timesteps: undefined }));
    writeFileSync(at("text.net"), "net @a()");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("inspects a network, also as JSON, and without timesteps", async () => {
    const { code, out } = await spikec("inspect", at("a.net"));
    expect(code).toBe(0);
    expect(out).toContain("NetX network, 3 layers\n12 weights, 0 biases, 3 spiking neurons\ntimesteps: 5\n");
    expect(out).toContain("CUBA iDecay 4096, vDecay 100, vThMant 6");
    expect((await spikec("inspect", at("b.net"))).out).toContain("give them with --set timesteps=N");
    const json = JSON.parse((await spikec("inspect", at("a.net"), "--json", "--set", "timesteps=7")).out) as object;
    expect(json).toMatchObject({ timesteps: 7, fire: "gt", layers: [{}, {}, { weights: 12, neuron }] });
  });

  it("writes IR text that reads back", async () => {
    expect(await spikec("opt", at("a.net"), "-o", at("a.snn"))).toMatchObject({ code: 0, err: "" });
    const text = (await spikec("opt", at("a.snn"))).out;
    expect(text).toContain("neuron.loihi");
    expect(text).toContain('layer("layer.2")');
  });

  it("refuses other files, missing files and --arch", async () => {
    expect((await spikec("inspect", at("text.net"))).err).toContain("no HDF5 signature");
    expect((await spikec("inspect", at("none.net"))).err).toContain("there is no such file");
    expect(await spikec("inspect", at("a.net"), "--arch", "statten")).toMatchObject({ code: 2 });
  });
});
