import fc from "fast-check";
import { expect, it } from "vitest";
import { counterBytes, type AttendKeys, type AttendQueries, type Kernels } from "../../../src/sim/kernels/index.js";
import { both, uniform } from "./support.js";

const shapes = fc.record({
  seed: fc.nat(),
  lanes: fc.constantFrom(8, 24, 64),
  heads: fc.integer({ min: 1, max: 3 }),
  d: fc.constantFrom(1, 2, 3, 8, 12, 16, 31, 64),
  positions: fc.integer({ min: 1, max: 9 }),
  bit: fc.integer({ min: 0, max: 2 }),
  steps: fc.integer({ min: 1, max: 4 }),
  activity: fc.constantFrom(0.1, 0.5, 1),
  scale: fc.constantFrom(0.125, 0.1, 1),
  kind: fc.constantFrom("exact", "sequential", "int"),
});
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

/** [token][timestep][channel of the map] */
type Spikes = readonly (readonly (readonly number[])[])[];

function place({ memory }: Kernels, s: Shape, spikes: Spikes): number {
  const timesteps = s.bit + s.steps;
  const blocks = Math.ceil((s.heads * s.d) / s.lanes);
  const wordBytes = (s.lanes * timesteps) / 8;
  const at = memory.take(s.positions * blocks * wordBytes, "spikes");
  memory.u8.fill(0, at, at + s.positions * blocks * wordBytes);
  spikes.forEach((token, p) =>
    token.forEach((channels, t) =>
      channels.forEach((bit, c) => {
        const lane = c % s.lanes;
        const byte = at + (p * blocks + Math.floor(c / s.lanes)) * wordBytes + (t * s.lanes) / 8 + (lane >> 3);
        memory.u8[byte] = memory.u8[byte]! | (bit << (lane & 7));
      }),
    ),
  );
  return at;
}

it("attention counts coincidences and adds the rows of the query", () => {
  const kernels = both();
  fc.assert(
    fc.property(shapes, (s) => {
      const draw = uniform(s.seed);
      const head = Math.floor(draw() * s.heads);
      const channel = head * s.d;
      const list = <T>(n: number, of: () => T): T[] => Array.from({ length: n }, of);
      const bits = (): number => Number(draw() < s.activity);
      const map = (): Spikes => list(s.positions, () => list(s.bit + s.steps, () => list(s.heads * s.d, bits)));
      const [keys, values, queries] = [map(), map(), map()];
      const moments = keys.flatMap((token, p) => token.slice(s.bit).map((_, t) => [p, s.bit + t] as const));
      const of = (spikes: Spikes, [p, t]: readonly [number, number]): readonly number[] =>
        spikes[p]![t]!.slice(channel, channel + s.d);
      const count = (spikes: Spikes): number[] => moments.map((m) => of(spikes, m).reduce((a, b) => a + b, 0));
      // Two groups of one chunk: the counters go on.
      const counters = Array.from({ length: s.d }, (_, i) =>
        Array.from(
          { length: s.d },
          (_j, j) => 2 * moments.reduce((n, m) => n + of(keys, m)[i]! * of(values, m)[j]!, 0),
        ),
      );
      const f = Math.fround;
      const results = moments.map((m) =>
        Array.from({ length: s.d }, (_, j) => {
          const rows = counters.filter((_row, i) => of(queries, m)[i] === 1).map((row) => row[j]!);
          if (s.kind === "sequential") return rows.reduce((sum, n) => f(sum + f(n * f(s.scale))), 0);
          const sum = rows.reduce((a, b) => a + b, 0);
          return s.kind === "int" ? sum : f(sum * s.scale);
        }),
      );
      for (const k of kernels) {
        const { memory } = k;
        const start = memory.mark;
        const at = memory.take(counterBytes(s.d), "counters");
        memory.i32.fill(99, at / 4, (at + counterBytes(s.d)) / 4);
        const common = {
          lanes: s.lanes,
          timesteps: s.bit + s.steps,
          blocks: Math.ceil((s.heads * s.d) / s.lanes),
          positions: s.positions,
          channel,
          d: s.d,
          bit: s.bit,
          steps: s.steps,
          counters: at,
        };
        const kv: AttendKeys = { ...common, keys: place(k, s, keys), values: place(k, s, values), clear: true };
        expect([...k.attendKeys(kv)], k.name).toEqual(count(keys));
        k.attendKeys({ ...kv, clear: false });
        const width = s.heads * s.d + 5;
        const output = memory.take(4 * width * moments.length, "output");
        memory.i32.fill(-1, output / 4, output / 4 + width * moments.length);
        const q: AttendQueries = {
          ...common,
          queries: place(k, s, queries),
          scale: s.scale,
          sequential: s.kind === "sequential",
          format: s.kind === "int" ? "int" : "real",
          output,
          positionBytes: 4 * width * s.steps,
          stepBytes: 4 * width,
        };
        expect([...k.attendQueries(q)], k.name).toEqual(count(queries));
        const words = s.kind === "int" ? memory.i32 : memory.f32;
        results.forEach((expected, i) => {
          const from = output / 4 + i * width;
          expect([...words.subarray(from + channel, from + channel + s.d)], k.name).toEqual(expected);
          const others = [...memory.i32.subarray(from, from + channel)];
          others.push(...memory.i32.subarray(from + channel + s.d, from + width));
          expect(others.every((word) => word === -1)).toBe(true);
        });
        memory.release(start);
      }
    }),
    { numRuns: 150 },
  );
});

it("counters of one byte are emptied before they overflow", () => {
  const s: Shape = {
    seed: 1,
    lanes: 8,
    heads: 1,
    d: 8,
    positions: 300,
    bit: 0,
    steps: 4,
    activity: 1,
    scale: 1,
    kind: "int",
  };
  const ones = Array.from({ length: 300 }, () => Array.from({ length: 4 }, () => Array.from({ length: 8 }, () => 1)));
  for (const k of both()) {
    const counters = k.memory.take(counterBytes(8), "counters");
    const at = place(k, s, ones);
    const head = { lanes: 8, timesteps: 4, blocks: 1, positions: 300, channel: 0, d: 8, bit: 0, steps: 4, counters };
    k.attendKeys({ ...head, keys: at, values: at, clear: true });
    const rows = Array.from({ length: 8 }, (_, i) => [
      ...k.memory.i32.subarray(counters / 4 + 16 * i, counters / 4 + 16 * i + 8),
    ]);
    expect(
      rows.flat().every((n) => n === 1200),
      k.name,
    ).toBe(true);
  }
});
