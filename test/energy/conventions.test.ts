import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../src/diagnostics/index.js";
import { builtInTable, type EnergyTable } from "../../src/energy/index.js";
import {
  ActivityMeter,
  applyConvention,
  compareWithAnn,
  CONVENTIONS,
  countEvents,
  layersOf,
  publishedActivity,
  type Convention,
  type ConventionResult,
  type Work,
} from "../../src/energy/network.js";
import { shapeModel } from "../../src/frontend/random/random-model.js";
import { readRates, sharedLayers, wantedRates, type RateTable } from "../../src/frontend/random/rates.js";
import {
  evaluate,
  everyStep,
  NetBuilder,
  netTimesteps,
  REAL,
  realTensor,
  toWeights,
  type Net,
} from "../../src/ir/index.js";

const table: EnergyTable = builtInTable();
const PJ = 1e-12;

const named = (name: string): Convention => CONVENTIONS.find((convention) => convention.name === name)!;

function measured(net: Net, inputs: ReadonlyMap<string, ArrayLike<number>>): Work {
  const layers = layersOf(net);
  const evaluation = evaluate(net, inputs);
  const meter = new ActivityMeter(net, layers);
  meter.add(evaluation);
  return { layers, activity: meter.finish(), counts: countEvents(net, evaluation) };
}

function apply(name: string, work: Work, prices = table): ConventionResult {
  const report = new Report();
  const result = applyConvention(named(name), work, prices, report);
  if (result === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  return result;
}

/** `layer what` and its count. */
const counts = ({ rows }: ConventionResult): Record<string, number> =>
  Object.fromEntries(rows.map(({ layer, what, count }) => [`${layer} ${what}`, count]));

const lif = (b: NetBuilder, x: string, layer: string): string =>
  b.op("neuron.lif", [x], { attrs: { charge: { name: "integrate", args: [] }, v_th: 1, reset: "hard" }, layer });

/**
 * T = 2, a picture of 2x2 pixels that holds; conv 3x3 to 2 channels, neurons, OR over the map, 1x1 conv with bias, neurons, their
 * number, neurons, a head with bias, the mean over time. Channel 0 of the convolution copies the pixel, channel 1 halves it: a pixel
 * of 1 fires in channel 0 at both timesteps and in channel 1 at the second.
 */
function convolutional(): Net {
  const b = new NetBuilder("hand");
  const x = b.input("x", { number: REAL, time: { count: 1, period: 2 }, shape: [2, 2, 1] });
  const kernel = Array.from({ length: 18 }, (_, i) => (i === 8 ? 1 : i === 9 ? 0.5 : 0));
  const weights = (name: string, shape: number[], values: number[], bias?: number[]) => ({
    symbols: [b.constant(name, toWeights(shape, values, bias))],
    origin: name,
  });
  const attrs = { kernel: 3, padding: 1 };
  const a = lif(b, b.op("synapse.conv", [x], { ...weights("conv", [3, 3, 1, 2], kernel), attrs }), "a");
  const pooled = b.op("pool.or", [a], { attrs: { kernel: 2, stride: 2 }, origin: "pool" });
  const identity = [1, 0, 0, 1];
  const d = lif(b, b.op("synapse.dense", [pooled], weights("mix", [2, 2], identity, [0.25, 0.25])), "d");
  const n = b.op("to-real", [b.op("reduce.sum-positions", [d], { origin: "sum" })]);
  const h = lif(b, n, "h");
  const logits = b.op("synapse.dense", [h], weights("head", [2, 2], identity, [0.5, 0.5]));
  b.output("logits", b.op("reduce.mean-time", [logits], { origin: "mean" }));
  return b.finish();
}

describe("conventions on a small convolutional net, worked by hand", () => {
  // Pixels 1, 1, -1, 0. Spikes of a: two at t = 1 (channel 0), four at t = 2 (both channels), of 8: rates 1/4 and 1/2.
  // Behind the OR: [1, 0], then [1, 1]. d has 1.25 and 0.25, then 1.25 and 0.25 + 1.25: it fires as its input does, and so does h.
  const work = measured(convolutional(), new Map([["x", [1, 1, -1, 0]]]));

  it("event", () => {
    const result = apply("event", work);
    expect(counts(result)).toEqual({
      // Three pixels that are not 0; with padding 1 each lies in all 4 windows; 2 channels.
      "conv mac": 3 * 4 * 2,
      // One spike, then two; 2 outputs each. Biases: 2 outputs at 2 timesteps.
      "mix ac": (1 + 2) * 2,
      "mix add": 4,
      // One position of 2 channels at 2 timesteps.
      "sum add": 4,
      "head ac": (1 + 2) * 2,
      "head add": 4,
      "mean add": 4,
    });
    expect(result.total).toBeCloseTo((24 * 4.6 + 12 * 0.9 + 16 * 0.9) * PJ, 20);
    // 3 ORs in each of 2 channels at 2 timesteps; 8 + 2 + 2 neurons at 2 timesteps.
    expect(result.unpriced).toEqual([
      { what: "update", count: 24 },
      { what: "bit", count: 12 },
    ]);
  });

  it("statten", () => {
    // F = 9 * 4 * 1 * 2 once; F = 1 * 2 * 2 times 1/4 + 1/2, the rates before the OR. No head.
    expect(counts(apply("statten", work))).toEqual({ "conv mac": 72, "mix ac": 3 });
  });

  it("spikingformer", () => {
    // Twice 72, for the picture is repeated; (4 * 2 + biases 4) times 3/4, the mean rate behind the OR.
    expect(counts(apply("spikingformer", work))).toEqual({ "conv mac": 144, "mix ac": 9, "head ac": 9 });
  });

  it("spikingresformer", () => {
    expect(counts(apply("spikingresformer", work))).toEqual({ "mix ac": 6 });
  });

  it("syops-counter", () => {
    expect(counts(apply("syops-counter", work))).toEqual({
      "conv mac": 144,
      "a ac": 16,
      // 8 elements at 2 timesteps, mean rate 3/8.
      "pool ac": 6,
      "mix ac": 9,
      "d ac": 4,
      "h ac": 4,
      // nn.Linear adds its 2 biases once: (4 * 2 + 2) * 3/4.
      "head ac": 7.5,
    });
  });

  it("calls a picture of zeros and ones binary where the tool tests values", () => {
    const binary = measured(convolutional(), new Map([["x", [1, 1, 1, 0]]]));
    expect(counts(apply("spikingformer", binary))["conv ac"]).toBe(144 * 0.75);
    expect(counts(apply("statten", binary))["conv mac"]).toBe(72);
  });

  it("as an ANN: one pass of multiply-accumulates in the layers that the convention counts", () => {
    const ann = (name: string) => {
      const compared = compareWithAnn(named(name), apply(name, work), work.layers, 2, table)!;
      return Object.fromEntries(compared.rows.map((row) => [row.layer, row]));
    };
    // Inside the map 4 pixels * 4 windows * 2 channels; with all taps 72.
    expect(ann("event")["conv"]).toMatchObject({ macs: 32, ann: 32 * 4.6 * PJ });
    expect(ann("statten")["conv"]!.macs).toBe(72);
    expect(ann("statten")["head"]).toBeUndefined();
    const mix = ann("event")["mix"]!;
    // Mean rate behind the OR; 4 MACs cost what 4 additions at 2 timesteps cost at a rate of 4.6 / 0.9 / 2.
    expect(mix.rate).toBeCloseTo(0.75, 12);
    expect(mix.breakEven).toBeCloseTo(4.6 / 0.9 / 2, 12);
    expect(ann("statten")["mix"]!.rate).toBeCloseTo(0.375, 12);
    expect(ann("event")["conv"]!.breakEven).toBeUndefined();
  });

  it("a batch norm is a bias to `event` and two operations per element to `syops-counter`", () => {
    const b = new NetBuilder("norm");
    const x = b.input("x", { number: REAL, time: everyStep(3), shape: [2, 4] });
    const ones = b.constant("ones", realTensor([4], new Float32Array(4).fill(1)));
    const weights = b.constant("w", toWeights([4, 4], new Float32Array(16).fill(1), [1, 1, 1, 1]));
    const y = b.op("synapse.dense", [x], { symbols: [weights], origin: "fc" });
    b.output("y", b.op("norm.batch", [y], { symbols: [ones, ones, ones, ones], origin: "bn" }));
    const normed = measured(b.finish(), new Map([["x", new Float32Array(24).fill(2)]]));
    // 2x4 inputs of 4 weights at 3 timesteps. The bias of fc goes into that of bn: 8 additions at 3 timesteps.
    expect(counts(apply("event", normed))).toEqual({ "fc mac": 96, "bn add": 24 });
    // A bias per position: 8 * 3 beside the 96.
    expect(counts(apply("syops-counter", normed))).toEqual({ "fc mac": 120, "bn mac": 48 });
  });
});

describe("conventions on an attention, worked by hand", () => {
  /** T = 2 in one chunk, 2 tokens, 4 channels, 2 heads of d = 2. */
  const attention = (lowered: boolean): Net => {
    const b = new NetBuilder("attention");
    const [q, k, v] = ["q", "k", "v"].map((name) =>
      lif(b, b.input(name, { number: REAL, time: everyStep(2), shape: [2, 4] }), `attn.${name}_lif`),
    ) as [string, string, string];
    const attrs = { heads: 2, chunk: 2 };
    const o = lowered
      ? b.op("attention.q", [q, b.op("attention.kv", [k, v], { attrs })])
      : b.op("attention.statten", [q, k, v], { attrs: { ...attrs, scale: 0.5 } });
    b.output("o", o);
    return b.finish();
  };
  // q: 2 + 4 spikes of 8, k: 1 + 2, v: 4 + 0.
  const inputs = new Map([
    ["q", [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]],
    ["k", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]],
    ["v", [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ]);
  it.each([false, true])("lowered: %s", (lowered) => {
    const work = measured(attention(lowered), inputs);
    const total = (name: string): number => apply(name, work).total / (0.9 * PJ);
    // Each spike of k and of q meets the d = 2 channels of its head: (3 + 6) * 2.
    expect(total("event")).toBeCloseTo(18, 9);
    // N D² = 32 times 6/8 + 3/8 + 4/8.
    expect(total("statten")).toBeCloseTo(52, 9);
    // T h N d² = 32 times min(3/16, 4/16) + 6/16.
    expect(total("spikingformer")).toBeCloseTo(18, 9);
    expect(total("spikingresformer")).toBeCloseTo(18, 9);
    // No module: 3 x 8 neurons at 2 timesteps alone.
    expect(total("syops-counter")).toBeCloseTo(48, 9);
    const compared = (name: string) =>
      compareWithAnn(named(name), apply(name, work), work.layers, 2, table)!.rows.reduce((sum, r) => sum + r.macs, 0);
    // Two products of N D² / heads, or of N D².
    expect([compared("event"), compared("statten")]).toEqual([32, 64]);
  });

  it("is named after the path that its neurons share", () => {
    const work = measured(attention(false), inputs);
    expect(apply("event", work).rows[0]!.layer).toBe("attn attention.statten");
    const [row] = compareWithAnn(named("statten"), apply("statten", work), work.layers, 2, table)!.rows;
    // 2 products of 32 MACs against 3 rates x 32 additions x 2 timesteps.
    expect(row!.breakEven).toBeCloseTo((64 * 4.6) / (192 * 0.9), 12);
  });
});

/** Layers and activity of a configuration from rates alone. */
function fromRates(config: string, rates: RateTable | number, set: Record<string, string> = {}): Work {
  const report = new Report();
  const model = shapeModel({ arch: "statten", config, overrides: new Map(Object.entries(set)) }, report);
  const timesteps = model === undefined ? 0 : netTimesteps(model.net);
  const firing = model === undefined ? undefined : wantedRates(rates, model.net, timesteps, report);
  if (model === undefined || firing === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  const layers = layersOf(model.net);
  return { layers, activity: publishedActivity({ firing, shared: sharedLayers(rates) }, layers, timesteps) };
}

const published = (): RateTable => readRates("statten-8-768", new Report()) as RateTable;

/** mJ as printed in STAtten's appendix E, by rows of the table; QKV are three layers, the self-attention rows are left out. */
const PRINTED = {
  "patch_embed.proj_conv": [0.5982],
  "patch_embed.proj_conv1": [0.9015],
  "patch_embed.proj_conv2": [0.4089],
  "patch_embed.proj_conv3": [0.3253],
  "patch_embed.rpe_conv": [0.4478],
  "attn.[qkv]_conv": [0.3171, 0.4482, 0.4408, 0.4613, 0.4637, 0.4684, 0.4672, 0.4452],
  "attn.proj_conv": [0.1177, 0.137, 0.1288, 0.1283, 0.1034, 0.0793, 0.0604, 0.0505],
  "mlp.fc1_conv": [0.5916, 0.5604, 0.6056, 0.6132, 0.6199, 0.6327, 0.6069, 0.6075],
  "mlp.fc2_conv": [0.067, 0.0487, 0.0386, 0.0286, 0.0202, 0.0193, 0.0106, 0.0255],
};

describe("STAtten's appendix from its firing rates", () => {
  const work = fromRates("statten-8-768", published());
  const result = apply("statten", work);
  const mJ = (pattern: RegExp): number =>
    1e3 * result.rows.filter(({ layer }) => pattern.test(layer)).reduce((sum, row) => sum + row.joules, 0);

  it("has the 36 conv and linear rows and the first convolution within 0.0006 mJ", () => {
    const rows = Object.entries(PRINTED).flatMap(([name, values]) =>
      values.map((value, i) => ({ value, name: values.length === 1 ? name : `block\\.${i}\\.${name}` })),
    );
    expect(rows).toHaveLength(37);
    for (const { name, value } of rows)
      expect(Math.abs(mJ(new RegExp(`^${name}$`)) - value), name).toBeLessThan(0.0006);
  });

  it("has the printed total, self-attention by the formula", () => {
    expect((1e3 * result.total).toFixed(2)).toBe("12.36");
    // 0.9 pJ * 196 * 768² * (0.1221 + 0.1313 + 0.1320 + 0.1451)
    expect(mJ(/^block\.0\.attn attention/)).toBeCloseTo(0.9e-9 * 196 * 768 ** 2 * 0.5305, 9);
  });

  it.each(["event", "spikingformer", "spikingresformer", "syops-counter"])(
    "%s says what rates do not tell it",
    (name) => {
      const report = new Report();
      expect(applyConvention(named(name), work, table, report)).toBeUndefined();
      expect(report.errors[0]!.code).toBe("energy/convention-needs");
      expect(report.errors[0]!.hint).toMatch(/--input/);
    },
  );
});

describe("spikingformer from rates alone, where no pool of spikes hides them", () => {
  const work = fromRates("statten-cifar10-2-256", 0.2, { dim: "32", depth: "1", heads: "4", pooling: "0001" });

  it("counts the biases of the layers that have one", () => {
    // 16x16 tokens: F = 256 * 32 * 128 and 256 * 128 biases, at 4 timesteps.
    const rows = counts(apply("spikingformer", work));
    expect(rows["block.0.mlp.fc1_conv ac"]).toBeCloseTo((256 * 32 * 128 + 256 * 128) * 4 * 0.2, 6);
    expect(rows["block.0.attn.q_conv ac"]).toBeCloseTo(256 * 32 * 32 * 4 * 0.2, 6);
  });

  it("refuses a rate that is a share of a sum", () => {
    const report = new Report();
    const activity = { ...work.activity, shared: new Set(["block.0.attn.k_lif"]) };
    expect(applyConvention(named("spikingformer"), { ...work, activity }, table, report)).toBeUndefined();
    expect(report.errors.map((d) => d.message)).toEqual([
      "`spikingformer` needs the rate of `block.0.attn.k_lif` apart from those that it was added to for `block.0.attn attention.statten`",
    ]);
  });
});

describe("one rate or one price", () => {
  const SET = { dim: "32", depth: "2", heads: "4" };
  const layersRead: readonly (readonly [string, readonly string[]])[] = [
    ["patch_embed.proj_lif1", ["patch_embed.proj_conv2"]],
    ["block.0.attn.shortcut_lif", ["block.0.attn.q_conv", "block.0.attn.k_conv", "block.0.attn.v_conv"]],
    ["block.1.attn.k_lif", ["block.1.attn attention.statten"]],
    ["block.1.mlp.fc2_lif", ["block.1.mlp.fc2_conv"]],
    ["head_lif", []],
  ];
  const before = fromRates("statten-cifar10-2-256", 0.2, SET);

  it("changes exactly the rows that depend on it, by the computed amount", () => {
    const change = fc.record({
      layer: fc.constantFrom(...layersRead),
      timestep: fc.integer({ min: 0, max: 3 }),
      by: fc.double({ min: 0.001, max: 0.5, noNaN: true }),
    });
    fc.assert(
      fc.property(change, ({ layer: [neuron, readers], timestep, by }) => {
        const firing = new Map(before.activity.firing);
        const rates = firing.get(neuron)!.map((rate, t) => (t === timestep ? rate + by : rate));
        firing.set(neuron, rates);
        const activity = publishedActivity({ firing, shared: new Set() }, before.layers, 4);
        const [old, now] = [apply("statten", before), apply("statten", { layers: before.layers, activity })];
        let together = 0;
        for (const [i, row] of now.rows.entries()) {
          const layer = before.layers.find(({ result }) => result === row.result)!;
          const ops = layer.weighted?.dense ?? layer.attention!.tokens * layer.attention!.channels ** 2;
          const expected = readers.includes(row.layer) ? 0.9 * PJ * ops * by : 0;
          together += expected;
          expect(row.joules - old.rows[i]!.joules).toBeCloseTo(expected, 15);
          if (expected === 0) expect(row).toEqual(old.rows[i]);
        }
        expect(now.total - old.total).toBeCloseTo(together, 15);
      }),
    );
  });

  it("of a table changes exactly the rows of that price", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("ac" as const, "mac" as const),
        fc.double({ min: 0, max: 9, noNaN: true }),
        (what, pJ) => {
          const events = { ...table.events, [what]: { ...table.events[what]!, joules: pJ * PJ } };
          const [old, now] = [apply("statten", before), apply("statten", before, { ...table, events })];
          for (const [i, row] of now.rows.entries()) {
            expect(row.count).toBe(old.rows[i]!.count);
            expect(row.joules).toBe(row.what === what ? row.count * (pJ * PJ) : old.rows[i]!.joules);
          }
        },
      ),
    );
  });
});

describe("every convention", () => {
  it("carries the range of a price: its ends are what tables of these ends give", () => {
    const work = measured(convolutional(), new Map([["x", [0.5, 1, -1, 2]]]));
    const ac = table.events.ac!;
    const priced = (joules: number, range?: [number, number]): EnergyTable => ({
      ...table,
      events: { ...table.events, ac: { ...ac, joules, range } },
    });
    const factor = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...CONVENTIONS), factor, factor, ({ name }, less, more) => {
        const [low, high] = [ac.joules * less, ac.joules * (1 + more)];
        const ranged = apply(name, work, priced(ac.joules, [low, high]));
        for (const [end, joules] of [low, high].entries()) {
          const plain = apply(name, work, priced(joules));
          expect(plain.range).toEqual([plain.total, plain.total]);
          expect(ranged.range[end]).toBe(plain.total);
          expect(ranged.rows.map(({ range }) => range[end])).toEqual(plain.rows.map((row) => row.joules));
        }
        expect(ranged.total).toBe(apply(name, work).total);
      }),
    );
  });

  it("states what it counts, where it was read, and keeps its rows to layers that there are", () => {
    const work = measured(convolutional(), new Map([["x", [0.5, 1, -1, 2]]]));
    const results = new Set(work.layers.map(({ result }) => result));
    for (const convention of CONVENTIONS) {
      for (const list of [convention.includes, convention.excludes]) expect(list.length).toBeGreaterThan(0);
      for (const text of [convention.source, convention.firstLayer, convention.heads, convention.rates])
        expect(text.length).toBeGreaterThan(5);
      const result = apply(convention.name, work);
      for (const row of result.rows) {
        expect(results).toContain(row.result);
        expect(row.joules).toBe(row.count * row.figure.joules);
      }
      expect(result.total).toBeCloseTo(
        result.rows.reduce((sum, row) => sum + row.joules, 0),
        24,
      );
    }
  });
});
