import { describe, expect, it } from "vitest";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import { int, everyStep, type AttrValue, type Net } from "../../../src/ir/index.js";
import { compileLayerwise } from "../../../src/backends/layerwise/index.js";
import { Report } from "../../../src/diagnostics/index.js";
import { held, largeChip, Layers, mixedNet, Random, randomChip, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { runs } from "./support.js";

const CHIPS: readonly (readonly [string, LayerwiseChip])[] = [
  ["8 lanes, P = 2", smallChip({ spike: 4096, weight: 65_536, data: 65_536 })],
  ["8 lanes, P = 2, maps in DRAM", smallChip({ spike: 512, weight: 16_384, data: 8192 })],
  ["64 lanes, P = 4", largeChip()],
];

const each = describe.each(CHIPS);

function pair(name: string, build: (layers: Layers) => string, seed = 7): Net {
  const layers = new Layers(name, new Random(seed));
  return layers.finish({ y: build(layers) });
}

each("ops on %s", (_, chip) => {
  const T = 5;
  const blocks = [undefined, 1, 2, 3, 4];
  const check = (net: Net): void => {
    for (const timeBlock of blocks) runs(net, chip, timeBlock === undefined ? {} : { timeBlock });
  };

  it("convolves real inputs per timestep and held, with stride and padding", () => {
    for (const type of [real(T, 6, 5, 3), held(T, 6, 5, 3)]) {
      check(
        pair("conv", (l) => {
          const x = l.builder.input("x", type);
          const s = l.lif(l.conv(x, 10, { kernel: 3, stride: 2, padding: 1 }));
          return l.conv(s, 9, { kernel: 2 });
        }),
      );
    }
  });

  it("holds the result of a held op that nothing fuses", () => {
    check(
      pair("held", (l) => {
        const x = l.builder.input("x", held(T, 4, 4, 3));
        const c = l.op("pool.max", [l.conv(x, 9, { kernel: 3, padding: 1 })], { kernel: 2, stride: 2 });
        return l.op("stream.add", [l.dense(l.lif(c), 9), c]);
      }),
    );
  });

  const rules: readonly (readonly [string, Record<string, AttrValue>])[] = [
    ["divide", { charge: { name: "divide", args: [1.7] }, v_reset: 0.1, v0: 0.2 }],
    ["multiply", { charge: { name: "multiply", args: [0.3] }, fire: "gt", reset: "soft" }],
    ["decay-then-add", { charge: { name: "decay-then-add", args: [0.23] }, reset: "soft" }],
    ["integrate", { charge: { name: "integrate", args: [] } }],
    ["cuba", { charge: { name: "cuba", args: [0.3, 0.1] }, v0: 0.3 }],
  ];
  it.each(rules)("charges real currents by %s, behind a map and fused", (_name, attrs) => {
    check(
      pair("charge", (l) => {
        const x = l.builder.input("x", real(T, 3, 11));
        return l.dense(l.lif(l.dense(l.lif(x, attrs), 9), attrs), 3);
      }),
    );
  });

  it("takes thresholds and charge arguments per channel", () => {
    check(
      pair("channels", (l) => {
        const x = l.builder.input("x", real(T, 3, 11));
        const s = l.lif(x, { v_th: l.perChannel(x, 0.1, 1.5), k: l.perChannel(x, 1, 3) });
        const y = l.dense(s, 10);
        return l.dense(
          l.lif(y, {
            v_th: l.perChannel(y, 0.1, 0.8),
            charge: { name: "decay-then-add", args: [0.5] },
            k: l.perChannel(y, 0.1, 0.9),
          }),
          2,
        );
      }),
    );
  });

  const integerRules: readonly (readonly [string, Record<string, AttrValue>])[] = [
    ["integrate", { charge: { name: "integrate", args: [] }, state_bits: 6 }],
    ["decay", { charge: { name: "decay", args: [700] }, reset: "soft", v_th: 3 }],
    ["shift", { charge: { name: "shift", args: [2] }, v_th: 2.5, overflow: "wrap", state_bits: 5 }],
    ["cuba", { charge: { name: "cuba", args: [900, 300] }, v0: 2 }],
  ];
  it.each(integerRules)("charges integer currents by %s", (_name, attrs) => {
    check(
      pair("integers", (l) => {
        const x = l.builder.input("x", { number: int(-5, 5), time: everyStep(T), shape: [4, 9] });
        const z = l.op("stream.add", [x, x]);
        return l.dense(l.lif(z, attrs), 3);
      }),
    );
  });

  it("takes integer thresholds and charge arguments per channel", () => {
    check(
      pair("integer-channels", (l) => {
        const x = l.builder.input("x", { number: int(-5, 5), time: everyStep(T), shape: [4, 9] });
        const attrs = { v_th: l.perChannel(x, 1, 4), k: l.perChannel(x, 100, 3000, true) };
        const s = l.lif(x, { ...attrs, charge: { name: "decay", args: [1] } });
        const gt = l.lif(x, { ...attrs, charge: { name: "decay", args: [1] }, fire: "gt" });
        return l.dense(l.op("mask.and", [s, gt]), 3);
      }),
    );
  });

  it("computes integer maps: conversions, pools, sums of two units, saturation, means", () => {
    for (const exp of [-3, 0, 2]) {
      check(
        pair("integer-maps", (l) => {
          const x = l.builder.input("x", real(T, 6, 5, 3));
          const h = l.builder.input("h", held(T, 3, 3, 9));
          const i = l.op("to-int", [x], { lo: -100, hi: 90, exp });
          const fixed = { result: "fixed", exp: -2, bits: 14 };
          const c = l.op("pool.max", [l.conv(i, 9, { kernel: 3, padding: 1 }, fixed)], {
            kernel: 3,
            stride: 2,
            padding: 1,
          });
          const s = l.op("stream.add", [c, l.op("to-int", [h], { lo: -50, hi: 50, exp: -4 })], { bits: 16 });
          const spikes = l.lif(s, { charge: { name: "shift", args: [1] }, v_th: 20, fraction_bits: 4, state_bits: 20 });
          const m = l.op("reduce.sum-positions", [l.op("stream.add", [s, l.conv(spikes, 9, { kernel: 1 }, fixed)])]);
          return l.op("to-real", [l.op("stream.add", [m, m])]);
        }),
      );
    }
    for (const [timesteps, positions] of [
      [4, 4],
      [2, 8],
    ] as const) {
      const net = pair("integer-means", (l) => {
        const i = l.op("to-int", [l.builder.input("x", real(timesteps, positions, 9))], { lo: -100, hi: 90, exp: -3 });
        const p = l.op("reduce.mean-positions", [i], { result: "int" });
        return l.op("to-real", [l.op("reduce.mean-time", [p], { result: "int" })]);
      });
      for (const timeBlock of [1, 2]) runs(net, chip, { timeBlock });
    }
  });

  it("pools reals, spikes and planes", () => {
    check(
      pair("pools", (l) => {
        const x = l.builder.input("x", real(T, 6, 6, 12));
        const m = l.op("pool.max", [x], { kernel: 3, stride: 2, padding: 1 });
        const o = l.op("pool.or", [l.lif(x)], { kernel: 3, stride: 2, padding: 1 });
        const both = l.op("mask.and", [l.op("pool.plane", [o], { heads: 3 }), l.lif(m, { v_th: 0.4 })]);
        return l.dense(both, 3);
      }),
    );
  });

  it("adds spikes and counts in bit planes in front of a weighted op", () => {
    check(
      pair("planes", (l) => {
        const x = l.builder.input("x", real(T, 7, 12));
        const [a, b] = [l.lif(x, { v_th: 0.2 }), l.lif(x, { v_th: 0.4 })];
        const two = l.op("stream.add", [a, b]);
        const four = l.op("stream.add", [two, l.op("stream.add", [two, b])]);
        return l.op("stream.add", [l.dense(two, 4), l.dense(four, 4)]);
      }),
    );
  });

  it("sums over tokens, masks channels and averages", () => {
    for (const dvs of [false, true])
      check(sdtNet(new Random(3), { timesteps: T, tokens: 9, channels: 16, heads: 2, dvs }));
  });

  it("averages positions of held values and time", () => {
    check(
      pair("means", (l) => {
        const x = l.builder.input("x", real(T, 5, 9));
        const h = l.builder.input("h", held(T, 5, 9));
        const m = l.op("reduce.mean-time", [l.op("stream.add", [x, h])]);
        const p = l.op("stream.add", [l.op("reduce.mean-positions", [m]), l.op("reduce.mean-positions", [h])]);
        return l.dense(p, 3);
      }),
    );
  });

  it("goes on after a mean over time with neurons over all timesteps", () => {
    check(
      pair("late", (l) => {
        const x = l.builder.input("x", real(T, 4, 9));
        const s = l.lif(x, { v_th: 0.3 });
        const m = l.op("reduce.mean-time", [l.dense(s, 9)]);
        const late = l.op("mask.and", [l.lif(m, { v_th: 0.2 }), s]);
        return l.op("stream.add", [l.dense(late, 9), x]);
      }),
    );
  });
});

each("attention on %s", (_, chip) => {
  const cases = [
    { timesteps: 4, chunk: 2, blocks: [2, 4] },
    { timesteps: 4, chunk: 4, blocks: [4] },
    { timesteps: 6, chunk: 3, blocks: [3, 6] },
    { timesteps: 5, chunk: 1, blocks: [1, 2, 3, 5] },
    { timesteps: 8, chunk: 2, blocks: [2, 4, 6, 8] },
  ];
  it.each(cases)("runs chunk $chunk of $timesteps timesteps in blocks of $blocks", ({ timesteps, chunk, blocks }) => {
    for (const timeBlock of blocks) {
      for (const mode of [{ sum: "exact" }, { sum: "sequential" }, { lowered: true }, { tet: true, held: false }]) {
        const net = stattenNet(new Random(chunk), { timesteps, chunk, side: 2, channels: 12, heads: 2, ...mode });
        expect(runs(net, chip, { timeBlock }).spikes).toBeGreaterThan(0);
      }
    }
  });

  it("feeds integer attention to integer neurons", () => {
    const net = pair("integer-attention", (l) => {
      const x = l.builder.input("x", real(4, 4, 12));
      const [q, k, v] = [0.1, 0.3, 0.5].map((v_th) => l.lif(x, { v_th }));
      const a = l.op("attention.kv", [k ?? "", v ?? ""], { heads: 3, chunk: 2 });
      return l.dense(
        l.lif(l.op("attention.q", [q ?? "", a]), { v_th: 4.5, charge: { name: "decay", args: [2048] } }),
        3,
      );
    });
    for (const timeBlock of [2, 4]) runs(net, chip, { timeBlock });
  });
});

describe("random nets", () => {
  it.each(Array.from({ length: 24 }, (_, i) => i + 1))("seed %d", (seed) => {
    const random = new Random(seed * 7919);
    const chunk = random.int(1, 4);
    const timesteps = chunk * random.int(1, 3);
    const net = stattenNet(random, {
      timesteps,
      chunk,
      side: random.int(1, 3),
      channels: 6 * random.int(1, 5),
      heads: random.pick([1, 2, 3]),
      tet: random.int(0, 1) === 1,
      held: random.int(0, 1) === 1,
      sum: random.pick(["exact", "sequential"]),
      lowered: random.int(0, 2) === 0,
    });
    const timeBlock = Math.min(timesteps, chunk * random.int(1, 3));
    const chip = random.pick([
      smallChip({ spike: 1024, weight: 65_536, data: 16_384 }),
      smallChip({ spike: 2048, weight: 32_768, data: 12_288 }),
      largeChip(),
    ]);
    runs(net, chip, { timeBlock });
  });
});

describe("random chips", () => {
  // Chips that are too small for a net are refused with numbers; the others must compute it exactly.
  it("run what fits, bit for bit", () => {
    let ran = 0;
    for (let seed = 1; seed <= 80; seed++) {
      const random = new Random(seed * 104_729);
      const chip = randomChip(random);
      const chunk = random.int(1, 4);
      const timesteps = chunk * random.int(1, 3);
      const channels = 6 * random.int(1, 6);
      const net = random.pick([
        () => mixedNet(random, timesteps),
        () => sdtNet(random, { timesteps, tokens: random.int(1, 20), channels, heads: 3, dvs: random.int(0, 1) === 1 }),
        () => stattenNet(random, { timesteps, chunk, side: random.int(1, 3), channels, heads: 2 }),
      ])();
      const timeBlock = Math.min(timesteps, chunk * random.int(1, 3));
      const report = new Report();
      if (compileLayerwise(net, chip, { timeBlock }, report) === undefined) {
        expect(report.diagnostics[0]?.code).toBe("layerwise/does-not-fit");
        const [needed, has] = (report.diagnostics[0]?.message.match(/\d+(?= bytes)|\d+$/g) ?? []).map(Number);
        expect(needed).toBeGreaterThan(has ?? Infinity);
        continue;
      }
      runs(net, chip, { timeBlock });
      ran++;
    }
    expect(ran).toBeGreaterThan(40);
  });
});
