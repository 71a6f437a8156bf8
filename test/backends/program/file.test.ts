import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  decodeProgram,
  encodeProgram,
  INSTRUCTIONS,
  OPCODES,
  programPieces,
  readProgram,
  type Field,
  type Instruction,
  type Opcode,
  type Program,
} from "../../../src/backends/program/index.js";
import {
  REGION_KINDS,
  REGION_PLACES,
  type MemoryRegion,
  type RegionPlace,
} from "../../../src/backends/program/program.js";
import { checkInstruction } from "../../../src/backends/program/check.js";
import { DiagnosticError, Report } from "../../../src/diagnostics/index.js";
import { createStepped } from "../../../src/sim/layerwise/index.js";
import { builtIn, instruction, random, serialProgram, SMALL } from "../../sim/support.js";

const LAYERS = [
  { name: "first", kind: "neuron.lif", recorded: true, positions: 64, channels: 200 },
  { name: "zweite Schicht é", kind: "synapse.dense %3", recorded: false, positions: 1, channels: 10 },
];

/** A value of a field, mostly small so that most instructions are legal. */
function anyValue(name: string, field: Field): fc.Arbitrary<number> {
  if (field.real === true) return fc.double({ noNaN: true, noDefaultInfinity: true });
  const min = field.min ?? 0;
  const small = Math.min(field.max ?? 2 ** 31 - 1, name === "words" || name === "positions" ? 9 : 3);
  if (name === "dram" || name === "dramStride") return fc.integer({ min: 10, max: 40 }).map((n) => 128 * n);
  return fc.integer({ min, max: Math.max(min, small) });
}

function anyInstruction(op: Opcode): fc.Arbitrary<Instruction> {
  const fields: readonly (readonly [string, Field])[] = Object.entries(INSTRUCTIONS[op].fields);
  const uses = fc.uniqueArray(fc.record({ token: fc.nat(8), count: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 3,
    selector: (use) => use.token,
  });
  return fc
    .tuple(
      fc.record(Object.fromEntries(fields.map(([name, field]) => [name, anyValue(name, field)]))),
      fc.nat(1),
      uses,
      uses,
    )
    .map(
      ([values, layer, waits, signals]) => ({ op, layer, fields: values, waits, signals }) as unknown as Instruction,
    );
}

function program(instructions: readonly Instruction[], weights: Uint8Array): Program {
  const chip = builtIn("layerwise-default");
  const port = { dram: 1280, slotStride: 1024, slots: 2, shape: [2, 3, 5] };
  return {
    name: "round trip",
    target: "layerwise",
    chip,
    timesteps: 8,
    layers: LAYERS,
    inputs: [{ ...port, slotStride: 2048, name: "x", format: "real" }],
    outputs: [{ ...port, slotStride: 2048, name: "y", format: "int" }],
    tokens: 9,
    dramBytes: 100_000,
    instructions,
    regions: [],
    weights,
    notes: ["two time blocks", ""],
  };
}

function decode(bytes: Uint8Array): { program: Program | undefined; report: Report } {
  const report = new Report();
  return { program: decodeProgram(bytes, "test.spkc", report, "layerwise"), report };
}

describe("a program file", () => {
  it("gives back every legal instruction", () => {
    const seen = new Map<string, number>();
    const any = fc.constantFrom(...OPCODES).chain(anyInstruction);
    fc.assert(
      fc.property(fc.array(any, { maxLength: 60 }), fc.uint8Array({ maxLength: 200 }), (instructions, weights) => {
        const empty = program([], weights);
        const legal = instructions.filter((one) => checkInstruction(one, empty) === undefined);
        for (const { op } of legal) seen.set(op, (seen.get(op) ?? 0) + 1);
        const whole = program(legal, weights);
        const { program: back, report } = decode(encodeProgram(whole));
        expect(report.diagnostics).toEqual([]);
        expect(back).toEqual(whole);
      }),
      { numRuns: 400, seed: 1 },
    );
    expect([...seen.keys()].sort()).toEqual([...OPCODES].sort());
  });

  it("gives back what lies where", () => {
    const nop = instruction("add", {});
    const places: Record<RegionPlace, number> = { spike: 8192, weight: 5120, data: 8192, dram: 100_000 };
    const anyRegion = fc
      .record({
        name: fc.string(),
        kind: fc.constantFrom(...REGION_KINDS),
        layer: fc.integer({ min: -1, max: LAYERS.length - 1 }),
        place: fc.constantFrom(...REGION_PLACES),
        life: fc.tuple(fc.nat(9), fc.nat(9)),
      })
      .chain(({ place, life, ...rest }) =>
        fc.tuple(fc.integer({ min: 0, max: places[place] - 1 }), fc.nat(places[place])).map(([address, most]) => ({
          ...rest,
          place,
          address,
          size: Math.max(1, Math.min(most, places[place] - address)),
          first: Math.min(...life),
          last: Math.max(...life),
        })),
      );
    fc.assert(
      fc.property(fc.array(anyRegion, { maxLength: 20 }), (regions) => {
        const whole = { ...program(Array<Instruction>(10).fill(nop), new Uint8Array(8)), regions };
        const { program: back, report } = decode(encodeProgram(whole));
        expect(report.diagnostics).toEqual([]);
        expect(back).toEqual(whole);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it.each([
    [{ layer: 2 }, "is of layer 2 of 2"],
    [{ layer: -2 }, "is of layer -2 of 2"],
    [{ size: 0 }, "lies at 8191 to 8190 of 8192 in spike"],
    [{ size: 2 }, "lies at 8191 to 8192 of 8192 in spike"],
    [{ address: -1 }, "lies at -1 to -1 of 8192 in spike"],
    [{ place: "dram", address: 99_999, size: 2 }, "lies at 99999 to 100000 of 100000 in dram"],
    [{ last: 10 }, "lives from instruction 3 to 10 of 10"],
    [{ first: 5 }, "lives from instruction 5 to 4 of 10"],
    [{ first: -1 }, "lives from instruction -1 to 4 of 10"],
  ] as const)("with the region %j is refused", (change, message) => {
    const sound: MemoryRegion = {
      name: "%3",
      kind: "spikes",
      layer: 1,
      place: "spike",
      address: 8191,
      size: 1,
      first: 3,
      last: 4,
    };
    const whole = program(Array<Instruction>(10).fill(instruction("add", {})), new Uint8Array(8));
    expect(decode(encodeProgram({ ...whole, regions: [sound] })).program?.regions).toEqual([sound]);
    const { report } = decode(encodeProgram({ ...whole, regions: [sound, { ...sound, ...change }] }));
    expect(report.diagnostics.map((d) => `${d.code}: ${d.message}`)).toEqual([
      `program/region: region 1, \`%3\` ${message}`,
    ]);
  });

  it("is written in pieces, one of them the very weights", () => {
    const whole = program([], new Uint8Array([1, 2, 3]));
    const pieces = programPieces(whole);
    expect(pieces.filter((piece) => piece === whole.weights)).toHaveLength(1);
    expect(new Uint8Array(pieces.flatMap((piece) => [...piece]))).toEqual(encodeProgram(whole));
  });

  it("places the weights at a multiple of 64 bytes and reads them as a view", () => {
    const bytes = encodeProgram(program([], new Uint8Array([1, 2, 3])));
    const { weights } = decode(bytes).program!;
    expect(weights.buffer).toBe(bytes.buffer);
    expect(weights.byteOffset % 64).toBe(0);
  });
});

/** A program with one instruction of each opcode, all legal. */
function everyOpcode(): Program {
  const fc0 = OPCODES.flatMap((op) => {
    const empty = program([], new Uint8Array(64));
    const samples = fc.sample(anyInstruction(op), { numRuns: 500, seed: 7 });
    return samples
      .filter((one) => checkInstruction(one, empty) === undefined)
      .slice(0, 2)
      .map((one) => ({ ...one, waits: [] }));
  });
  return program(fc0, new Uint8Array(64).fill(7));
}

/** Whatever the decoder lets through can be simulated; it may take long or find its inputs missing, but it never crashes. */
function simulate(decoded: Program): void {
  const inputs = decoded.inputs.map(({ name, slots, shape, format }): [string, Float32Array | Int32Array] => {
    const values = Math.min(
      2 ** 20,
      shape.reduce((product, n) => product * n, slots),
    );
    return [name, format === "int" ? new Int32Array(values) : new Float32Array(values).fill(1)];
  });
  try {
    createStepped(decoded).run(new Map(inputs), { maxCycles: 3000, record: true });
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
  }
}

const folder = mkdtempSync(join(tmpdir(), "program-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(path: string): { program: Program | undefined; report: Report } {
  const report = new Report();
  return { program: readProgram(path, report, "layerwise"), report };
}

/** What is said of bytes, which must be the same of a file that holds them. */
function judged(bytes: Uint8Array): string | undefined {
  const path = join(folder, "judged.spk");
  writeFileSync(path, bytes);
  const [fromBytes, fromFile] = [decode(bytes), read(path)];
  const told = ({ report }: { report: Report }) => report.diagnostics.map(({ code, message }) => `${code}: ${message}`);
  expect(told(fromFile)).toEqual(told(fromBytes));
  expect(fromFile.program).toEqual(fromBytes.program);
  return fromBytes.report.diagnostics[0]?.code;
}

describe("a program on disk", () => {
  it("is what its bytes say, with weights that threads can share", () => {
    const whole = everyOpcode();
    const path = join(folder, "good.spk");
    writeFileSync(path, encodeProgram(whole));
    const { program: back, report } = read(path);
    expect(report.diagnostics).toEqual([]);
    expect(back).toEqual(whole);
    expect(back!.weights.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it.skipIf(process.platform === "win32")("may come through a pipe", () => {
    const whole = everyOpcode();
    const path = join(folder, "piped.spk");
    const pipe = join(folder, "pipe");
    writeFileSync(path, encodeProgram(whole));
    execFileSync("mkfifo", [pipe]);
    execFileSync("sh", ["-c", 'cat "$0" > "$1" 2>/dev/null &', path, pipe], { stdio: "ignore" });
    expect(read(pipe).program).toEqual(whole);
  });

  it("that is none is named", () => {
    for (const path of [join(folder, "missing.spk"), folder]) {
      const { program: none, report } = read(path);
      expect(none).toBeUndefined();
      expect(report.diagnostics.map(({ code, location }) => [code, location])).toEqual([
        ["program/cannot-read", { kind: "file", file: path }],
      ]);
    }
    expect(read("/dev/null").report.diagnostics.map(({ code }) => code)).toEqual(["program/not-a-program"]);
  });

  it("takes no memory for sections that are too long for any chip, though the file is as long", () => {
    const path = join(folder, "long.spk");
    const bytes = encodeProgram(program([], new Uint8Array(0)));
    const view = new DataView(bytes.buffer);
    const length = 2 ** 42;
    view.setBigUint64(40 + 16, BigInt(length), true);
    view.setUint32(12, crc32(bytes.subarray(16, 64)), true);
    writeFileSync(path, bytes);
    expect(read(path).report.diagnostics.map(({ code }) => code)).toEqual(["program/truncated"]);
    // Sparse: the disk holds nothing of it.
    truncateSync(path, bytes.length + length);
    expect(read(path).report.diagnostics.map(({ code }) => code)).toEqual(["program/limits"]);
  });
});

/** Corrects all checksums after a change, as a hostile writer would. */
function seal(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const entry of [16, 40]) {
    const offset = Number(view.getBigUint64(entry + 8, true));
    const length = Number(view.getBigUint64(entry + 16, true));
    view.setUint32(entry + 4, crc32(bytes.subarray(offset, offset + length)), true);
  }
  view.setUint32(12, crc32(bytes.subarray(16, 64)), true);
  return bytes;
}

describe("a damaged program file", () => {
  const good = encodeProgram(everyOpcode());
  const code = (bytes: Uint8Array): string | undefined => decode(bytes).report.diagnostics[0]?.code;

  it("is named", () => {
    expect(judged(new Uint8Array(0))).toBe("program/not-a-program");
    expect(judged(new TextEncoder().encode("net @x() {}"))).toBe("program/not-a-program");
    expect(judged(good.subarray(0, 7))).toBe("program/truncated");
    expect(judged(good.subarray(0, 30))).toBe("program/truncated");
    expect(judged(good.subarray(0, good.length - 200))).toBe("program/truncated");
    expect(judged(good.with(4, 99))).toBe("program/version");
    // Before programs said what lies where.
    expect(judged(good.with(4, 4))).toBe("program/version");
    expect(judged(good.with(20, good[20]! ^ 1))).toBe("program/checksum");
    expect(judged(good.with(good.length - 60, 1))).toBe("program/checksum");
    expect(judged(good.with(200, good[200]! ^ 64))).toBe("program/checksum");
    expect(judged(good.subarray(0, good.length - 1))).toBe("program/truncated");
    const longer = new Uint8Array(good.length + 1);
    longer.set(good);
    expect(judged(longer)).toBe("program/corrupt");
  });

  it("is refused where a section does not follow the one before it", () => {
    const [flat, weights] = [16, 40];
    for (const [entry, by] of [
      [flat, 64],
      [weights, 64],
      [weights, -64],
      [weights, 1],
    ] as const) {
      const bytes = good.slice();
      const view = new DataView(bytes.buffer);
      view.setBigUint64(entry + 8, view.getBigUint64(entry + 8, true) + BigInt(by), true);
      view.setUint32(12, crc32(bytes.subarray(16, 64)), true);
      expect(judged(bytes)).toBe("program/corrupt");
    }
  });

  it("is refused where a section is not filled up with zeros", () => {
    const bytes = encodeProgram(program([], new Uint8Array([1, 2, 3])));
    expect(judged(bytes)).toBeUndefined();
    expect(judged(bytes.with(bytes.length - 1, 1))).toBe("program/checksum");
  });

  it("is refused whatever byte changes, and never crashes when the checksums are right", () => {
    const r = random(42);
    let accepted = 0;
    for (let i = 0; i < 4000; i++) {
      const bytes = good.slice();
      const changes = 1 + r(3);
      for (let c = 0; c < changes; c++) {
        const at = 64 + r(bytes.length - 128);
        bytes[at] = r(3) === 0 ? r(256) : bytes[at]! ^ (1 << r(8));
        if (r(4) === 0) bytes[at] = 255;
      }
      if (i % 4 === 0 && !bytes.every((b, j) => b === good[j])) expect(code(bytes)).toBe("program/checksum");
      const { program: decoded, report } = decode(seal(bytes));
      expect(decoded === undefined).toBe(report.failed);
      for (const { code: name } of report.diagnostics) expect(name).toMatch(/^program\//);
      if (decoded !== undefined && accepted++ % 8 === 0) simulate(decoded);
    }
    expect(accepted).toBeGreaterThan(0);
  }, 60_000);

  it("cannot make many tables out of few bytes", () => {
    // Every instruction of the vector points to the same table: legal offsets, but the parts overlap.
    const bytes = encodeProgram(serialProgram({ instructions: Array(50).fill(instruction("add", {})) })).slice();
    const view = new DataView(bytes.buffer);
    const at = findVector(view, 50);
    const target = at + 4 + view.getUint32(at + 4, true);
    for (let i = 0; i < 50; i++) view.setUint32(at + 4 + 4 * i, target - (at + 4 + 4 * i), true);
    expect(["program/corrupt", undefined]).toContain(code(seal(bytes)));
    // A vector that claims 2^28 entries.
    view.setUint32(at, 2 ** 28, true);
    expect(code(seal(bytes))).toBe("program/corrupt");
  });
});

/** Position of the length of the vector with `n` entries that point to tables behind it. */
function findVector(view: DataView, n: number): number {
  for (let at = 64; at < view.byteLength - 4; at += 4) if (view.getUint32(at, true) === n) return at;
  throw new Error("no such vector");
}

describe("a program with a wrong instruction", () => {
  const faults = (one: Instruction, change: Partial<Program> = {}): string[] => {
    const whole = {
      ...serialProgram({ instructions: [] }),
      tokens: 2,
      dramBytes: 4096,
      ...change,
      instructions: [one],
    };
    return decode(encodeProgram(whole)).report.diagnostics.map((d) => `${d.code}: ${d.message}`);
  };

  it.each([
    [
      instruction("add", { words: 3000 }),
      "program/address: instruction 0, add: data words 0 to 2999, the memory has 2048",
    ],
    [
      instruction("add", { words: 0 }),
      "program/instruction: instruction 0, add: `words` is 0, expected an integer in 1..2147483647",
    ],
    [
      instruction("add", { steps: 3 }),
      "program/instruction: instruction 0, add: 3 timesteps in a group, the chip has 2",
    ],
    [instruction("add", { firstStep: 2 }), "program/instruction: instruction 0, add: timestep 2 of 2"],
    [instruction("add", {}, { layer: 1 }), "program/instruction: instruction 0, add: layer 1 of 1"],
    [instruction("add", {}, { waits: [2] }), "program/token: instruction 0, add: token 2 of 2"],
    [instruction("load", { dram: 4096 }), "program/address: instruction 0, load: DRAM bytes 4096 to 4097 of 4096"],
    [
      instruction("fire", { rule: 5, lanesUsed: 1 }),
      "program/instruction: instruction 0, fire: charge rule `decay` is not defined on real currents",
    ],
    [
      instruction("accumulate", { channels: 1, padding: 1 }),
      "program/instruction: instruction 0, accumulate: padding 1 of a window of 1: windows lie outside the map",
    ],
    [
      instruction("attend-kv", { headDim: 17, blocks: 3 }),
      "program/instruction: instruction 0, attend-kv: 289 counters, the chip has 256",
    ],
  ])("is refused: %#", (one, message) => {
    expect(faults(one)).toEqual([message]);
  });

  it("is refused where it stores over the weights", () => {
    const weights = new Uint8Array(64);
    expect(faults(instruction("store", { dram: 32 }), { weights })[0]).toMatch(
      /^program\/address: .* over the weights/,
    );
  });

  it("has one diagnostic per instruction, and the chip is validated again", () => {
    const two = {
      ...serialProgram({ instructions: [] }),
      instructions: [1, 2].map(() => instruction("add", { words: 3000 })),
    };
    expect(decode(encodeProgram(two)).report.diagnostics).toHaveLength(2);
    const bad = { ...two, chip: { ...SMALL, lanes: 7 } };
    expect(decode(encodeProgram(bad)).report.diagnostics[0]?.code).toBe("program/chip");
  });
});
