import { afterEach, describe, expect, it, vi } from "vitest";
import { loadTfjsKernels } from "../../src/tfjs/index.js";

afterEach(() => vi.restoreAllMocks());

describe("loading TensorFlow.js", () => {
  it("names the package whose arithmetic it is, and its version", async () => {
    const { backend, kernels } = await loadTfjsKernels({ backend: "wasm" });
    expect(backend).toBe("tfjs-wasm 4.22.0");
    expect(kernels.name).toBe(backend);
  });

  it("prints nothing", async () => {
    const spies = (["log", "info", "warn", "error"] as const).map((name) => vi.spyOn(console, name));
    const { note } = await loadTfjsKernels();
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    expect(note).toBeUndefined();
  });

  it("leaves no handlers for faults of the process behind", async () => {
    const before = process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection");
    await loadTfjsKernels({ backend: "wasm" });
    expect(process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection")).toBe(before);
  });
});
