import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffSpikes, type SpikeRecording } from "../../src/validate/spike-diff.js";

const SHAPE = { timesteps: 2, positions: 3, channels: 2 };
const SIZE = 12;
const NAMES = ["b", "a", "c"];
const SAMPLES = 2;

/** spikes[sample][layer], layers in the order of NAMES. */
type Spikes = readonly (readonly Uint8Array[])[];

function recording(spikes: Spikes, names = NAMES): SpikeRecording {
  return {
    samples: spikes.length,
    timesteps: SHAPE.timesteps,
    layers: names.map((name, i) => ({ name, ...SHAPE, spikes: (sample) => spikes[sample]![i]! })),
    state: () => ({}),
  };
}

const silent = (): Uint8Array[][] =>
  Array.from({ length: SAMPLES }, () => NAMES.map(() => new Uint8Array(SIZE).fill(0)));
const place = fc.record({ sample: fc.nat(SAMPLES - 1), layer: fc.nat(2), element: fc.nat(SIZE - 1) });

describe("two recordings", () => {
  it("part at the first flipped spike by sample, layer in network order, timestep, position and channel", () => {
    fc.assert(
      fc.property(fc.uniqueArray(place, { selector: (p) => JSON.stringify(p), maxLength: 6 }), (flips) => {
        const changed = silent();
        for (const { sample, layer, element } of flips) changed[sample]![layer]![element] = 1;
        const { first, layers } = diffSpikes(recording(silent()), recording(changed));
        const differ = NAMES.map((_, layer) => flips.filter((flip) => flip.layer === layer).length);
        expect(layers).toEqual(NAMES.map((name, i) => ({ name, compared: SAMPLES * SIZE, differ: differ[i] })));
        const key = (p: (typeof flips)[number]): number => (p.sample * 3 + p.layer) * SIZE + p.element;
        const [earliest] = [...flips].sort((a, b) => key(a) - key(b));
        const expected = earliest && {
          sample: earliest.sample,
          layer: NAMES[earliest.layer],
          timestep: Math.floor(earliest.element / 6),
          position: Math.floor((earliest.element % 6) / 2),
          channel: earliest.element % 2,
          sides: [{ spike: 0 }, { spike: 1 }],
        };
        expect(first).toEqual(expected);
      }),
    );
  });

  it("list the layers that only one of them has, and compare the samples that both have", () => {
    const a = recording(silent());
    const b = recording(silent().slice(1), ["b", "x", "c"]);
    const { apart, samples, layers } = diffSpikes(a, b);
    expect(apart).toEqual([
      { name: "a", why: "first only" },
      { name: "x", why: "second only" },
    ]);
    expect(samples).toBe(1);
    expect(layers.map(({ name }) => name)).toEqual(["b", "c"]);
  });
});
