import { describe, expect, it } from "vitest";
import {
  checkResumable,
  checkTimeBlock,
  legalTimeBlocks,
  parseNet,
  realTensor,
  retime,
  verifyNet,
  type Constant,
  type Net,
  type Op,
} from "../../src/ir/index.js";

function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

const BASE = net(`net @base(%x: real<4t, 2>) -> spike<4t, 2> {
  const @th : real<2> = [1, 2]
  %a = neuron.lif %x {v_th = @th} : spike<4t, 2> layer("a")
  %b = mask.and %a, %a : spike<4t, 2>
  return %b
}`);

function codes(changed: Partial<Net>): string[] {
  return verifyNet({ ...BASE, ...changed }).map((d) => `${d.code}: ${d.message}`);
}

function withOp(index: number, change: Partial<Op>): Partial<Net> {
  return { ops: BASE.ops.map((op, i) => (i === index ? { ...op, ...change } : op)) };
}

describe("verifyNet", () => {
  it("accepts what the parser made", () => {
    expect(verifyNet(BASE)).toEqual([]);
  });

  it("rejects names that are taken, unknown or used too early", () => {
    expect(codes(withOp(1, { result: "a" }))).toEqual(["ir/duplicate-value: `%a` is defined twice"]);
    expect(codes(withOp(1, { operands: ["a", "c"] }))).toEqual(["ir/unknown-value: no value `%c`"]);
    expect(codes({ ops: BASE.ops.toReversed() })).toEqual([
      "ir/used-before-definition: `%a` is used before it is defined",
      "ir/used-before-definition: `%a` is used before it is defined",
    ]);
    expect(codes(withOp(0, { operands: ["a"] }))).toEqual([
      "ir/cycle: `%a` and `%a` need each other in the same timestep",
    ]);
    expect(codes({ outputs: [{ name: "out", value: "c" }] })).toEqual(["ir/unknown-value: no value `%c`"]);
    expect(codes({ inputs: [...BASE.inputs, ...BASE.inputs] })).toEqual([
      "ir/duplicate-value: two inputs are named `%x`",
    ]);
  });

  it("rejects removed channels that do not ascend", () => {
    const layer = (removed: readonly number[]): string[] => codes(withOp(0, { layer: { name: "a", removed } }));
    expect(layer([0, 3, 4])).toEqual([]);
    expect(layer([0, 3, 5])).toEqual([
      "ir/layer: layer `a` of `%a` lists 5 among the removed channels, of 5 channels in all",
    ]);
    expect(layer([3, 3])).toEqual([
      "ir/layer: layer `a` of `%a` lists 3 among the removed channels; they ascend from 0",
    ]);
    expect(layer([-1])).toHaveLength(1);
    expect(layer([])).toEqual(["ir/layer: layer `a` of `%a` has an empty list of removed channels"]);
  });

  it("rejects a stored type that is not the inferred one", () => {
    const type = { number: { kind: "int", lo: 0, hi: 1, exp: 0 }, time: { count: 4, period: 1 }, shape: [3] } as const;
    expect(codes(withOp(0, { type }))[0]).toBe(
      "ir/type-mismatch: `%a` is declared spike<4t, 3>, its operands give spike<4t, 2>",
    );
  });

  it("rejects input types that no value can have", () => {
    const [input] = BASE.inputs;
    const wrong = (shape: readonly number[]): string[] =>
      codes({ ops: [], outputs: [], constants: new Map(), inputs: [{ name: "x", type: { ...input!.type, shape } }] });
    expect(wrong([])).toHaveLength(1);
    expect(wrong([0])).toHaveLength(1);
    expect(wrong([65536, 65536])).toHaveLength(1);
    expect(wrong([1])).toEqual([]);
  });

  it("says where an imported op came from", () => {
    const changed = { ...BASE, ...withOp(0, { origin: "model.pth#lif", attrs: { v_th: "high" } }) };
    expect(verifyNet(changed)[0]?.location).toEqual({ kind: "file", file: "model.pth#lif" });
  });

  const weights = { kind: "weights", shape: [1, 2], exponent: new Int32Array(2), bias: new Float64Array(2) } as const;
  it.each<readonly [string, Constant]>([
    ["has 1 values, its shape 2", realTensor([2], Float32Array.of(1))],
    ["holds a value that is not finite", realTensor([1], Float32Array.of(NaN))],
    ["has the shape [], sizes are positive integers", realTensor([], Float32Array.of(1))],
    [
      "holds the mantissa 16777216 at 1, the limit is 16777215",
      { ...weights, mantissa: Int32Array.of(16777215, 16777216) },
    ],
    ["has 1 exponents, 2 output channels", { ...weights, mantissa: new Int32Array(2), exponent: new Int32Array(1) }],
    [
      "holds the bias mantissa 0.5 at 0, it must be an integer below 2^53",
      { ...weights, mantissa: new Int32Array(2), bias: Float64Array.of(0.5, 0) },
    ],
  ])("rejects a constant that %s", (message, constant) => {
    expect(codes({ constants: new Map([...BASE.constants, ["c", constant]]) })).toEqual([
      `ir/constant: \`@c\` ${message}`,
    ]);
  });
});

const ATTENTION = net(`net @attention(%q: spike<12t, 2x2>) -> (o: real<12t, 2x2>, p: real<12t, 2x2>) {
  %o = attention.statten %q, %q, %q {heads = 1, chunk = 2, scale = 1} : real<12t, 2x2>
  %p = attention.statten %q, %q, %q {heads = 1, chunk = 3, scale = 1} : real<12t, 2x2>
  return %o, %p
}`);

const MEAN = net(`net @mean(%x: real<4t, 2>) -> real<1t/4, 2> {
  %m = reduce.mean-time %x : real<1t/4, 2>
  return %m
}`);

const RECURRENT = net(`net @recurrent(%x: real<4t, 2>) -> real<4t, 2> {
  %d = delay %s : real<4t, 2>
  %s = stream.add %x, %d : real<4t, 2>
  %y = stream.add %s, %x : real<4t, 2>
  return %y
}`);

describe("time blocks", () => {
  it("are multiples of every chunk inside", () => {
    expect(legalTimeBlocks(ATTENTION)).toEqual([6, 12]);
    expect(legalTimeBlocks(ATTENTION, ATTENTION.ops.slice(0, 1))).toEqual([2, 4, 6, 8, 10, 12]);
    expect(checkTimeBlock(ATTENTION, 6)).toBeUndefined();
  });

  it("that split a chunk are rejected, naming the sizes that fit", () => {
    const fault = checkTimeBlock(ATTENTION, 3, ATTENTION.ops.slice(0, 1));
    expect(fault).toMatchObject({
      code: "ir/time-block",
      message: "time block 3 does not fit: `%o` needs whole chunks of 2 timesteps",
      hint: "use 2, 4, 6, 8, 10, 12",
    });
  });

  it("need not divide the timesteps, but not exceed them", () => {
    expect(checkTimeBlock(BASE, 3)).toBeUndefined();
    expect(checkTimeBlock(BASE, 5)?.message).toBe("time block 5 does not fit: the net has 4 timesteps");
    expect(checkTimeBlock(BASE, 0)?.hint).toBe("use 1, 2, 3, 4");
  });

  it("hold all timesteps around a sequence op, and one in a cycle", () => {
    expect(legalTimeBlocks(MEAN)).toEqual([4]);
    expect(legalTimeBlocks(RECURRENT)).toEqual([1]);
    expect(checkTimeBlock(RECURRENT, 2)?.message).toMatch(/lies in a cycle, which runs step by step$/);
    expect(legalTimeBlocks(RECURRENT, RECURRENT.ops.slice(2))).toEqual([1, 2, 3, 4]);
  });

  it("do not exist where ops exclude each other", () => {
    const both: Net = { ...RECURRENT, ops: [...RECURRENT.ops, { ...MEAN.ops[0]!, operands: ["y"] }] };
    expect(checkTimeBlock(both, 4)?.hint).toBe("no time block fits all of them: split the group");
  });
});

describe("retime", () => {
  it("keeps static inputs static", () => {
    const image = net(`net @image(%x: real<1t/4, 2>) -> spike<4t, 2> {
  %y = stream.add %x, %x : real<1t/4, 2>
  %s = neuron.lif %y : spike<4t, 2>
  return %s
}`);
    const longer = retime(image, 10).net;
    expect(longer?.inputs[0]?.type.time).toEqual({ count: 1, period: 10 });
    expect(longer?.ops.map((op) => op.type.time)).toEqual([
      { count: 1, period: 10 },
      { count: 10, period: 1 },
    ]);
  });

  it("rejects timesteps that a chunk does not divide", () => {
    const { net: none, diagnostics } = retime(ATTENTION, 8);
    expect(none).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({
      code: "ir/chunk",
      message: "chunk 3 does not divide 8 timesteps",
      hint: "use chunk = 1, 2, 4, 8",
    });
  });

  it("re-times cycles, and rejects no timesteps", () => {
    expect(retime(RECURRENT, 7).net?.ops[0]?.type.time.count).toBe(7);
    expect(retime(RECURRENT, 0).diagnostics[0]?.code).toBe("ir/timesteps");
    expect(retime(RECURRENT, 4).net).toBe(RECURRENT);
  });

  it("says which ops keep a net from being run in pieces", () => {
    expect(checkResumable(RECURRENT)).toEqual([]);
    expect(checkResumable(MEAN).map((d) => d.code)).toEqual(["ir/not-resumable"]);
  });
});

describe("constants over time", () => {
  const text = (values: string): string => `net @held(%x: real<4t, 1>) -> real<4t, 1> {
  const @c : real<${values.split(",").length}x1> = [${values}]
  %c = constant @c : real<4t, 1>
  %y = stream.add %x, %c : real<4t, 1>
  return %y
}`;

  it("are re-timed when they are the same at all moments", () => {
    const { net: retimed, diagnostics } = retime(net(text("0.5")), 6);
    expect(diagnostics).toEqual([]);
    expect(retimed?.ops[0]?.type.time).toEqual({ count: 6, period: 1 });
  });

  it("are refused when they have values of their own for each", () => {
    const { net: retimed, diagnostics } = retime(net(text("1, 2, 3, 4")), 6);
    expect(retimed).toBeUndefined();
    expect(diagnostics.map((d) => `${d.code}: ${d.message}`)).toEqual([
      "ir/timesteps: the values have 4 slots, real<6t, 1> needs 1 or 6",
    ]);
  });

  it("give the same in every time block", () => {
    expect(legalTimeBlocks(net(text("1, 2, 3, 4")))).toEqual([1, 2, 3, 4]);
    expect(checkResumable(net(text("1, 2, 3, 4")))).toEqual([]);
  });
});
