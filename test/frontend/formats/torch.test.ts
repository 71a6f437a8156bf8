import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { readTorchCheckpoint, type Checkpoint } from "../../../src/frontend/formats/index.js";
import { allocatesLessThan, survivesDamage } from "../../support/damage.js";
import { tensor, torchLegacy, torchZip, type Pickled, type Storage } from "../../support/torch-writer.js";

const FIXTURES = join(import.meta.dirname, "../../fixtures/torch");

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FIXTURES, name)));
}

function read(bytes: Uint8Array): Checkpoint {
  const report = new Report();
  const checkpoint = readTorchCheckpoint(bytes, "model.pth", report);
  if (checkpoint === undefined) throw new Error(report.diagnostics.map((d) => d.message).join("\n"));
  expect(report.diagnostics).toEqual([]);
  return checkpoint;
}

function codesOf(bytes: Uint8Array): string[] {
  const report = new Report();
  expect(readTorchCheckpoint(bytes, "model.pth", report)).toBeUndefined();
  return report.diagnostics.map((d) => d.code);
}

function refusal(root: Pickled): string {
  const report = new Report();
  readTorchCheckpoint(torchZip(root, new Map()), "model.pth", report);
  expect(report.diagnostics[0]?.code).toBe("frontend/pickle-refused");
  return report.diagnostics[0]?.message ?? "";
}

function f32(values: readonly number[]): Storage {
  return { type: "FloatStorage", elements: values.length, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

const STORAGE = f32([0, 1, 2, 3, 4, 5]);
const ONE = new Map([["0", STORAGE]]);
const VECTOR = tensor("0", STORAGE, 0, [6], [1]);

describe.each(["zip", "legacy"])("torch.save, %s", (kind) => {
  it("reads every element type, views and shared storages", () => {
    const { tensors, container } = read(fixture(`tensors.${kind}.pth`));
    const values = Object.fromEntries([...tensors].map(([name, t]) => [name, [t.dtype, [...t.shape], [...t.data]]]));
    expect(container).toBe("plain");
    expect(values).toEqual({
      plain: ["f32", [3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
      transposed: ["f32", [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]],
      window: ["f32", [2, 2], [5, 6, 9, 10]],
      shared: ["f32", [4], [0, 1, 2, 3]],
      expanded: ["f32", [3], [2.5, 2.5, 2.5]],
      double: ["f64", [1], [1 / 3]],
      half: ["f32", [4], [1.5, -0, 65504, 2 ** -24]],
      bfloat: ["f32", [3], [1.5, -3, Math.fround(2 ** 100)]],
      long: ["i64", [], [-7]],
      int: ["i32", [1], [2 ** 31 - 1]],
      short: ["i16", [1], [-300]],
      char: ["i8", [1], [-5]],
      byte: ["u8", [1], [250]],
      flag: ["bool", [2], [1, 0]],
      parameter: ["f32", [1], [4]],
      empty: ["f32", [0, 3], []],
    });
  });

  it("reads a timm checkpoint: state_dict without `module.`, arguments, and says what it left out", () => {
    const checkpoint = read(fixture(`timm.${kind}.pth.tar`));
    expect(checkpoint.container).toBe("state_dict");
    expect(checkpoint.strippedPrefix).toBe("module.");
    expect([...checkpoint.tensors.keys()]).toContain("1.running_var");
    expect(Object.fromEntries(checkpoint.config)).toEqual({
      model: "sdt",
      time_steps: 4,
      lr: 0.01,
      resume: null,
      tet: true,
      "size.0": 3,
      "size.1": 32,
      "size.2": 32,
      output: "runs/a",
      metric: 12.5,
      device: "cuda:0",
      "nested.mode": "SDT",
    });
    expect(Object.fromEntries(checkpoint.metadata)).toEqual({ epoch: 3, arch: "sdt", metric: 1.5 });
    expect(checkpoint.ignored).toEqual(["optimizer", "lr_scheduler"]);
  });

  it("survives damage", () => {
    for (const name of [`tensors.${kind}.pth`, `timm.${kind}.pth.tar`]) {
      survivesDamage(fixture(name), (bytes, report) => readTorchCheckpoint(bytes, "model.pth", report), 400);
    }
  });
});

describe("torch.save, variants", () => {
  it("reads protocol 5, both ways", () => {
    for (const name of ["protocol5.pth", "protocol5.legacy.pth"]) {
      expect([...(read(fixture(name)).tensors.get("a")?.data ?? [])]).toEqual([0, 1, 2]);
    }
  });

  it("reads files written without checksums", () => {
    expect([...(read(fixture("no-checksums.pth")).tensors.get("a")?.data ?? [])]).toEqual([0, 1, 2]);
  });

  it("reads unsigned types through _rebuild_tensor_v3", () => {
    expect(read(fixture("uint16.pth")).tensors.get("a")).toEqual({
      dtype: "u16",
      shape: [2],
      data: Uint16Array.of(1, 2),
    });
  });

  it("names a type it has no array for", () => {
    expect(codesOf(fixture("complex.pth"))).toEqual(["frontend/unsupported-dtype"]);
  });

  it("warns of 64-bit integers that are no doubles", () => {
    const bytes = new Uint8Array(BigInt64Array.of(2n ** 60n + 1n, 5n).buffer);
    const storage = { type: "LongStorage", elements: 2, bytes };
    const root = new Map([["n", tensor("0", storage, 0, [2], [1])]]);
    const report = new Report();
    const checkpoint = readTorchCheckpoint(torchZip(root, new Map([["0", storage]])), "model.pth", report);
    expect([...(checkpoint?.tensors.get("n")?.data ?? [])]).toEqual([2 ** 60, 5]);
    expect(report.diagnostics.map((d) => d.code)).toEqual(["frontend/unsafe-integer"]);
  });

  it("prefers state_dict, then model, then state_dict_ema, and a bare dictionary last", () => {
    const named = (...keys: string[]) =>
      read(torchZip(new Map<Pickled, Pickled>(keys.map((k) => [k, new Map([["w", VECTOR]])])), ONE));
    expect(named("model", "state_dict_ema", "state_dict").container).toBe("state_dict");
    expect(named("state_dict_ema", "model").container).toBe("model");
    expect(named("state_dict_ema").container).toBe("state_dict_ema");
    expect(
      read(
        torchZip(
          new Map<Pickled, Pickled>([
            ["w", VECTOR],
            ["epoch", 3],
          ]),
          ONE,
        ),
      ).container,
    ).toBe("plain");
  });

  it("keeps `module.` when only some names have it", () => {
    const root = new Map([
      ["module.a", VECTOR],
      ["b", VECTOR],
    ]);
    const checkpoint = read(torchZip(root, ONE));
    expect(checkpoint.strippedPrefix).toBeUndefined();
    expect([...checkpoint.tensors.keys()]).toEqual(["module.a", "b"]);
  });

  it("names the entries of a checkpoint without tensors", () => {
    const report = new Report();
    readTorchCheckpoint(torchZip(new Map([["generator", new Map([["w", VECTOR]])]]), ONE), "model.pth", report);
    expect(report.diagnostics[0]?.code).toBe("frontend/no-tensors");
    expect(report.diagnostics[0]?.message).toContain("`generator`");
  });

  it("does not read the storages of the optimizer", () => {
    // Its storage is missing from the archive, which nobody notices.
    const missing = tensor("99", { type: "FloatStorage", elements: 1e9 }, 0, [1e9], [1]);
    const root = new Map<Pickled, Pickled>([
      ["state_dict", new Map([["w", VECTOR]])],
      ["optimizer", new Map([[0, new Map([["exp_avg", missing]])]])],
    ]);
    expect(read(torchZip(root, ONE)).ignored).toEqual(["optimizer"]);
  });
});

describe("strides", () => {
  it("gathers any view as indexing the storage does", () => {
    const view = fc.record({
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      strides: fc.array(fc.nat({ max: 9 }), { minLength: 4, maxLength: 4 }),
      offset: fc.nat({ max: 20 }),
      legacy: fc.boolean(),
    });
    fc.assert(
      fc.property(view, ({ shape, strides, offset, legacy }) => {
        const storage = f32(Array.from({ length: 150 }, (_, i) => i * 0.5));
        const root = new Map([["w", tensor("0", storage, offset, shape, strides.slice(0, shape.length))]]);
        const { tensors } = read((legacy ? torchLegacy : torchZip)(root, new Map([["0", storage]])));
        const expected = shape.reduce<number[]>(
          (at, d, axis) => at.flatMap((a) => Array.from({ length: d }, (_, i) => a + i * (strides[axis] ?? 0))),
          [offset],
        );
        expect([...(tensors.get("w")?.data ?? [])]).toEqual(expected.map((at) => at * 0.5));
      }),
      { numRuns: 200 },
    );
  });
});

describe("hostile files", () => {
  it("refuses every name outside the list and executes nothing", () => {
    expect(codesOf(fixture("refused-system.pth"))).toEqual(["frontend/pickle-refused"]);
    expect(codesOf(fixture("refused-eval.pth"))).toEqual(["frontend/pickle-refused"]);
    expect(codesOf(fixture("refused-module.pth"))).toEqual(["frontend/pickle-refused"]);
    expect(existsSync("/tmp/spikec-was-here")).toBe(false);
    const names = [
      "os.system",
      "posix.system",
      "nt.system",
      "subprocess.Popen",
      "builtins.eval",
      "__builtin__.exec",
      "builtins.getattr",
    ];
    for (const name of [
      ...names,
      "torch.load",
      "torch.nn.modules.container.Sequential",
      "copyreg.add_extension",
      "runpy._run_code",
    ]) {
      const dot = name.lastIndexOf(".");
      const root = { call: { global: [name.slice(0, dot), name.slice(dot + 1)] as const }, args: ["true"] };
      expect(refusal(new Map([["a", root]]))).toContain(`\`${name}\``);
    }
  });

  it("does not follow names through dots or prototypes", () => {
    for (const [module, name] of [
      ["torch", "_utils._rebuild_tensor_v2"],
      ["collections.OrderedDict", "__init__"],
      ["constructor", "constructor"],
      ["__proto__", "x"],
    ] as const) {
      expect(refusal({ global: [module, name] })).toContain(module);
    }
  });

  it("checks declared sizes before it allocates", () => {
    const cases: Pickled[] = [
      tensor("0", STORAGE, 0, [1e9], [1]),
      tensor("0", STORAGE, 0, [1e9], [0]),
      tensor("0", STORAGE, 0, [2 ** 30, 2 ** 30], [0, 0]),
      tensor("0", STORAGE, 1e15, [6], [1]),
      tensor("0", STORAGE, 3, [4], [1]),
      tensor("0", STORAGE, 0, [2, 2], [1, 2 ** 52]),
      tensor("0", STORAGE, 0, [6], [-1]),
      tensor("0", { type: "FloatStorage", elements: 1e12 }, 0, [6], [1]),
      tensor("0", { type: "DoubleStorage", elements: 6 }, 0, [6], [1]),
      tensor("1", STORAGE, 0, [6], [1]),
    ];
    for (const bad of cases) {
      for (const write of [torchZip, torchLegacy]) {
        allocatesLessThan(1e8, () => {
          expect(codesOf(write(new Map([["w", bad]]), ONE))[0]).toMatch(/^frontend\/(corrupt-file|too-large)$/);
        });
      }
    }
  });

  it("bounds the sum of tensors that repeat one small storage", () => {
    const root = new Map(
      Array.from({ length: 100 }, (_, i): [string, Pickled] => [`w${i}`, tensor("0", STORAGE, i % 2, [1e6 + i], [0])]),
    );
    allocatesLessThan(2e8, () => expect(codesOf(torchZip(root, ONE))).toEqual(["frontend/too-large"]));
  });

  it("stops at bombs of the archive and of the pickle", () => {
    const zeros: Storage = { type: "FloatStorage", elements: 6, bytes: new Uint8Array(2 ** 24) };
    const bomb = torchZip(new Map([["w", VECTOR]]), new Map([["0", zeros]]), { level: 9 });
    // The directory declares 24 bytes instead of 16 MiB.
    const view = new DataView(bomb.buffer);
    for (let at = bomb.length - 22; at > 0; at--) {
      if (view.getUint32(at, true) === 0x02014b50 && view.getUint32(at + 24, true) === 2 ** 24)
        view.setUint32(at + 24, 24, true);
    }
    expect(codesOf(bomb)).toEqual(["frontend/corrupt-file"]);
    const head = [
      0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e, 0x80, 2, 0x4d, 0xe9, 3,
      0x2e, 0x7d, 0x2e,
    ];
    for (const opcode of [0x7d, 0x5d, 0x28, 0x85]) {
      const bytes = new Uint8Array(6_000_000).fill(opcode);
      bytes.set(head);
      expect(codesOf(bytes)[0]).toMatch(/^frontend\/(corrupt-file|too-large)$/);
    }
  });

  it("ends on cycles", () => {
    // args = {"a": args}: EMPTY_DICT, PUT 0, "a", GET 0, SETITEM.
    const loop = [0x7d, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x68, 0, 0x73];
    const bytes = torchLegacy(
      new Map<Pickled, Pickled>([
        ["w", VECTOR],
        ["args", "PLACEHOLDER"],
      ]),
      ONE,
    );
    const at = Buffer.from(bytes).indexOf("PLACEHOLDER") - 5;
    const cyclic = new Uint8Array(
      Buffer.concat([bytes.subarray(0, at), Uint8Array.from(loop), bytes.subarray(at + 16)]),
    );
    expect(read(cyclic).tensors.size).toBe(1);
  });
});
