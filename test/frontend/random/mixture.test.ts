import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channelRates, mean, sampleRates, uniformSetting, type NeuronRule } from "../../../src/frontend/random/fit.js";
import { Generator } from "../../../src/frontend/random/generator.js";
import { Mixture } from "../../../src/frontend/random/mixture.js";

const RULE: NeuronRule = { divide: true, k: 2, vTh: 1, v0: 0, vReset: 0, ge: true, hard: true };

/** Normal currents of `positions` x `channels`; `held` gives every timestep the same. */
function currents(channels: number, positions: number, timesteps: number, held: boolean, seed = 1) {
  const random = new Generator(seed, "currents");
  const draw = (): Float32Array => Float32Array.from({ length: positions * channels }, () => random.normal());
  const first = draw();
  const unit = Array.from({ length: timesteps }, (_, t) => (held || t === 0 ? first : draw()));
  return { base: unit.map((slot) => new Float32Array(slot.length)), unit, channels };
}

const off = (a: readonly number[], b: readonly number[]): number => Math.max(...a.map((x, t) => Math.abs(x - b[t]!)));

describe("rates of sampled neurons", () => {
  it("are those of the plain rule, neuron by neuron", () => {
    const anyRule = fc.record({
      divide: fc.boolean(),
      k: fc.constantFrom(0.5, 1.5, 2),
      vTh: fc.constantFrom(0.5, 1),
      v0: fc.constantFrom(0, 0.25),
      vReset: fc.constantFrom(0, -0.25),
      ge: fc.boolean(),
      hard: fc.boolean(),
    });
    fc.assert(
      fc.property(anyRule, fc.integer({ min: 1, max: 1000 }), (rule, seed) => {
        const [channels, positions, T] = [3, 5, 4];
        const { unit } = currents(channels, positions, T, false, seed);
        const { unit: base } = currents(channels, positions, T, false, seed + 1);
        const gamma = Float32Array.of(0.5, 1, 2);
        const beta = Float32Array.of(0.5, 0, -0.25);
        const expected = new Float64Array(channels * T);
        for (let i = 0; i < positions * channels; i++) {
          const c = i % channels;
          let v: number = rule.v0;
          for (let t = 0; t < T; t++) {
            const current = base[t]![i]! + gamma[c]! * unit[t]![i]! + beta[c]!;
            const charge = current - (v - rule.vReset);
            const h = Math.fround(v + (rule.divide ? charge / rule.k : charge * rule.k));
            const spike = h > rule.vTh || (rule.ge && h === rule.vTh);
            expected[c * T + t]! += spike ? 1 / positions : 0;
            v = !spike ? h : rule.hard ? rule.vReset : Math.fround(h - rule.vTh);
          }
        }
        const got = channelRates({ base, unit, channels }, rule, { gamma, beta });
        got.forEach((rate, i) => expect(rate).toBeCloseTo(expected[i]!, 12));
      }),
    );
  });
});

describe("a mixture of channels", () => {
  it("reaches any profile that some mix of channels has", () => {
    const share = fc.record({
      gamma: fc.constantFrom(0.5, 1, 2, 4),
      beta: fc.double({ min: -1, max: 1.5, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 99 }), (shares, seed) => {
        const sample = currents(64, 16, 4, false, seed);
        const wanted = [0, 1, 2, 3].map((t) =>
          mean(shares.map(({ gamma, beta }) => sampleRates(sample, RULE, uniformSetting(64, gamma, beta))[t]!)),
        );
        const mixture = new Mixture(sample, RULE, wanted);
        mixture.towards(wanted);
        // One of 64 channels changes a rate by 1/64 at most; sums of several come nearer.
        expect(off(sampleRates(sample, RULE, mixture.setting), wanted)).toBeLessThan(1 / 64);
      }),
      { numRuns: 30 },
    );
  });

  it("comes no nearer than there is: a current held still lets no neuron fire in the first timestep alone", () => {
    const sample = currents(64, 16, 4, true);
    const wanted = [0.3, 0.1, 0.1, 0.1];
    const mixture = new Mixture(sample, RULE, wanted);
    mixture.towards(wanted);
    const rates = sampleRates(sample, RULE, mixture.setting);
    // Whoever fires first fires always, so the nearest in squares is the same rate everywhere.
    rates.forEach((rate) => expect(rate).toBeCloseTo(0.15, 1));
    expect(off(rates, wanted)).toBeGreaterThan(0.1);
  });

  it("is never further away than the best single gamma and beta it started with", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 0.6, noNaN: true }), { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        (wanted, held) => {
          const sample = currents(32, 16, 4, held);
          const mixture = new Mixture(sample, RULE, wanted);
          const squares = (): number =>
            sampleRates(sample, RULE, mixture.setting).reduce((sum, r, t) => sum + (r - wanted[t]!) ** 2, 0);
          const before = squares();
          mixture.towards(wanted);
          expect(squares()).toBeLessThanOrEqual(before + 1e-12);
        },
      ),
      { numRuns: 20 },
    );
  });
});
