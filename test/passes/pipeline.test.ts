import { describe, expect, it } from "vitest";
import { InternalError, renderDiagnostic, Report } from "../../src/diagnostics/index.js";
import { parseNet, type Net } from "../../src/ir/index.js";
import {
  definePass,
  makeStep,
  NO_BATCHNORM,
  parsePipeline,
  parsePipelineWith,
  PASSES,
  passDiagnostics,
  PIPELINES,
  printStep,
  runPipeline,
  type Pass,
  type PassDefinition,
} from "../../src/passes/index.js";

function legalNet(text: string): Net {
  const { net } = parseNet(text, "n.snn");
  if (net === undefined) throw new Error("no net");
  return net;
}

const NET = legalNet(`net @n(%x: real<2t, 2>) -> spike<2t, 2> {
  const @one : real<2> = [1, 1]
  %n = norm.batch %x, @one, @one, @one, @one
  %s = neuron.lif %n
  %p = mask.and %s, %s
  return %p
}`);

/** A pass for tests: does nothing unless told otherwise. */
function testPass(name: string, change: Partial<PassDefinition>): Pass {
  return definePass({
    name,
    summary: "for tests",
    description: "",
    options: {},
    counters: {},
    exactness: { kind: "exact" },
    idempotent: true,
    requires: [],
    ensures: [],
    mayEnsure: [],
    run: (net) => net,
    examples: [],
    ...change,
  });
}

function errors(text: string): string[] {
  return parsePipeline(text).diagnostics.map(renderDiagnostic);
}

function names(text: string): string[] | undefined {
  return parsePipeline(text).steps?.map(printStep);
}

describe("pipeline text", () => {
  it.each([
    ["", []],
    ["drop-dead", ["drop-dead"]],
    [" fold-batchnorm , canonicalize{max-iterations=3} ", ["fold-batchnorm", "canonicalize{max-iterations=3}"]],
    ["canonicalize{}", ["canonicalize"]],
    ["exact,fold-batchnorm", ["canonicalize", "drop-dead", "fold-batchnorm"]],
  ])("reads `%s`", (text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  it("points at what is wrong and says what is near", () => {
    expect(errors("drop-dead,cannonicalize")).toEqual([
      [
        "error[passes/unknown-pass]: no pass or pipeline `cannonicalize`",
        "  --> pipeline:1:11",
        " 1 | drop-dead,cannonicalize",
        "   |           ^^^^^^^^^^^^^",
        "hint: did you mean `canonicalize`?",
      ].join("\n"),
    ]);
    expect(errors("canonicalize{max-iteration=3}")[0]).toContain("hint: did you mean `max-iterations`?");
    expect(errors("drop-dead{x=1}")[0]).toContain("hint: it takes no options");
  });

  it.each([
    ["canonicalize{max-iterations=0}", "`max-iterations` expects an integer in 1..1000, got `0`"],
    ["canonicalize{max-iterations=1.5}", "`max-iterations` expects an integer in 1..1000, got `1.5`"],
    ["canonicalize{max-iterations=1 max-iterations=2}", "`max-iterations` is given twice"],
    ["canonicalize{max-iterations}", "expected `=`, got `}`"],
    ["canonicalize{max-iterations=", "expected a value for `max-iterations`, got the end"],
    ["canonicalize{", "expected an option or `}`, got the end"],
    ["canonicalize;drop-dead", "expected `,` or `{`, got `;`"],
    ["canonicalize,", "expected the name of a pass, got the end"],
    ["exact{a=1}", "pipeline `exact` takes no options"],
    ["drop-dead{constructor=1}", "`drop-dead` has no option `constructor`"],
  ])("rejects `%s`", (text, message) => {
    const { steps, diagnostics } = parsePipeline(text);
    expect(steps).toBeUndefined();
    expect(diagnostics.map((d) => d.message)).toEqual([message]);
  });

  it("reports several faults at once", () => {
    expect(errors("nothing,canonicalize{max=1},drop-ded")).toHaveLength(3);
  });

  it("reads every type of option", () => {
    const pass = testPass("typed", {
      options: {
        n: { type: "number", default: 0, doc: "a number" },
        b: { type: "boolean", default: false, doc: "a truth value" },
        w: { type: "word", oneOf: ["x", "y-z"], default: "x", doc: "a word" },
        k: { type: "ints", min: 1, default: [1], doc: "integers" },
        f: { type: "numbers", default: [0.5], doc: "numbers" },
      },
    });
    const tables = { passes: [pass], pipelines: [] };
    expect(parsePipelineWith("typed{n=-1.5e3 b=true w=y-z}", tables).steps?.[0]?.options).toEqual({
      n: -1500,
      b: true,
      w: "y-z",
    });
    const messages = parsePipelineWith("typed{n=x,b=1,w=z}", tables).diagnostics.map((d) => d.message);
    expect(messages).toEqual([
      "`n` expects a number, got `x`",
      "`b` expects true or false, got `1`",
      "`w` expects one of x, y-z, got `z`",
    ]);
    const lists = (text: string) => parsePipelineWith(`typed{${text}}`, tables);
    expect(lists("k=3 f=[0.5, -1] w=x").steps?.[0]?.options).toEqual({ k: [3], f: [0.5, -1], w: "x" });
    expect(lists("k=[1 2,30],n=2").steps?.map(printStep)).toEqual(["typed{k=[1,2,30] n=2}"]);
    const faults = (text: string) => lists(text).diagnostics.map((d) => d.message);
    expect(faults("k=[1,0]")).toEqual([
      "`k` expects an integer of at least 1, or a list of them like [3,2], got `[1,0]`",
    ]);
    expect(faults("n=[1]")).toEqual(["`n` expects a number, got `[1]`"]);
    expect(faults("k=[]")).toEqual(["expected a value for `k`, got `]`"]);
    expect(faults("k=[1,2")).toEqual(["expected `]` or another value for `k`, got `}`"]);
  });

  it("makes a step of options as data, and checks them as those of a text", () => {
    const pass = testPass("typed", {
      options: {
        k: { type: "ints", min: 1, default: [1], doc: "integers" },
        w: { type: "name", default: "x", doc: "a name" },
      },
    });
    const report = new Report();
    expect(makeStep(pass, { k: [2], w: "a},drop-dead{", none: undefined }, report)).toEqual({
      pass,
      options: { k: [2], w: "a},drop-dead{" },
    });
    expect(report.diagnostics).toEqual([]);
    expect(makeStep(pass, { k: [0, 1], z: 3, w: 1 }, report)).toBeUndefined();
    expect(report.diagnostics.map((d) => d.message)).toEqual([
      "`k` expects an integer of at least 1, or a list of them like [3,2], got `[0,1]`",
      "`typed` has no option `z`",
      "`w` expects a name, got `1`",
    ]);
  });
});

describe("running a pipeline", () => {
  const canonical = parsePipeline("canonicalize,drop-dead").steps ?? [];

  it("records what each pass did, with the time of the given clock", () => {
    let now = 0;
    const { result, records } = runPipeline(NET, canonical, { clock: () => now++ });
    expect(result?.ops.map((op) => op.result)).toEqual(["n", "s"]);
    expect(records.map(({ pass, changed, seconds }) => ({ pass, changed, seconds }))).toEqual([
      { pass: "canonicalize", changed: true, seconds: 1 },
      { pass: "drop-dead", changed: false, seconds: 1 },
    ]);
    expect(records[0]?.counters.get("identities-removed")).toBe(1);
  });

  it.each([
    ["all" as const, ["canonicalize", "drop-dead"]],
    ["changed" as const, ["canonicalize"]],
    [{ pass: "drop-dead" }, ["drop-dead"]],
  ])("prints after %j", (printAfter, expected) => {
    const printed: string[] = [];
    runPipeline(NET, canonical, { printAfter, onPrint: (step, text) => printed.push(step) && text });
    expect(printed).toEqual(expected);
  });

  it("names the pass that broke the net, and hands out the net before it", () => {
    const culprit = testPass("break-net", { run: (net) => ({ ...net, ops: net.ops.slice(1) }) });
    const saved: string[] = [];
    const run = (): unknown =>
      runPipeline(NET, [...canonical, { pass: culprit, options: {} }], {
        onBroken: (step, text) => saved.push(step, text),
      });
    expect(run).toThrow(InternalError);
    expect(run).toThrow(/pass `break-net` produced an invalid result\nerror\[ir\/unknown-value\]: no value `%n`/);
    expect(saved[0]).toBe("break-net");
    expect(saved[1]).toContain("norm.batch");
    expect(() => runPipeline(NET, [{ pass: culprit, options: {} }], { verifyEach: false })).not.toThrow();
  });

  it("catches a pass that does not keep its promise", () => {
    const liar = testPass("promise-much", { ensures: [NO_BATCHNORM], run: (net) => ({ ...net }) });
    expect(() => runPipeline(NET, [{ pass: liar, options: {} }])).toThrow(
      "it ensures `no-batchnorm`, but `%n` is a `norm.batch`",
    );
  });

  it("rejects a requirement that nothing brings about before it runs anything", () => {
    const ran: string[] = [];
    const first = testPass("first", { run: (net) => (ran.push("first"), net) });
    const needy = testPass("needy", { requires: [NO_BATCHNORM] });
    const { result, diagnostics } = runPipeline(
      NET,
      [first, needy].map((pass) => ({ pass, options: {} })),
    );
    expect(result).toBeUndefined();
    expect(diagnostics.map((d) => d.message)).toEqual(["`needy` needs `no-batchnorm`: `%n` is a `norm.batch`"]);
    expect(ran).toEqual([]);
  });

  it("checks a requirement again where an earlier pass only may bring it about", () => {
    const needy = testPass("needy", { requires: [NO_BATCHNORM] });
    const fold = PASSES.find((pass) => pass.name === "fold-batchnorm");
    const steps = [fold ?? needy, needy].map((pass) => ({ pass, options: {} }));
    const { records, diagnostics } = runPipeline(NET, steps);
    expect(records.map((record) => record.pass)).toEqual(["fold-batchnorm"]);
    expect(diagnostics.map((d) => d.code)).toEqual(["passes/requirement"]);
  });

  it("stops after the pass that reports an error", () => {
    const failing = testPass("give-up", {
      run: (net, context) => {
        context.report.add(passDiagnostics.make("option", "cannot"));
        return net;
      },
    });
    const { result, records } = runPipeline(
      NET,
      [failing, failing].map((pass) => ({ pass, options: {} })),
    );
    expect(result).toBeUndefined();
    expect(records).toHaveLength(1);
  });

  it("points at the option that a pass refuses, or at the pass where it was not given", () => {
    const picky = testPass("picky", {
      options: {
        n: { type: "int", min: 0, default: 7, doc: "a number" },
        m: { type: "int", min: 0, default: 0, doc: "another" },
      },
      run: (net, context) => {
        context.complainOption("n", `n = ${context.number("n")} does not fit`, "use n = 1");
        return net;
      },
    });
    const refusal = (text: string): string => {
      const { steps } = parsePipelineWith(text, { passes: [...PASSES, picky], pipelines: PIPELINES }, "--passes");
      const { diagnostics } = runPipeline(NET, steps ?? []);
      return diagnostics.map(renderDiagnostic).join("\n");
    };
    expect(refusal("drop-dead, picky{m=3 n = 12}")).toBe(
      [
        "error[passes/option]: n = 12 does not fit",
        "  --> --passes:1:22",
        " 1 | drop-dead, picky{m=3 n = 12}",
        "   |                      ^^^^^^",
        "hint: use n = 1",
      ].join("\n"),
    );
    expect(refusal("drop-dead, picky{m=3}").split("\n").slice(2, 4)).toEqual([
      " 1 | drop-dead, picky{m=3}",
      "   |            ^^^^^",
    ]);
  });

  it("points at the place in the net first, and at the pass that looked there in a note", () => {
    const location = { kind: "file", file: "layer" } as const;
    const critic = testPass("critic", {
      run: (net, context) => {
        context.complain("not-integer", "that is wrong", { location });
        return net;
      },
    });
    const { steps } = parsePipelineWith("critic", { passes: [critic], pipelines: [] });
    const [fault] = runPipeline(NET, steps ?? []).diagnostics;
    expect(fault?.location).toEqual(location);
    expect(fault?.notes).toEqual([
      {
        message: "found by `critic`",
        location: { kind: "text", file: "pipeline", source: "critic", offset: 0, length: 6 },
      },
    ]);
  });

  it("names the passes that bring about what another one needs", () => {
    const { diagnostics } = runPipeline(NET, parsePipeline("quantize").steps ?? []);
    expect(diagnostics.map((d) => d.hint)).toEqual(["run `fold-batchnorm` first, so that the net has no `norm.batch`"]);
  });

  it("offers every named pipeline", () => {
    expect(PIPELINES.map((pipeline) => pipeline.name)).toEqual(["import", "exact", "folded", "sparse", "quantized"]);
  });
});
