import { describe, expect, it } from "vitest";
import { channelsOf, evaluate, flatten, parseNet, printNet, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { valueRanges } from "../../src/passes/ranges.js";
import { randomInputs, randomNet } from "../support/random-net.js";

const SEEDS = Array.from({ length: 300 }, (_, i) => i + 5001);

function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

function dropped(subject: Net) {
  const { result, records } = runPipeline(subject, parsePipeline("drop-dead").steps ?? []);
  if (result === undefined) throw new Error("no result");
  return { result, record: records[0], counters: Object.fromEntries(records[0]?.counters ?? []) };
}

/** Values outside the proved range of their channel. */
function outside(subject: Net, seed: number): string[] {
  const ranges = valueRanges(subject);
  const { values } = evaluate(subject, randomInputs(subject, seed));
  return subject.ops.flatMap((op) => {
    const range = ranges.get(op.result);
    const channels = channelsOf(op.type);
    const at = flatten(values.get(op.result) ?? []).findIndex((x, i) => {
      const c = i % channels;
      return range === undefined || !(x >= range.lo[c]! && x <= range.hi[c]!);
    });
    return at < 0 ? [] : [`%${op.result} (${op.name}) at ${at}`];
  });
}

describe("proved ranges", () => {
  it.each(SEEDS)("hold every value of random net %i", (seed) => {
    const subject = randomNet(seed, { motifs: seed % 2 === 0 });
    expect(outside(subject, seed), printNet(subject)).toEqual([]);
    expect(outside(subject, seed + 1), printNet(subject)).toEqual([]);
  });

  it("count zeros beside the map where a convolution is padded", () => {
    const subject = net(`net @padded(%x: int<1t, 2x2x1, 2..9>) -> real<1t, 2x2x1> {
  const @w : weights<3x3x1x1> = [1, 1, 1, 1, -2, 1, 1, 1, 1] + [0.5]
  %y = synapse.conv %x, @w {kernel = 3, padding = 1} : real<1t, 2x2x1>
  return %y
}`);
    const range = valueRanges(subject).get("y");
    expect([range?.lo[0], range?.hi[0]]).toEqual([-17.5, 72.5]);
  });

  it("are found for most neurons behind weights on spikes", () => {
    let bounded = 0;
    for (const seed of SEEDS) {
      const subject = randomNet(seed, { motifs: true });
      const ranges = valueRanges(subject);
      for (const op of subject.ops) {
        if (op.type.number.kind === "real" && ranges.get(op.result)?.hi.every(Number.isFinite) === true) bounded++;
      }
    }
    expect(bounded).toBeGreaterThan(500);
  });
});

/** A branch with a neuron of threshold `vTh` beside a stream; currents reach 0.75. */
const branch = (vTh: number, attrs = "", bias = ""): Net =>
  net(`net @branch(%a: spike<4t, 2>) -> real<4t, 2> {
  const @stem : weights<2x2> = [1, 0, 0, 1]
  const @in : weights<2x2> = [0.5, 0.25, 0.25, 0.5]
  const @out : weights<2x2> = [3, 1, 1, 3]${bias}
  %x = synapse.dense %a, @stem : real<4t, 2>
  %i = synapse.dense %a, @in : real<4t, 2>
  %s = neuron.lif %i {v_th = ${vTh}${attrs}} : spike<4t, 2> layer("branch.lif")
  %o = synapse.dense %s, @out : real<4t, 2>
  %y = stream.add %x, %o : real<4t, 2>
  return %y
}`);

describe("drop-dead", () => {
  it.each([
    ["averages to at most 0.75", 0.76, "", true],
    ["may reach 0.75 but for rounding", 0.75, ", fire = gt", false],
    ["reaches 0.5", 0.5, "", false],
    ["adds up to at most 3", 3.1, ", charge = integrate", true],
    ["adds up to 3", 3, ", charge = integrate", false],
    ["adds up to at most 3 with decay", 3.1, ", charge = decay-then-add(0.5)", true],
    ["has a synaptic state", 1000, ", charge = cuba(0.5, 0.5)", false],
    ["overshoots with tau below 1", 10, ", charge = divide(0.5)", false],
    ["starts above 0", 10, ", v0 = 1", false],
  ])("a neuron that %s", (_what, vTh, attrs, silent) => {
    const { result, record, counters } = dropped(branch(vTh, attrs));
    expect(result.ops.map((op) => op.name)).toEqual(silent ? ["synapse.dense"] : branch(vTh).ops.map((op) => op.name));
    expect(record?.layersRemoved).toEqual(silent ? ["branch.lif"] : []);
    expect(counters["silent-neurons-counted"]).toBe(silent ? 2 : 0);
    expect(counters["additions-removed"]).toBe(silent ? 1 : 0);
  });

  it("keeps a branch that adds a bias", () => {
    const biased = branch(10, "", " + [0, 1]");
    expect(dropped(biased).result).toBe(biased);
    expect(dropped(biased).counters["silent-neurons-counted"]).toBe(2);
  });

  it("does not change -0 into +0", () => {
    const subject = net(`net @zero(%r: real<1t, 1>, %a: spike<1t, 1>) -> real<1t, 1> {
  const @w : weights<1x1> = [0]
  %o = synapse.dense %a, @w : real<1t, 1>
  %y = stream.add %r, %o : real<1t, 1>
  return %y
}`);
    const inputs = new Map([
      ["r", [-0]],
      ["a", [1]],
    ]);
    const after = dropped(subject).result;
    expect(evaluate(after, inputs).outputs.get("out")).toEqual(evaluate(subject, inputs).outputs.get("out"));
  });

  it("knows that a mask, counts and an attention without spikes are 0", () => {
    const subject = net(`net @mask(%a: spike<2t, 2x2>, %b: spike<2t, 2x2>) -> real<2t, 2x2> {
  const @in : weights<2x2> = [0.25, 0.25, 0.25, 0.25]
  const @out : weights<2x2> = [3, 1, 1, 3]
  %x = synapse.dense %b, @out : real<2t, 2x2>
  %i = synapse.dense %a, @in : real<2t, 2x2>
  %k = neuron.lif %i : spike<2t, 2x2> layer("k")
  %kv = mask.and %b, %k : spike<2t, 2x2>
  %o = attention.statten %b, %kv, %b {heads = 1, chunk = 2, scale = 1} : real<2t, 2x2>
  %z = neuron.lif %o {v_th = 0.5} : spike<2t, 2x2> layer("attn")
  %p = synapse.dense %z, @out : real<2t, 2x2>
  %y = stream.add %p, %x : real<2t, 2x2>
  return %y
}`);
    const { result, record } = dropped(subject);
    expect(result.ops.map((op) => op.result)).toEqual(["x"]);
    expect(record?.layersRemoved).toEqual(["k", "attn"]);
  });
});
