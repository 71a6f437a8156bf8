import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { netOfNetx, type NetxConv, type NetxDense, type NetxLayer } from "../../../src/frontend/netx/index.js";
import { spikec } from "../../support/command-line.js";
import { writeNetx } from "../../support/netx-writer.js";

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
