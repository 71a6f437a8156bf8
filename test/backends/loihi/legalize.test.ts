import { describe, expect, it } from "vitest";
import { agreementTable, supportMatrix } from "../../../src/backends/loihi/index.js";
import { OPS, type Net } from "../../../src/ir/index.js";
import { netInputs } from "../../../src/validate/replay.js";
import { digitsArray, digitsModel } from "../../support/digits.js";
import { randomInputs, randomNet } from "../../support/random-net.js";
import { legalize } from "../../../src/backends/loihi/index.js";
import { Report } from "../../../src/diagnostics/index.js";
import { mixedNet, Random, sdtNet, stattenNet } from "../layerwise/nets.js";
import { ATTENTION, testChip } from "./chips.js";
import { expectLegal, expectSameSpikes, legal, net, quantised, refused } from "./support.js";

/** Chips of both kinds: those that have odd weights of both signs, and those that have not. */
const chipWith = (maxDelay: number, least = -6) => testChip({ maxDelay, weightExponent: [least, 7] }, ATTENTION);

describe("spiking transformers", () => {
  it.each(Array.from({ length: 16 }, (_, i) => i + 1))("keep every spike (seed %i)", (seed) => {
    const random = new Random(seed * 7919);
    const timesteps = random.pick([2, 4, 6]);
    const channels = 6 * random.int(1, 3);
    const dvs = seed % 3 === 0;
    const source =
      seed % 2 === 0
        ? sdtNet(random, { timesteps, tokens: random.int(1, 9), channels, heads: 3, dvs })
        : stattenNet(random, { timesteps, chunk: 2, side: 2, channels, heads: 2, held: dvs, tet: true });
    const chip = chipWith(random.pick([1, 2, 3, 62]), random.pick([-7, -6]));
    const integers = quantised(source, chip);
    if (integers === undefined) throw new Error("not quantised");
    const spikes = (["unroll", "relay", "auto"] as const).map((streams) => {
      const found = legal(integers, chip, { streams });
      expectLegal(found, chip);
      return expectSameSpikes(integers, found, randomInputs(integers, seed));
    });
    expect(Math.max(...spikes)).toBeGreaterThan(0);
  });

  it("keep the spikes of the trained digits network", () => {
    const chip = testChip({}, ATTENTION);
    const integers = quantised(digitsModel().net, chip);
    if (integers === undefined) throw new Error("not quantised");
    const found = legal(integers, chip);
    expectLegal(found, chip);
    const images = digitsArray("test-images.npy");
    for (const sample of [0, 1]) {
      expect(expectSameSpikes(integers, found, netInputs(integers, images, sample))).toBeGreaterThan(100);
    }
  });

  it("give the same predictions with relays and without", () => {
    const chip = testChip({}, ATTENTION);
    const integers = quantised(digitsModel().net, chip)!;
    const sample = netInputs(integers, digitsArray("test-images.npy"), 3);
    for (const streams of ["unroll", "relay"] as const) {
      const table = agreementTable(integers, legal(integers, chip, { streams }), [sample]);
      expect(table.title).toContain("0 with another largest output");
      expect(table.rows.length).toBeGreaterThan(5);
      for (const [, differing] of table.rows) expect(differing).toMatch(/^0 of /);
    }
  });
});

describe("random nets", () => {
  it("are legal and keep every spike, or are refused with a reason", () => {
    let accepted = 0;
    const reasons = new Map<string, number>();
    for (let seed = 1; seed <= 500; seed++) {
      const chip = chipWith(seed % 3 === 0 ? 2 : 62, seed % 4 === 0 ? -6 : -7);
      const source =
        seed % 25 === 0
          ? mixedNet(new Random(seed), 4)
          : randomNet(seed, { ops: 3 + (seed % 7), motifs: seed % 2 === 0 });
      const integers = quantised(source, chip);
      if (integers === undefined) continue;
      const report = new Report();
      const found = legalize(integers, chip, { streams: seed % 2 === 0 ? "relay" : "unroll" }, report);
      for (const { code, hint } of report.diagnostics) {
        reasons.set(code, (reasons.get(code) ?? 0) + 1);
        expect(hint).toBeTruthy();
      }
      expect(report.failed).toBe(found === undefined);
      if (found === undefined) continue;
      if (found.populations.length > 0) accepted++;
      expectLegal(found, chip);
      expectSameSpikesIfInRange(integers, found, seed);
    }
    expect(accepted).toBeGreaterThan(40);
    expect([...reasons.keys()].every((code) => code.startsWith("loihi/"))).toBe(true);
  });
});

/** Neurons whose range is not proved may be clipped on one side and not on the other; others may not differ. */
function expectSameSpikesIfInRange(
  integers: Parameters<typeof expectSameSpikes>[0],
  found: Parameters<typeof expectSameSpikes>[1],
  seed: number,
): void {
  if (found.notes.some((text) => text.startsWith("bounds do not prove"))) return;
  const layers = new Set(
    [...found.net.ops, ...(found.prefix?.ops ?? []), ...(found.suffix?.ops ?? [])].map((op) => op.result),
  );
  // Neurons that nothing of the net's outputs needs are left out.
  const needed = {
    ...integers,
    ops: integers.ops.map((op) => (layers.has(op.result) ? op : { ...op, layer: undefined })),
  };
  expectSameSpikes(needed as typeof integers, found, randomInputs(integers, seed));
}

describe("streams", () => {
  // @a has 8 weights that are not 0, @b 7; the branches are read at two positions.
  const source = net(`net @n(%x: spike<4t, 2x3>) -> spike<4t, 2x3> {
  const @a : weights<3x3> = [3, -5, 7, 0, 2, -4, 6, 1, -2] + [1, -1, 0] grid [0]
  const @b : weights<3x3> = [4, 0, -6, 2, 2, 8, -2, 0, 4] + [0, 2, -3] grid [0]
  %0 = synapse.dense %x, @a {result = int} : int<4t, 2x3, -13..13>
  %1 = neuron.lif %0 {charge = shift(1), v_th = 17, fraction_bits = 3} : spike<4t, 2x3> layer("first")
  %2 = synapse.dense %1, @b {result = int} : int<4t, 2x3, -21..21>
  %3 = stream.add %0, %2 : int<4t, 2x3, -34..34>
  %4 = neuron.lif %3 {charge = shift(1), v_th = 9, fraction_bits = 3} : spike<4t, 2x3> layer("second")
  %5 = synapse.dense %4, @a {result = int} : int<4t, 2x3, -13..13>
  %6 = stream.add %3, %5 : int<4t, 2x3, -47..47>
  %7 = neuron.lif %6 {charge = shift(1), v_th = 33, fraction_bits = 3} : spike<4t, 2x3> layer("third")
  return %7
}`);

  it("cost one synapse per pair of a source and a weight, and both ways are printed", () => {
    const table = legal(source, testChip(), { streams: "unroll" }).tables.find(({ title }) => title === "streams");
    // Unrolled: first 2 * 8, second 2 * (8 + 7), third 2 * (8 + 7 + 8). Relayed: 16, relay 30, second 6, third 6 + 16.
    expect(table?.rows).toEqual([
      ["unroll", "92", "736", "18", "36", "chosen"],
      ["relay", "74", "592", "24", "36", ""],
    ]);
  });

  it("are relayed one step later, with the biases behind the relays", () => {
    const starts = (streams: "unroll" | "relay") => [...legal(source, testChip(), { streams }).starts];
    expect(starts("unroll")).toEqual([
      ["x", 0],
      ["1", 0],
      ["4", 1],
      ["7", 2],
    ]);
    expect(starts("relay")).toEqual([
      ["x", 0],
      ["1", 0],
      ["3", 1],
      ["4", 2],
      ["7", 3],
    ]);
    // A chip without odd weights of both signs relays in units half as large.
    for (const [streams, least] of [
      ["unroll", -7],
      ["unroll", -6],
      ["relay", -7],
      ["relay", -6],
    ] as const) {
      const chip = testChip({ weightExponent: [least, 7] });
      const found = legal(source, chip, { streams });
      expectLegal(found, chip);
      const relayed = found.net.ops.find(({ name }) => name === "stream.relay")?.type.number;
      if (streams === "relay") expect(relayed).toMatchObject({ hi: least === -7 ? 31 : 62 });
      for (let seed = 1; seed < 20; seed++) expectSameSpikes(source, found, randomInputs(source, seed));
    }
  });

  it("choose what fits, and else what has fewer synapse bits", () => {
    const chosen = (chip: ReturnType<typeof testChip>): number =>
      legal(source, chip).populations.filter(({ kind }) => kind === "relay").length;
    const chip = testChip();
    expect(chosen(chip)).toBe(1);
    const mesh = { ...chip.mesh, tilesX: 1, tilesY: 1, coresPerTile: 1, chipsX: 1 };
    // 24 compartments for relays, 18 without.
    expect(chosen({ ...chip, mesh, core: { ...chip.core, compartments: 24 } })).toBe(1);
    expect(chosen({ ...chip, mesh, core: { ...chip.core, compartments: 23 } })).toBe(0);
    expect(chosen({ ...chip, mesh, core: { ...chip.core, compartments: 23, synapseBits: 600 } })).toBe(1);
    expect(chosen(testChip({ gradedBits: 0 }))).toBe(0);
    const [first] = refused(source, testChip({ gradedBits: 0 }), { streams: "relay" });
    expect(first).toMatchObject({ code: "loihi/graded-values" });
  });
});

describe("what has no exact form", () => {
  const one = (op: string, x = "int<4t, 2, -9..9>"): string => `net @n(%x: ${x}) -> spike<4t, 2> {
  ${op}
  return %s
}`;

  it("is refused with a code, numbers and a way out", () => {
    const cases: readonly [string, RegExp, string][] = [
      [
        "%s = neuron.lif %x {charge = shift(1), v_th = 4, fraction_bits = 2} : spike<4t, 2>",
        /need 3 bits of fraction, it has 2/,
        "loihi/unsupported-neuron",
      ],
      [
        "%s = neuron.lif %x {charge = integrate, v_th = 4, reset = soft} : spike<4t, 2>",
        /resets softly/,
        "loihi/unsupported-neuron",
      ],
      [
        "%s = neuron.lif %x {charge = integrate, v_th = 4, v_reset = 2} : spike<4t, 2>",
        /v_reset is 2/,
        "loihi/unsupported-neuron",
      ],
      [
        "%s = neuron.lif %x {charge = decay(100), v_th = 4} : spike<4t, 2>",
        /4 in units of the potential is no multiple of 64 plus 1/,
        "loihi/threshold",
      ],
      ["%s = neuron.lif %x {charge = integrate, v_th = 0} : spike<4t, 2>", /fires at potential 0/, "loihi/threshold"],
      [
        "%s = neuron.lif %x {charge = cuba(0, 100), v_th = 65} : spike<4t, 2>",
        /never decays/,
        "loihi/unsupported-neuron",
      ],
    ];
    for (const [op, message, code] of cases) {
      const [first] = refused(net(one(op)), testChip());
      expect(first?.message).toMatch(message);
      expect(first).toMatchObject({ code });
      expect(first?.hint).toBeTruthy();
    }
  });

  it("includes thresholds beyond the register, which rounding does not help", () => {
    const at = (threshold: number): Net =>
      net(one(`%s = neuron.lif %x {charge = integrate, v_th = ${threshold}} : spike<4t, 2>`));
    const chip = testChip({ thresholdMantissaBits: 4 });
    legal(at(15 * 64 + 1), chip);
    for (const allow of [new Set<"thresholds">(), new Set(["thresholds"] as const)]) {
      const [first] = refused(at(16 * 64 + 1), chip, { allow });
      expect(first).toMatchObject({ code: "loihi/threshold" });
      expect(first?.message).toContain("a threshold of 1025");
      expect(first?.message).toContain("holds up to 961 (4 bits times 64)");
      expect(first?.hint).not.toContain("approximate");
    }
  });

  it("includes results of attention that are wider than payloads", () => {
    const options = { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2 };
    const hints = (gradedBits: number): readonly (string | undefined)[] => {
      const chip = testChip({ gradedBits }, ATTENTION);
      const report = new Report();
      legalize(quantised(stattenNet(new Random(3), options), chip)!, chip, { streams: "unroll" }, report);
      return report.errors.filter(({ message }) => message.includes("results of attention")).map(({ hint }) => hint);
    };
    // 8 tokens of a chunk times 6 channels of a head: 0..48 is 7 bits with its sign.
    expect(hints(7)).toEqual([]);
    expect(hints(6)).toEqual(["use a chip with graded messages of 7 bits, or shorter chunks or fewer tokens"]);
  });

  it("includes a head on the chip, whose outputs are spikes", () => {
    const chip = testChip({}, ATTENTION);
    const options = { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2 };
    const integers = quantised(stattenNet(new Random(3), options), chip)!;
    const [first] = refused(integers, chip, { head: "chip" });
    expect(first).toMatchObject({ code: "loihi/unsupported-value" });
    expect(first?.message).toContain("3 ops stand behind the last spikes");
    const spikes = net(one("%s = neuron.lif %x {charge = integrate, v_th = 65} : spike<4t, 2>"));
    expect(legal(spikes, chip, { head: "chip" }).suffix).toBeUndefined();
  });

  it("is rounded where that is allowed, and what it costs is measured", () => {
    const source = net(one('%s = neuron.lif %x {charge = decay(100), v_th = 5} : spike<4t, 2> layer("s")'));
    const found = legal(source, testChip(), { allow: new Set(["thresholds"] as const) });
    expect(found.notes).toEqual(["2 thresholds and biases are approximate"]);
    // The nearest register is 0: the neuron fires at 1 instead of 5.
    const sample = new Map([["x", [1, 5, 0, 0, 0, 0, 0, 0]]]);
    expect(agreementTable(source, found, [sample]).rows).toEqual([["s", "1 of 8"]]);
  });

  it("includes integers from the host without graded messages, with how many there are", () => {
    const text = one("%s = neuron.lif %x {charge = integrate, v_th = 65} : spike<4t, 2>");
    const [first] = refused(net(text), testChip({ gradedBits: 0 }));
    expect(first).toMatchObject({ code: "loihi/graded-values" });
    expect(first?.message).toContain("2 integers in -9..9 per timestep");
    // A payload of n bits holds -2^(n - 1)..2^(n - 1) - 1.
    expect(refused(net(text), testChip({ gradedBits: 4 }))[0]?.code).toBe("loihi/graded-values");
    legal(net(text), testChip({ gradedBits: 5 }));
  });

  it("includes attention without attention cores, with what it needs", () => {
    const random = new Random(3);
    const chip = testChip();
    const source = stattenNet(random, { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2 });
    const integers = quantised(source, chip)!;
    const [first, ...others] = refused(integers, chip);
    expect(others).toEqual([]);
    expect(first).toMatchObject({ code: "loihi/attention-cores" });
    expect(first?.message).toContain("72 counters of 4 bits");
    expect(first?.message).toContain("192 bits of queries");
    const tight = { ...ATTENTION, counters: 36, counterBits: 4, queryBits: 96, inputAxons: 72 };
    legal(integers, testChip({}, tight));
    for (const less of [
      { counters: 35 },
      { counterBits: 3 },
      { queryBits: 95 },
      { inputAxons: 71 },
      { sets: 1 as const },
    ]) {
      expect(refused(integers, testChip({}, { ...tight, ...less }))[0]?.message).toContain("one core is too small");
    }
  });

  it("includes cycles whose delays are shorter than their connections", () => {
    const loop = (timesteps: number): string => `net @n(%x: spike<4t, 2>) -> spike<4t, 2> {
  %back = delay %b {timesteps = ${timesteps}} : spike<4t, 2>
  %in = stream.add %x, %back : count<4t, 2, max 2>
  %a = neuron.lif %in {charge = integrate, v_th = 1} : spike<4t, 2> layer("a")
  %b = neuron.lif %a {charge = integrate, v_th = 1} : spike<4t, 2> layer("b")
  return %b
}`;
    const [first] = refused(net(loop(1)), testChip());
    expect(first).toMatchObject({ code: "loihi/local-time" });
    expect(first?.message).toContain("`a`, `b`");
    const found = legal(net(loop(2)), testChip());
    expectLegal(found, testChip());
    expect([...found.starts]).toEqual([
      ["x", 0],
      ["a", 0],
      ["b", 1],
    ]);
    expect(expectSameSpikes(net(loop(2)), found, new Map([["x", [1, 0, 0, 0, 0, 0, 0, 0]]]))).toBeGreaterThan(1);
  });

  it("includes sums that are rounded", () => {
    const text = `net @n(%x: spike<4t, 2>) -> spike<4t, 2> {
  const @w : weights<2x2> = [0.5, 1, 1, 2] grid [1, 0]
  %0 = synapse.dense %x, @w {result = fixed, exp = 0} : int<4t, 2, -3..3>
  %1 = neuron.lif %0 {charge = integrate, v_th = 1} : spike<4t, 2>
  return %1
}`;
    expect(refused(net(text), testChip())[0]).toMatchObject({ code: "loihi/inexact-sum" });
  });

  it("is real without quantisation, and every such op is named", () => {
    const codes = refused(sdtNet(new Random(1), { timesteps: 2, tokens: 2, channels: 6, heads: 3 }), testChip()).map(
      (d) => d.code,
    );
    expect(codes).toContain("loihi/graded-values");
  });
});

describe("ops", () => {
  it("all take a stand", () => {
    expect(Object.keys(supportMatrix).sort()).toEqual(OPS.map((op) => op.name).sort());
  });
});
