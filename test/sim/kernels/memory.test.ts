import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { DiagnosticError, InternalError } from "../../../src/diagnostics/index.js";
import { createKernels, createMemory, KernelMemory } from "../../../src/sim/kernels/index.js";

it("room is aligned, disjoint, and given back from a mark on", () => {
  const memory = createMemory(65536);
  const a = memory.take(3, "a");
  const mark = memory.mark;
  const b = memory.take(100, "b");
  expect(a).toBeGreaterThan(0);
  expect([a % 64, b % 64]).toEqual([0, 0]);
  expect(b).toBe(a + 64);
  const left = memory.free;
  memory.release(mark);
  expect(memory.free).toBe(left + 128);
  expect(memory.take(1, "c")).toBe(b);
});

it("more room than there is, is our own bug", () => {
  const memory = createMemory(65536);
  memory.take(memory.free, "all");
  expect(() => memory.take(1, "one byte more")).toThrow(InternalError);
  expect(() => memory.take(1, "one byte more")).toThrow("one byte more wants 1 bytes");
  expect(() => memory.release(65536 * 2)).toThrow(InternalError);
});

it("a memory beyond the reach of addresses is a diagnostic", () => {
  try {
    createMemory(2 ** 32 + 1);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(DiagnosticError);
    expect((error as DiagnosticError).diagnostic.code).toBe("sim/memory");
  }
});

it("kernels are simd where the host has vectors, and either by name", () => {
  expect(createKernels(65536).name).toBe("simd");
  expect(createKernels(65536, "plain").name).toBe("plain");
});

it("parts of one memory are seen by a worker thread", async () => {
  const memory = createMemory(65536 * 2);
  const weights = memory.take(16, "weights");
  memory.i32.set([1, 2, 3, 4], weights / 4);
  const part = memory.split(65536);
  const worker = new Worker(
    `const { parentPort, workerData: { part, weights } } = require("node:worker_threads");
     const buffer = part.shared.buffer;
     const words = new Int32Array(buffer);
     words[part.from / 4] = words[weights / 4] + words[weights / 4 + 3];
     parentPort.postMessage("done");`,
    { eval: true, workerData: { part, weights } },
  );
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await worker.terminate();
  expect(memory.i32[part.from / 4]).toBe(5);
  const other = new KernelMemory(part);
  expect(other.take(4, "first")).toBe(part.from);
  expect(other.i32[weights / 4 + 1]).toBe(2);
  expect(() => other.take(65536, "too much")).toThrow(InternalError);
});
