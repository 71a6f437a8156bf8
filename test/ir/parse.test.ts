import { describe, expect, it } from "vitest";
import { renderDiagnostic } from "../../src/diagnostics/index.js";
import { parseNet, printNet, realTensor, digestOf, toWeights, type Constant, type Net } from "../../src/ir/index.js";

function parsed(text: string, constants?: ReadonlyMap<string, Constant>): Net {
  const { net, diagnostics } = parseNet(text, "test.snn", constants);
  expect(diagnostics.map(renderDiagnostic)).toEqual([]);
  if (net === undefined) throw new Error("no net");
  return net;
}

const CANONICAL = `net @block.0(%x: real<4t, 2x2>, %image: real<1t/4, 2>) -> (logits: real<1t/4, 2>, "two words": spike<4t, 2x2>) {
  const @w : weights<2x2> = [0.5, 1, 0.25, -1] + [0, 0.125]
  const @g : real<2> = [0.1, -0]
  const @big : weights<8x2> = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3333333432674408]
  %0 = synapse.dense %x, @w : real<4t, 2x2>
  %s.lif = neuron.lif %0 {charge = integrate, v_th = @g, fire = gt} : spike<4t, 2x2> layer("block.0.\\"lif\\"")
  %"a b" = attention.kv %s.lif, %s.lif {heads = 1, chunk = 2} : count<2t/2, 1x2x2, max 4>
  %f = to-int %x {lo = -8, hi = 7, exp = -1} : int<4t, 2x2, -8..7, 2^-1>
  %r = reduce.mean-positions %x : real<4t, 2>
  %m = reduce.mean-time %r : real<1t/4, 2>
  return %m, %s.lif
}
`;

describe("canonical text", () => {
  it("prints as it was read", () => {
    expect(printNet(parsed(CANONICAL))).toBe(CANONICAL);
  });

  it("leaves constants of more than 16 values to the file beside it", () => {
    const w = toWeights(
      [17, 1],
      Float64Array.from({ length: 17 }, (_, i) => i / 16),
    );
    const text = `net @n(%x: spike<1t, 17>) -> real<1t, 1> {
  const @w : weights<17x1> external "${digestOf(w)}"
  %y = synapse.dense %x, @w : real<1t, 1>
  return %y
}
`;
    const net = parsed(text, new Map([["w", w]]));
    expect(net.constants.get("w")).toBe(w);
    expect(printNet(net)).toBe(text);
  });

  it("writes out a grid that is not the one the values would get", () => {
    const coarse: Constant = {
      kind: "weights",
      shape: [1, 1],
      mantissa: Int32Array.of(3),
      exponent: Int32Array.of(0),
      bias: Float64Array.of(0),
    };
    const net: Net = { name: "n", inputs: [], outputs: [], ops: [], constants: new Map([["w", coarse]]) };
    expect(printNet(net)).toContain("const @w : weights<1x1> = [3] grid [0]");
    expect(parsed(printNet(net))).toEqual(net);
  });

  it("reads back every f32, zero's sign included", () => {
    const bits = new Uint32Array([
      0x80000000, 1, 0x7f7fffff, 0x3dcccccd, 0x00800000, 0x4b7fffff, 0xbf9d70a4, 0x501502f9,
    ]);
    const constants = new Map([["c", realTensor([8], new Float32Array(bits.buffer))]]);
    const net: Net = { name: "n", inputs: [], outputs: [], ops: [], constants };
    const { constants: again } = parsed(printNet(net));
    const c = again.get("c");
    expect(c?.kind === "real" && new Uint32Array(c.data.buffer)).toEqual(bits);
  });

  it("prints origins only when asked, and reads them", () => {
    const text = CANONICAL.replace('layer("block.0.\\"lif\\"")', 'layer("lif") loc("model.pth#block.0.lif")');
    const net = parsed(text);
    expect(net.ops[1]?.origin).toBe("model.pth#block.0.lif");
    expect(printNet(net, { locations: true })).toBe(text);
    expect(printNet(net)).not.toContain("loc(");
  });

  it("has a form for nets without values", () => {
    const net: Net = { name: "", inputs: [], outputs: [], ops: [], constants: new Map() };
    expect(printNet(net)).toBe('net @""() -> () {\n  return\n}\n');
    expect(parsed(printNet(net))).toEqual(net);
  });
});

describe("what need not be written", () => {
  it("infers types that are missing", () => {
    const net = parsed("net @n(%x: real<2t, 3>) -> spike<2t, 3> { %s = neuron.lif %x return %s }");
    expect(printNet(net)).toContain("%s = neuron.lif %x : spike<2t, 3>");
  });

  it("takes a delay's written type while its operand is unknown", () => {
    const net = parsed(`net @counter(%x: real<4t, 1>) -> real<4t, 1> {
      %before = delay %sum : real<4t, 1>
      %sum = stream.add %before, %x
      return %sum
    }`);
    expect(net.ops[1]?.type).toEqual({ number: { kind: "real" }, time: { count: 4, period: 1 }, shape: [1] });
  });

  it("accepts powers of two and free layout", () => {
    const net = parsed(`// a comment
      net @n(
        %x: real<2t, 3>, // the input
        %y: real<2t, 3>
      ) -> spike<2t, 3> {
        %z = stream.add
          %x,
          %y
        %s = neuron.lif %z
          {v_th = 2^-3} layer("a")
        return
          %s
      }`);
    expect(net.ops[1]?.attrs).toEqual({ v_th: 0.125 });
  });
});

describe("hints", () => {
  const first = (text: string): string => renderDiagnostic(parseNet(text, "n.snn").diagnostics[0]!);

  it("suggest the closest name", () => {
    expect(first("net @n(%spikes: real<2t, 3>) -> () { %s = neuron.lif %spike return }")).toContain(
      "hint: did you mean `spikes`?",
    );
    expect(first("net @n(%x: real<2t, 3>) -> () { %s = neuron.liff %x return }")).toContain(
      "hint: did you mean `neuron.lif`?",
    );
  });

  it("show where the other definition is", () => {
    expect(first("net @n(%x: real<2t, 3>,\n       %x: real<2t, 3>) -> () { return }")).toBe(
      [
        "error[ir/duplicate-value]: `%x` is defined twice",
        "  --> n.snn:2:8",
        " 2 |        %x: real<2t, 3>) -> () { return }",
        "   |        ^^",
        "note: the first definition",
        "  --> n.snn:1:8",
        " 1 | net @n(%x: real<2t, 3>,",
        "   |        ^^",
      ].join("\n"),
    );
  });

  it("list the chunks that fit, with the caret at the chunk", () => {
    const text = "net @n(%q: spike<6t, 2x2>) -> () {\n  %a = attention.kv %q, %q {heads = 1, chunk = 4}\n  return\n}";
    expect(first(text).split("\n").slice(0, 5)).toEqual([
      "error[ir/chunk]: chunk 4 does not divide 6 timesteps",
      "  --> n.snn:2:48",
      " 2 |   %a = attention.kv %q, %q {heads = 1, chunk = 4}",
      "   |                                                ^",
      "hint: use chunk = 1, 2, 3, 6",
    ]);
  });
});

describe("hostile text", () => {
  const N = 20_000;
  const GARBAGE: readonly (readonly [string, string])[] = [
    ["nothing", ""],
    ["half a header", "net @a("],
    ["control characters", "\u0000\u0001\u007f net @a("],
    ["opening braces", "{".repeat(N)],
    ["defined values", "%a = ".repeat(N)],
    ["unclosed texts", '"'.repeat(N)],
    ["letters of other scripts", "é".repeat(N)],
    ["constants", "const const ".repeat(N)],
    ["broken ops", `net @a() -> () { ${"%a = foo %b, : x ".repeat(N)}`],
    ["unclosed attributes", `net @a() -> () { ${"%a = foo %b {a = 1 : ".repeat(N)}`],
    ["unknown values", `net @a() -> () { ${"%a = neuron.lif %b ".repeat(N)} return }`],
    ["a long number", `net @a(%x: real<${"9".repeat(N)}t, 1>) -> () { return }`],
    ["a long name", `net @a() -> () { %${"n".repeat(N)} = delay %${"m".repeat(N)} return }`],
    ["a long shape", `net @a(%x: real<1t, ${"9x".repeat(N)}9>) -> () { return }`],
    [
      "names of Object's prototype",
      "net @a(%__proto__: real<1t, 1>) -> () { %b = neuron.lif %toString {__proto__ = 1} return }",
    ],
  ];

  it.each(GARBAGE)("ends in diagnostics: %s", (_name, text) => {
    const { net, diagnostics } = parseNet(text, "garbage.snn");
    expect(net).toBeUndefined();
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(diagnostics.length).toBeLessThanOrEqual(200);
    for (const diagnostic of diagnostics.slice(0, 3)) expect(renderDiagnostic(diagnostic)).toContain("garbage.snn");
  });

  it("never throws on a damaged net", () => {
    for (let i = 0; i < CANONICAL.length; i++) {
      const cut = CANONICAL.slice(0, i) + CANONICAL.slice(i + 1);
      expect(Array.isArray(parseNet(cut, "cut.snn").diagnostics)).toBe(true);
      if (i % 7 === 0) parseNet(CANONICAL.slice(0, i), "short.snn");
    }
  });

  it("reads 26,000 ops in linear time", () => {
    const text = (n: number): string => {
      const ops = Array.from(
        { length: n },
        (_, i) => `  %v${i + 1} = neuron.lif %v${i} {charge = divide(2), v_th = 1} : spike<4t, 1x1> layer("l${i}")`,
      );
      return `net @deep(%x: real<4t, 1x1>) -> spike<4t, 1x1> {\n  %v0 = neuron.lif %x : spike<4t, 1x1>\n${ops.join("\n")}\n  return %v${n}\n}\n`.replaceAll(
        /divide\(2\), v_th = 1/g,
        "integrate, v_th = 1",
      );
    };
    const seconds = (n: number): number => {
      const source = text(n);
      const start = performance.now();
      expect(parseNet(source, "deep.snn").diagnostics).toEqual([]);
      return (performance.now() - start) / 1000;
    };
    seconds(2_000);
    const small = seconds(6_500);
    expect(seconds(26_000)).toBeLessThan(12 * small + 1);
  });
});
