import { describe, expect, it } from "vitest";
import {
  channelsOf,
  evaluate,
  flatten,
  parseNet,
  printNet,
  sourceChannels,
  verifyNet,
  type Net,
} from "../../src/ir/index.js";
import { FACTS, parsePipeline, PASSES, PIPELINES, runPipeline, type PipelineStep } from "../../src/passes/index.js";
import { faultsOutsideMargin } from "../support/margin.js";
import { randomInputs, randomNet } from "../support/random-net.js";

const NAME = /^[a-z]+(-[a-z]+)+$|^[a-z]+$/;
const COUNTER = /^[a-z]+(-[a-z]+)*-[a-z]+(ed|t)$/;
const SEEDS = Array.from({ length: 120 }, (_, i) => i + 1001);
/** Counters that random nets do not reach: an option, calibration inputs or extreme weights are needed. */
const RARE = [
  "fold-thresholds: non-dyadic-attentions-folded",
  "quantize: weights-saturated",
  "quantize: states-limited",
  "quantize: thresholds-clamped",
  "quantize: thresholds-moved",
  "quantize: predictions-changed",
  "sparsify-top-k: branches-masked",
  "sparsify-top-k: projections-masked",
];

/** What a pass assumes is a warning; these nets declare no ranges. */
const isError = ({ severity }: { readonly severity: string }): boolean => severity === "error";

function steps(pipeline: string): readonly PipelineStep[] {
  const { steps: parsed, diagnostics } = parsePipeline(pipeline);
  expect(diagnostics).toEqual([]);
  return parsed ?? [];
}

function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

function run(subject: Net, pipeline: string): Net {
  const { result, diagnostics } = runPipeline(subject, steps(pipeline));
  expect(diagnostics.filter(isError)).toEqual([]);
  if (result === undefined) throw new Error("no result");
  return result;
}

/** Spikes of every layer, in the channels of the source model that it has kept. */
function layerSpikes(subject: Net, seed: number, kept?: Net): Record<string, number[][]> {
  const { values } = evaluate(subject, randomInputs(subject, seed));
  const left = new Map(
    (kept ?? subject).ops.flatMap((op) => (op.layer === undefined ? [] : [[op.layer.name, op] as const])),
  );
  return Object.fromEntries(
    subject.ops.flatMap((op) => {
      const same = left.get(op.layer?.name ?? "");
      if (op.layer === undefined || same?.layer === undefined) return [];
      const channels = channelsOf(op.type);
      const source = sourceChannels(op.layer, channels);
      const wanted = new Set(sourceChannels(same.layer, channelsOf(same.type)));
      const moments = (values.get(op.result) ?? []).map((slot) =>
        Array.from(slot).filter((_, i) => wanted.has(source[i % channels] ?? -1)),
      );
      return [[op.layer.name, moments]];
    }),
  );
}

/** Every output as numbers. */
function outputs(subject: Net, seed: number): Record<string, number[]> {
  const { outputs: values } = evaluate(subject, randomInputs(subject, seed));
  return Object.fromEntries([...values].map(([name, value]) => [name, [...flatten(value)]]));
}

describe("the table of passes", () => {
  it.each(PASSES.map((pass) => [pass.name, pass] as const))("%s is named and documented", (_name, pass) => {
    expect(pass.name).toMatch(NAME);
    expect(pass.summary).toMatch(/[^.]$/);
    expect(pass.description.length).toBeGreaterThan(100);
    for (const [counter, doc] of Object.entries(pass.counters)) {
      expect(counter).toMatch(COUNTER);
      expect(doc).not.toBe("");
    }
    for (const [option, { doc }] of Object.entries(pass.options)) {
      expect(option).toMatch(NAME);
      expect(doc).not.toBe("");
    }
    expect(pass.examples.length).toBeGreaterThan(0);
    for (const fact of [...pass.requires, ...pass.ensures, ...pass.mayEnsure]) expect(FACTS).toContain(fact);
  });

  it("has unique names, also among pipelines", () => {
    const names = [...PASSES, ...PIPELINES].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(PIPELINES.map((pipeline) => [pipeline.name, pipeline] as const))(
    "pipeline %s names passes and says why",
    (name, pipeline) => {
      expect(steps(name).map((step) => step.pass.name)).toEqual(pipeline.entries.map((entry) => entry.pass));
      for (const { reason } of pipeline.entries) expect(reason).not.toBe("");
    },
  );

  const examples = PASSES.flatMap((pass) =>
    pass.examples.map((example) => [`${pass.name}: ${example.doc}`, pass, example] as const),
  );
  it.each(examples)("example of %s", (_doc, pass, example) => {
    const result = run(net(example.before), example.pipeline ?? pass.name);
    expect(printNet(result).trim()).toBe(example.after);
  });
});

describe("the random nets", () => {
  it("give every pass something to count", () => {
    const counted = new Set<string>();
    for (const seed of SEEDS) {
      const before = randomNet(seed, { motifs: seed % 3 !== 0 });
      for (const pass of PASSES) {
        const [record] = runPipeline(before, [{ pass, options: {} }]).records;
        for (const [counter, n] of record?.counters ?? []) if (n > 0) counted.add(`${pass.name}: ${counter}`);
      }
    }
    const all = PASSES.flatMap((pass) => Object.keys(pass.counters).map((counter) => `${pass.name}: ${counter}`));
    expect(all.filter((counter) => !counted.has(counter))).toEqual(RARE);
  });
});

describe.each(SEEDS)("random net %i", (seed) => {
  const before = randomNet(seed, { motifs: seed % 3 !== 0 });

  it.each(PASSES.map((pass) => [pass.name, pass] as const))("%s leaves a legal net", (name, pass) => {
    const { result: after, diagnostics } = runPipeline(before, steps(name));
    if (after === undefined) {
      // A pass may refuse a net, but says so in its own codes.
      const codes = new Set(["passes/requirement", ...(name === "quantize" ? ["passes/not-integer"] : [])]);
      for (const { code } of diagnostics.filter(isError)) expect(codes, printNet(before)).toContain(code);
      return;
    }
    expect(diagnostics.filter(isError)).toEqual([]);
    expect(verifyNet(after), printNet(before)).toEqual([]);
    expect(after.inputs).toEqual(before.inputs);
    expect(after.outputs.map((output) => output.name)).toEqual(before.outputs.map((output) => output.name));
    if (pass.exactness.kind === "exact") {
      expect(outputs(after, seed), printNet(before)).toEqual(outputs(before, seed));
      expect(layerSpikes(after, seed), printNet(before)).toEqual(layerSpikes(before, seed, after));
    }
    if (pass.exactness.kind === "exact-in-reals") {
      expect(faultsOutsideMargin(before, after, seed), printNet(before)).toEqual([]);
    }
    if (pass.idempotent) expect(run(after, name), printNet(before)).toBe(after);
    const layers = after.ops.flatMap((op) => op.layer?.name ?? []);
    const { records } = runPipeline(before, steps(name));
    const all = before.ops.flatMap((op) => op.layer?.name ?? []);
    expect([...layers, ...(records[0]?.layersRemoved ?? [])].sort()).toEqual(all.sort());
  });

  it("the folded pipeline leaves a legal net", () => {
    expect(verifyNet(run(before, "folded"))).toEqual([]);
  });

  it("the exact pipeline keeps every bit", () => {
    const after = run(before, "exact,exact");
    expect(outputs(after, seed)).toEqual(outputs(before, seed));
  });
});

describe("fold-batchnorm", () => {
  const chain = net(`net @chain(%x: spike<2t, 3x3x1>) -> real<2t, 3x3x2> {
  const @w : weights<3x3x1x2> = [0.5, -0.25, 1, 0.125, 0.75, -1, 0.3, 0.1, -0.7, 0.9, 0.2, 0.6, -0.4, 0.8, 0.05, -0.15, 0.35, 0.45] + [0.1, -0.2]
  const @g1 : real<2> = [1.5, -0.5]
  const @b1 : real<2> = [0.1, 0.2]
  const @m1 : real<2> = [0.3, -0.4]
  const @v1 : real<2> = [0.7, 1.3]
  const @g2 : real<2> = [0.9, 1.1]
  %i = synapse.conv %x, @w {kernel = 3, padding = 1} : real<2t, 3x3x2>
  %n = norm.batch %i, @g1, @b1, @m1, @v1 : real<2t, 3x3x2>
  %y = norm.batch %n, @g2, @m1, @b1, @g2 : real<2t, 3x3x2>
  return %y
}`);

  it("composes a chain and stays within f32 rounding of the unfolded net", () => {
    const folded = run(chain, "import");
    expect(folded.ops.map((op) => op.name)).toEqual(["synapse.conv"]);
    const [got, expected] = [outputs(folded, 1)["out"] ?? [], outputs(chain, 1)["out"] ?? []];
    for (const [i, y] of expected.entries()) expect(Math.abs((got[i] ?? 0) - y)).toBeLessThan(2e-6);
  });

  it.each(SEEDS.slice(0, 40))("keeps random currents within rounding (seed %i)", (seed) => {
    const before = randomNet(seed, { timesteps: 2 });
    const norms = before.ops.filter((op) => op.name === "norm.batch");
    const watched: Net = { ...before, outputs: norms.map(({ result }) => ({ name: result, value: result })) };
    // Only instant ops in front: a spike flipped by rounding would be a difference of another kind.
    const pure = before.ops.every((op) => op.name !== "neuron.lif" && op.name !== "to-int" && op.name !== "delay");
    if (!pure) return;
    const [got, expected] = [outputs(run(watched, "fold-batchnorm"), seed), outputs(watched, seed)];
    for (const { result } of norms) {
      for (const [i, y] of (expected[result] ?? []).entries()) {
        expect(Math.abs((got[result]?.[i] ?? NaN) - y)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(y)));
      }
    }
  });

  it("counts what it folded and what it left", () => {
    const { records } = runPipeline(chain, steps("fold-batchnorm"));
    expect(Object.fromEntries(records[0]?.counters ?? [])).toEqual({ "batchnorms-folded": 2, "batchnorms-left": 0 });
    const watched: Net = { ...chain, outputs: [...chain.outputs, { name: "i", value: "i" }] };
    const left = runPipeline(watched, steps("fold-batchnorm"));
    expect(left.result).toBe(watched);
    expect(left.records[0]?.counters.get("batchnorms-left")).toBe(2);
    expect(left.records[0]?.tables[0]?.rows).toEqual([
      ["%n", "`%i` is also read by output `i`"],
      ["%y", "the batch norm `%n` in front of it stays"],
    ]);
  });

  it("gives shared weights a new name and leaves the others alone", () => {
    const shared = net(`net @shared(%x: spike<2t, 2>) -> (a: real<2t, 1>, b: real<2t, 1>) {
  const @w : weights<2x1> = [1, 2]
  const @g : real<1> = [2]
  const @z : real<1> = [0]
  const @o : real<1> = [1]
  %i = synapse.dense %x, @w : real<2t, 1>
  %j = synapse.dense %x, @w : real<2t, 1>
  %a = norm.batch %i, @g, @z, @z, @o {eps = 0} : real<2t, 1>
  return %a, %j
}`);
    const folded = run(shared, "fold-batchnorm,drop-dead");
    expect([...folded.constants.keys()]).toEqual(["w", "w.folded"]);
    expect(folded.ops.map((op) => op.symbols)).toEqual([["w"], ["w.folded"]]);
    expect(outputs(folded, 1)).toEqual(outputs(shared, 1));
  });

  it("keeps the name of a layer in the chain, and leaves a chain with two", () => {
    const named = (first: string, second: string): Net =>
      net(`net @named(%x: spike<2t, 2>) -> real<2t, 1> {
  const @w : weights<2x1> = [1, 2]
  const @o : real<1> = [1]
  %i = synapse.dense %x, @w : real<2t, 1> ${first}
  %a = norm.batch %i, @o, @o, @o, @o : real<2t, 1> ${second}
  return %a
}`);
    const once = run(named('layer("dense")', ""), "fold-batchnorm");
    expect(once.ops.map((op) => op.layer?.name)).toEqual(["dense"]);
    const twice = named('layer("dense")', 'layer("norm")');
    expect(run(twice, "fold-batchnorm")).toBe(twice);
    const [record] = runPipeline(twice, steps("fold-batchnorm")).records;
    expect(record?.tables[0]?.rows).toEqual([["norm", "both are layers of the source model: dense, norm"]]);
  });
});

describe("drop-dead", () => {
  it("names the layers it removed", () => {
    const dead = net(`net @dead(%x: real<2t, 2>) -> real<2t, 2> {
  %s = neuron.lif %x : spike<2t, 2> layer("head")
  return %x
}`);
    const { result, records } = runPipeline(dead, steps("drop-dead"));
    expect(result?.ops).toEqual([]);
    expect(records[0]?.layersRemoved).toEqual(["head"]);
    expect(records[0]?.counters.get("layers-dropped")).toBe(1);
  });
});
