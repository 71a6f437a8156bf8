import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zipSync } from "fflate";
import { afterAll, describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { readCheckpointFile, writeNpy, writeSafetensors } from "../../../src/frontend/formats/index.js";
import type { Tensor } from "../../../src/math/tensor.js";

const folder = mkdtempSync(join(tmpdir(), "spikec-formats-"));
afterAll(() => rmSync(folder, { recursive: true }));
const fixtures = join(import.meta.dirname, "../../fixtures/torch");
const one: Tensor = { dtype: "f32", shape: [1], data: Float32Array.of(1) };
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

function write(bytes: Uint8Array): string {
  const path = join(folder, "file");
  writeFileSync(path, bytes);
  return path;
}

function fault(path: string): { code: string | undefined; message: string } {
  const report = new Report();
  expect(readCheckpointFile(path, report)).toBeUndefined();
  expect(report.diagnostics).toHaveLength(1);
  return { code: report.diagnostics[0]?.code, message: report.diagnostics[0]?.message ?? "" };
}

describe("readCheckpointFile", () => {
  it("picks the importer by the bytes, whatever the name", () => {
    const report = new Report();
    expect(readCheckpointFile(join(fixtures, "timm.zip.pth.tar"), report)?.container).toBe("state_dict");
    expect(readCheckpointFile(join(fixtures, "tensors.legacy.pth"), report)?.tensors.size).toBe(16);
    expect(readCheckpointFile(write(writeSafetensors(new Map([["a", one]]))), report)?.tensors.get("a")).toEqual(one);
    expect(report.diagnostics).toEqual([]);
  });

  const tar = new Uint8Array(512);
  tar.set(text("ustar"), 257);
  it.each([
    [".npy array", writeNpy(one)],
    [".npz archive", zipSync({ "a.npy": writeNpy(one) })],
    ["ZIP archive", zipSync({ "readme.txt": text("hello") })],
    ["Keras model", zipSync({ "config.json": text("{}"), "model.weights.h5": text("x") })],
    ["HDF5 file", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0)],
    ["gzip file", gzipSync(tar)],
    ["tar archive", tar],
    ["PNG picture", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
    ["JPEG picture", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)],
    ["MNIST IDX array", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 5)],
    ["JSON file", text('{"format": "layers-model"}')],
    ["HTML page", text("<!DOCTYPE html><html>")],
    ["Git LFS pointer", text("version https://git-lfs.github.com/spec/v1\n")],
    ["Python pickle", Uint8Array.of(0x80, 2, 0x7d, 0x2e)],
    ["no known kind", text("hello, this is prose")],
  ])("names a %s", (name, bytes) => {
    const { code, message } = fault(write(bytes));
    expect(code).toBe("frontend/not-a-checkpoint");
    expect(message).toContain(name);
  });

  it("names what the file system says", () => {
    expect(fault(join(folder, "missing"))).toMatchObject({ code: "frontend/cannot-read" });
    expect(fault(folder).message).toContain("directory");
    expect(fault(write(new Uint8Array(0))).message).toContain("empty");
    expect(fault(join(write(text("x")), "y")).code).toBe("frontend/cannot-read");
    expect(fault("/dev/null").code).toBe("frontend/cannot-read");
  });
});
