import { describe, expect, it } from "vitest";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import type { Net } from "../../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../../src/passes/index.js";
import { largeChip, Layers, Random, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { refused, runs } from "./support.js";

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
