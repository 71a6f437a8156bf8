import { describe, expect, it } from "vitest";
import { parseNet, viewOf, type Net, type Op } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { Random, stattenNet } from "../backends/layerwise/nets.js";

/** What `quantize` does for chips with few threshold registers, strict comparison and exact sums. */

const source = (seed: number): Net => {
  const o = { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2, tet: true };
  return stattenNet(new Random(seed), o);
};

function quantised(net: Net, options: string): Net {
  const { result } = runPipeline(net, parsePipeline(`quantize{${options}},drop-dead`).steps ?? []);
  if (result === undefined) throw new Error("refused");
  return result;
}

const SEEDS = [1, 2, 3, 4, 5, 6];

/** Neurons behind weights, and the thresholds of each. */
function thresholds(net: Net): readonly (readonly number[])[] {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const isWeighted = (op: Op | undefined): boolean =>
    op?.name.startsWith("synapse.") === true || op?.name === "stream.add" || op?.name === "pool.max";
  return net.ops
    .filter((op) => op.name === "neuron.lif" && isWeighted(producers.get(op.operands[0] ?? "")))
    .map((op) => [...viewOf(net, op).perChannel("v_th", op.type.shape.at(-1) ?? 0)]);
}

describe("threshold-shift", () => {
  it.each(["per=channel", "per=tensor"])("makes thresholds multiples of 2^n, plus 1 (%s)", (per) => {
    for (const seed of SEEDS) {
      const layers = thresholds(quantised(source(seed), `${per} threshold-shift=6`));
      expect(layers.length).toBeGreaterThan(5);
      for (const layer of layers) {
        for (const threshold of layer) expect(threshold % 64).toBe(1);
        expect(new Set(layer).size).toBeLessThanOrEqual(per === "per=tensor" ? 1 : 8);
      }
    }
  });

  it("is off unless it is asked for", () => {
    const found = SEEDS.flatMap((seed) => thresholds(quantised(source(seed), "per=channel"))).flat();
    expect(found.some((threshold) => threshold % 64 !== 1)).toBe(true);
  });

  it("counts the thresholds that it moves: those on streams", () => {
    const { records } = runPipeline(source(1), parsePipeline("quantize{threshold-shift=6}").steps ?? []);
    const moved = records[0]?.counters.get("thresholds-moved");
    expect(moved).toBeGreaterThan(0);
  });
});

describe("sums = exact", () => {
  /** Whether every weight and bias is a multiple of the result's unit. */
  const isExact = (net: Net, op: Op): boolean => {
    const { mantissa, exponent, bias } = viewOf(net, op).weights();
    const exp = Number(op.attrs["exp"] ?? 0);
    const whole = (value: number, i: number): boolean =>
      Number.isInteger(value * 2 ** (-exponent[i % exponent.length]! - exp));
    return mantissa.every(whole) && bias.every(whole);
  };
  const writers = (net: Net): readonly Op[] => net.ops.filter((op) => op.attrs["result"] === "fixed");

  it("leaves nothing to round where a stream is written", () => {
    let rounded = 0;
    for (const seed of SEEDS) {
      const net = quantised(source(seed), "sums=exact stream-bits=12");
      expect(writers(net).length).toBeGreaterThan(3);
      for (const op of writers(net)) {
        expect(isExact(net, op)).toBe(true);
        expect(new Set(viewOf(net, op).weights().exponent).size).toBe(1);
      }
      const plain = quantised(source(seed), "stream-bits=12");
      rounded += writers(plain).filter((op) => !isExact(plain, op)).length;
    }
    expect(rounded).toBeGreaterThan(0);
  });
});

describe("truncation = decay", () => {
  it("says what is kept, where bits of fraction do not suffice, and nothing else", () => {
    const charges = (options: string): readonly string[] =>
      quantised(source(1), options).ops.flatMap(({ attrs: { charge } }) =>
        typeof charge === "object" && "args" in charge ? [`${charge.name}(${charge.args.join()})`] : [],
      );
    expect(new Set(charges("truncation=decay state-bits=32"))).toEqual(new Set(["shift(1)"]));
    expect(new Set(charges("truncation=decay fraction-bits=0"))).toEqual(new Set(["decay(2048)"]));
    expect(new Set(charges("truncation=shift fraction-bits=0"))).toEqual(new Set(["shift(1)"]));
  });
});

describe("thresholds beyond the state", () => {
  it("are clamped to one that is never reached, and counted", () => {
    const clamped = (bits: number): number | undefined => {
      const steps = parsePipeline(`quantize{state-bits=${bits}}`).steps ?? [];
      const { net } = parseNet(
        `net @n(%x: count<2t, 2, max 3>) -> spike<2t, 2> {
  %r = to-real %x : real<2t, 2>
  %s = neuron.lif %r {charge = integrate, v_th = 128} : spike<2t, 2>
  return %s
}`,
        "test.snn",
      );
      return runPipeline(net!, steps).records[0]?.counters.get("thresholds-clamped");
    };
    // Nine bits hold 255, eight 127.
    expect(clamped(9)).toBe(0);
    expect(clamped(8)).toBe(2);
  });
});
