import { describe, expect, it } from "vitest";
import { evaluate, flatten, parseNet, printNet, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { faultsOutsideMargin } from "../support/margin.js";
import { Random } from "../support/random.js";

function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

function run(subject: Net, pipeline = "fold-thresholds") {
  const { result, records, diagnostics } = runPipeline(subject, parsePipeline(pipeline).steps ?? []);
  expect(diagnostics).toEqual([]);
  if (result === undefined) throw new Error("no result");
  const counters = Object.fromEntries([...(records[0]?.counters ?? [])].filter(([, n]) => n > 0));
  return { result, counters, names: result.ops.map((op) => op.name) };
}

/** A dense layer, a batch norm of three channels, and a neuron. */
const normed = (gains: string, neuron = "", extra = "", outputs = "%s"): Net =>
  net(`net @normed(%x: spike<4t, 3x2>) -> ${outputs === "%s" ? "spike<4t, 3x3>" : "(s: spike<4t, 3x3>, n: real<4t, 3x3>)"} {
  const @w : weights<2x3> = [1, 0.5, -0.75, 0.25, -1, 0.5] + [0.125, 0.25, 0]
  const @gamma : real<3> = [${gains}]
  const @beta : real<3> = [0.25, 0.5, 1.25]
  const @mean : real<3> = [0, 0.5, 0.25]
  const @one : real<3> = [1, 1, 1]
  %i = synapse.dense %x, @w : real<4t, 3x3>
  %n = norm.batch %i, @gamma, @beta, @mean, @one {eps = 0} : real<4t, 3x3>
  ${extra}
  %s = neuron.lif %n {v_th = 1${neuron}} : spike<4t, 3x3> layer("lif")
  return ${outputs}
}`);

describe("gains of batch norms", () => {
  it("keep the trained mantissas, flip negative channels and make a constant neuron of gain 0", () => {
    const before = normed("2, -4, 0");
    const { result, counters } = run(before, "fold-thresholds,drop-dead");
    expect(counters).toEqual({ "batchnorms-folded": 1, "channels-flipped": 1, "constant-channels-folded": 1 });
    expect(printNet(result)).toContain("const @w : weights<2x3> = [1, -0.5, 0, 0.25, 1, 0] + [0.25, 0.375, 1.25]");
    expect(printNet(result)).toContain("const @lif.v_th : real<3> = [0.5, 0.25, 1]");
    for (let seed = 0; seed < 20; seed++) expect(faultsOutsideMargin(before, result, seed)).toEqual([]);
  });

  it.each([
    ["soft", ", reset = soft"],
    ["multiply", ", charge = multiply(0.3)"],
    ["integrate and gt", ", charge = integrate, fire = gt"],
    ["decay-then-add", ", charge = decay-then-add(0.25)"],
    ["cuba", ", charge = cuba(0.5, 0.25)"],
    ["a gain per channel", ", charge = decay-then-add(0.25), k = @one"],
  ])("fold with %s", (_name, neuron) => {
    const before = normed("0.5, -2, 1", neuron);
    const { result, counters } = run(before);
    expect(counters["batchnorms-folded"]).toBe(1);
    for (let seed = 0; seed < 20; seed++) expect(faultsOutsideMargin(before, result, seed)).toEqual([]);
  });

  it.each([
    ["resets to another potential", normed("2, 2, 2", ", v_reset = 0.1")],
    ["starts at another potential", normed("2, 2, 2", ", v0 = 0.1")],
    ["is not the only reader", normed("2, 2, 2", "", "%y = stream.add %n, %n : real<4t, 3x3>")],
    ["reads what an output reads", normed("2, 2, 2", "", "", "%s, %n")],
  ])("stay where the neuron %s", (_why, before) => {
    const { result, counters } = run(before);
    expect(result).toBe(before);
    expect(counters).toEqual({ "batchnorms-left": 1 });
  });

  it("make a constant neuron where the gain is too small to change the batch norm's sum", () => {
    const before = normed("2, 1e-41, -1e-12");
    const { result, counters } = run(before);
    expect(counters).toEqual({ "batchnorms-folded": 1, "constant-channels-folded": 2 });
    for (let seed = 0; seed < 20; seed++) expect(faultsOutsideMargin(before, result, seed)).toEqual([]);
  });

  it("stay where a bias would leave the exact numbers, or a threshold those of f32", () => {
    const wide = normed("2, 2, 3e-8");
    expect(run(wide).counters).toEqual({ "batchnorms-folded": 1 });
    const large = normed("2, 2, 1e38");
    expect(run(large).counters).toEqual({ "batchnorms-left": 1 });
  });

  it("pass through max-pools", () => {
    const before = net(`net @pooled(%x: spike<3t, 4x4x1>) -> spike<3t, 2x2x2> {
  const @w : weights<1x1x1x2> = [1, 0.5]
  const @gamma : real<2> = [-2, 0.5]
  const @beta : real<2> = [1.5, 0.25]
  const @zero : real<2> = [0, 0]
  const @one : real<2> = [1, 1]
  %i = synapse.conv %x, @w {kernel = 1} : real<3t, 4x4x2>
  %n = norm.batch %i, @gamma, @beta, @zero, @one {eps = 0} : real<3t, 4x4x2>
  %p = pool.max %n {kernel = 2, stride = 2} : real<3t, 2x2x2>
  %s = neuron.lif %p : spike<3t, 2x2x2>
  return %s
}`);
    const { result, names } = run(before);
    expect(names).toEqual(["synapse.conv", "pool.max", "neuron.lif"]);
    for (let seed = 0; seed < 20; seed++) expect(faultsOutsideMargin(before, result, seed)).toEqual([]);
  });

  it("leave weights alone that another op reads", () => {
    const before = net(`net @shared(%x: spike<2t, 2>) -> (s: spike<2t, 2>, y: real<2t, 2>) {
  const @w : weights<2x2> = [1, 0.5, 0.25, 1]
  const @gamma : real<2> = [-2, 4]
  const @zero : real<2> = [0, 0]
  const @one : real<2> = [1, 1]
  %i = synapse.dense %x, @w : real<2t, 2>
  %n = norm.batch %i, @gamma, @zero, @zero, @one {eps = 0} : real<2t, 2>
  %s = neuron.lif %n : spike<2t, 2>
  %y = synapse.dense %x, @w : real<2t, 2>
  return %s, %y
}`);
    const { result } = run(before, "fold-thresholds,drop-dead");
    expect([...result.constants.keys()]).toEqual(["w", "w.folded", "s.v_th"]);
    expect(result.constants.get("w")).toBe(before.constants.get("w"));
  });
});

/** Two neurons read an attention of 4 tokens and 2 channels. */
const attended = (scale: number, sum: string, second = "v_th = 0.25"): Net =>
  net(`net @attended(%q: spike<4t, 4x2>, %k: spike<4t, 4x2>, %v: spike<4t, 4x2>) -> (a: spike<4t, 4x2>, b: spike<4t, 4x2>) {
  %o = attention.statten %q, %k, %v {heads = 1, chunk = 2, scale = ${scale}, sum = ${sum}} : real<4t, 4x2>
  %a = neuron.lif %o {v_th = 0.5} : spike<4t, 4x2>
  %b = neuron.lif %o {charge = multiply(0.3), ${second}} : spike<4t, 4x2>
  return %a, %b
}`);

const spikes = (subject: Net, seed: number): number[][] => {
  const random = new Random(seed);
  const inputs = new Map(["q", "k", "v"].map((name) => [name, Array.from({ length: 32 }, () => random.int(0, 1))]));
  return [...evaluate(subject, inputs).outputs.values()].map((value) => [...flatten(value)]);
};

describe("scales of attentions", () => {
  it.each(["exact", "sequential"])("that are powers of two fold bit for bit (%s)", (sum) => {
    const before = attended(0.125, sum);
    const { result, counters, names } = run(before);
    expect(names.slice(0, 3)).toEqual(["attention.kv", "attention.q", "to-real"]);
    expect(result.ops.slice(3).map((op) => op.attrs["v_th"])).toEqual([4, 2]);
    expect(counters).toEqual({ "attentions-folded": 1 });
    for (let seed = 0; seed < 100; seed++) expect(spikes(result, seed)).toEqual(spikes(before, seed));
  });

  it.each(["exact", "sequential"])("that are not stay, unless asked for (%s)", (sum) => {
    const before = attended(1 / 12, sum);
    expect(run(before).result).toBe(before);
    expect(run(before).counters).toEqual({ "non-dyadic-attentions-left": 1 });
    const { result, counters } = run(before, "fold-thresholds{non-dyadic=true}");
    expect(counters).toEqual({ "non-dyadic-attentions-folded": 1 });
    expect(result.ops[3]?.attrs["v_th"]).toBe(6);
  });

  it("stay where one reader is no homogeneous neuron", () => {
    const before = attended(0.125, "exact", "v_th = 0.25, v0 = 0.1");
    expect(run(before).result).toBe(before);
    expect(run(before).counters).toEqual({ "attentions-left": 1 });
  });
});

const counting = (neuron: string, extra = "", type = "spike<3t, 4x2>"): Net =>
  net(`net @counting(%kv: ${type}) -> spike<3t, 2> {
  const @half : real<2> = [0.5, 0.25]
  const @uneven : real<2> = [0.5, 0.75]
  %n = reduce.sum-positions %kv
  %x = to-real %n
  ${extra}
  %m = neuron.lif %x {${neuron}} layer("mask")
  return %m
}`);

describe("neurons without memory", () => {
  it.each([
    ["v_th = 0.5", true],
    ["v_th = 0.5, fire = gt", false],
    ["v_th = 0, fire = gt", true],
    ["v_th = 0", false],
    ["v_th = 0.51", false],
    ["v_th = @half", true],
    ["v_th = @uneven", false],
    ["v_th = 0.5, reset = soft", false],
    ["v_th = 0.5, v0 = 0.1", false],
    ["v_th = 0.5, v_reset = 0.1", false],
    ["v_th = 1, charge = integrate", true],
    ["v_th = 1, charge = decay-then-add(0.3)", true],
    ["v_th = 0.29, charge = multiply(0.3)", true],
    ["v_th = 0.31, charge = multiply(0.3)", false],
    ["v_th = 0.29, charge = multiply(-0.3)", false],
    ["v_th = 0.5, charge = cuba(0, 0)", false],
    ["v_th = 0.5, k = @uneven", true],
  ])("with %s: %s", (neuron, stateless) => {
    const before = counting(neuron);
    const { result, counters } = run(before);
    expect(result.ops.at(-1)?.name).toBe(stateless ? "neuron.threshold" : "neuron.lif");
    expect(result.ops.at(-1)?.layer?.name).toBe("mask");
    expect(counters).toEqual(stateless ? { "neurons-simplified": 1, "potentials-removed": 2 } : {});
    const random = new Random(3);
    for (let i = 0; i < 20; i++) {
      const inputs = new Map([["kv", Array.from({ length: 24 }, () => (random.chance(0.15) ? 1 : 0))]]);
      expect(evaluate(result, inputs).outputs).toEqual(evaluate(before, inputs).outputs);
    }
  });

  it("keep their op where the counts may be negative, hold over the sample, or become real for others too", () => {
    const negative = counting("v_th = 0.5", "", "int<3t, 4x2, -1..1>");
    const holding = counting("v_th = 0.5", "", "spike<1t/3, 4x2>");
    const shared = counting("v_th = 0.5", "%other = neuron.lif %x {v_th = 9}");
    for (const before of [negative, holding, shared]) expect(run(before).result).toBe(before);
  });

  it.each([
    ["v_th = 1, charge = integrate", 9, true],
    ["v_th = 1, charge = shift(3)", 9, true],
    ["v_th = 1, charge = decay(7)", 9, true],
    ["v_th = 1, charge = integrate, state_bits = 4", 9, true],
    ["v_th = 1, charge = integrate, state_bits = 4, overflow = wrap", 9, false],
    ["v_th = 1, charge = integrate, state_bits = 4, overflow = wrap", 7, true],
    ["v_th = 2, charge = integrate", 9, false],
    ["v_th = 0, charge = integrate", 9, false],
    ["v_th = 1, charge = cuba(0, 0)", 9, false],
  ])("on integers with %s, counts up to %i: %s", (neuron, max, stateless) => {
    const before = net(`net @integers(%x: count<3t, 2, max ${max}>) -> spike<3t, 2> {
  %s = neuron.lif %x {${neuron}}
  return %s
}`);
    const { result, names } = run(before);
    expect(names).toEqual([stateless ? "neuron.threshold" : "neuron.lif"]);
    const random = new Random(5);
    for (let i = 0; i < 50; i++) {
      const inputs = new Map([["x", Array.from({ length: 6 }, () => random.int(0, max))]]);
      expect(evaluate(result, inputs).outputs).toEqual(evaluate(before, inputs).outputs);
    }
  });
});

/** LIF with tau = 2 in exact fractions: potentials are numerators over 2^t, which grows with every halving. */
function halvedExactly(xs: readonly number[], vTh: bigint, soft: boolean): { spikes: number[]; rests: number } {
  const spikes: number[] = [];
  let [v, shift] = [0n, 0n];
  let rests = 0;
  for (const x of xs) {
    // h = (v + x) / 2 with v = numerator / 2^shift
    v += BigInt(x) << shift;
    shift += 1n;
    if (v % 2n !== 0n) rests++;
    const spike = v >= vTh << shift;
    spikes.push(spike ? 1 : 0);
    if (spike) v = soft ? v - (vTh << shift) : 0n;
  }
  return { spikes, rests };
}

/** The same in integers of 2^-T, by the integer neuron of the IR; `x 2^(T-1)` is its current. */
function halvedInIntegers(xs: readonly number[], fraction: number, vTh: number, soft: boolean): number[] {
  const n = xs.length;
  const unit = 2 ** fraction;
  const subject = net(`net @halved(%x: int<${n}t, 1, ${-64 * unit}..${64 * unit}>) -> spike<${n}t, 1> {
  %s = neuron.lif %x {charge = shift(1), v_th = ${vTh * unit}, reset = ${soft ? "soft" : "hard"}}
  return %s
}`);
  const currents = xs.map((x) => (x * unit) / 2);
  return [...flatten(evaluate(subject, new Map([["x", currents]])).outputs.get("out") ?? [])];
}

describe("LIF with tau = 2 in integers", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("is exact for T = %i timesteps with T fractional bits", (timesteps) => {
    const random = new Random(timesteps);
    for (let i = 0; i < 100; i++) {
      const xs = Array.from({ length: timesteps }, () => random.int(-20, 40));
      const vTh = random.int(1, 12);
      const soft = random.chance(0.5);
      expect(halvedInIntegers(xs, timesteps, vTh, soft), `${xs} against ${vTh}`).toEqual(
        halvedExactly(xs, BigInt(vTh), soft).spikes,
      );
    }
  });

  it("stops being exact in timestep T + 1", () => {
    // 1 halved twice is 1/4, which one fractional bit loses: then 3 more give 3/2 + 1/8 and 3/2.
    const xs = [1, 0, 31];
    const scaled = (fraction: number): number[] => {
      let v = 0;
      return xs.map((x) => (v = Math.trunc((v + x * 2 ** fraction) / 2)) / 2 ** fraction);
    };
    expect(scaled(3)).toEqual([0.5, 0.25, 15.625]);
    expect(scaled(2)).toEqual([0.5, 0.25, 15.5]);
  });
});
