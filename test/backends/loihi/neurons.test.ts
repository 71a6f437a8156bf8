import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdsWeights, isBias, nearestBias } from "../../../src/backends/loihi/numerics.js";
import { evaluate, flatten, type Net } from "../../../src/ir/index.js";
import { Report } from "../../../src/diagnostics/index.js";
import { legalize, type LegalNet } from "../../../src/backends/loihi/index.js";
import { testChip } from "./chips.js";
import { net } from "./support.js";

const T = 5;
const N = 24;

/** Neurons on integers from the host. */
function neurons(attrs: string, reach: number): Net {
  return net(`net @n(%x: int<${T}t, ${N}, -${reach}..${reach}>) -> spike<${T}t, ${N}> {
  %s = ${attrs} : spike<${T}t, ${N}>
  return %s
}`);
}

function legalOrReasons(source: Net): LegalNet | readonly string[] {
  const report = new Report();
  return legalize(source, testChip(), {}, report) ?? report.diagnostics.map(({ message }) => message);
}

function spikesOf(source: Net, x: readonly number[]): readonly number[] {
  return [
    ...flatten(
      evaluate(source, new Map([["x", x]]))
        .outputs.values()
        .next().value ?? [],
    ),
  ];
}

/** Currents around the threshold, so that ties and values one off are met. */
function currents(threshold: number, reach: number, seed: readonly number[]): readonly number[] {
  const near = [0, 1, -1, 2].map((d) => Math.ceil(threshold) + d);
  return Array.from({ length: T * N }, (_, i) => {
    const pick = seed[i % seed.length]! + i;
    const value = i % 3 === 0 ? near[pick % near.length]! : ((pick * 7919) % (2 * reach + 1)) - reach;
    return Math.max(-reach, Math.min(reach, value));
  });
}

/** Whether some weight and register tell `last` from `last + 1`, with what is left of a potential below 4096. */
function hasCounter(last: number, reach: number): boolean {
  return [1, 2, 4, 8, 16, 32, 64].some((weight) => {
    const registers = Array.from({ length: 200 }, (_, m) => 64 * m);
    const tells = registers.some((register) => last * weight <= register && register < (last + 1) * weight);
    return tells && Math.max(last, reach) * weight < 4096;
  });
}

describe("a neuron of the chip", () => {
  const charges = [
    { charge: "integrate", fraction: 0, scaleFree: true },
    { charge: "integrate", fraction: 3, scaleFree: true },
    { charge: "shift(1)", fraction: T - 1, scaleFree: true },
    { charge: "shift(2)", fraction: 2 * (T - 1), scaleFree: true },
    { charge: "decay(2048)", fraction: 0, scaleFree: false },
    { charge: "decay(1)", fraction: 2, scaleFree: false },
    { charge: "decay(4095)", fraction: 0, scaleFree: false },
    { charge: "cuba(4096, 2048)", fraction: 1, scaleFree: false },
    { charge: "cuba(1000, 77)", fraction: 0, scaleFree: false },
  ];

  it.each(charges)(
    "fires as the integer neuron does: $charge, $fraction bits of fraction",
    ({ charge, fraction, scaleFree }) => {
      fc.assert(
        fc.property(
          fc.integer({ min: 0, max: 20 }),
          fc.constantFrom(-1, 0, 1, 2, 33),
          fc.constantFrom("ge", "gt"),
          fc.array(fc.nat(1000), { minLength: 3, maxLength: 9 }),
          (steps, off, fire, seed) => {
            const threshold = 64 * steps + off;
            const unit = 2 ** fraction;
            const reach = Math.max(8, Math.ceil((2 * Math.abs(threshold)) / unit));
            const source = neurons(
              `neuron.lif %x {charge = ${charge}, v_th = ${threshold}, fire = ${fire}, fraction_bits = ${fraction}}`,
              reach,
            );
            const found = legalOrReasons(source);
            const last = fire === "ge" ? threshold - 1 : threshold;
            // Registers hold multiples of 64; finer potentials reach all others.
            expect("net" in found).toBe(last >= 0 && (scaleFree || last % 64 === 0));
            if (!("net" in found)) return;
            const x = currents(threshold / unit, reach, seed);
            expect(spikesOf(found.net, x)).toEqual(spikesOf(source, x));
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it("forgets exactly what a counter forgets", () => {
    for (let threshold = -1; threshold <= 70; threshold++) {
      const source = neurons(`neuron.threshold %x {v_th = ${threshold}}`, 63);
      const found = legalOrReasons(source);
      expect("net" in found).toBe(threshold >= 1 && hasCounter(threshold - 1, 63));
      if (!("net" in found)) continue;
      const x = currents(threshold, 63, [1, 5, 11]);
      expect(spikesOf(found.net, x)).toEqual(spikesOf(source, x));
    }
  });

  it("may saturate where bounds do not prove that it cannot, and says so", () => {
    const wide = (reach: number) => legalOrReasons(neurons("neuron.lif %x {charge = integrate, v_th = 65}", reach));
    // A sum has 21 bits, T of them in the potential 23.
    const limit = Math.floor((2 ** 23 - 1) / T);
    const notes = (found: ReturnType<typeof wide>) => ("net" in found ? found.notes : undefined);
    expect(notes(wide(limit))).toEqual([]);
    expect(notes(wide(limit + 1))?.[0]).toContain("bounds do not prove that 1 layers stay inside");
  });
});

describe("registers", () => {
  const { numerics } = testChip();

  it("hold biases of 12 bits times 2^0..2^7, and the nearest of others", () => {
    fc.assert(
      fc.property(fc.nat(4095), fc.nat(7), fc.boolean(), (mantissa, exponent, negative) => {
        expect(isBias((negative ? -1 : 1) * mantissa * 2 ** exponent, numerics)).toBe(true);
      }),
    );
    for (const value of [4097, 2 * 4095 + 1, 4096 * 128, 2 ** 20]) expect(isBias(value, numerics)).toBe(false);
    fc.assert(
      fc.property(fc.integer({ min: -600_000, max: 600_000 }), (value) => {
        let best = Infinity;
        for (let e = 0; e <= 7; e++) {
          for (const m of [Math.floor(Math.abs(value) / 2 ** e), Math.ceil(Math.abs(value) / 2 ** e)]) {
            best = Math.min(best, Math.abs(Math.min(4095, m) * 2 ** e - Math.abs(value)));
          }
        }
        const near = nearestBias(value, 12, [0, 7]);
        expect(isBias(near, numerics)).toBe(true);
        expect(Math.abs(near - value)).toBe(best);
      }),
    );
  });

  it("hold weights of 8 bits, of both signs without the lowest, times 2^(6 - 7)..2^(6 + 7)", () => {
    const holds = (granule: number, largest: number, shift: number): boolean =>
      holdsWeights({ granule, largest, mixed: true }, shift, testChip());
    expect(holds(1, 127, 0)).toBe(true);
    expect(holds(1, 128, 0)).toBe(false);
    expect(holds(2, 254, 0)).toBe(true);
    // 127 * 2^14 is 254 * 2^(6 + 7).
    expect(holds(1, 127, 14)).toBe(true);
    expect(holds(1, 127, 15)).toBe(false);
    expect(holds(1, 63, 15)).toBe(true);
    const coarse = testChip({ weightExponent: [-6, 7] });
    expect(holdsWeights({ granule: 1, largest: 3, mixed: true }, 0, coarse)).toBe(false);
    expect(holdsWeights({ granule: 1, largest: 3, mixed: false }, 0, coarse)).toBe(true);
    expect(holdsWeights({ granule: 1, largest: 3, mixed: true }, 1, coarse)).toBe(true);
    expect(
      holdsWeights(
        { granule: 1, largest: 3, mixed: true },
        0,
        testChip({ weightExponent: [-6, 7], mixedSignDropsLowBit: false }),
      ),
    ).toBe(true);
  });
});

describe("biases", () => {
  const withBias = (bias: number): Net =>
    net(`net @n(%x: spike<4t, 2>) -> spike<4t, 2> {
  const @w : weights<2x2> = [1, 0, 0, 1] + [${bias}, 0] grid [0]
  %0 = synapse.dense %x, @w {result = int} : int<4t, 2, -${bias + 1}..${bias + 1}>
  %s = neuron.lif %0 {charge = integrate, v_th = 4161} : spike<4t, 2> layer("s")
  return %s
}`);

  it("are those of the neuron, or refused, or rounded where that is allowed", () => {
    const exact = legalize(withBias(4095), testChip(), {}, new Report());
    expect(exact?.net.ops.at(-1)?.attrs["bias"]).toEqual({ symbol: "s.bias" });
    const report = new Report();
    expect(legalize(withBias(4097), testChip(), {}, report)).toBeUndefined();
    expect(report.diagnostics[0]).toMatchObject({ code: "loihi/bias" });
    expect(report.diagnostics[0]?.message).toContain("the bias of channel 0 is 4097 * 2^0, a register holds 12 bits");
    const rounded = legalize(withBias(4097), testChip(), { allow: new Set(["biases"]) }, new Report());
    expect(rounded?.notes).toEqual(["1 thresholds and biases are approximate"]);
  });
});
