/** Damages files at random and checks that readers answer with a diagnostic or a value, soon and in little memory. */
import fc from "fast-check";
import { expect } from "vitest";
import { Report } from "../../src/diagnostics/index.js";

/** Cuts and flips of bytes: what a broken download or disk does. */
function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const position = fc.nat({ max: bytes.length - 1 });
  const cut = position.map((length) => bytes.slice(0, length));
  const flips = fc
    .array(fc.tuple(position, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 })
    .map((changes) => {
      const copy = bytes.slice();
      for (const [at, mask] of changes) copy[at] = (copy[at] ?? 0) ^ mask;
      return copy;
    });
  // Headers are where the damage matters, so they get their share.
  const head = fc.tuple(fc.nat({ max: Math.min(127, bytes.length - 1) }), fc.nat({ max: 255 })).map(([at, byte]) => {
    const copy = bytes.slice();
    copy[at] = byte;
    return copy;
  });
  return fc.oneof(cut, flips, head);
}

/** Whatever happens to `bytes`, `read` gives a value or at least one error of the front end, and never throws. */
export function survivesDamage(
  bytes: Uint8Array,
  read: (bytes: Uint8Array, report: Report) => unknown,
  runs = 300,
): void {
  const started = performance.now();
  fc.assert(
    fc.property(damaged(bytes), (broken) => {
      const report = new Report();
      const result = read(broken, report);
      if (result !== undefined) return;
      expect(report.errors.length).toBeGreaterThan(0);
      for (const { code, message } of report.errors) {
        expect(code).toMatch(/^frontend\//);
        expect(message.length).toBeGreaterThan(10);
      }
    }),
    { numRuns: runs },
  );
  expect((performance.now() - started) / runs).toBeLessThan(100);
}

/** Bytes of array buffers that `body` allocates at most, measured coarsely. */
export function allocatesLessThan(limit: number, body: () => void): void {
  const before = process.memoryUsage().arrayBuffers;
  body();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(limit);
}
