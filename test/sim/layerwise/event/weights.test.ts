import fc from "fast-check";
import { expect, it } from "vitest";
import { createKernels, KernelMemory, KERNELS } from "../../../../src/sim/kernels/index.js";
import { Dram } from "../../../../src/sim/layerwise/event/execute/dram.js";
import { WeightMemory } from "../../../../src/sim/layerwise/event/execute/weights.js";

/*
 * The weight memory of event against one that copies at once: whatever is loaded, stored and read in whatever order, words hold
 * what was loaded last, and blocks have the rows of their words.
 */

const LANES = 8;
const WORD = 4 * LANES;
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
  ),
  { maxLength: 30 },
);

/** A weight of a row: some rows fit eight bits, some do not. */
const weight = (row: number, lane: number): number =>
  (row % 5 === 4 ? 1000 : 1) * (((row * 37 + lane * 11) % 255) - 127);

it.each([0, 2])("lazy loads leave what eager ones leave, with room for %i packed blocks", (room) => {
  fc.assert(
    fc.property(actions, fc.constantFrom(...KERNELS), (list, name) => {
      const kernels = createKernels(2 ** 20, name);
      const { memory } = kernels;
      const contents = new Int32Array((WEIGHTS + REST) * LANES);
      for (let i = 0; i < WEIGHTS * LANES; i++) contents[i] = weight(Math.floor(i / LANES), i % LANES);
      const dram = new Dram(new Uint8Array(contents.buffer.slice(0, WEIGHTS * WORD)), (WEIGHTS + REST) * WORD);
      dram.clear();
      const from = memory.take(WORDS * WORD, "words");
      const packed = new KernelMemory(memory.split(64 + room * 8 * 64));
      const lazy = new WeightMemory(kernels, dram, from, WORD, LANES, packed);
      const eager = new Int32Array(WORDS * LANES);
      const unpacked = memory.take(WORDS * WORD, "packed by hand");
      const words = (first: number, n: number) =>
        memory.i32.slice((from + first * WORD) / 4, (from + (first + n) * WORD) / 4);
      for (const { what, at, dram: source } of list) {
        const [first, n] = at as [number, number];
        const now = eager.slice(first * LANES, (first + n) * LANES);
        if (what === "load") {
          lazy.load(first, n, source * WORD);
          eager.set(contents.subarray(source * LANES, (source + n) * LANES), first * LANES);
        } else if (what === "store") {
          const stored = Int32Array.from({ length: n * LANES }, (_, i) => i + first);
          dram.write((WEIGHTS + first) * WORD, new Uint8Array(stored.buffer));
          contents.set(stored, (WEIGHTS + first) * LANES);
        } else if (what === "fetch") {
          lazy.fetch(first, n);
          expect(words(first, n)).toEqual(now);
        } else {
          const block = lazy.block(first, n, 1);
          expect(block.magnitude).toBe(now.reduce((most, w) => Math.max(most, Math.abs(w)), 0));
          if (block.bits === 32) {
            expect(block.address).toBe(from + first * WORD);
            expect(words(first, n)).toEqual(now);
            continue;
          }
          expect(block.magnitude).toBeLessThanOrEqual(127);
          memory.i32.set(now, unpacked / 4);
          const start = memory.mark;
          const again = memory.take(n * block.rowBytes, "packed again");
          kernels.pack8(unpacked, n, WORD, LANES, again);
          const bytes = (address: number) => memory.u8.slice(address, address + n * block.rowBytes);
          expect(bytes(block.address)).toEqual(bytes(again));
          memory.release(start);
        }
      }
      lazy.fetch(0, WORDS);
      expect(words(0, WORDS)).toEqual(eager);
    }),
    { numRuns: 150 },
  );
});

it("sums that 32 bits may not hold are not packed", () => {
  const kernels = createKernels(2 ** 20, "plain");
  const from = kernels.memory.take(64 * WORD, "words");
  const dram = new Dram(new Uint8Array(new Int32Array(64 * LANES).fill(3).buffer), 64 * WORD);
  const room = new KernelMemory(kernels.memory.split(4096));
  const weights = new WeightMemory(kernels, dram, from, WORD, LANES, room);
  weights.load(0, 64, 0);
  // 64 * 128 * (2^18 - 1) is just below 2^31.
  expect(weights.block(0, 64, 18).bits).toBe(8);
  expect(weights.block(0, 64, 19).bits).toBe(32);
});
