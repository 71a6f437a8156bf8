import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate, flatten, parseNet, printNet, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { faultsOutsideMargin } from "../support/margin.js";

function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

function run(subject: Net, pipeline: string) {
  const { result, records } = runPipeline(subject, parsePipeline(pipeline).steps ?? []);
  if (result === undefined) throw new Error("no result");
  return { result, records, counters: Object.fromEntries(records[0]?.counters ?? []) };
}

const names = (subject: Net): string[] => subject.ops.map((op) => op.name);

const output = (subject: Net, inputs: Record<string, readonly number[]>): number[] => [
  ...flatten(evaluate(subject, new Map(Object.entries(inputs))).outputs.get("out") ?? []),
];

/** A neuron with a constant current, its weighted reader, a stream. */
const biased = (bias: number, attrs: string, out = "1"): Net =>
  net(`net @biased(%a: spike<4t, 1>, %x: real<4t, 1>) -> real<4t, 1> {
  const @in : weights<1x1> = [0] + [${bias}]
  const @out : weights<1x1> = [${out}] + [0.25]
  %i = synapse.dense %a, @in : real<4t, 1>
  %s = neuron.lif %i {${attrs}} : spike<4t, 1> layer("lif")
  %o = synapse.dense %s, @out : real<4t, 1>
  %y = stream.add %x, %o : real<4t, 1>
  return %y
}`);

describe("folding constants", () => {
  it("computes what the neuron computes, for any bias, rule and reset", () => {
    const rules = ["divide(2)", "multiply(0.3)", "decay-then-add(0.25)", "integrate", "cuba(0.5, 0.25)"];
    fc.assert(
      fc.property(
        fc.integer({ min: -64, max: 128 }),
        fc.constantFrom(...rules),
        fc.constantFrom("hard", "soft"),
        fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 4, maxLength: 4 }),
        (bias, rule, reset, x) => {
          const subject = biased(bias / 32, `charge = ${rule}, reset = ${reset}, v_th = 0.75`);
          const { result } = run(subject, "canonicalize,drop-dead");
          expect(names(result)).toEqual(["constant", "stream.add"]);
          for (const a of [0, 1]) {
            const inputs = { a: [a, a, a, a], x };
            expect(output(result, inputs)).toEqual(output(subject, inputs));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("declares a folded layer removed, and one whose reader was folded", () => {
    const behind = run(biased(1, ""), "canonicalize,drop-dead");
    expect(behind.records.map((record) => record.layersRemoved)).toEqual([[], ["lif"]]);
    const silent = hidden("[3, 3, 3]", "[1, 1, 1, 1, 1, 1]");
    const masked = { ...silent, outputs: [{ name: "out", value: "p" }] };
    const { records, counters } = run(masked, "canonicalize");
    expect(records[0]?.layersRemoved).toEqual(["hidden"]);
    expect(counters).toMatchObject({ "constants-folded": 1, "layers-folded": 1 });
  });

  it("stores a value that is the same at all moments once, else each moment", () => {
    const silent = run(biased(0.5, "v_th = 1"), "canonicalize,drop-dead").result;
    expect([...silent.constants.values()].map(({ shape }) => shape)).toEqual([[1, 1]]);
    const firing = run(biased(1.5, "v_th = 1"), "canonicalize,drop-dead").result;
    expect([...firing.constants.values()].map(({ shape }) => shape)).toEqual([[4, 1]]);
  });

  it("keeps what is larger than max-bytes: one value of 16 bytes", () => {
    const subject = biased(1, "");
    expect(names(run(subject, "canonicalize{max-bytes=15},drop-dead").result)).toEqual(names(subject));
    expect(names(run(subject, "canonicalize{max-bytes=16},drop-dead").result)).toEqual(["constant", "stream.add"]);
  });

  it("still computes what an output returns", () => {
    const subject = biased(1, "v_th = 0.75");
    const watched: Net = { ...subject, outputs: [{ name: "out", value: "s" }] };
    const { result } = run(watched, "canonicalize,drop-dead");
    expect(names(result)).toEqual(["constant", "neuron.lif"]);
    expect(output(result, { a: [0, 0, 0, 0], x: [0, 0, 0, 0] })).toEqual([0, 1, 0, 1]);
  });

  it("adds -0 to nothing, but +0 to -0", () => {
    const sum = (zero: string): Net =>
      net(`net @sum(%x: real<2t, 2>) -> real<2t, 2> {
  const @z : real<1x2> = [${zero}, ${zero}]
  %z = constant @z : real<2t, 2>
  %y = stream.add %x, %z : real<2t, 2>
  return %y
}`);
    const inputs = { x: [-0, 0, 1, -1] };
    const dropped = run(sum("-0"), "canonicalize,drop-dead").result;
    expect(names(dropped)).toEqual([]);
    expect(output(dropped, inputs)).toEqual(output(sum("-0"), inputs));
    const kept = run(sum("0"), "canonicalize,drop-dead").result;
    expect(names(kept)).toEqual(["constant", "stream.add"]);
    expect(output(kept, inputs)).toEqual([0, 0, 1, -1]);
  });

  it("knows that a mask of ones changes nothing, and that one of zeros leaves nothing", () => {
    const masked = (mask: string): Net =>
      net(`net @masked(%a: spike<2t, 2x2>, %x: real<2t, 2x1>) -> real<2t, 2x1> {
  const @m : int<1x2> = ${mask}
  const @w : weights<2x1> = [1, 2] + [0.5]
  %m = constant @m : spike<2t, 2>
  %b = mask.and %a, %m : spike<2t, 2x2>
  %o = synapse.dense %b, @w : real<2t, 2x1>
  %y = stream.add %x, %o : real<2t, 2x1>
  return %y
}`);
    const after = (mask: string): string[] => names(run(masked(mask), "canonicalize,drop-dead").result);
    expect(after("[1, 1]")).toEqual(["synapse.dense", "stream.add"]);
    expect(after("[0, 0]")).toEqual(["constant", "stream.add"]);
    expect(after("[0, 1]")).toEqual(["constant", "mask.and", "synapse.dense", "stream.add"]);
  });

  it("leaves ops in a cycle alone", () => {
    const subject = net(`net @cycle(%x: real<3t, 1>) -> real<3t, 1> {
  const @one : real<1x1> = [1]
  %c = constant @one : real<3t, 1>
  %before = delay %sum : real<3t, 1>
  %sum = stream.add %before, %c : real<3t, 1>
  %y = stream.add %x, %sum : real<3t, 1>
  return %y
}`);
    expect(run(subject, "canonicalize,drop-dead").result).toBe(subject);
    expect(output(subject, { x: [0, 0, 0] })).toEqual([1, 2, 3]);
  });

  it("is quantised with its stream", () => {
    const { result } = run(biased(1, "v_th = 0.9", "0.75"), "quantized");
    expect(names(result)).toEqual(["constant", "to-int", "stream.add", "to-real"]);
    const x = [0.5, -1, 0.25, 2];
    const inputs = { a: [0, 0, 0, 0], x };
    const [got, expected] = [output(result, inputs), output(biased(1, "v_th = 0.9", "0.75"), inputs)];
    for (const [i, y] of expected.entries()) expect(Math.abs((got[i] ?? NaN) - y)).toBeLessThan(0.1);
  });
});

/** One hidden layer of three neurons; thresholds, and the weights that read them. */
const hidden = (vTh: string, out: string, more = "", returned = "%y"): Net =>
  net(`net @hidden(%a: spike<3t, 4x4x2>) -> ${returned === "%y" ? "real<3t, 2x2x2>" : "spike<3t, 4x4x3>"} {
  const @in : weights<1x1x2x3> = [1, 1, 1, 0.5, 0.75, 1]
  const @th : real<3> = ${vTh}
  const @out : weights<3x2> = ${out}
  %i = synapse.conv %a, @in {kernel = 1} : real<3t, 4x4x3>
  %s = neuron.lif %i {v_th = @th} : spike<3t, 4x4x3> layer("hidden")
  %p = pool.or %s {kernel = 2, stride = 2} : spike<3t, 2x2x3>
  %y = synapse.dense %p, @out : real<3t, 2x2x2>
${more}  return ${returned}
}`);

const layerOf = (subject: Net) => subject.ops.find((op) => op.layer !== undefined)?.layer;

describe("channels nobody reads", () => {
  it.each([
    ["all are read and fire", "[0.5, 0.5, 0.5]", "[1, 1, 1, 1, 1, 1]", undefined],
    ["one reader's weight is enough", "[0.5, 0.5, 0.5]", "[0, 1, 1, 0, 0, 0]", [2]],
    ["the first never fires", "[2, 0.5, 0.5]", "[1, 1, 1, 1, 1, 1]", [0]],
    ["the outer ones", "[2, 0.5, 0.5]", "[1, 1, 1, 1, 0, 0]", [0, 2]],
  ])("%s", (_what, vTh, out, removed) => {
    const subject = hidden(vTh, out);
    const { result, counters } = run(subject, "drop-dead");
    expect(counters["channels-removed"]).toBe(removed?.length ?? 0);
    expect(layerOf(result)).toEqual({ name: "hidden", ...(removed === undefined ? {} : { removed }) });
    const a = Array.from({ length: 3 * 32 }, (_, i) => ((i * 7) % 3 === 0 ? 1 : 0));
    expect(output(result, { a })).toEqual(output(subject, { a }));
    expect(parseNet(printNet(result), "again.snn", result.constants).net).toEqual(result);
  });

  it.each([
    ["an output", "", "%s"],
    ["a second reader that is no weighted op", "  %m = mask.and %s, %s : spike<3t, 4x4x3>\n", "%m"],
  ])("%s keeps all channels", (_what, more, returned) => {
    const subject = hidden("[2, 0.5, 0.5]", "[1, 1, 1, 1, 0, 0]", more, returned);
    const { counters } = run({ ...subject, outputs: [...subject.outputs, { name: "y", value: "y" }] }, "drop-dead");
    expect(counters["channels-removed"]).toBe(0);
  });

  it("are looked for again in front of a layer that lost some", () => {
    const deep = net(`net @deep(%a: spike<2t, 2>) -> real<2t, 1> {
  const @one : weights<2x2> = [1, 0.5, 0.5, 1]
  const @two : weights<2x2> = [1, 0, 0, 1]
  const @three : weights<2x1> = [1, 0]
  %i = synapse.dense %a, @one : real<2t, 2>
  %s = neuron.lif %i {v_th = 0.5} : spike<2t, 2> layer("first")
  %j = synapse.dense %s, @two : real<2t, 2>
  %t = neuron.lif %j {v_th = 0.5} : spike<2t, 2> layer("second")
  %y = synapse.dense %t, @three : real<2t, 1>
  return %y
}`);
    const { result } = run(deep, "drop-dead");
    expect(result.ops.flatMap((op) => op.layer ?? [])).toEqual([
      { name: "first", removed: [1] },
      { name: "second", removed: [1] },
    ]);
    const a = [1, 0, 1, 1];
    expect(output(result, { a })).toEqual(output(deep, { a }));
  });

  it("count from the source model when more are removed later", () => {
    const once = run(hidden("[2, 0.5, 0.5]", "[1, 1, 1, 1, 1, 1]"), "drop-dead").result;
    const weights = once.constants.get("out");
    if (weights?.kind !== "weights") throw new Error("no weights");
    const mantissa = weights.mantissa.map((m, i) => (i >= 2 ? 0 : m));
    const again = run(
      { ...once, constants: new Map(once.constants).set("out", { ...weights, mantissa }) },
      "drop-dead",
    );
    expect(layerOf(again.result)).toEqual({ name: "hidden", removed: [0, 2] });
  });

  it("also lose the parameters of a batch norm, and a shared constant keeps its other reader", () => {
    const subject = net(`net @norm(%a: spike<2t, 2>) -> (y: real<2t, 1>, z: real<2t, 2>) {
  const @in : weights<2x2> = [1, 0.5, 0.5, 1]
  const @two : real<2> = [2, 1]
  const @one : real<2> = [0.5, 0.25]
  const @out : weights<2x1> = [1, 0]
  %i = synapse.dense %a, @in : real<2t, 2>
  %n = norm.batch %i, @two, @one, @one, @two : real<2t, 2>
  %s = neuron.lif %n {v_th = @one} : spike<2t, 2> layer("hidden")
  %y = synapse.dense %s, @out : real<2t, 1>
  %z = synapse.dense %a, @in : real<2t, 2>
  return %y, %z
}`);
    const { result } = run(subject, "drop-dead");
    expect(layerOf(result)).toEqual({ name: "hidden", removed: [1] });
    expect(result.constants.get("in")).toBe(subject.constants.get("in"));
    expect(faultsOutsideMargin(subject, result, 1)).toEqual([]);
  });
});

describe("an op whose constant operands are an error of the run", () => {
  /** All four tokens score the same, so all reach the share. */
  const selection = (capacity: number): Net =>
    net(`net @selection(%x: real<2t, 4x2>) -> real<2t, 4x2> {
  const @w : weights<2x2> = [0, 0, 0, 0] + [0.5, 0.25]
  %d = synapse.dense %x, @w : real<2t, 4x2>
  %u = neuron.lif %d {v_th = 100} : spike<2t, 4x2> layer("lif")
  %s = tokens.score %u {cue = rate, chunk = 1} : real<2t, 4>
  %m = tokens.top-share %s {share = 0.5, floor = 1, capacity = ${capacity}, overflow = error} : spike<2t, 4>
  %k = mask.tokens %x, %m : real<2t, 4x2>
  return %k
}`);

  it("stays, and says so in the run; within the capacity it is folded", () => {
    const { result } = run(selection(3), "canonicalize,drop-dead");
    expect(names(result)).toEqual(["constant", "tokens.top-share", "mask.tokens"]);
    expect(() => evaluate(result, new Map([["x", Array.from({ length: 16 }, () => 1)]]))).toThrow("the capacity is 3");
    expect(names(run(selection(4), "canonicalize,drop-dead").result)).toEqual(["constant", "mask.tokens"]);
  });

  it("goes where no output needs it", () => {
    const unread = { ...selection(3), outputs: [{ name: "out", value: "x" }] };
    expect(names(run(unread, "canonicalize,drop-dead").result)).toEqual([]);
  });
});
