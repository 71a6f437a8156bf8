import { describe, expect, it } from "vitest";
import { loadTfjsKernels } from "../src/tfjs/index.js";
import { compareWithRecording, importCase } from "./support/golden.js";
import { needShared } from "./support/shared.js";

describe("with the linear kernels of TensorFlow.js on WebAssembly", () => {
  it.for(["statten-tiny", "statten-cifar"])("%s has the spikes of the official code", async (name, context) => {
    const shared = needShared(context);
    const { kernels, backend } = await loadTfjsKernels({ backend: "wasm" });
    expect(backend).toMatch(/^tfjs-wasm /);
    expect(compareWithRecording(importCase(shared, name), kernels)).toEqual([]);
  });
});
