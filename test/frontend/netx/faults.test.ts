import fc from "fast-check";
import type { Group } from "h5wasm";
import { describe, expect, it } from "vitest";
import { DiagnosticError, type Diagnostic } from "../../../src/diagnostics/index.js";
import { readHdf5 } from "../../../src/frontend/formats/hdf5.js";
import { readNetwork } from "../../../src/frontend/netx/read.js";
import { integer, integers, text, writeHdf5 } from "../../support/netx-writer.js";

/** The fault of reading a file, if it has one. */
async function fault(bytes: Uint8Array): Promise<Diagnostic | undefined> {
  try {
    await readHdf5(bytes, "a.net", (file) => readNetwork(file, "a.net"));
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostic;
    throw error;
  }
  return undefined;
}

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
