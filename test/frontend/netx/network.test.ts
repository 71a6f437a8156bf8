import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { readHdf5 } from "../../../src/frontend/formats/hdf5.js";
import { netOfNetx, type NetxLayer, type NetxNetwork } from "../../../src/frontend/netx/index.js";
import { readNetwork } from "../../../src/frontend/netx/read.js";
import { evaluate } from "../../../src/ir/index.js";
import { anyNetwork, simulateNetx } from "../../support/netx-networks.js";
import { writeNetx } from "../../support/netx-writer.js";

const read = (bytes: Uint8Array): Promise<NetxNetwork> =>
  readHdf5(bytes, "a.net", (file) => readNetwork(file, "a.net"));

const style = fc.record({
  weights: fc.constantFrom("float32" as const, "int64" as const),
  compression: fc.constantFrom(0, 4),
  type: fc.constantFrom("array" as const, "scalar" as const),
  time: fc.boolean(),
  scalars: fc.boolean(),
  repeat: fc.boolean(),
});

/** [C, H, W] to [H, W, C] of one timestep; a vector stays. */
function channelsLast(slot: readonly number[], [c = 1, h = 1, w = 1]: readonly number[]): number[] {
  return Array.from({ length: h * w * c }, (_, i) => slot[(i % c) * h * w + Math.floor(i / c)]!);
}

/** The one thing that `fire = ge` refuses: a bias in a current that lasts. */
function keepsBiasedCurrent(layer: NetxLayer): boolean {
  const weighted = layer.type === "dense" || layer.type === "conv" ? layer : undefined;
  return weighted !== undefined && weighted.neuron.iDecay !== 4096 && weighted.bias?.some((b) => b !== 0) === true;
}

describe("a NetX file", () => {
  it("gives the network that was written, however it was written", async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, style, async (network, how) => {
        expect(await read(await writeNetx(network, how))).toEqual(network);
      }),
      { numRuns: 60 },
    );
  });

  it("computes what its layers say, with either comparison", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyNetwork,
        fc.constantFrom("gt" as const, "ge" as const),
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 64, maxLength: 64 }),
        async (network, fire, bits) => {
          const first = network.layers[0]!;
          const T = 6;
          const size = first.shape.reduce((a, b) => a * b, 1);
          const driven = first.type === "input" && first.neuron !== undefined;
          const input = Array.from({ length: T }, (_, t) =>
            Array.from({ length: size }, (_unused, i) => bits[(7 * t + i) % 64]! * (driven ? 3 + ((t + i) % 9) : 1)),
          );
          const report = new Report();
          const imported = netOfNetx(network, "a.net", new Map(Object.entries({ timesteps: String(T), fire })), report);
          if (imported === undefined) {
            expect([fire, ...report.diagnostics.map(({ code }) => code)]).toEqual(["ge", "netx/unsupported-neuron"]);
            expect(network.layers.some(keepsBiasedCurrent)).toBe(true);
            return;
          }
          expect(fire === "ge" && network.layers.some(keepsBiasedCurrent)).toBe(false);
          const expected = simulateNetx(network, input, fire);
          const flat = input.flatMap((slot) => channelsLast(slot, first.shape));
          const { values, state } = evaluate(imported.net, new Map([["input", flat]]));
          for (const [index, { spikes, u, v }] of expected) {
            const { shape } = network.layers[index]!;
            const op = imported.net.ops.find(({ layer }) => layer?.name === `layer.${index}`)!;
            const computed = values.get(op.result)!.map((slot) => [...slot]);
            expect(computed).toEqual(spikes.map((slot) => channelsLast(slot, shape)));
            const after = state.get(op.result)!;
            // With `ge` biases lie in the weights, so that currents hold them.
            if (fire === "gt") expect([...after["u"]!]).toEqual(channelsLast(u, shape));
            expect([...after["v"]!]).toEqual(channelsLast(v, shape));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("at the threshold exactly: gt is silent, ge fires", async () => {
    const network: NetxNetwork = {
      layers: [
        {
          type: "dense",
          index: 0,
          shape: [2],
          inputs: 1,
          outputs: 2,
          neuron: { type: "CUBA", iDecay: 4096, vDecay: 0, vThMant: 6 },
          weight: Int32Array.of(6, 8),
          bias: undefined,
          delay: 0,
        },
      ],
      timesteps: 2,
    };
    for (const [fire, spikes] of [
      ["gt", [0, 1, 1, 1]],
      ["ge", [1, 1, 1, 1]],
    ] as const) {
      const { net } = netOfNetx(network, "a.net", new Map([["fire", fire]]), new Report())!;
      const { outputs } = evaluate(net, new Map([["input", [1, 1]]]));
      expect(outputs.get("output")!.flatMap((slot) => [...slot])).toEqual(spikes);
    }
  });
});
