import { describe, expect, it } from "vitest";
import { laneInts, loadBits, nextBit, packBits } from "../../../src/sim/layerwise/stepped/bits.js";
import { random } from "../support.js";

describe("bits", () => {
  it.each([8, 24, 32, 40, 64, 96])("of %i lanes survive packing and unpacking", (lanes) => {
    const r = random(lanes);
    const steps = 3;
    const spikes = Uint8Array.from({ length: lanes * steps }, () => r(2));
    const bytes = (lanes * steps) / 8;
    const u8 = new Uint8Array(Math.ceil(bytes / 4) * 4 + 4);
    packBits(spikes, bytes, u8, 0);
    const ints = laneInts(lanes);
    const bits = new Int32Array(ints * steps);
    loadBits(u8, new Int32Array(u8.buffer), 0, lanes, steps, bits, 0);
    let found = 0;
    for (let s = 0; s < steps; s++) {
      for (let l = nextBit(bits, s * ints, ints, 0); l >= 0; l = nextBit(bits, s * ints, ints, l + 1)) {
        expect(spikes[s * lanes + l]).toBe(1);
        found++;
      }
    }
    expect(found).toBe(spikes.reduce((a, b) => a + b));
  });
});
