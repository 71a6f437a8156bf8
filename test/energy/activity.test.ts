import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ActivityMeter, countEvents, layersOf } from "../../src/energy/network.js";
import { evaluate, everyStep, NetBuilder, netTimesteps, REAL, toWeights, type Net } from "../../src/ir/index.js";
import { randomInputs, randomNet } from "../support/random-net.js";

describe("the layers of a net", () => {
  it("have the operations of a dense layer, and those inside the map: what inputs without a zero make happen", () => {
    const shape = fc.record({
      side: fc.integer({ min: 1, max: 6 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 3 }),
    });
    let seen = 0;
    fc.assert(
      fc.property(shape, ({ side, kernel, stride, padding }) => {
        if (padding >= kernel || side + 2 * padding < kernel) return;
        const b = new NetBuilder("conv");
        const x = b.input("x", { number: REAL, time: { count: 1, period: 3 }, shape: [side, side + 1, 2] });
        const w = b.constant("w", toWeights([kernel, kernel, 2, 5], new Float32Array(kernel ** 2 * 10).fill(1)));
        b.output("y", b.op("synapse.conv", [x], { symbols: [w], attrs: { kernel, stride, padding } }));
        const net = b.finish();
        const [layer] = layersOf(net);
        const [h, w2] = [side, side + 1].map((n) => Math.floor((n + 2 * padding - kernel) / stride) + 1);
        expect(layer!.weighted!.dense).toBe(kernel * kernel * h! * w2! * 2 * 5);
        const ones = new Map([["x", new Float32Array(side * (side + 1) * 2).fill(1)]]);
        const { mac } = countEvents(net, evaluate(net, ones)).layers.get(layer!.result)!;
        // Computed once for three timesteps.
        expect([...mac]).toEqual([layer!.weighted!.valid, 0, 0]);
        expect(layer!.moments).toBe(1);
        seen++;
      }),
    );
    expect(seen).toBeGreaterThan(20);
  });

  it("know whose spikes they read, and what lies between", () => {
    const b = new NetBuilder("sources");
    const spikes = (layer: string): string => {
      const x = b.input(layer, { number: REAL, time: everyStep(2), shape: [4, 4, 2] });
      return b.op("neuron.lif", [x], { attrs: { charge: { name: "integrate", args: [] } }, layer: `net.${layer}` });
    };
    const [p, q] = [spikes("p"), spikes("q")];
    const weights = b.constant("w", toWeights([2, 3], [1, 2, 3, 4, 5, 6]));
    const dense = (x: string, origin: string): string => b.op("synapse.dense", [x], { symbols: [weights], origin });
    const pooled = b.op("pool.or", [p], { attrs: { kernel: 2, stride: 2 } });
    const masked = b.op("mask.and", [p, q]);
    const real = b.op("to-real", [q]);
    const results = [dense(p, "direct"), dense(pooled, "behind-pool"), dense(masked, "masked"), dense(real, "real")];
    results.forEach((value, i) => b.output(`y${i}`, value));
    const layers = new Map(layersOf(b.finish()).map((layer) => [layer.name, layer]));
    const of = (name: string) => layers.get(name)!.inputs[0];
    expect(of("direct")).toMatchObject({ neurons: ["net.p"], path: "same", class: "spike", elements: 32 });
    expect(of("behind-pool")).toMatchObject({ neurons: ["net.p"], path: "pooled", class: "spike", elements: 8 });
    expect(of("masked")).toMatchObject({ neurons: ["net.p", "net.q"], path: "altered" });
    expect(of("real")).toMatchObject({ neurons: ["net.q"], path: "same", class: "real" });
    expect(layers.get("direct")).toMatchObject({ classifier: true, beforeNeurons: false });
    expect(layers.get("net.p")).toMatchObject({ kind: "neuron", beforeNeurons: true, classifier: false });
  });
});

/** All elements of all slots of a value at one moment, averaged plainly over samples. */
function plainMean(samples: readonly ReturnType<typeof evaluate>[], value: string, moment: number): number {
  const all = samples.flatMap(({ values }) => [...values.get(value)![moment]!]);
  return all.reduce((a, b) => a + b, 0) / all.length;
}

function expectMeans(net: Net, seed: number): void {
  const layers = layersOf(net);
  const meter = new ActivityMeter(net, layers);
  const samples = [1, 2].map((i) => evaluate(net, randomInputs(net, seed + i)));
  samples.forEach((sample) => meter.add(sample));
  const activity = meter.finish();
  expect(activity).toMatchObject({ samples: 2, timesteps: netTimesteps(net) });
  for (const { result, kind, name } of layers) {
    const op = net.ops.find((o) => o.result === result)!;
    for (const [i, value] of op.operands.entries()) {
      const { mean, binary } = activity.inputs.get(result)![i]!;
      const all = samples.flatMap(({ values }) => values.get(value)!.flatMap((slot) => [...slot]));
      expect(binary).toBe(all.every((x) => x === 0 || x === 1));
      for (const [moment, m] of mean.entries()) {
        const plain = plainMean(samples, value, moment);
        expect(Math.abs(m - plain)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(plain)));
      }
    }
    if (kind !== "neuron") continue;
    for (const [t, rate] of activity.firing.get(name)!.entries())
      expect(rate).toBeCloseTo(plainMean(samples, result, Math.floor(t / op.type.time.period)), 9);
  }
}

describe("activity", () => {
  it("is the plain mean of what an evaluation shows, on random nets", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => expectMeans(randomNet(seed, { ops: 14 }), seed)),
      { numRuns: 60 },
    );
  });
});
