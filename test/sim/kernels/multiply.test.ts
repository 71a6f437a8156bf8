import fc from "fast-check";
import { expect, it } from "vitest";
import type { Multiplication } from "../../../src/sim/kernels/index.js";
import { both, makeWindow, tapsOf, uniform, windowShapes } from "./support.js";

const shapes = fc.record({
  window: windowShapes,
  seed: fc.nat(),
  channels: fc.integer({ min: 1, max: 40 }),
  slots: fc.integer({ min: 1, max: 3 }),
  inputFormat: fc.constantFrom("real", "int"),
  format: fc.constantFrom("real", "int"),
  limit: fc.constantFrom(127, 2 ** 31 - 1, Infinity),
});

/** Half to even. */
function roundEven(x: number): number {
  const near = Math.round(x);
  return Math.abs(near - x) === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

it("multiplications add in the order (channel, ky, kx), one rounding per product and sum", () => {
  const kernels = both();
  fc.assert(
    fc.property(shapes, (s) => {
      const blocks = Math.ceil(s.channels / s.window.lanes);
      const window = makeWindow({ ...s.window, blocks });
      const { lanes, kernel, height, width } = window;
      const draw = uniform(s.seed);
      const list = (n: number, of: () => number): number[] => Array.from({ length: n }, of);
      const value = (): number =>
        s.inputFormat === "int" ? Math.floor(draw() * 512) - 256 : Math.fround(draw() - 0.5);
      const input = list(s.slots * height * width * blocks * lanes, () => (draw() < 0.3 ? 0 : value()));
      const weights = Array.from({ length: kernel ** 2 * s.channels }, () =>
        list(lanes, () => Math.floor((draw() - 0.5) * 2 ** 25)),
      );
      const bias = list(lanes, () => Math.floor((draw() - 0.5) * 2 ** 20));
      const positions = window.outRows * window.outWidth;
      const counts: number[] = [];
      const rows: number[] = [];
      const outputs = Array.from({ length: positions * s.slots }, (_, i) => {
        const [position, slot] = [Math.floor(i / s.slots), i % s.slots];
        const inputs = Array.from({ length: s.channels }, (_c, c) =>
          tapsOf(window, position).map(({ tap, at }) => ({
            x: input[(slot * height * width + at) * blocks * lanes + c]!,
            row: weights[tap * s.channels + c]!,
            number: tap * s.channels + c,
          })),
        ).flat();
        const added = inputs.filter(({ x }) => x !== 0);
        counts.push(added.length);
        rows.push(...added.map(({ number }) => number));
        return bias.map((b, l) => {
          const result = (inputs.reduce((sum, { x, row }) => sum + x * row[l]!, 0) + b) * 2 ** -10;
          if (s.format === "real") return Math.fround(result);
          return Math.min(s.limit, Math.max(-s.limit, roundEven(result))) | 0;
        });
      });
      for (const k of kernels) {
        const { memory } = k;
        const start = memory.mark;
        const rowBytes = 4 * lanes + 16;
        const job: Multiplication = {
          ...window,
          input: memory.take(4 * input.length, "input"),
          channels: s.channels,
          inputFormat: s.inputFormat === "int" ? "int" : "real",
          slots: s.slots,
          slotBytes: 4 * height * width * blocks * lanes,
          weights: memory.take(rowBytes * weights.length, "weights"),
          rowBytes,
          bias: memory.take(8 * lanes, "bias"),
          scales: memory.take(8 * lanes, "scales"),
          output: memory.take(4 * lanes * outputs.length, "output"),
          positionBytes: 4 * lanes * s.slots,
          stepBytes: 4 * lanes,
          format: s.format === "int" ? "int" : "real",
          limit: s.limit,
        };
        (s.inputFormat === "int" ? memory.i32 : memory.f32).set(input, job.input / 4);
        weights.forEach((row, r) => memory.i32.set(row, (job.weights + r * rowBytes) / 4));
        memory.f64.set(bias, job.bias / 8);
        memory.f64.fill(2 ** -10, job.scales / 8, job.scales / 8 + lanes);
        const multiplied = k.multiply(job);
        expect([...multiplied.counts], k.name).toEqual(counts);
        expect([...multiplied.rows], k.name).toEqual(rows);
        const words = s.format === "int" ? memory.i32 : memory.f32;
        const found = outputs.map((_, i) => [
          ...words.subarray(job.output / 4 + i * lanes, job.output / 4 + (i + 1) * lanes),
        ]);
        expect(found, k.name).toEqual(outputs);
        memory.release(start);
      }
    }),
    { numRuns: 120 },
  );
});
