import { describe, expect, it } from "vitest";
import { accumulateGroups, accumulateRows, addRow, createRowScratch } from "../../../src/sim/kernels/accumulate.js";
import { laneInts, loadBits, nextBit, packBits } from "../../../src/sim/kernels/bits.js";
import { random } from "../support.js";

const LARGEST = 2 ** 24 - 1;

describe("accumulateRows", () => {
  it.each([
    ["random weights", 1, (r: (n: number) => number) => r(2 ** 25) - 2 ** 24],
    ["the largest weights of one sign", 2, () => LARGEST],
    ["the smallest weights", 3, () => -LARGEST],
  ])("equals one addRow per entry on %s", (_, seed, weight) => {
    const r = random(seed);
    for (const [timesteps, lanes, inputs] of [
      [1, 8, 700],
      [4, 64, 600],
      [6, 24, 1000],
    ] as const) {
      const blocks = 2;
      const stride = blocks * lanes;
      const weights = Int32Array.from({ length: inputs * stride }, () => weight(r));
      const rows: number[] = [];
      const gates: number[] = [];
      for (let c = 0; c < inputs; c++) {
        const gate = seed === 1 ? r(2 ** timesteps) : 2 ** timesteps - 1;
        if (gate === 0) continue;
        rows.push(c);
        gates.push(gate);
      }
      const scratch = createRowScratch(inputs, lanes, timesteps);
      for (let block = 0; block < blocks; block++) {
        const start = Float64Array.from({ length: timesteps * lanes }, () => r(1000));
        const [plain, fast] = [start.slice(), start.slice()];
        rows.forEach((row, i) => addRow(plain, weights, row * stride + block * lanes, lanes, gates[i]!, 1));
        if (block > 0) accumulateGroups(fast, weights, stride, block * lanes, lanes, timesteps, scratch);
        else {
          const [list, gate] = [Int32Array.from(rows), Uint8Array.from(gates)];
          accumulateRows(fast, weights, stride, 0, lanes, list, gate, rows.length, timesteps, scratch);
        }
        expect(fast).toEqual(plain);
      }
    }
  });

  it("leaves sums alone when no row is active", () => {
    const sums = Float64Array.of(1, 2);
    const scratch = createRowScratch(4, 2, 1);
    accumulateRows(sums, new Int32Array(8), 2, 0, 2, new Int32Array(4), new Uint8Array(4), 0, 1, scratch);
    expect([...sums]).toEqual([1, 2]);
  });
});

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
