import { describe, expect, it } from "vitest";
import { everyStep, NetBuilder, REAL, toWeights, type Net } from "../../src/ir/index.js";
import { parsePipeline, PASSES, PIPELINES, runPipeline } from "../../src/passes/index.js";

describe("passes on long nets", () => {
  /** A chain of `n` dense layers with batch norm and neuron, with every read of an op counted. */
  function chain(n: number): { readonly net: Net; readonly visits: () => number } {
    const builder = new NetBuilder("chain");
    let x = builder.input("x", { number: REAL, time: everyStep(1), shape: [2] });
    const ones = { kind: "real", shape: [2], data: Float32Array.of(1, 1) } as const;
    for (let i = 0; i < n; i++) {
      const w = builder.constant(`w${i}`, toWeights([2, 2], [1, 0.5, -0.5, 1]));
      const parts = ["g", "b", "m", "v"].map((part) => builder.constant(`${part}${i}`, ones));
      const current = builder.op("synapse.dense", [x], { symbols: [w] });
      x = builder.op("neuron.lif", [builder.op("norm.batch", [current], { symbols: parts })], { layer: `l${i}` });
    }
    builder.output("out", x);
    const net = builder.finish();
    let visits = 0;
    const ops = net.ops.map(
      (op) =>
        new Proxy(op, {
          get(target, key, receiver) {
            visits++;
            return Reflect.get(target, key, receiver) as unknown;
          },
        }),
    );
    return { net: { ...net, ops }, visits: () => visits };
  }

  it.each([...PASSES, ...PIPELINES].map(({ name }) => name))(
    "%s looks at each op a bounded number of times",
    (pass) => {
      const visits = [200, 2000].map((layers) => {
        const counted = chain(layers);
        const needs = PASSES.find(({ name }) => name === pass)?.requires ?? [];
        const { steps } = parsePipeline(needs.length > 0 ? `fold-batchnorm,${pass}` : pass);
        const run = runPipeline(counted.net, steps ?? []);
        expect(run.result).toBeDefined();
        return counted.visits() / layers;
      });
      expect(visits[1]! / visits[0]!).toBeLessThan(1.2);
    },
  );
});
