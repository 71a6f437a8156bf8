import fc from "fast-check";
import { expect, it } from "vitest";
import { Bell } from "../../../../src/sim/bell.js";
import { createRing, RingReader, RingWriter } from "../../../../src/sim/layerwise/event/ring.js";
import { FaultReached, WorkReader, WorkWriter } from "../../../../src/sim/layerwise/event/work-stream.js";
import type { ScanWork, Work } from "../../../../src/sim/layerwise/event/work.js";

const never = (): void => {
  throw new Error("would wait for ever");
};

it("a ring gives back what was written, padded to eights, around its end and the end of its counts", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 64 }), { maxLength: 30 });
  const check = fc.property(sizes, fc.integer({ min: -8, max: 0 }), fc.nat(7), (lengths, start, ahead) => {
    const ring = createRing(64, new Bell(), new Bell());
    // Units that went through before: two runs of counts are about to wrap.
    new Int32Array(ring.state).fill(start, 0, 2);
    const writer = new RingWriter(ring, never);
    const reader = new RingReader(ring, never);
    const written: Uint8Array[] = [];
    const read = (): void => {
      const expected = written.shift()!;
      const got = new Uint8Array(expected.length);
      reader.read(got);
      expect(got).toEqual(expected);
    };
    const filled = (): number => written.reduce((units, one) => units + Math.ceil(one.length / 8), 0);
    lengths.forEach((length, i) => {
      const bytes = Uint8Array.from({ length }, (_, k) => 31 * i + k);
      while (written.length > ahead || filled() + Math.ceil(length / 8) > 8) read();
      writer.write(bytes);
      written.push(bytes);
      expect(writer.filled).toBe(filled());
    });
    while (written.length > 0) read();
    expect(reader.filled).toBe(0);
  });
  fc.assert(check);
});

it("a full ring waits for its reader, and a reader that left is not waited for", () => {
  const ring = createRing(16, new Bell(), new Bell());
  const reader = new RingReader(ring, never);
  const got: number[] = [];
  const writer = new RingWriter(ring, (isReady) => {
    expect(isReady()).toBe(false);
    const one = new Float64Array(1);
    reader.read(one);
    got.push(one[0]!);
    expect(isReady()).toBe(true);
  });
  writer.write(Float64Array.of(1, 2, 3, 4, 5));
  expect(got).toEqual([1, 2, 3]);
  reader.leave();
  writer.write(Float64Array.of(6, 7, 8));
  expect(got).toEqual([1, 2, 3]);
  writer.clear();
  expect([writer.left, writer.filled]).toEqual([false, 0]);
});

it("work comes out as it went in, and a tile's scan as the same object", () => {
  const ints = fc.int32Array({ maxLength: 40 });
  const scan = fc.record<ScanWork>({
    words: ints,
    rows: fc.nat(),
    spikes: fc.uint8Array({ maxLength: 70 }),
    first: fc.nat(),
  });
  const scans = fc.array(scan, { minLength: 6, maxLength: 6 });
  const others: fc.Arbitrary<Work> = fc.oneof(
    fc.constant(undefined),
    fc.record({ counts: ints, rows: ints }),
    fc.record({ events: ints }),
    fc.record({ rounds: fc.nat() }),
  );
  const sequence = fc.array(fc.oneof(fc.nat(5), others), { maxLength: 60 });
  const check = fc.property(scans, sequence, (tiles, works) => {
    const ring = createRing(2 ** 16, new Bell(), new Bell());
    const writer = new WorkWriter(new RingWriter(ring, never));
    const ringReader = new RingReader(ring, never);
    const reader = new WorkReader(ringReader);
    // Of the scans sent last, four are kept.
    const known = new Map<number, Work>();
    for (const one of works) {
      const work = typeof one === "number" ? tiles[one] : one;
      writer.send(work);
      const got = reader.receive();
      expect(got).toEqual(work);
      if (typeof one !== "number") continue;
      if (known.has(one)) expect(got).toBe(known.get(one));
      known.set(one, got);
      if (known.size > 4) known.delete(known.keys().next().value!);
    }
    writer.sendFault();
    expect(() => reader.receive()).toThrow(FaultReached);
    expect(ringReader.filled).toBe(0);
  });
  fc.assert(check);
});
