import { describe, expect, it } from "vitest";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import { evaluate, flatten, type Net } from "../../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../../src/passes/index.js";
import { held, largeChip, Layers, Random, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { createStepped } from "../../../src/sim/layerwise/index.js";
import { compiled, refused, runs } from "./support.js";

const CHIPS: readonly (readonly [string, LayerwiseChip])[] = [
  ["8 lanes, P = 2", smallChip({ spike: 4096, weight: 65_536, data: 65_536 })],
  ["8 lanes, P = 2, maps in DRAM", smallChip({ spike: 512, weight: 16_384, data: 8192 })],
  ["64 lanes, P = 4", largeChip()],
];

function sparse(net: Net, options: string): Net {
  const { steps, diagnostics } = parsePipeline(`sparsify-top-k{${options}}`);
  expect(diagnostics).toEqual([]);
  const { result } = runPipeline(net, steps ?? []);
  expect(result).not.toBe(net);
  if (result === undefined) throw new Error("the pass failed");
  return result;
}

describe.each(CHIPS)("selected tokens on %s", (_, chip) => {
  const cues = ["rate", "first-spike", "interval", "sparta alpha=-2 beta=0.5 gamma=3", "relevance"];

  it.each(cues)("STAtten, cue = %s", (cue) => {
    for (const k of [1, 4, 8]) {
      const shape = { timesteps: 4, chunk: 2, side: 3, channels: 12, heads: 2 };
      const net = stattenNet(new Random(k), shape);
      runs(sparse(net, `k=${k} cue=${cue}`), chip);
      for (const timeBlock of [2, 4]) runs(sparse(net, `k=${k} cue=${cue} scope=chunk`), chip, { timeBlock });
    }
  });

  it.each(cues)("SDT, cue = %s", (cue) => {
    const net = sdtNet(new Random(3), { timesteps: 3, tokens: 20, channels: 16, heads: 2, dvs: false });
    runs(sparse(net, `fraction=0.3 cue=${cue}`), chip);
    runs(sparse(net, `fraction=0.3 cue=${cue} scope=chunk`), chip, { timeBlock: 2 });
  });

  const modes = [
    "k=[2,5] before=both",
    "k=3 drop=residual project=kept",
    "k=2 before=mlp",
    "share=0.5 before=both drop=residual",
    "share=0.7 floor=3 capacity=4 overflow=keep-best before=both",
  ];
  it.each(modes)("STAtten, %s", (options) => {
    const net = stattenNet(new Random(4), { timesteps: 4, chunk: 2, side: 3, channels: 12, heads: 2 });
    runs(sparse(net, options), chip);
    for (const timeBlock of [2, 4]) runs(sparse(net, `${options} scope=chunk`), chip, { timeBlock });
  });

  it("SDT whose branch leaves the stream of a token alone, with masks in its odd chunks", () => {
    for (const timesteps of [3, 5]) {
      const net = sdtNet(new Random(3), { timesteps, tokens: 20, channels: 16, heads: 2, dvs: false });
      runs(sparse(net, "share=0.6 floor=2 drop=residual"), chip);
      runs(sparse(net, "k=7 drop=residual scope=chunk"), chip);
    }
  });

  it("integers are masked as reals are", () => {
    const layers = new Layers("integers", new Random(5));
    const s = layers.lif(layers.builder.input("x", real(5, 11, 9)), { v_th: 0.3 });
    const mask = layers.op("tokens.top-share", [layers.op("tokens.score", [s], { chunk: 1 })], {
      share: 0.5,
      capacity: 11,
    });
    const sums = layers.op("to-int", [layers.dense(s, 10)], { lo: -50, hi: 50, exp: -3 });
    runs(layers.finish({ y: layers.op("mask.tokens", [sums, mask]) }), chip);
  });

  it("a picture's own map is masked for all timesteps at once", () => {
    const layers = new Layers("held", new Random(6));
    const x = layers.builder.input("x", held(4, 6, 7));
    const s = layers.lif(layers.dense(x, 5), { v_th: 0.2 });
    const mask = layers.op("tokens.top-k", [layers.op("tokens.score", [s])], { k: 2 });
    runs(layers.finish({ y: layers.op("mask.tokens", [x, mask]) }), chip);
  });

  it("chunks that begin within a group, and a chunk of all timesteps", () => {
    for (const [timesteps, chunk] of [
      [6, 3],
      [3, 3],
      [5, 1],
    ] as const) {
      const net = stattenNet(new Random(9), { timesteps, chunk, side: 2, channels: 12, heads: 2 });
      runs(sparse(net, "k=2 scope=chunk"), chip);
      runs(sparse(net, "k=2 scope=chunk cue=relevance"), chip);
      runs(sparse(net, "k=3 scope=sample cue=interval"), chip);
    }
  });

  it("counts scores and masks as values of their own", () => {
    const layers = new Layers("scores", new Random(5));
    const s = layers.lif(layers.builder.input("x", real(5, 11, 9)), { v_th: 0.3 });
    const score = layers.op("tokens.score", [s], { cue: "sparta" });
    const mask = layers.op("tokens.top-k", [score], { k: 6 });
    const kept = layers.dense(layers.lif(layers.dense(layers.op("mask.tokens", [s, mask]), 4)), 2);
    runs(layers.finish({ score, kept }), chip);
  });
});

describe("more important tokens than the capacity", () => {
  it("stop evaluator and chip", () => {
    const layers = new Layers("strict", new Random(5));
    const scores = layers.builder.input("scores", real(2, 9));
    const x = layers.builder.input("x", real(2, 9, 4));
    const mask = layers.op("tokens.top-share", [scores], { share: 0.5, capacity: 2 });
    const net = layers.finish({ y: layers.op("mask.tokens", [x, mask]) });
    const machine = createStepped(compiled(net, largeChip()));
    const inputs = (best: number) => {
      const values = Float32Array.from({ length: 18 }, (_, i) => (i % 9 < best ? 1 : 0));
      return new Map([
        ["scores", values],
        ["x", new Float32Array(72).fill(1)],
      ]);
    };
    expect(machine.run(inputs(2)).outputs.get("y")).toEqual(flatten(evaluate(net, inputs(2)).outputs.get("y") ?? []));
    expect(() => evaluate(net, inputs(3))).toThrow("3 of 9 tokens reach share = 0.5, the capacity is 2");
    expect(() => machine.run(inputs(3))).toThrow("more than 2 of 9 tokens reach share = 0.5, the capacity is 2");
    // The machine can run the next sample.
    expect(machine.run(inputs(1)).outputs.get("y")).toEqual(flatten(evaluate(net, inputs(1)).outputs.get("y") ?? []));
  });
});

describe("what the chip cannot select", () => {
  const chip = smallChip({ spike: 4096, weight: 65_536, data: 65_536 });

  it("decides over several time blocks only where their groups are full", () => {
    const net = sparse(stattenNet(new Random(2), { timesteps: 6, chunk: 1, side: 2, channels: 12, heads: 2 }), "k=2");
    runs(net, chip, { timeBlock: 2 });
    const [first] = refused(net, chip, { timeBlock: 3 });
    expect(first?.code).toBe("layerwise/unsupported-op");
    expect(first?.hint).toBe("use a time block of 6, or a multiple of 2");
  });
});
