import { describe, expect, it } from "vitest";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { decodeProgram, encodeProgram, type Instruction, type Program } from "../../src/backends/program/index.js";
import { readChip, type LayerwiseChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { sampleFor } from "../../src/frontend/inputs/channels-last.js";
import { evaluate, flatten, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { createStepped, type RunResult } from "../../src/sim/layerwise/index.js";
import { chipAgainstEvaluator, chipRungs } from "../../src/validate/chip-rungs.js";
import { netInputs } from "../../src/validate/replay.js";
import { digitsArray, digitsModel, folded } from "../support/digits.js";

const images = digitsArray("test-images.npy");
const net = folded(digitsModel().net);

function chip(name: string): LayerwiseChip {
  const found = readChip(name, new Report(), "layerwise");
  if (found === undefined) throw new Error(`no chip ${name}`);
  return found;
}

function compile(of: Net, on: LayerwiseChip, timeBlock?: number): Program {
  const report = new Report();
  const program = compileLayerwise(of, on, timeBlock === undefined ? {} : { timeBlock }, report);
  const loaded =
    program === undefined ? undefined : decodeProgram(encodeProgram(program), "test.spk", report, "layerwise");
  if (loaded === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  return loaded;
}

function run(program: Program, sample = 0): RunResult {
  const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, images, sample)]));
  return createStepped(program).run(inputs, { record: true });
}

const mismatches = (program: Program): number =>
  chipAgainstEvaluator(program, net, { input: images, samples: 1 }).layers.reduce(
    (n, layer) => n + layer.mismatches,
    0,
  );

/** The program with one instruction changed. */
function corrupt(
  program: Program,
  pick: (i: Instruction) => boolean,
  change: (i: Instruction) => Instruction,
): Program {
  const at = program.instructions.findIndex(pick);
  expect(at).toBeGreaterThanOrEqual(0);
  return { ...program, instructions: program.instructions.map((i, index) => (index === at ? change(i) : i)) };
}

describe("the chip computes what the evaluator computes", () => {
  const default_ = chip("layerwise-default");
  it.each([
    ["layerwise-default", undefined],
    ["layerwise-default", 2],
    ["layerwise-small", undefined],
    ["layerwise-small", 2],
  ])("on %s with time block %s", (name, timeBlock) => {
    const result = chipAgainstEvaluator(compile(net, chip(name), timeBlock), net, { input: images, samples: 2 });
    expect(result.layers.map((layer) => [layer.name, layer.mismatches])).toEqual(
      result.layers.map(({ name }) => [name, 0]),
    );
    expect(result.layers).toHaveLength(12);
    expect(result.outputsEqual).toBe(true);
  });

  it.each([
    ["folded", "layerwise-default"],
    ["folded", "layerwise-small"],
    ["folded,merge-projections", "layerwise-small"],
  ])("after the pipeline %s on %s", (pipeline, name) => {
    const { result: other } = runPipeline(digitsModel().net, parsePipeline(pipeline).steps ?? []);
    if (other === undefined) throw new Error(`${pipeline} failed`);
    const left = other.ops.filter((op) => op.name === "norm.batch" || op.name === "attention.statten");
    expect(left).toEqual([]);
    const result = chipAgainstEvaluator(compile(other, chip(name)), other, { input: images, samples: 2 });
    expect(result.layers.map((layer) => layer.mismatches)).toEqual(result.layers.map(() => 0));
    expect(result.layers).toHaveLength(12);
    expect(result.outputsEqual).toBe(true);
  });

  it("fails when one instruction is corrupted", () => {
    const program = compile(net, default_);
    expect(mismatches(program)).toBe(0);
    const threshold = corrupt(
      program,
      (i) => i.op === "fire",
      (i) => (i.op === "fire" ? { ...i, fields: { ...i.fields, vTh: i.fields.vTh * 2 } } : i),
    );
    const scale = corrupt(
      program,
      (i) => i.op === "attend-q",
      (i) => (i.op === "attend-q" ? { ...i, fields: { ...i.fields, scale: 1 } } : i),
    );
    const plane = corrupt(
      program,
      (i) => i.op === "accumulate",
      (i) => (i.op === "accumulate" ? { ...i, fields: { ...i.fields, weights: i.fields.weights + 1 } } : i),
    );
    for (const broken of [threshold, scale, plane]) expect(mismatches(broken)).toBeGreaterThan(0);
  });

  it("depends on the weights in the program", () => {
    const program = compile(net, default_);
    const weights = program.weights.slice();
    for (let i = 0; i < weights.length; i++) if (weights[i] !== 0 && i % 4 === 2) weights[i]! ^= 0x10;
    expect(mismatches({ ...program, weights })).toBeGreaterThan(0);
  });
});

describe("selected tokens", () => {
  const options = [
    "k=1",
    "k=5 cue=first-spike scope=chunk",
    "fraction=0.5 cue=interval",
    "k=3 cue=first-spike project=kept",
    "k=6 scope=chunk project=kept",
    "k=12 cue=sparta alpha=-2 gamma=-1",
    "k=4 cue=relevance",
    "k=9 cue=relevance scope=chunk",
    "k=[4,6] before=both drop=residual project=kept",
    "share=0.5 floor=2 capacity=9 overflow=keep-best before=mlp scope=chunk",
  ];
  it.each(options)("chip and evaluator agree on sparsify-top-k{%s}", (given) => {
    const { steps } = parsePipeline(`sparsify-top-k{${given}}`);
    const sparse = runPipeline(net, steps ?? []).result ?? net;
    expect(sparse).not.toBe(net);
    const blocks = given.includes("scope=chunk") ? [undefined, 2] : [undefined];
    for (const timeBlock of blocks) {
      for (const name of ["layerwise-default", "layerwise-small"]) {
        const program = compile(sparse, chip(name), timeBlock);
        const result = chipAgainstEvaluator(program, sparse, { input: images, samples: 2 });
        expect(result.layers.map((layer) => layer.mismatches)).toEqual(result.layers.map(() => 0));
        expect(result.outputsEqual).toBe(true);
      }
    }
    // The comparison sees the selection: with another number of tokens the attention differs.
    const other = runPipeline(net, parsePipeline("sparsify-top-k{k=2 cue=interval}").steps ?? []).result ?? net;
    const wrong = chipAgainstEvaluator(compile(other, chip("layerwise-default")), sparse, {
      input: images,
      samples: 2,
    });
    expect(wrong.layers.reduce((n, layer) => n + layer.mismatches, 0)).toBeGreaterThan(0);
  });
});

describe("a number of the chip description changes what depends on it, and nothing else", () => {
  const base = chip("layerwise-default");
  const reference = run(compile(net, base));
  const events = (result: RunResult) => result.layers.map((layer) => layer.events);

  it.each([
    ["DRAM latency", { ...base, dram: { ...base.dram, latencyCycles: base.dram.latencyCycles + 100 } }],
    ["DRAM bandwidth", { ...base, dram: { ...base.dram, bandwidth: { bytes: 32, cycles: 1 } } }],
    ["queue depth", { ...base, queueDepth: 1 }],
  ])("%s: other cycles, the same spikes, events and bytes", (_name, changed) => {
    const result = run(compile(net, changed));
    expect(result.cycles).toBeGreaterThan(reference.cycles);
    expect(result.spikes).toEqual(reference.spikes);
    expect(events(result)).toEqual(events(reference));
    expect(result.layers.map((l) => l.dramReadBytes)).toEqual(reference.layers.map((l) => l.dramReadBytes));
  });

  it("clock: nothing in cycles", () => {
    const result = run(compile(net, { ...base, clockHz: base.clockHz * 2 }));
    expect(result.cycles).toBe(reference.cycles);
    expect(events(result)).toEqual(events(reference));
  });

  it("chunk: another network, other spikes behind the attention only", () => {
    const perStep = run(compile(folded(digitsModel({ chunk: "1" }).net), base));
    const same = (name: string): boolean =>
      Buffer.compare(perStep.spikes!.get(name)!, reference.spikes!.get(name)!) === 0;
    expect(same("block.0.attn.v_lif")).toBe(true);
    expect(same("block.0.attn.attn_lif")).toBe(false);
  });
});

describe("the chip's rung of the ladder", () => {
  const samples = 2;
  const logitsOf = (of: Net, count: number) => {
    const outputs = Array.from({ length: count }, (_, i) => evaluate(of, netInputs(of, images, i)).outputs);
    const data = Float32Array.from(outputs.flatMap((output) => [...flatten(output.get("logits") ?? [])]));
    return { dtype: "f32", shape: [count, data.length / count], data } as const;
  };
  const logits = logitsOf(net, samples);
  const other = { ...logits, data: logits.data.map((x) => x + 1) };
  const int8 = chip("layerwise-int8");

  it.each([
    ["holds the imported net", chip("layerwise-default"), logits, "passed", ""],
    ["holds the imported net, and the recording differs", chip("layerwise-default"), other, "failed", ""],
    ["needs 8-bit weights", int8, logits, "passed", ", pipeline quantized"],
    ["needs 8-bit weights, and the recording is another net's", int8, other, "passed", ", pipeline quantized"],
    ["needs 4-bit weights", { ...int8, weightBits: 4 }, logits, "passed", ", pipeline quantized to 4 bits"],
    ["has weights that nothing fits", { ...int8, weightBits: 3 }, logits, "skipped", ", pipeline quantized to 3 bits"],
  ] as const)("%s", (_what, on, recorded, status, pipeline) => {
    const report = new Report();
    const [rung, ...others] = chipRungs(
      on,
      { net: digitsModel().net, imported: net },
      { input: images, samples, logits: recorded },
      {},
      report,
    );
    expect(rung).toMatchObject({ name: `chip ${on.name}, stepped${pipeline}`, status });
    expect(report.diagnostics).toEqual([]);
    const blamed = rung?.detail.startsWith("the chip computes what the evaluator does; the recording differs");
    expect(blamed).toBe(status === "failed");
    if (rung === undefined) throw new Error("no rung");
    expect(others.map((other) => other.status)).toEqual(status === "skipped" ? [] : ["passed"]);
    expect(rung.layers).toHaveLength(status === "skipped" ? 0 : 12);
    expect(rung.layers.every((layer) => layer.mismatches === 0)).toBe(true);
  });

  it("stands on a schedule that it searches, where time blocks are to be found", () => {
    const longer = digitsModel({ timesteps: "8" }).net;
    const imported = folded(longer);
    const recorded = { input: images, samples: 1, logits: logitsOf(imported, 1) };
    const detailOf = (timeBlock: "auto" | number): string => {
      const report = new Report();
      const rungs = chipRungs(chip("layerwise-small"), { net: longer, imported }, recorded, { timeBlock }, report);
      expect(report.diagnostics).toEqual([]);
      expect(rungs.map(({ status }) => status)).toEqual(["passed", "passed"]);
      return rungs[0]!.detail;
    };
    const cycles = (detail: string): number => Number(/([\d,]+) cycles/.exec(detail)?.[1]?.replaceAll(",", ""));
    const uniform = [2, 4, 8].map((block) => cycles(detailOf(block)));
    expect(cycles(detailOf("auto"))).toBeLessThan(Math.min(...uniform));
  });
});
