import { zipSync } from "fflate";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { readNpy, readNpz, writeNpy } from "../../../src/frontend/formats/index.js";
import type { Tensor } from "../../../src/math/tensor.js";
import { allocatesLessThan, survivesDamage } from "../../support/damage.js";
import { anyTensor } from "../../support/tensors.js";

function raw(version: number, header: string, data: ArrayLike<number> = []): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...text, ...Array.from(data)]);
}

function describeArray(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
}

function read(bytes: Uint8Array): Tensor | undefined {
  const report = new Report();
  const tensor = readNpy(bytes, "a.npy", report);
  expect(report.diagnostics).toEqual([]);
  return tensor;
}

function codesOf(bytes: Uint8Array): string[] {
  const report = new Report();
  expect(readNpy(bytes, "a.npy", report)).toBeUndefined();
  return report.diagnostics.map((d) => d.code);
}

describe(".npy", () => {
  it("reads what it writes", () => {
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        expect(read(writeNpy(tensor))).toEqual(tensor);
      }),
    );
  });

  it("writes the bytes of numpy.save", () => {
    const bytes = writeNpy({ dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) });
    expect(bytes.length).toBe(128 + 12);
    expect(Buffer.from(bytes.subarray(10, 128)).toString()).toBe(
      `${"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }".padEnd(117)}\n`,
    );
  });

  it("reads versions 1 to 3, spaces, double quotes and Python 2 integers", () => {
    for (const version of [1, 2, 3]) {
      expect(read(raw(version, describeArray("'|u1'", "(2, 1)"), [7, 8]))?.shape).toEqual([2, 1]);
    }
    expect(read(raw(1, ` {"shape": (2L,), "fortran_order": False, "descr": "|u1"}  `, [7, 8]))?.shape).toEqual([2]);
    expect(read(raw(1, describeArray("'|u1'", "()"), [7]))?.shape).toEqual([]);
  });

  it("reads big endian and float16", () => {
    expect(read(raw(1, describeArray("'>i2'", "(2,)"), [0x01, 0x02, 0xff, 0xff]))?.data).toEqual(
      Int16Array.of(258, -1),
    );
    expect(read(raw(1, describeArray("'>f8'", "(1,)"), [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]))?.data).toEqual(
      Float64Array.of(1.5),
    );
    expect(read(raw(1, describeArray("'<f2'", "(1,)"), [0, 0x3e]))).toEqual({
      dtype: "f32",
      shape: [1],
      data: Float32Array.of(1.5),
    });
  });

  it("turns Fortran order into C order", () => {
    const shapes = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapes, (shape) => {
        const count = shape.reduce((n, d) => n * d, 1);
        const bytes = raw(
          1,
          describeArray("'|u1'", `(${shape.join(",")},)`, "True"),
          Array.from({ length: count }, (_, i) => i % 256),
        );
        const data = read(bytes)?.data ?? [];
        for (let at = 0; at < count; at++) {
          let rest = at;
          const index = [...shape].reverse().map((d) => {
            const i = rest % d;
            rest = Math.floor(rest / d);
            return i;
          });
          const fortran = shape.reduceRight((sum, d, axis) => sum * d + (index[shape.length - 1 - axis] ?? 0), 0);
          expect(data[at]).toBe(fortran % 256);
        }
      }),
    );
  });

  it.each([
    ["too little data", raw(1, describeArray("'<f4'", "(3,)"), [0, 0])],
    ["too much data", raw(1, describeArray("'|u1'", "(1,)"), [0, 0])],
    ["a huge shape", raw(1, describeArray("'<f4'", "(1000000, 1000000)"), [0])],
    ["a shape beyond numbers", raw(1, describeArray("'<f4'", "(9999999999999999, 9999999999999999)"), [0])],
    ["an endless run of digits", raw(1, describeArray("'<f4'", `(${"1".repeat(60_000)})`), [0])],
    ["a negative shape", raw(1, describeArray("'<f4'", "(-1,)"), [0])],
    ["a missing entry", raw(1, "{'descr': '<f4', 'shape': (1,)}", [0])],
    ["version 4", raw(4, describeArray("'<f4'", "(1,)"))],
    ["an empty file", new Uint8Array(0)],
  ])("names %s", (_what, bytes) => {
    allocatesLessThan(1e8, () => expect(codesOf(bytes)).toEqual(["frontend/corrupt-file"]));
  });

  it.each(["'<c8'", "'|O'", "'<U5'", "[('a', '<f4'), ('b', '<i4')]"])("names the type %s", (descr) => {
    expect(codesOf(raw(1, describeArray(descr, "(1,)"), [0]))).toEqual(["frontend/unsupported-dtype"]);
  });

  it("survives damage", () => {
    const bytes = writeNpy({ dtype: "f32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    survivesDamage(bytes, (broken, report) => readNpy(broken, "a", report), 500);
  });
});

describe(".npz", () => {
  const a: Tensor = { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) };
  const b: Tensor = { dtype: "u8", shape: [1000], data: new Uint8Array(1000) };

  it("reads stored and deflated arrays", () => {
    for (const level of [0, 6] as const) {
      const arrays = readNpz(
        zipSync({ "a.npy": writeNpy(a), "x/b.npy": writeNpy(b) }, { level }),
        "a.npz",
        new Report(),
      );
      expect(new Map(arrays)).toEqual(
        new Map([
          ["a", a],
          ["x/b", b],
        ]),
      );
    }
  });

  it("names the array at fault", () => {
    const report = new Report();
    readNpz(zipSync({ "a.npy": writeNpy(a), "b.npy": writeNpy(b).subarray(0, 500) }), "a.npz", report);
    expect(report.diagnostics[0]?.code).toBe("frontend/corrupt-file");
    expect(report.diagnostics[0]?.message).toContain("`b`");
  });

  it("notices a flipped bit of data through the checksum", () => {
    const bytes = zipSync({ "a.npy": writeNpy(a) }, { level: 0 });
    bytes[30 + "a.npy".length + 128 + 2] = 1;
    const report = new Report();
    expect(readNpz(bytes, "a.npz", report)).toBeUndefined();
    expect(report.diagnostics[0]?.message).toContain("checksum");
  });

  it("stops an archive that declares more than a limit", () => {
    const bytes = zipSync({ "a.npy": new Uint8Array(2 ** 21) }, { level: 9 });
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 46 < bytes.length; at++) {
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0xfffffff0, true);
    }
    const report = new Report();
    allocatesLessThan(1e8, () => expect(readNpz(bytes, "a.npz", report)).toBeUndefined());
    expect(report.diagnostics[0]?.code).toMatch(/corrupt-file|too-large/);
  });

  it("survives damage", () => {
    const bytes = zipSync({ "a.npy": writeNpy(a), "b.npy": [writeNpy(b), { level: 9 }] }, { level: 0 });
    survivesDamage(bytes, (broken, report) => readNpz(broken, "a", report), 500);
  });
});
