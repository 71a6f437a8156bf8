import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../../../src/diagnostics/index.js";
import { loadWeights, type SignMode, type WeightFormat } from "../../../src/frontend/loihi/index.js";
import { LOIHI_PROFILES, type LoihiProfile } from "../../../src/ir/index.js";

/** What each tool makes of weight mantissas, against its rule in BigInt: shifts, divisions and no doubles. */

const abs = (x: bigint): bigint => (x < 0n ? -x : x);
const clip = (x: bigint, lo: bigint, hi: bigint): bigint => (x < lo ? lo : x > hi ? hi : x);
/** x * 2^e, toward minus infinity. */
const shift = (x: bigint, e: bigint): bigint => (e >= 0n ? x << e : x >> -e);

/** x / 2^s to the nearest integer, ties to even. */
function roundHalfEven(x: bigint, s: bigint): bigint {
  const floor = x >> s;
  const twice = 2n * (x - (floor << s));
  const one = 1n << s;
  if (twice < one) return floor;
  if (twice > one) return floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

type Rule = (w: bigint, bits: bigint, mode: SignMode, exponent: bigint) => bigint;

const storedBits = (bits: bigint, mode: SignMode): bigint => (mode === "mixed" ? bits - 1n : bits);

const loihi: Rule = (w, bits, mode, exponent) => {
  const n = 8n - storedBits(bits, mode);
  const magnitude = shift((abs(w) >> n) << n, 6n + exponent);
  return w < 0n ? -magnitude : magnitude;
};

const nengo: Rule = (w, bits, _mode, exponent) => {
  const s = 8n - bits + 1n;
  const limit = (1n << (8n - s)) - 1n;
  let m = clip(roundHalfEven(w, s), -limit, limit);
  const e = s + exponent;
  if (e < 0n) m = clip(roundHalfEven(m, -e) << -e, -limit, limit);
  return shift(m, e) << 6n;
};

/** The exponent is left to the sum. */
const lava: Rule = (w, bits, mode) => {
  const n = 8n - storedBits(bits, mode);
  if (mode === "mixed") return (clip(w, -256n, 255n) >> n) << n;
  if (mode === "excitatory") return (clip(w, 0n, 255n) >> n) << n;
  return -((-clip(w, -255n, 0n) >> n) << n);
};

const brian2: Rule = (w, bits, mode, exponent) => {
  const n = 1n << (8n - storedBits(bits, mode));
  const limit = (1n << 21n) - 64n;
  return clip(shift((w / n) * n, exponent) * 64n, -limit, limit);
};

const RULES: Readonly<Record<LoihiProfile, Rule>> = { loihi, nengo, lava, brian2 };

/** Mantissas of a sign mode, further than the register where the tool clips. */
function mantissasOf(profile: LoihiProfile, mode: SignMode): readonly number[] {
  const beyond = profile === "lava" || profile === "nengo" ? 50 : 0;
  const [lo, hi] = { mixed: [-256, 255], excitatory: [0, 255], inhibitory: [-255, 0] }[mode] as [number, number];
  const [from, to] = [lo - (mode === "excitatory" ? 0 : beyond), hi + (mode === "inhibitory" ? 0 : beyond)];
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

const load = (profile: LoihiProfile, mantissas: readonly number[], format: Partial<WeightFormat> = {}) =>
  loadWeights(profile, mantissas, { bits: 8, signMode: "mixed", exponent: 0, ...format }, "w.npy");

describe.each(LOIHI_PROFILES)("weights of %s", (profile) => {
  it.each(["mixed", "excitatory", "inhibitory"] as const)(
    "follow its rule: every %s mantissa, width, exponent",
    (mode) => {
      const mantissas = mantissasOf(profile, mode);
      for (let bits = 1; bits <= 8; bits++) {
        for (let exponent = -7; exponent <= 7; exponent++) {
          const { weights, currentShift } = load(profile, mantissas, { bits, signMode: mode, exponent });
          const wanted = mantissas.map((w) => Number(RULES[profile](BigInt(w), BigInt(bits), mode, BigInt(exponent))));
          expect([...weights], `${bits} bits, exponent ${exponent}`).toEqual(wanted);
          expect(currentShift).toBe(profile === "lava" ? exponent : 0);
        }
      }
    },
  );
});

describe("the examples of the fact sheet, in units of 64", () => {
  it.each([
    ["nengo", [4, -4, 4, -4]],
    ["lava", [2, -4, 4, -6]],
    ["brian2", [2, -2, 4, -4]],
  ] as const)("%s: 3, -3, 5, -5 with 8 mixed bits", (profile, expected) => {
    const unit = profile === "lava" ? 1 : 64;
    expect([...load(profile, [3, -3, 5, -5]).weights].map((w) => w / unit)).toEqual(expected);
  });

  it.each([
    ["nengo", 2 * 64],
    ["brian2", 64],
  ] as const)("%s: 6 at exponent -2", (profile, expected) => {
    expect([...load(profile, [6], { exponent: -2 }).weights]).toEqual([expected]);
  });
});

describe("mantissas that no register holds", () => {
  it.each([
    ["mixed", -257, "-256..255"],
    ["mixed", 256, "-256..255"],
    ["excitatory", -1, "0..255"],
    ["inhibitory", 1, "-255..0"],
  ] as const)("are refused, %s: %i", (signMode, wrong, range) => {
    for (const profile of ["loihi", "brian2"] as const) {
      expect(() => load(profile, [0, wrong], { signMode })).toThrow(DiagnosticError);
      expect(() => load(profile, [0, wrong], { signMode })).toThrow(
        `weight 1 has the mantissa ${wrong}, ${signMode} weights lie in ${range}`,
      );
    }
  });
});
