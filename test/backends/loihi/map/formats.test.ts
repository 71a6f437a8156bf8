import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  exponentsOf,
  fewestExponents,
  listBits,
  shapeOf,
  sharedBase,
  storageOf,
} from "../../../../src/backends/loihi/map/formats.js";
import { readChip, type LoihiChip, type SynapseFormat } from "../../../../src/chips/index.js";
import { Report } from "../../../../src/diagnostics/index.js";

const loihi1 = readChip("loihi1", new Report(), "loihi")!;

function format(name: string): SynapseFormat {
  const found = loihi1.synapseFormats.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no format ${name}`);
  return found;
}

const list = (weights: readonly number[], first = 0) =>
  shapeOf({
    target: Int32Array.from(weights, (_, i) => first + i),
    weight: Int32Array.from(weights),
    delay: new Uint8Array(weights.length).fill(1),
  });

describe("bits of a list", () => {
  // nengo-loihi's bits_per_axon with 8-bit weights, blocks of 64, headers of 10 bits, words of 64.
  it.each<[synapses: number, index: number, bits: number]>([
    [64, 0, 576],
    [64, 6, 960],
    [65, 0, 576 + 64],
    [1, 0, 64],
    [0, 0, 0],
    [128, 6, 1920],
  ])("of %i synapses with indices of %i bits are %i", (synapses, indexBits, bits) => {
    expect(listBits(synapses, { ...format("dense"), indexBits }, 64)).toBe(bits);
  });

  it("let a core hold 1820 dense lists of 64 weights, and one more does not fit", () => {
    const bits = listBits(64, format("dense"), loihi1.core.wordBits);
    expect(1820 * bits).toBeLessThanOrEqual(loihi1.core.synapseBits);
    expect(1821 * bits).toBeGreaterThan(loihi1.core.synapseBits);
  });
});

describe("exponents of a list", () => {
  const ways = (weights: readonly number[], bits = 8, numerics: Partial<LoihiChip["numerics"]> = {}) =>
    exponentsOf(list(weights), bits, { ...loihi1.numerics, ...numerics });

  it.each<[what: string, weights: readonly number[], range: readonly [number, number] | undefined]>([
    ["one sign, the largest mantissa", [255 * 64], [0, 0]],
    ["one sign, a bit too much", [256 * 64 + 64], undefined],
    ["both signs, even mantissas", [254 * 64, -64 * 2], [0, 0]],
    ["both signs, an odd mantissa, as even ones of the exponent below", [3 * 64, -64], [-6, -1]],
    ["both signs, too wide for an odd one", [253 * 64, -64], undefined],
    ["a power of two anywhere", [64], [-7, 0]],
    ["the smallest unit", [1], [-7, -6]],
    ["the largest unit", [2 ** 13], [0, 7]],
  ])("%s", (_what, weights, range) => {
    expect(ways(weights)).toEqual(range);
  });

  it("agree with trying every mantissa", () => {
    const sparse = fc.array(
      fc.integer({ min: -700, max: 700 }).filter((w) => w !== 0),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(
        sparse,
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 2, max: 9 }),
        fc.boolean(),
        (small, shift, bits, drops) => {
          const weights = small.map((w) => w * 2 ** shift);
          const mixed = weights.some((w) => w > 0) && weights.some((w) => w < 0);
          const held = (exponent: number): boolean =>
            weights.every((weight) => {
              const mantissa = weight / 2 ** (6 + exponent);
              if (!Number.isInteger(mantissa)) return false;
              const most = drops ? 2 ** bits - 1 : 2 ** (bits - 1) - 1;
              return Math.abs(mantissa) <= most && !(drops && mixed && mantissa % 2 !== 0);
            });
          const all = Array.from({ length: 15 }, (_, i) => i - 7).filter(held);
          const range = ways(weights, bits, { mixedSignDropsLowBit: drops });
          expect(range).toEqual(all.length === 0 ? undefined : [all[0], all[all.length - 1]]);
        },
      ),
    );
  });
});

describe("formats of a core", () => {
  it("are as few as exponents that hit every range, as trying all choices says", () => {
    const range = fc
      .tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 3 }))
      .map(([a, n]) => [a, a + n] as const);
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 5 }), (ranges) => {
        let fewest = Infinity;
        for (let chosen = 1; chosen < 2 ** 10; chosen++) {
          const exponents = Array.from({ length: 10 }, (_, i) => i - 3).filter((_, i) => ((chosen >> i) & 1) === 1);
          if (exponents.length >= fewest) continue;
          if (ranges.every(([a, b]) => exponents.some((e) => e >= a && e <= b))) fewest = exponents.length;
        }
        expect(fewestExponents(ranges)).toBe(fewest);
      }),
      { numRuns: 40 },
    );
  });
});

describe("storage", () => {
  it("shares what several axons have alike, where that is cheaper", () => {
    const shape = list(Array.from({ length: 64 }, () => 64));
    // Dense lists take 320 bits each, an indexed one 960.
    const firsts = [0, 64, 128, 192];
    expect(storageOf(shape, firsts.slice(0, 2), loihi1)).toMatchObject({ shared: false, filled: true });
    expect(storageOf(shape, firsts.slice(0, 1), loihi1)).toMatchObject({ shared: false, filled: true, bits: 320 });
    const storage = storageOf(shape, firsts, loihi1)!;
    expect(storage.shared).toBe(true);
    expect(loihi1.synapseFormats[storage.format]!.shared).toBe(true);
  });

  it("fills gaps with weights of 0 where indices cost more", () => {
    const gap = (distance: number) =>
      storageOf(
        shapeOf({ target: Int32Array.of(0, distance), weight: Int32Array.of(64, 64), delay: Uint8Array.of(1, 1) }),
        [0],
        loihi1,
      );
    // 2 words of 4-bit weights end at 29 of them; two indexed synapses take one word.
    expect(gap(1)).toMatchObject({ bits: 64 });
    expect(gap(900)).toMatchObject({ filled: false, bits: 64 });
  });

  it("has no format for delays that are too long, nor for indices that do not reach", () => {
    const one = (target: readonly number[], delay: number) =>
      shapeOf({
        target: Int32Array.from(target),
        weight: Int32Array.from(target, () => 64),
        delay: Uint8Array.from(target, () => delay),
      });
    expect(storageOf(one([0], 8), [0], loihi1)).toBeDefined();
    expect(storageOf(one([0], 9), [0], loihi1)).toBeUndefined();
    // Twice the same compartment needs indices.
    expect(storageOf(one([0, 0, 1023], 1), [0], loihi1)).toBeDefined();
    expect(storageOf(one([0, 0, 1024], 1), [0], loihi1)).toBeUndefined();
  });

  it("puts shared lists at legal bases in front of their first target", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1023 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 5 }),
        (first, below, multipleOf) => {
          const base = sharedBase({ ...format("convolution"), sharedBases: { below, multipleOf } }, first);
          expect(base).toBeLessThanOrEqual(first);
          expect(base).toBeGreaterThanOrEqual(0);
          expect(base).toBeLessThan(below);
          expect(base % multipleOf).toBe(0);
        },
      ),
    );
  });
});
