import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { readSafetensors, writeSafetensors } from "../../../src/frontend/formats/index.js";
import { allocatesLessThan, survivesDamage } from "../../support/damage.js";
import { anyTensor } from "../../support/tensors.js";

function raw(header: string, data: number[] = []): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function codesOf(bytes: Uint8Array): string[] {
  const report = new Report();
  expect(readSafetensors(bytes, "a.safetensors", report)).toBeUndefined();
  return report.diagnostics.map((d) => d.code);
}

const tensors = fc.dictionary(
  fc.string({ minLength: 1 }).filter((s) => s !== "__metadata__"),
  anyTensor,
  { maxKeys: 5 },
);

describe("safetensors", () => {
  it("reads what it writes, and equal tensors give equal bytes", () => {
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }), (record, metadata) => {
        const map = new Map(Object.entries(record));
        const bytes = writeSafetensors(map, metadata);
        const report = new Report();
        const back = readSafetensors(bytes, "a", report);
        expect(report.diagnostics).toEqual([]);
        for (const [name, tensor] of map) expect(back?.tensors.get(name)).toEqual(tensor);
        expect(back?.tensors.size).toBe(map.size);
        expect(new Map(back?.metadata)).toEqual(new Map(Object.entries(metadata)));
        const reversed = new Map([...map].reverse());
        expect(writeSafetensors(reversed, metadata)).toEqual(bytes);
        expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it("widens float16 and bfloat16", () => {
    const header = `{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]}}`;
    const back = readSafetensors(raw(header, [0x00, 0x3e, 0x01, 0x00, 0x40, 0xc0]), "a", new Report());
    expect([...(back?.tensors.get("h")?.data ?? [])]).toEqual([1.5, 2 ** -24]);
    expect([...(back?.tensors.get("b")?.data ?? [])]).toEqual([-3]);
  });

  it.each([
    ["a header beyond the file", raw("{}").fill(0x7f, 0, 1)],
    ["no JSON", raw("{]")],
    ["an array as header", raw("[]")],
    ["offsets beyond the data", raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, [1, 2])],
    ["offsets backwards", raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[2,1]}}`, [1, 2])],
    ["another size than the shape", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}`, [1, 2])],
    ["a huge shape", raw(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,2]}}`, [1, 2])],
    ["a negative shape", raw(`{"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}}`, [1, 2])],
    ["a hole", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, [1, 2])],
    ["bytes left over", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, [1, 2])],
    [
      "an overlap",
      raw(
        `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`,
        [1, 2],
      ),
    ],
    ["metadata that is no text", raw(`{"__metadata__":{"a":1}}`)],
    ["deep JSON", raw("[".repeat(1_000_000))],
  ])("names %s", (_what, bytes) => {
    allocatesLessThan(1e8, () => expect(codesOf(bytes)).toEqual(["frontend/corrupt-file"]));
  });

  it("names a type it has no array for", () => {
    expect(codesOf(raw(`{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, [1]))).toEqual([
      "frontend/unsupported-dtype",
    ]);
  });

  it("survives damage", () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const bytes = writeSafetensors(
      new Map([
        ["weight", { dtype: "f32", shape: [2, 3], data }],
        ["count", { dtype: "i64", shape: [], data: Float64Array.of(7) }],
      ]),
      { format: "pt" },
    );
    survivesDamage(bytes, (broken, report) => readSafetensors(broken, "a", report), 500);
  });
});
