import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RULES } from "../../../src/sim/loihi/stepped/rules.js";
import { referenceUpdate } from "./reference-update.js";

/** Values around the widths at which something wraps, clips, or loses its fraction. */
const LIMIT = 2 ** 23;
const around = (...values: number[]): number[] => values.flatMap((x) => [x - 1, x, x + 1, 1 - x, -x, -1 - x]);
const sums = fc.oneof(
  fc.constantFrom(...around(0, 2 ** 21, 2 ** 22, LIMIT, 2 ** 24, 3 * 2 ** 22)),
  fc.integer({ min: -(2 ** 30), max: 2 ** 30 }),
  fc.integer({ min: -5000, max: 5000 }),
);
const states = fc.oneof(
  fc.constantFrom(...around(0, 1, 4096, LIMIT - 1).filter((x) => Math.abs(x) <= LIMIT)),
  fc.integer({ min: -LIMIT, max: LIMIT }),
);
const decays = fc.oneof(fc.constantFrom(0, 1, 2048, 4094, 4095), fc.integer({ min: 0, max: 4095 }));
const limits = fc.constantFrom(-LIMIT + 1, 1 - 2 ** 10, 0);
const tops = fc.constantFrom(LIMIT - 1, 2 ** 9 - 1, 2 ** 15 - 1);

describe.each(["loihi", "nengo", "lava", "brian2"] as const)("a compartment of %s", (profile) => {
  const most = profile === "brian2" ? fc.oneof(decays, fc.constant(4096)) : decays;
  const cases = fc.record({
    u: states,
    v: states,
    rest: fc.integer({ min: 0, max: 2 }),
    q: sums,
    decayU: most,
    decayV: most,
    refractory: fc.constantFrom(1, 2, 63),
    vMin: limits,
    vMax: tops,
    currentShift: profile === "lava" ? fc.integer({ min: -7, max: 7 }) : fc.constant(0),
    threshold: fc.oneof(fc.constantFrom(0, LIMIT - 1, 2 ** 9 - 1, 2 ** 9 - 2), fc.integer({ min: 0, max: LIMIT - 1 })),
    bias: profile === "brian2" ? fc.constant(0) : fc.oneof(fc.constantFrom(...around(0, LIMIT - 2)), states),
  });

  it("does what the arithmetic says", () => {
    fc.assert(
      fc.property(cases, ({ u, v, rest, q, ...parameters }) => {
        const expected = referenceUpdate(profile, { u: BigInt(u), v: BigInt(v), rest }, BigInt(q), parameters);
        const outcome = RULES[profile]({ u, v, rest }, q, parameters);
        expect(outcome).toEqual({ ...expected, u: Number(expected.u), v: Number(expected.v) });
      }),
      { numRuns: 20_000 },
    );
  });

  it("fires above its threshold, not at it", () => {
    const parameters = { decayU: 4095, decayV: 0, refractory: 3, vMin: -LIMIT + 1, vMax: LIMIT - 1, currentShift: 0 };
    const q = profile === "lava" ? 1 : 64;
    const at = (threshold: number) => RULES[profile]({ u: 0, v: 0, rest: 0 }, q, { ...parameters, threshold, bias: 0 });
    expect(at(64)).toMatchObject({ fired: false, v: 64, rest: 0 });
    expect(at(63)).toMatchObject({ fired: true, v: 0, u: 64, rest: 2 });
  });
});

describe("where profiles part", () => {
  const PLAIN = {
    decayU: 0,
    decayV: 0,
    refractory: 1,
    vMin: 1 - LIMIT,
    vMax: LIMIT - 1,
    currentShift: 0,
    threshold: LIMIT - 1,
    bias: 0,
  };
  const update = (profile: "loihi" | "lava" | "brian2", u: number, q: number, more = {}) =>
    RULES[profile]({ u, v: 0, rest: 0 }, q, { ...PLAIN, ...more });

  it("the chip adds 1 to the decay of u", () => {
    expect([update("loihi", 4096, 0).u, update("lava", 4096, 0).u, update("brian2", 4096, 0).u]).toEqual([
      4095, 4095, 4096,
    ]);
  });

  it("sums wrap at 21 bits, or not at all", () => {
    expect([update("loihi", 0, 2 ** 21).u, update("lava", 0, 2 ** 15).u]).toEqual([-(2 ** 21), 2 ** 21]);
  });

  it("u wraps below 2^23, or above it", () => {
    const u = 2 ** 23 - 2 ** 18;
    const q = 2 ** 23 - (u / 4096) * 4095;
    expect(update("lava", u, q / 64).u).toBe(2 ** 23);
    expect(update("loihi", u, q).u).toBe(-(2 ** 23));
  });

  it("lava shifts the sum toward minus infinity before it is aligned to 2^6", () => {
    const shifted = (q: number) => update("lava", 0, q, { currentShift: -1 }).u;
    expect([shifted(-3), shifted(3)]).toEqual([-2 * 64, 64]);
  });
});
