import { describe, expect, it } from "vitest";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { evaluate, flatten, parseNet, printNet, verifyNet, type Net, type Op, type Slot } from "../../src/ir/index.js";
import { INTEGERS_ONLY, parsePipeline, runPipeline, type Calibration } from "../../src/passes/index.js";
import { netInputs } from "../../src/validate/replay.js";
import { mixedNet, sdtNet, stattenNet, smallChip, largeChip, Random as NetRandom } from "../backends/layerwise/nets.js";
import { runs } from "../backends/layerwise/support.js";
import { digitsArray, digitsModel, folded } from "../support/digits.js";
import { Random } from "../support/random.js";
import { randomInputs, randomNet } from "../support/random-net.js";

const filled = (n: number, value: number): number[] => Array.from({ length: n }, () => value);

function run(net: Net, pipeline: string, calibration?: Calibration) {
  const { steps = [], diagnostics } = parsePipeline(pipeline);
  expect(diagnostics).toEqual([]);
  return runPipeline(net, steps, calibration === undefined ? {} : { calibration });
}

/** Warnings are of ranges that these nets do not say. */
const isError = ({ severity }: { readonly severity: string }): boolean => severity === "error";

/** The quantised net; undefined where the pass refuses, which only its own codes may say. */
function quantised(net: Net, pipeline = "quantize"): Net | undefined {
  const { result, diagnostics } = run(net, pipeline);
  for (const { code } of diagnostics.filter(isError))
    expect(["passes/not-integer", "passes/requirement"]).toContain(code);
  return result;
}

function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

/** Every integer stays inside its type's range, and so inside 32 bits. */
function expectInRange(subject: Net, seed: number): void {
  evaluate(subject, randomInputs(subject, seed), {
    intercept: (op: Op, slot: Slot) => {
      const { number } = op.type;
      if (number.kind === "real") return slot;
      expect(slot).toBeInstanceOf(Int32Array);
      for (const x of slot) {
        if (x < number.lo || x > number.hi) throw new Error(`%${op.result} is ${x}\n${printNet(subject)}`);
      }
      return slot;
    },
  });
}

const OPTIONS = [
  "quantize",
  "quantize{bits=4 per=tensor}",
  "quantize{bits=6 clip=mse stream-bits=10}",
  "quantize{clip=percentile percentile=90 state-bits=12}",
  "quantize{fraction-bits=0 input-bits=8 input-range=1}",
];

describe("random nets that quantize accepts", () => {
  it("compute in integers only, in their ranges, and are not quantised twice", () => {
    let accepted = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const before = randomNet(seed, { ops: 3 + (seed % 8) });
      const after = quantised(before, OPTIONS[seed % OPTIONS.length]);
      if (after === undefined || after === before) continue;
      accepted++;
      expect(verifyNet(after), printNet(before)).toEqual([]);
      expect(INTEGERS_ONLY.violation(after), printNet(before)).toBeUndefined();
      expectInRange(after, seed);
      expect(quantised(after), printNet(before)).toBe(after);
    }
    expect(accepted).toBeGreaterThan(60);
  });

  it.each(Array.from({ length: 12 }, (_, i) => i + 1))("run on chips bit for bit (seed %i)", (seed) => {
    const random = new NetRandom(seed * 7919);
    const chunk = random.int(1, 4);
    const timesteps = random.pick([4, 8]);
    const channels = 6 * random.int(1, 5);
    const before = random.pick([
      () =>
        stattenNet(random, {
          timesteps,
          chunk: timesteps % chunk === 0 ? chunk : 2,
          side: 2,
          channels,
          heads: 2,
          held: seed % 2 === 0,
        }),
      () => sdtNet(random, { timesteps, tokens: random.int(1, 20), channels, heads: 3, dvs: seed % 2 === 0 }),
      () => mixedNet(random, timesteps),
    ])();
    const after = quantised(before, OPTIONS[seed % OPTIONS.length]);
    if (after === undefined) return;
    expect(INTEGERS_ONLY.violation(after)).toBeUndefined();
    expectInRange(after, seed);
    for (const chip of [smallChip({ spike: 2048, weight: 65_536, data: 32_768 }), largeChip()]) {
      for (const timeBlock of [undefined, timesteps / 2]) {
        const even =
          timeBlock === undefined || after.ops.every((op) => timeBlock % Number(op.attrs["chunk"] ?? 1) === 0);
        if (even) runs(after, chip, timeBlock === undefined ? {} : { timeBlock });
      }
    }
  });
});

/** v = v + (x - v) / 2 with hard reset, as exact rationals: integers over 2^T. */
function rationalLif(x: readonly number[], vTh: number, T: number): number[] {
  const unit = 2 ** T;
  let v = 0;
  return x.map((current) => {
    const h = (v + current * unit) / 2;
    const spike = h >= vTh * unit;
    v = spike ? 0 : h;
    return spike ? 1 : 0;
  });
}

describe("integer neurons", () => {
  it("with T - 1 bits of fraction are the rational neuron for T timesteps", () => {
    const random = new Random(5);
    for (let T = 1; T <= 10; T++) {
      for (let trial = 0; trial < 40; trial++) {
        const vTh = random.int(1, 40);
        const lif = net(`net @n(%x: int<${T}t, 16, -50..60>) -> spike<${T}t, 16> {
  %r = to-real %x : real<${T}t, 16>
  %s = neuron.lif %r {charge = divide(2), v_th = ${vTh}} : spike<${T}t, 16>
  return %s
}`);
        const integer = quantised(lif);
        if (integer === undefined) throw new Error("refused");
        expect(integer.ops[0]?.attrs["fraction_bits"] ?? 0).toBe(T - 1);
        const x = Array.from({ length: 16 * T }, () => random.int(-50, 60));
        const out = [...flatten(evaluate(integer, new Map([["x", x]])).outputs.get("out") ?? [])];
        for (let i = 0; i < 16; i++) {
          const column = (values: readonly number[]): number[] => values.filter((_v, n) => n % 16 === i);
          expect(column(out)).toEqual(rationalLif(column(x), vTh, T));
        }
      }
    }
  });

  it("count where they are not exact, and where states are limited", () => {
    const lif = net(`net @n(%x: int<4t, 4, -50000..60000>) -> spike<4t, 4> {
  %r = to-real %x : real<4t, 4>
  %s = neuron.lif %r {charge = divide(2), v_th = 40} : spike<4t, 4>
  return %s
}`);
    const counters = (options: string) => run(lif, `quantize{${options}}`).records[0]?.counters;
    expect(counters("state-bits=24")?.get("neurons-truncated")).toBe(0);
    expect(counters("state-bits=19")?.get("neurons-truncated")).toBe(1);
    expect(counters("state-bits=19")?.get("states-limited")).toBe(0);
    expect(counters("state-bits=16")?.get("states-limited")).toBe(1);
  });

  it.each([
    ["divide(4)", "shift(2)"],
    ["divide(3)", "decay(1365)"],
    ["multiply(0.5)", "shift(1)"],
    ["decay-then-add(0.25)", "shift(2)"],
    ["decay-then-add(0.3)", "decay(1229)"],
    ["integrate", "integrate"],
    ["cuba(0.5, 0.25)", "cuba(2048, 1024)"],
  ])("charge %s by %s", (real, integer) => {
    const before = net(`net @n(%x: real<4t, 3>) -> spike<4t, 3> {
  %s = neuron.lif %x {charge = ${real}, v_th = 0.5} : spike<4t, 3>
  return %s
}`);
    expect(printNet(quantised(before) ?? before)).toContain(`charge = ${integer},`);
  });

  it("keep v_reset of divide in the offset of the state", () => {
    const before = net(`net @n(%x: int<4t, 8, -20..20>) -> spike<4t, 8> {
  %r = to-real %x : real<4t, 8>
  %s = neuron.lif %r {charge = divide(2), v_th = 6, v_reset = 1, v0 = 1} : spike<4t, 8>
  return %s
}`);
    const after = quantised(before);
    if (after === undefined) throw new Error("refused");
    // v - 1 charges by x / 2 instead of (x - (v - 1)) / 2 + ...: the rational net is compared on all inputs.
    for (let seed = 1; seed < 30; seed++) {
      const inputs = randomInputs(before, seed);
      const out = (n: Net): number[] => [...flatten(evaluate(n, inputs).outputs.get("out") ?? [])];
      expect(out(after)).toEqual(out(before));
    }
  });
});

describe("streams", () => {
  const text = `net @n(%a: spike<4t, 1x3>, %b: spike<4t, 1x3>) -> (y: real<4t, 1x2>) {
  const @w : weights<3x2> = [0.7, -0.01, 0.25, 0.02, 0.6, 0.03]
  const @p : weights<3x2> = [3, 0.25, -2.5, 0.125, 1, 1] + [0.3, 0.7]
  %0 = synapse.dense %a, @w : real<4t, 1x2>
  %1 = synapse.dense %b, @p : real<4t, 1x2>
  %2 = stream.add %0, %1 : real<4t, 1x2>
  return %2
}`;

  it("have one unit that all writers share", () => {
    const after = quantised(net(text));
    const exps = (after?.ops ?? []).flatMap(({ type }) => (type.number.kind === "int" ? [type.number.exp] : []));
    expect(new Set(exps).size).toBe(1);
    const widest = (after?.ops ?? []).flatMap(({ type }) => (type.number.kind === "int" ? [type.number.hi] : []));
    expect(Math.max(...widest)).toBeLessThan(2 ** 15);
    expect(Math.max(...widest)).toBeGreaterThan(2 ** 13);
  });

  it("saturate where calibration says so, and only there", () => {
    const before = net(text);
    const samples = [
      new Map([
        ["a", filled(12, 0)],
        ["b", [0, 0, 1, ...filled(9, 0)]],
      ]),
    ];
    const { result } = run(before, "quantize{streams=calibrated stream-bits=10}", { samples });
    if (result === undefined) throw new Error("refused");
    expect(printNet(result)).toMatch(/result = fixed, exp = -7, bits = 10/);
    const ones = new Map([
      ["a", filled(12, 1)],
      ["b", [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]],
    ]);
    expect(flatten(evaluate(result, ones).outputs.get("y") ?? [])[0]).toBe(511 / 128);
    expect(printNet(quantised(before) ?? before)).not.toContain("bits = ");
  });
});

describe("what quantize refuses", () => {
  const before = net(`net @n(%x: real<4t, 2x2x1>) -> spike<4t, 2x2x1> {
  %s = neuron.lif %x : spike<4t, 2x2x1>
  return %s
}`);

  const message = (pipeline: string, calibration?: Calibration): string => {
    const { result, diagnostics } = run(before, pipeline, calibration);
    expect(result).toBeUndefined();
    return `${diagnostics[0]?.code}: ${diagnostics[0]?.message}`;
  };

  it("says which values are legal", () => {
    expect(message("quantize{clip=percentile percentile=0}")).toBe(
      "passes/option: `percentile` is 0, expected above 0 and at most 100",
    );
    expect(message("quantize{input-range=-1}")).toBe(
      "passes/option: `input-range` is -1, expected 0 or a positive number",
    );
    expect(message("quantize{percentile=99}")).toBe(
      "passes/option: `percentile` belongs to `clip = percentile`, the clip is min-max",
    );
    expect(message("quantize{streams=calibrated}")).toBe(
      "passes/option: `streams = calibrated` needs calibration inputs",
    );
    const { diagnostics } = parsePipeline("quantize{bits=9 per=row}");
    expect(diagnostics.map((d) => d.message)).toEqual([
      "`bits` expects an integer in 4..8, got `9`",
      "`per` expects one of channel, tensor, got `row`",
    ]);
  });

  it("warns where it assumes the range of an input, and only there", () => {
    const warnings = (pipeline: string, calibration?: Calibration): string[] =>
      run(before, pipeline, calibration).diagnostics.map(({ code, severity }) => `${severity} ${code}`);
    expect(warnings("quantize")).toEqual(["warning passes/assumed-range"]);
    expect(warnings("quantize{input-range=2}")).toEqual([]);
    expect(warnings("quantize", { samples: [new Map([["x", filled(16, 2)]])] })).toEqual([]);
    expect(warnings("quantize", { samples: [new Map([["x", filled(16, 0)]])] })).toEqual([
      "warning passes/assumed-range",
    ]);
  });

  it("says which calibration inputs fit", () => {
    const short = { samples: [new Map([["x", [1, 2, 3]]])] };
    expect(message("quantize", short)).toBe(
      "passes/calibration: input `x` needs 16 values (4 x 2x2x1), calibration input 0 has 3",
    );
    expect(message("quantize", { samples: [] })).toContain("there are no calibration inputs");
    const sample = new Map([["x", filled(16, 0)]]);
    expect(message("quantize", { samples: [sample, sample], labels: [1] })).toContain(
      "2 calibration inputs need a label each, got 1",
    );
  });

  it("names the op that has no integer form", () => {
    const delayed = net(`net @n(%x: real<4t, 2>) -> spike<4t, 2> {
  %d = delay %x {timesteps = 1} : real<4t, 2>
  %s = neuron.lif %d : spike<4t, 2>
  return %s
}`);
    const { diagnostics } = run(delayed, "quantize");
    expect(diagnostics[0]?.message).toBe("`%d` (delay) cannot be quantised: it has no integer form");
    const norm = run(digitsModel().net, "quantize");
    expect(norm.diagnostics[0]?.code).toBe("passes/requirement");
  });

  it("says once what several ops have in common", () => {
    const delayed = net(`net @n(%x: real<4t, 2>) -> spike<4t, 2> {
  %d = delay %x {timesteps = 1} : real<4t, 2>
  %e = delay %d {timesteps = 1} : real<4t, 2>
  %f = delay %e {timesteps = 1} : real<4t, 2>
  %s = neuron.lif %f : spike<4t, 2>
  return %s
}`);
    const { diagnostics } = run(delayed, "quantize");
    expect(diagnostics.map((d) => d.message)).toEqual([
      "`%d` and 2 more (delay) cannot be quantised: it has no integer form",
    ]);
  });

  it("says in which order tokens are selected from integers, and that order works", () => {
    const { diagnostics } = run(digitsModel().net, "sparse,quantize");
    const [order = ""] = /`(.*)`$/.exec(diagnostics[0]?.hint ?? "")?.slice(1) ?? [];
    expect(order).toContain("sparsify-top-k");
    expect(run(digitsModel().net, order).diagnostics.filter(isError)).toEqual([]);
  });
});

describe("the digits model in 8 bits", () => {
  const real = folded(digitsModel().net);
  const images = digitsArray("test-images.npy");
  const labels = digitsArray("test-labels.npy").data;

  it.each(["quantize", "quantize{input-range=1.85}"])(
    "loses at most half a point on the test split: %s",
    (pipeline) => {
      // Pictures are (p / 16 - mean) / std, p in 0..16: the largest is 1.849 (examples/digits/config.json).
      const after = quantised(real, pipeline);
      if (after === undefined) throw new Error("refused");
      let right = 0;
      for (let i = 0; i < labels.length; i++) {
        const logits = flatten(evaluate(after, netInputs(after, images, i)).outputs.get("logits") ?? []);
        right += logits.indexOf(Math.max(...logits)) === labels[i] ? 1 : 0;
      }
      // The real net has all 360 right.
      expect(right / labels.length).toBeGreaterThanOrEqual(1 - 0.005);
    },
    60_000,
  );

  it("runs on the 8-bit chip, which refuses the real net with its numbers", () => {
    const report = new Report();
    const chip = readChip("layerwise-int8", report, "layerwise");
    if (chip === undefined) throw new Error("no chip");
    const after = quantised(real);
    if (after === undefined) throw new Error("refused");
    runs(after, chip);
    runs(after, chip, { timeBlock: 2 });
    expect(compileLayerwise(real, chip, {}, report)).toBeUndefined();
    expect(report.errors[0]?.message).toMatch(/needs 25-bit weights \(largest mantissa \d+\), the chip has 8$/);
  });
});
