import { describe, expect, it } from "vitest";
import type { HostWiring, LoihiProgram } from "../../src/backends/program/loihi/program.js";
import { readChip } from "../../src/chips/index.js";
import { DiagnosticError, Report } from "../../src/diagnostics/index.js";
import { Host, readHostNet, writeHostNet } from "../../src/host/index.js";
import { parseNet, printNet, type Net } from "../../src/ir/index.js";
import { digitsModel, folded } from "../support/digits.js";

/** A net whose output has the name of its value. */
function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  if (parsed === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { ...parsed, outputs: parsed.outputs.map(({ value }) => ({ name: value, value })) };
}

/** A chip that hears 2x1x1 values and says spikes of as many elements, between a prefix that doubles and a suffix that counts. */
function program(wiring?: HostWiring): LoihiProgram {
  const prefix = net(`net @p(%x: count<2t, 2x1x1, max 3>) -> count<2t, 2x1x1, max 6> {
  %d = stream.add %x, %x : count<2t, 2x1x1, max 6>
  return %d
}`);
  const suffix = net(`net @s(%c: spike<2t, 2x1x1>) -> count<2t, 1, max 2> {
  %n = reduce.sum-positions %c : count<2t, 1, max 2>
  return %n
}`);
  const routes = { start: Int32Array.of(0, 0, 0), core: new Int32Array(0), axon: new Int32Array(0) };
  return {
    name: "p",
    target: "loihi",
    chip: readChip("loihi2", new Report(), "loihi")!,
    timesteps: 2,
    steps: 2,
    layers: [],
    populations: [{ name: "c", layer: 0, neurons: 2, start: 0 }],
    cores: [],
    inputs: [{ name: "i", format: "graded", shape: [2, 1, 1], start: 0, routes }],
    outputs: [{ name: "c", population: 0, shape: [2, 1, 1] }],
    host: {
      prefix: writeHostNet(prefix),
      suffix: writeHostNet(suffix),
      wiring: wiring ?? {
        inputs: [{ name: "i", from: "prefix", source: "d" }],
        suffix: [{ name: "c", from: "chip", source: "c" }],
        outputs: [{ name: "n", from: "suffix", source: "n" }],
      },
    },
    notes: [],
  };
}

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return error instanceof DiagnosticError ? error.diagnostic.code : String(error);
  }
  return undefined;
};

describe("the host around a chip", () => {
  it("computes what goes in and what comes out, and says what crosses", () => {
    const host = new Host(program());
    const values = new Map<string, ArrayLike<number>>();
    expect(host.inputs).toEqual([{ name: "x", slots: 2, shape: [2, 1, 1] }]);
    expect([...host.before(new Map([["x", [1, 2, 3, 0]]]), values).get("i")!]).toEqual([2, 4, 6, 0]);
    expect([...host.after(new Map([["c", Uint8Array.of(1, 1, 0, 1)]]), values).get("n")!]).toEqual([2, 1]);
    expect(host.classes).toBe(1);
    expect(host.crossings.map(({ values: n, bytes }) => [n, bytes])).toEqual([
      [4, 16],
      [4, 1],
    ]);
  });

  it("takes the first of each period of what holds on the way out", () => {
    const wiring: HostWiring = {
      inputs: [{ name: "i", from: "prefix", source: "d" }],
      suffix: [{ name: "c", from: "chip", source: "c" }],
      outputs: [{ name: "held", from: "chip", source: "c", every: 2 }],
    };
    const host = new Host(program(wiring));
    const out = host.after(new Map([["c", Uint8Array.of(1, 0, 0, 1)]]), new Map());
    expect([...out.get("held")!]).toEqual([1, 0]);
  });

  it("refuses wiring that names what there is not, or feeds an input with nothing", () => {
    const good = program().host.wiring!;
    for (const wiring of [
      { ...good, inputs: [{ name: "i", from: "prefix" as const, source: "e" }] },
      { ...good, inputs: [] },
      { ...good, suffix: [] },
      { ...good, outputs: [{ name: "n", from: "chip" as const, source: "n" }] },
    ])
      expect(codeOf(() => new Host(program(wiring)))).toBe("host/bad-part");
  });

  it("refuses values of another size than a part reads", () => {
    expect(codeOf(() => new Host(program()).before(new Map([["x", [1, 2, 3]]]), new Map()))).toBe("host/wrong-size");
  });

  it("writes and reads nets with their constants, and refuses what is damaged", () => {
    const trained = folded(digitsModel().net);
    const part = writeHostNet(trained);
    expect(printNet(readHostNet(part, "prefix"))).toBe(printNet(trained));
    for (const damaged of [
      { ...part, text: part.text.slice(1) },
      { ...part, constants: part.constants.slice(0, -1) },
      { ...part, constants: new Uint8Array(0) },
    ])
      expect(codeOf(() => readHostNet(damaged, "suffix"))).toBe("host/bad-part");
  });
});
