import { describe, expect, it } from "vitest";
import {
  constantsFromTensors,
  constantsToTensors,
  externalConstants,
  printNet,
  realTensor,
  toWeights,
  type Constant,
} from "../../src/ir/index.js";
import type { Tensor } from "../../src/math/tensor.js";
import { randomNet } from "../support/random-net.js";

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function weightTensors(): Map<string, Tensor> {
  return new Map(constantsToTensors(new Map([["w", toWeights([2, 2], [1, 2, 3, 4], [0.5, 0])]])).tensors);
}

function faults(tensors: ReadonlyMap<string, Tensor>): string[] {
  return constantsFromTensors(tensors, "net.safetensors").diagnostics.map((d) => d.message);
}

describe("constants beside a net", () => {
  it.each(SEEDS)("come back as they were (net %i)", (seed) => {
    const { constants } = randomNet(seed);
    const { tensors, diagnostics } = constantsToTensors(constants);
    expect(diagnostics).toEqual([]);
    expect(constantsFromTensors(tensors, "net.safetensors")).toEqual({ constants, diagnostics: [] });
  });

  it("are those that the text leaves out", () => {
    const net = randomNet(3);
    const text = printNet(net);
    expect([...externalConstants(net).keys()].length).toBe(text.match(/ external "[0-9a-f]{16}"$/gm)?.length ?? 0);
  });

  it("are stored as mantissa, exponent and bias", () => {
    const tensors = weightTensors();
    expect([...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape.join("x")}`)).toEqual([
      "w.mantissa i32 2x2",
      "w.exponent i32 2",
      "w.bias f64 2",
    ]);
  });

  it("may not share an entry, but may look alike", () => {
    const w = toWeights([1, 1], [1]);
    const c = realTensor([1], Float32Array.of(1));
    const clash = constantsToTensors(
      new Map<string, Constant>([
        ["a", w],
        ["a.bias", c],
      ]),
    );
    expect(clash.diagnostics.map((d) => d.message)).toEqual([
      "constants `@a` and `@a.bias` both need the entry `a.bias`",
    ]);
    const alike = new Map<string, Constant>([
      ["a.bias", c],
      ["b.mantissa", w],
    ]);
    expect(constantsFromTensors(constantsToTensors(alike).tensors, "f").constants).toEqual(alike);
  });
});

describe("reading a faulty file of constants", () => {
  it.each<readonly [string, string, Tensor | undefined]>([
    ["no entry `w.bias`", "w.bias", undefined],
    ["no entry `w.mantissa`", "w.mantissa", undefined],
    ["`w.mantissa` is f64, expected i32", "w.mantissa", { dtype: "f64", shape: [2, 2], data: new Float64Array(4) }],
    ["`w.exponent` has shape [3], expected [2]", "w.exponent", { dtype: "i32", shape: [3], data: new Int32Array(3) }],
    ["`w.mantissa` has 3 values, its shape 4", "w.mantissa", { dtype: "i32", shape: [2, 2], data: new Int32Array(3) }],
    [
      "`w` holds the mantissa -16777216 at 2, the limit is 16777215",
      "w.mantissa",
      { dtype: "i32", shape: [2, 2], data: Int32Array.of(0, 0, -16777216, 0) },
    ],
    [
      "`w` holds the bias mantissa Infinity at 1, it must be an integer below 2^53",
      "w.bias",
      { dtype: "f64", shape: [2], data: Float64Array.of(0, Infinity) },
    ],
  ])("says: %s", (message, entry, tensor) => {
    const tensors = weightTensors();
    if (tensor === undefined) tensors.delete(entry);
    else tensors.set(entry, tensor);
    expect(faults(tensors)).toEqual([message]);
  });

  it("names the file and the entry", () => {
    const tensors = new Map<string, Tensor>([["c", { dtype: "f64", shape: [1], data: Float64Array.of(1) }]]);
    const { diagnostics, constants } = constantsFromTensors(tensors, "net.safetensors");
    expect(constants.size).toBe(0);
    expect(diagnostics[0]).toMatchObject({
      message: "`c` is f64, expected f32",
      location: { kind: "file", file: "net.safetensors", path: "c" },
    });
  });
});
