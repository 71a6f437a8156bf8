import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../src/diagnostics/index.js";
import { builtInTable, builtInTables } from "../../src/energy/index.js";
import {
  ActivityMeter,
  applyConvention,
  CONVENTIONS,
  countParameters,
  EventCounter,
  layersOf,
  operandBits,
  peakRate,
  scaleRates,
  tableOfWidth,
  type ConventionRow,
  type Work,
} from "../../src/energy/network.js";
import { evaluate, everyStep, NetBuilder, REAL, toWeights, type Net, type NumberKind } from "../../src/ir/index.js";

const lif = (b: NetBuilder, x: string, layer: string): string =>
  b.op("neuron.lif", [x], { attrs: { charge: { name: "integrate", args: [] }, v_th: 1, reset: "hard" }, layer });

/**
 * A picture of 3x3 pixels that a 1x1 convolution copies: a neuron fires where a pixel is 1. Then OR or sum over 2x2, a 3x3
 * convolution with bias, neurons, a head.
 */
function net(pool: "pool.or" | "pool.sum", number: NumberKind = REAL): Net {
  const b = new NetBuilder("hand");
  const x = b.input("x", { number, time: everyStep(1), shape: [3, 3, 1] });
  const weights = (name: string, shape: number[], values: number[], bias?: number[]) => ({
    symbols: [b.constant(name, toWeights(shape, values, bias))],
    origin: name,
  });
  const current = b.op("synapse.dense", [x], weights("copy", [1, 1], [1]));
  const a = lif(b, current, "a");
  const pooled = b.op(pool, [a], { attrs: { kernel: 2, stride: 1 }, origin: "pool" });
  const kernel = Array.from({ length: 18 }, (_, i) => i / 50);
  const conv = { ...weights("conv", [3, 3, 1, 2], kernel, [0.001, 0.001]), attrs: { kernel: 3, padding: 1 } };
  const z = lif(b, b.op("synapse.conv", [pooled], conv), "z");
  b.output("logits", b.op("synapse.dense", [z], weights("head", [2, 3], [1, 0, 1, 1, 0, 1])));
  return b.finish();
}

function measured(given: Net, pictures: readonly (readonly number[])[]): Work {
  const layers = layersOf(given);
  const [meter, counter] = [new ActivityMeter(given, layers), new EventCounter(given)];
  for (const picture of pictures) {
    const evaluation = evaluate(given, new Map([["x", picture]]));
    meter.add(evaluation);
    counter.add(evaluation);
  }
  return { layers, activity: meter.finish(), counts: counter.finish() };
}

function rowsOf(name: string, work: Work): readonly ConventionRow[] {
  const convention = CONVENTIONS.find((each) => each.name === name)!;
  const report = new Report();
  const result = applyConvention(convention, work, builtInTable(), report);
  if (result === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  return result.rows;
}

const ALL = [1, 1, 1, 1, 1, 1, 1, 1, 1];
const SOME = [1, 0, 1, 0, 1, 0, 0, 0, 1];
const INTEGER: NumberKind = { kind: "int", lo: 0, hi: 3, exp: 0 };

describe("scaled firing rates", () => {
  it("multiply additions that spikes drive, and nothing else, in every convention", () => {
    const works = [measured(net("pool.or"), [SOME]), measured(net("pool.sum"), [SOME])];
    // Some count updates of neurons as additions, and those of a black-and-white picture, which no neuron drives.
    const isDriven = (work: Work, { layer: name, what, result }: ConventionRow): boolean =>
      what === "ac" && name !== "copy" && work.layers.find((layer) => layer.result === result)?.kind !== "neuron";
    fc.assert(
      fc.property(
        fc.constantFrom(...works),
        fc.constantFrom(...CONVENTIONS),
        fc.double({ min: 1e-3, max: 4, noNaN: true }),
        (work, { name }, by) => {
          const [before, after] = [rowsOf(name, work), rowsOf(name, scaleRates(work, by))];
          expect(after.map(({ result, what }) => [result, what])).toEqual(
            before.map(({ result, what }) => [result, what]),
          );
          for (const [i, row] of before.entries()) {
            const expected = isDriven(work, row) ? by * row.count : row.count;
            expect(after[i]!.count / expected).toBeCloseTo(1, 12);
          }
          expect(before.some((row) => isDriven(work, row))).toBe(true);
        },
      ),
    );
  });

  it("leave the additions of a picture of integers alone: no neuron fires there", () => {
    const work = measured(net("pool.or", INTEGER), [SOME]);
    for (const name of ["event", "syops-counter"]) {
      const copy = (rows: readonly ConventionRow[]) => rows.filter(({ layer }) => layer === "copy");
      const before = copy(rowsOf(name, work));
      expect(before).toMatchObject([{ what: "ac" }]);
      expect(copy(rowsOf(name, scaleRates(work, 0.5)))).toEqual(before);
    }
  });

  it("make exact counts what they are on average when each spike is dropped by the toss of a coin", () => {
    const b = new NetBuilder("one layer");
    const spikes = b.input("x", {
      number: { kind: "int", lo: 0, hi: 1, exp: 0 },
      time: everyStep(1),
      shape: [3, 3, 1],
    });
    const fired = lif(b, b.op("to-real", [spikes]), "a");
    const symbols = [
      b.constant(
        "w",
        toWeights(
          [3, 3, 1, 2],
          Array.from({ length: 18 }, () => 1),
        ),
      ),
    ];
    b.output("y", b.op("synapse.conv", [fired], { symbols, attrs: { kernel: 3, padding: 1 } }));
    const one = b.finish();
    const additions = (work: Work): number => work.counts!.layers.get(one.ops.at(-1)!.result)!.ac[0]!;
    const subsets = Array.from({ length: 2 ** 9 }, (_, bits) => ALL.map((_one, i) => (bits >> i) & 1));
    const mean = subsets.reduce((total, picture) => total + additions(measured(one, [picture])), 0) / subsets.length;
    expect(additions(scaleRates(measured(one, [ALL]), 0.5))).toBe(mean);
  });

  it("are those of 1 where they are scaled by 1", () => {
    const work = measured(net("pool.or"), [SOME, ALL]);
    expect(scaleRates(work, 1)).toEqual(work);
  });
});

describe("the peak rate", () => {
  it("is looked for in front of pools and behind them", () => {
    // One pixel of nine fires; all four windows of 2x2 hold the one in the middle.
    const middle = [0, 0, 0, 0, 1, 0, 0, 0, 0];
    expect(peakRate(measured(net("pool.or"), [middle]))).toEqual({ rate: 1, where: "the input of `conv`" });
    // Sums are no rates, so it is the one of the eight neurons behind that fires: 0.001 + (9 + 11 + 15 + 17) / 50 > 1.
    expect(peakRate(measured(net("pool.sum"), [middle]))).toEqual({ rate: 1 / 8, where: "`z`" });
  });

  it("is 0 of a network that never fires", () => {
    const b = new NetBuilder("silent");
    const x = b.input("x", { number: REAL, time: everyStep(1), shape: [4] });
    b.output("y", lif(b, x, "a"));
    expect(peakRate(measured(b.finish(), [[0, 0, 0, 0]]))).toEqual({ rate: 0, where: "" });
  });
});

describe("operand widths", () => {
  it("are those of the tables, by format or by bits", () => {
    const name = (width: string): string | undefined => tableOfWidth(width, builtInTables())?.name;
    expect(["int8", "8"].map(name)).toEqual(["horowitz-45nm-int8", "horowitz-45nm-int8"]);
    expect(["fp16", "16"].map(name)).toEqual(["horowitz-45nm-fp16", "horowitz-45nm-fp16"]);
    expect(["fp32", "32", "int32"].map(name)).toEqual(["horowitz-45nm", "horowitz-45nm", "horowitz-45nm-int32"]);
    expect(["4", "", "undefined", "int16", "NaN"].map(name)).toEqual(Array.from({ length: 5 }, () => undefined));
    expect(
      builtInTables()
        .map(operandBits)
        .filter((bits) => bits !== undefined),
    ).toEqual([32, 8, 16, 32]);
  });

  it("are of weights, and of biases where there are any", () => {
    // copy 1, conv 18 and 2 biases, head 6 without.
    expect(countParameters(net("pool.or"))).toBe(27);
  });
});
