import fc from "fast-check";
import { expect, it } from "vitest";
import { createKernels, KernelMemory, KERNELS } from "../../../../src/sim/kernels/index.js";
import { Dram } from "../../../../src/sim/layerwise/event/execute/dram.js";
import { WeightMemory } from "../../../../src/sim/layerwise/event/execute/weights.js";
import { narrow, SMALL, weightRows } from "../../support.js";

/*
 * The weight memory of event against one that copies at once: whatever is loaded, stored and read in whatever order, words hold
 * what was loaded last, and blocks have the rows of their words, whatever width weights have.
 */

const LANES = 8;
/** Words of the memory, of the weights in DRAM, and of what lies behind them. */
const WORDS = 24;
const WEIGHTS = 40;
const REST = 8;

const range = (words: number) =>
  fc.tuple(fc.nat(words - 1), fc.integer({ min: 1, max: 8 })).map(([first, n]) => [first, Math.min(n, words - first)]);

const actions = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("load"), at: range(WORDS), dram: fc.nat(WEIGHTS + REST - 8) }),
    fc.record({ what: fc.constant("fetch"), at: range(WORDS), dram: fc.constant(0) }),
    fc.record({ what: fc.constant("block"), at: range(WORDS), dram: fc.constant(0) }),
    fc.record({ what: fc.constant("store"), at: range(REST), dram: fc.constant(0) }),
    fc.record({ what: fc.constant("clear"), at: range(WORDS), dram: fc.constant(0) }),
  ),
  { maxLength: 30 },
);

/** A weight of a row: some rows fit eight bits, some do not unless weights have no more. */
const weight = (row: number, lane: number, bits: number): number => {
  const largest = 2 ** (bits - 1) - 1;
  const value = (row % 5 === 4 ? 1000 : 1) * (((row * 37 + lane * 11) % 255) - 127);
  return Math.max(-largest - 1, Math.min(largest, value));
};

const CASES = [8, 16, 32, 5, 11].flatMap((bits) => [0, 2].map((room) => [bits, room] as const));

it.each(CASES)(
  "weights of %i bits: lazy loads leave what eager ones leave, with room for %i packed blocks",
  (bits, room) => {
    const chip = narrow(SMALL, bits);
    const word = (LANES * bits) / 8;
    const rowsOf = (from: number, n: number): number[][] =>
      Array.from({ length: n }, (_, r) => Array.from({ length: LANES }, (_w, l) => weight(from + r, l, bits)));
    const none = Array.from({ length: LANES }, () => 0);
    fc.assert(
      fc.property(actions, fc.constantFrom(...KERNELS), (list, name) => {
        const kernels = createKernels(2 ** 20, name);
        const { memory } = kernels;
        const contents = [...rowsOf(0, WEIGHTS), ...Array.from({ length: REST }, () => none)];
        const dram = new Dram(weightRows(chip, contents.slice(0, WEIGHTS)), (WEIGHTS + REST) * word);
        dram.clear();
        const words = memory.take(WORDS * word + 8, "words");
        const rows = bits === 32 ? words : memory.take(WORDS * 4 * LANES, "rows");
        const rowRoom = bits === 32 ? 0 : WORDS * 4 * LANES;
        const packed = new KernelMemory(memory.split(64 + room * 8 * 64));
        const lazy = new WeightMemory(kernels, dram, { lanes: LANES, bits, words, rows, rowRoom }, packed);
        const eager = Array.from({ length: WORDS }, () => none);
        const unpacked = memory.take(WORDS * 4 * LANES, "packed by hand");
        const rowsAt = (address: number, n: number) => [...memory.i32.subarray(address / 4, address / 4 + n * LANES)];
        const bytesAt = (address: number, n: number) => memory.u8.slice(address, address + n);
        for (const { what, at, dram: source } of list) {
          const [first, n] = at as [number, number];
          const now = eager.slice(first, first + n);
          if (what === "load") {
            lazy.load(first, n, source * word);
            eager.splice(first, n, ...contents.slice(source, source + n));
          } else if (what === "store") {
            const stored = rowsOf(first + 3, n);
            dram.write((WEIGHTS + first) * word, weightRows(chip, stored));
            contents.splice(WEIGHTS + first, n, ...stored);
          } else if (what === "clear") {
            memory.u8.fill(0, words, words + WORDS * word);
            lazy.clear();
            eager.fill(none);
          } else if (what === "fetch") {
            lazy.fetch(first, n);
            expect(bytesAt(words + first * word, n * word)).toEqual(weightRows(chip, now));
            expect(rowsAt(lazy.row(first), n)).toEqual(now.flat());
          } else {
            const block = lazy.block(first, n, 1);
            expect(block.magnitude).toBe(Math.max(0, ...now.flat().map((w) => Math.abs(w))));
            if (block.bits === 32) {
              expect(block.address).toBe(rows + first * 4 * LANES);
              expect(rowsAt(block.address, n)).toEqual(now.flat());
              continue;
            }
            expect(block.magnitude).toBeLessThanOrEqual(127);
            memory.i32.set(now.flat(), unpacked / 4);
            const start = memory.mark;
            const again = memory.take(n * block.rowBytes, "packed again");
            kernels.pack8(unpacked, n, 4 * LANES, LANES, again);
            expect(bytesAt(block.address, n * block.rowBytes)).toEqual(bytesAt(again, n * block.rowBytes));
            memory.release(start);
          }
        }
        lazy.fetch(0, WORDS);
        expect(bytesAt(words, WORDS * word)).toEqual(weightRows(chip, eager));
      }),
      { numRuns: 60 },
    );
  },
);

it("sums that 32 bits may not hold are not packed", () => {
  const kernels = createKernels(2 ** 20, "plain");
  const words = kernels.memory.take(64 * 4 * LANES, "words");
  const dram = new Dram(new Uint8Array(new Int32Array(64 * LANES).fill(3).buffer), 64 * 4 * LANES);
  const room = new KernelMemory(kernels.memory.split(4096));
  const weights = new WeightMemory(kernels, dram, { lanes: LANES, bits: 32, words, rows: words, rowRoom: 0 }, room);
  weights.load(0, 64, 0);
  // 64 * 128 * (2^18 - 1) is just below 2^31.
  expect(weights.block(0, 64, 18).bits).toBe(8);
  expect(weights.block(0, 64, 19).bits).toBe(32);
});
