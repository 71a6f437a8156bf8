import { describe, expect, it } from "vitest";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import {
  everyStep,
  int,
  intTensor,
  REAL,
  realTensor,
  SPIKE,
  type NumberKind,
  type TimeAxis,
} from "../../../src/ir/index.js";
import { largeChip, Layers, Random, real, smallChip } from "./nets.js";
import { refused, runs } from "./support.js";

/** Constant maps lie in DRAM and are loaded by what reads them. */

const T = 5;
const CHIPS: readonly (readonly [string, LayerwiseChip])[] = [
  ["8 lanes, P = 2", smallChip({ spike: 4096, weight: 65_536, data: 65_536 })],
  ["8 lanes, P = 2, maps in DRAM", smallChip({ spike: 512, weight: 16_384, data: 8192 })],
  ["64 lanes, P = 4", largeChip()],
];

/** A constant of random values, with one slot or one for each moment. */
function constant(
  layers: Layers,
  kind: NumberKind,
  time: TimeAxis,
  shape: readonly number[],
  slots: 1 | "each",
): string {
  const { random, builder } = layers;
  const moments = slots === 1 ? 1 : time.count;
  const n = shape.reduce((a, b) => a * b, moments);
  const tensor =
    kind.kind === "real"
      ? realTensor([moments, ...shape], random.reals(n))
      : intTensor(
          [moments, ...shape],
          Int32Array.from({ length: n }, () => random.int(kind.lo, kind.hi)),
        );
  const symbol = builder.constant(`values ${layers.random.int(0, 1e9)}`, tensor);
  return builder.op("constant", [], { symbols: [symbol], type: { number: kind, time, shape } });
}

describe.each(CHIPS)("on %s", (_, chip) => {
  describe.each([undefined, 2, 3])("in time blocks of %s", (timeBlock) => {
    const options = timeBlock === undefined ? {} : { timeBlock };
    const slots = [1, "each"] as const;

    it.each(slots)("real maps (%s slot) are summed and fire neurons", (moments) => {
      const layers = new Layers("real", new Random(3));
      const x = layers.builder.input("x", real(T, 3, 11));
      const c = constant(layers, REAL, everyStep(T), [3, 11], moments);
      const held = constant(layers, REAL, { count: 1, period: T }, [3, 11], 1);
      const y = layers.op("stream.add", [layers.op("stream.add", [x, c]), held]);
      const net = layers.finish({
        y,
        z: layers.dense(layers.lif(c, { v_th: 0.2 }), 9),
        mean: layers.op("reduce.mean-time", [y]),
      });
      expect(runs(net, chip, options).spikes).toBeGreaterThan(5);
    });

    it.each(slots)("spikes (%s slot) mask, are weighted and pooled", (moments) => {
      const layers = new Layers("spikes", new Random(4));
      const x = layers.builder.input("x", real(T, 4, 4, 11));
      const spikes = layers.lif(x, { v_th: 0.3 });
      const c = constant(layers, SPIKE, everyStep(T), [4, 4, 11], moments);
      const channels = constant(layers, SPIKE, everyStep(T), [11], moments);
      const masked = layers.op("mask.and", [layers.op("mask.and", [spikes, c]), channels]);
      const net = layers.finish({
        y: layers.dense(layers.op("pool.or", [c], { kernel: 2 }), 9),
        z: layers.conv(masked, 9, { kernel: 3, padding: 1 }),
      });
      expect(runs(net, chip, options).spikes).toBeGreaterThan(50);
    });

    it.each(slots)("integers (%s slot) are weighted", (moments) => {
      const layers = new Layers("integers", new Random(5));
      layers.builder.input("x", real(T, 2));
      const c = constant(layers, int(-7, 9, 1), everyStep(T), [3, 11], moments);
      runs(layers.finish({ y: layers.dense(c, 9) }), chip, options);
    });
  });

  it("each group of a schedule that reads a constant has it", () => {
    const layers = new Layers("groups", new Random(7));
    const x = layers.builder.input("x", real(T, 3, 11));
    const c = constant(layers, REAL, everyStep(T), [3, 11], "each");
    const d = constant(layers, SPIKE, everyStep(T), [3, 11], "each");
    const s = layers.op("mask.and", [layers.lif(layers.op("stream.add", [x, c]), { v_th: 0.3 }), d]);
    const i = layers.op("stream.add", [layers.dense(s, 11), c]);
    const net = layers.finish({ y: layers.dense(layers.op("mask.and", [layers.lif(i, { v_th: 0.3 }), d]), 9) });
    for (let at = 1; at < net.ops.length; at++) {
      const schedule = [
        { from: 0, to: at, block: T },
        { from: at, to: net.ops.length, block: T },
      ];
      // A dense layer and its neurons are one piece, and a group of constants alone has nothing to do.
      const cut = net.ops[at]?.name;
      if (cut === "constant" || net.ops[at - 1]?.name === "constant") continue;
      runs(net, chip, { schedule });
    }
  });

  it("an output that is a constant is refused", () => {
    const layers = new Layers("output", new Random(6));
    layers.builder.input("x", real(T, 2));
    const [fault] = refused(layers.finish({ y: constant(layers, REAL, everyStep(T), [3], 1) }), chip);
    expect(fault?.message).toBe(
      "output `y` (real<5t, 3>) is no more than a constant of the net; outputs are data maps",
    );
  });
});
