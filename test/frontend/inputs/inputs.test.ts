import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zipSync } from "fflate";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { writeNpy } from "../../../src/frontend/formats/index.js";
import {
  NORMALISATIONS,
  readIdx,
  readInputs,
  type InputOptions,
  type InputSet,
} from "../../../src/frontend/inputs/index.js";
import type { Tensor } from "../../../src/math/tensor.js";
import { allocatesLessThan, survivesDamage } from "../../support/damage.js";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "spikec-inputs-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function read(path: string, options: InputOptions = {}, warnings: string[] = []): InputSet {
  const report = new Report();
  const inputs = readInputs(path, report, options);
  if (inputs === undefined) throw new Error(report.diagnostics.map((d) => d.message).join("\n"));
  expect(report.diagnostics.map((d) => d.code)).toEqual(warnings);
  return inputs;
}

function codesOf(path: string, options: InputOptions = {}): string[] {
  const report = new Report();
  expect(readInputs(path, report, options)).toBeUndefined();
  return report.diagnostics.map((d) => d.code);
}

function u8(shape: number[], values?: number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return { dtype: "u8", shape, data: Uint8Array.from(values ?? Array.from({ length: count }, (_, i) => i % 256)) };
}

function f32(shape: number[], values: number[]): Tensor {
  return { dtype: "f32", shape, data: Float32Array.from(values) };
}

function idx(shape: number[], values: ArrayLike<number>, type = 8): Uint8Array {
  const head = shape.flatMap((d) => [(d >>> 24) & 255, (d >> 16) & 255, (d >> 8) & 255, d & 255]);
  return Uint8Array.from([0, 0, type, shape.length, ...head, ...Array.from(values)]);
}

/** A PNG from interleaved samples. */
function png(width: number, height: number, colorType: 0 | 2 | 4 | 6, samples: number[]): Uint8Array {
  const picture = new PNG({ width, height });
  const channels = { 0: 1, 2: 3, 4: 2, 6: 4 }[colorType];
  picture.data = Buffer.from(samples);
  if (channels !== 4) {
    const grey = channels < 3;
    picture.data = Buffer.from(
      Array.from({ length: width * height }, (_, i) => {
        const at = (c: number): number => samples[i * channels + c] ?? 0;
        return grey ? [at(0), at(0), at(0), channels === 2 ? at(1) : 255] : [at(0), at(1), at(2), 255];
      }).flat(),
    );
  }
  return new Uint8Array(PNG.sync.write(picture, { colorType, inputColorType: 6 }));
}

function jpg(width: number, height: number): Uint8Array {
  const data = Buffer.alloc(width * height * 4, 200);
  return new Uint8Array(jpeg.encode({ width, height, data }, 90).data);
}

const f = Math.fround;

describe("normalisation", () => {
  it("divides, subtracts and divides in float32, like torchvision", () => {
    const { mean, std } = NORMALISATIONS.cifar10;
    const path = write("a.npy", writeNpy(u8([2, 3, 16, 8])));
    const { data } = read(path, { normalise: NORMALISATIONS.cifar10 });
    expect(data.shape).toEqual([2, 3, 16, 8]);
    data.data.forEach((value, i) => {
      const c = Math.floor(i / 128) % 3;
      expect(value).toBe(f(f(f((i % 256) / 255) - f(mean[c] ?? 0)) / f(std[c] ?? 0)));
    });
    // torch.tensor(200.).div(255).sub(torch.tensor(.4914)).div(torch.tensor(.247)), printed exactly.
    expect(data.data[200 - 128]).toBe(f(f(f(72 / 255) - f(0.4914)) / f(0.247)));
  });

  it("pads with pixels of 0 before it normalises", () => {
    const path = write("a.npy", writeNpy(u8([1, 1, 1, 2], [255, 0])));
    const normalise = { mean: [0.5], std: [0.5] };
    const { data } = read(path, { normalise, pad: 1, size: { height: 3, width: 4 } });
    expect(data.shape).toEqual([1, 1, 3, 4]);
    expect([...data.data]).toEqual([-1, -1, -1, -1, -1, 1, -1, -1, -1, -1, -1, -1]);
    expect(codesOf(path, { size: { height: 3, width: 4 } })).toEqual(["frontend/input-shape"]);
  });

  it("leaves floats and event counts alone unless told otherwise", () => {
    expect([...read(write("f.npy", writeNpy(f32([1, 1, 1, 2], [3, -1])))).data.data]).toEqual([3, -1]);
    expect([...read(write("e.npy", writeNpy(u8([1, 1, 1, 1, 2], [3, 200])))).data.data]).toEqual([3, 200]);
    expect([...read(write("p.npy", writeNpy(u8([1, 1, 1, 2], [51, 255])))).data.data]).toEqual([f(0.2), 1]);
    const normalise = { divisor: 2, mean: [1], std: [2] };
    expect([...read(join(folder, "f.npy"), { normalise }).data.data]).toEqual([0.25, -0.75]);
  });

  it("names options that do not fit", () => {
    const path = write("a.npy", writeNpy(u8([1, 2, 1, 1])));
    expect(codesOf(path, { normalise: NORMALISATIONS.cifar10 })).toEqual(["frontend/input-options"]);
    expect(codesOf(path, { normalise: { mean: [0], std: [0] } })).toEqual(["frontend/input-options"]);
    expect(codesOf(path, { normalise: { mean: [NaN], std: [1] } })).toEqual(["frontend/input-options"]);
    expect(codesOf(path, { limit: 0 })).toEqual(["frontend/input-options"]);
    expect(codesOf(path, { pad: -1 })).toEqual(["frontend/input-options"]);
  });

  it("refuses NaN and infinities, with their place", () => {
    const report = new Report();
    readInputs(write("a.npy", writeNpy(f32([2, 1, 1, 2], [0, 0, 0, NaN]))), report);
    expect(report.diagnostics[0]?.message).toBe("input `1` has NaN at element 1");
    const wide: Tensor = { dtype: "f64", shape: [1, 1, 1, 1], data: Float64Array.of(1e300) };
    expect(codesOf(write("b.npy", writeNpy(wide)))).toEqual(["frontend/input-not-finite"]);
  });
});

describe("arrays", () => {
  it("gives axes to pictures that lack them, and asks where that is ambiguous", () => {
    const shapeOf = (shape: number[]): readonly number[] => read(write("a.npy", writeNpy(u8(shape)))).data.shape;
    expect(shapeOf([5, 6])).toEqual([1, 1, 5, 6]);
    expect(shapeOf([2, 5, 6])).toEqual([2, 1, 5, 6]);
    for (const shape of [[3, 5, 6], [5, 6, 3], [7], [], [1, 1, 1, 1, 1, 1], [0, 1, 2, 2]]) {
      expect(codesOf(write("a.npy", writeNpy(u8(shape))))).toEqual(["frontend/input-shape"]);
    }
  });

  it("reads the first samples only", () => {
    const path = write("a.npy", writeNpy(u8([4, 1, 2, 2])));
    const whole = read(path).data.data;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), (limit) => {
        const { data, names } = read(path, { limit });
        expect(data.shape[0]).toBe(Math.min(4, limit));
        expect(names).toHaveLength(Math.min(4, limit));
        expect(data.data).toEqual(whole.slice(0, data.data.length));
      }),
    );
  });

  it("finds inputs and labels in archives", () => {
    const x = writeNpy(u8([2, 1, 1, 1], [0, 255]));
    const y: Tensor = { dtype: "i64", shape: [2], data: Float64Array.of(3, 9) };
    const set = read(write("a.npz", zipSync({ "x.npy": x, "other.npy": x, "y.npy": writeNpy(y) })));
    expect([...set.data.data]).toEqual([0, 1]);
    expect(set.labels).toEqual(Uint8Array.of(3, 9));
    expect(read(write("b.npz", zipSync({ "arr_0.npy": x }))).labels).toBeUndefined();
    expect(codesOf(write("c.npz", zipSync({ "a.npy": x, "b.npy": x })))).toEqual(["frontend/input-format"]);
    const few = writeNpy({ ...y, shape: [1], data: Float64Array.of(3) });
    expect(codesOf(write("d.npz", zipSync({ "x.npy": x, "y.npy": few })))).toEqual(["frontend/input-labels"]);
    const high = writeNpy({ ...y, data: Float64Array.of(3, 256) });
    expect(codesOf(write("e.npz", zipSync({ "x.npy": x, "y.npy": high })))).toEqual(["frontend/input-labels"]);
  });
});

describe("MNIST IDX", () => {
  it("reads pictures with the labels beside them, gzipped or not", () => {
    const images = idx([3, 2, 2], [0, 51, 102, 153, 204, 255, 0, 0, 0, 0, 0, 255]);
    const labels = idx([3], [5, 0, 4]);
    write("t10k-labels-idx1-ubyte.gz", gzipSync(labels));
    for (const path of [
      write("t10k-images-idx3-ubyte", images),
      write("t10k-images-idx3-ubyte.gz", gzipSync(images)),
    ]) {
      for (const limit of [undefined, 2]) {
        const set = read(path, { limit });
        expect(set.data.shape).toEqual([limit ?? 3, 1, 2, 2]);
        expect(set.data.data[1]).toBe(f(0.2));
        expect([...(set.labels ?? [])]).toEqual([5, 0, 4].slice(0, limit));
      }
    }
    expect(codesOf(join(folder, "t10k-labels-idx1-ubyte.gz"))).toEqual(["frontend/input-format"]);
  });

  it("reads big-endian numbers", () => {
    expect(readIdx(idx([1, 2], [0, 1, 255, 254], 0x0b), "a", new Report())).toEqual({
      dtype: "i16",
      shape: [1, 2],
      data: Int16Array.of(1, -2),
    });
  });

  it("checks sizes before it unpacks", () => {
    const huge = idx([0xffffffff, 28, 28], [1, 2, 3]);
    allocatesLessThan(1e8, () => {
      expect(codesOf(write("a", huge))).toEqual(["frontend/corrupt-file"]);
      expect(codesOf(write("a.gz", gzipSync(huge)))[0]).toMatch(/corrupt-file|too-large/);
      expect(codesOf(write("b.gz", gzipSync(idx([1, 2, 2], new Uint8Array(1e7)))))).toEqual(["frontend/corrupt-file"]);
    });
  });

  it("survives damage", () => {
    const bytes = idx([2, 2, 2], [0, 51, 102, 153, 204, 255, 0, 0]);
    survivesDamage(bytes, (broken, report) => readIdx(broken, "a", report));
  });
});

describe("CIFAR binary", () => {
  it("reads both record sizes", () => {
    const ten = new Uint8Array(2 * 3073).fill(255);
    ten.set([7], 0);
    ten.set([2], 3073);
    const set = read(write("data_batch_1.bin", ten));
    expect([set.data.shape, [...(set.labels ?? [])]]).toEqual([
      [2, 3, 32, 32],
      [7, 2],
    ]);
    expect(set.data.data.every((v) => v === 1)).toBe(true);
    const hundred = new Uint8Array(2 * 3074);
    hundred.set([19, 99], 0);
    hundred.set([1, 3], 3074);
    expect([...(read(write("test.bin", hundred), { limit: 1 }).labels ?? [])]).toEqual([99]);
    expect(codesOf(write("bad.bin", ten.fill(10, 0, 1)))).toEqual(["frontend/corrupt-file"]);
    expect(codesOf(write("short.bin", ten.subarray(5)))).toEqual(["frontend/input-format"]);
  });
});

describe("pictures", () => {
  it("reads grey and coloured PNG as planes", () => {
    expect([...read(write("g.png", png(2, 1, 0, [0, 255]))).data.data]).toEqual([0, 1]);
    const colour = read(write("c.png", png(2, 1, 2, [255, 0, 51, 0, 255, 0])));
    expect([colour.data.shape, [...colour.data.data], colour.names]).toEqual([
      [1, 3, 1, 2],
      [1, 0, 0, 1, f(0.2), 0],
      ["c.png"],
    ]);
  });

  it("says that it drops alpha", () => {
    expect(read(write("a.png", png(1, 1, 6, [255, 0, 0, 9])), {}, ["frontend/input-dropped"]).data.shape).toEqual([
      1, 3, 1, 1,
    ]);
  });

  it("reads folders by name, makes grey ones coloured among coloured ones, and says what it skips", () => {
    write("b.png", png(1, 1, 2, [255, 0, 51]));
    write("a.png", png(1, 1, 0, [51]));
    write("notes.txt", Uint8Array.of(1));
    const set = read(folder, {}, ["frontend/input-dropped"]);
    expect(set.names).toEqual(["a.png", "b.png"]);
    expect([...set.data.data]).toEqual([f(0.2), f(0.2), f(0.2), 1, 0, f(0.2)]);
    expect(set.labels).toBeUndefined();
    expect(read(folder, { limit: 1 }, ["frontend/input-dropped"]).names).toEqual(["a.png"]);
  });

  it("labels class folders by their rank", () => {
    for (const [i, name] of ["cat", "dog"].entries()) {
      mkdirSync(join(folder, name));
      write(`${name}/1.png`, png(1, 1, 0, [i]));
      write(`${name}/2.png`, png(1, 1, 0, [i]));
    }
    const set = read(folder);
    expect(set.names).toEqual(["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]);
    expect(set.labels).toEqual(Uint8Array.of(0, 0, 1, 1));
  });

  it("names pictures of other sizes, folders without any, and damaged ones", () => {
    expect(codesOf(folder)).toEqual(["frontend/input-format"]);
    write("a.png", png(1, 1, 0, [0]));
    write("b.png", png(2, 1, 0, [0, 0]));
    expect(codesOf(folder)).toEqual(["frontend/input-shape"]);
    write("b.png", Uint8Array.of(1, 2, 3));
    expect(codesOf(folder)).toEqual(["frontend/input-format"]);
  });

  it("reads JPEG within a level or two", () => {
    const { data } = read(write("a.jpg", jpg(8, 16)));
    expect(data.shape).toEqual([1, 3, 16, 8]);
    expect(data.data.every((v) => Math.abs(v - 200 / 255) < 0.02)).toBe(true);
  });

  it("notices a JPEG that is cut short", () => {
    const photo = jpg(32, 32);
    for (const kept of [0.5, 0.9, 0.999]) {
      expect(codesOf(write("a.jpg", photo.slice(0, Math.floor(photo.length * kept))))).toEqual([
        "frontend/corrupt-file",
      ]);
    }
  });

  it("checks declared sizes before it decodes", () => {
    const big = png(1, 1, 0, [0]);
    new DataView(big.buffer).setUint32(16, 60_000);
    new DataView(big.buffer).setUint32(20, 60_000);
    const photo = jpg(8, 8);
    const frame = Buffer.from(photo).indexOf(Buffer.from([0xff, 0xc0]));
    new DataView(photo.buffer).setUint16(frame + 5, 5000);
    new DataView(photo.buffer).setUint16(frame + 7, 5000);
    allocatesLessThan(1e8, () => {
      expect(codesOf(write("a.png", big))).toEqual(["frontend/too-large"]);
      expect(codesOf(write("a.jpg", photo))).toEqual(["frontend/corrupt-file"]);
    });
  });
});

describe("damage", () => {
  it("of any file ends in a diagnostic or in inputs", () => {
    const noise = Array.from({ length: 300 }, (_, i) => (i * 73) % 251);
    const files: Record<string, Uint8Array> = {
      "a.npy": writeNpy(u8([2, 1, 3, 3])),
      "a.npz": zipSync({ "x.npy": writeNpy(u8([2, 1, 3, 3])), "y.npy": writeNpy(u8([2])) }),
      "a.png": png(10, 10, 2, noise),
      "a.jpg": jpg(16, 16),
      "a.gz": gzipSync(idx([2, 3, 3], noise.slice(0, 18))),
      "a.bin": new Uint8Array(3073),
    };
    for (const [name, bytes] of Object.entries(files)) {
      survivesDamage(bytes, (broken, report) => readInputs(write(name, broken), report), 150);
    }
  });
});

it("names what the file system says", () => {
  expect(codesOf(join(folder, "missing.npy"))).toEqual(["frontend/cannot-read"]);
  expect(codesOf(write("empty.npy", new Uint8Array(0)))).toEqual(["frontend/cannot-read"]);
  expect(codesOf(write("model.json", new TextEncoder().encode('{"a": 1}')))).toEqual(["frontend/input-format"]);
});
