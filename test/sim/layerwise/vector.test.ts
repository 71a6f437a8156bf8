import { describe, expect, it } from "vitest";
import type { LayerwiseChip } from "../../../src/chips/index.js";
import {
  builtIn,
  dataMap,
  dataWords,
  instruction,
  random,
  runSerial,
  SMALL,
  spikeMap,
  spikeWords,
  tensor,
} from "../support.js";

const CHIPS: Record<string, LayerwiseChip> = { small: SMALL, wide: builtIn("layerwise-default") };
const CASES = Object.keys(CHIPS).flatMap((chip) => [1, 2, 3, 4].map((seed) => [chip, seed] as const));
const f = Math.fround;

describe.each(CASES)("vector on chip %s, seed %i", (name, seed) => {
  const chip = CHIPS[name]!;
  const r = random(seed);
  const positions = 2 + r(5);
  const channels = 1 + r(2 * chip.lanes);
  const blocks = Math.ceil(channels / chip.lanes);
  const steps = 1 + r(chip.parallelTimesteps);
  const map = positions * blocks;
  const bits = (n = positions): number[][][] => tensor(steps, n, channels, () => r(2));
  const real = (slots = steps, n = positions): number[][][] =>
    tensor(slots, n, channels, () => f((r(2001) - 1000) / 77));
  const spike = (address: number, m: number[][][]) => ({
    memory: "spike" as const,
    address,
    bytes: spikeWords(chip, m),
  });
  const data = (address: number, m: number[][][], format: "real" | "int" = "real") => ({
    memory: "data" as const,
    address,
    bytes: dataWords(chip, m, format),
  });

  it.each(["real", "int"] as const)("add, one operand holding (%s)", (format) => {
    const [a, b] = [real(), real(1)].map((m) => (format === "int" ? m.map((s) => s.map((p) => p.map(Math.trunc))) : m));
    const { read, result } = runSerial({
      chip,
      words: [data(0, a!, format), data(steps * map, b!, format)],
      instructions: [
        instruction("add", {
          a: 0,
          b: steps * map,
          aStepStride: map,
          bStepStride: 0,
          words: map,
          steps,
          output: (steps + 1) * map,
          outputStepStride: map,
          format: Number(format === "int"),
        }),
      ],
      read: [{ memory: "data", address: (steps + 1) * map, words: steps * map }],
    });
    const expected = a!.map((s) => s.map((p, n) => p.map((x, c) => f(x + b![0]![n]![c]!))));
    expect(dataMap(chip, read[0]!, steps, positions, channels, format)).toEqual(expected);
    expect(result.layers[0]!.events.add[0]).toBe(map * chip.lanes);
    expect(result.engines.vector.busy).toBe(1 + 3 * map * steps);
  });

  it("pool-max and pool-or over a padded window", () => {
    const [height, width, kernel, stride, padding] = [2 + r(3), 2 + r(3), 2, 1 + r(2), r(2)];
    const out = (n: number): number => Math.floor((n + 2 * padding - kernel) / stride) + 1;
    const [outRows, outWidth] = [out(height), out(width)];
    const n = outRows * outWidth;
    const [x, s] = [real(steps, height * width), bits(height * width)];
    const window = { height, width, blocks, kernel, stride, padding, outRows, outWidth, outputStride: blocks, steps };
    const size = height * width * blocks;
    const steps2 = { inputStepStride: size, outputStepStride: n * blocks };
    const { read, result } = runSerial({
      chip,
      words: [data(0, x), spike(0, s)],
      instructions: [
        instruction("pool-max", { ...window, ...steps2, output: steps * size }),
        instruction("pool-or", { ...window, output: size }),
      ],
      read: [
        { memory: "data", address: steps * size, words: steps * n * blocks },
        { memory: "spike", address: size, words: n * blocks },
      ],
    });
    let taps = 0;
    const pool = (m: number[][][]): number[][][] =>
      tensor(steps, n, channels, (t, p, c) => {
        let largest = -Infinity;
        for (let i = 0; i < kernel * kernel; i++) {
          const y = Math.floor(p / outWidth) * stride - padding + Math.floor(i / kernel);
          const z = (p % outWidth) * stride - padding + (i % kernel);
          if (y < 0 || z < 0 || y >= height || z >= width) continue;
          if (t === 0 && c === 0) taps++;
          largest = Math.max(largest, m[t]![y * width + z]![c]!);
        }
        return largest;
      });
    expect(dataMap(chip, read[0]!, steps, n, channels, "real")).toEqual(pool(x));
    taps = 0;
    expect(spikeMap(chip, read[1]!, steps, n, channels)).toEqual(pool(s));
    expect(result.layers[0]!.events.compare[0]).toBe((taps - n) * blocks * chip.lanes);
    expect(result.layers[0]!.events.bit[0]).toBe((taps - n) * blocks * chip.lanes);
  });

  it("and, with b a map or one position", () => {
    const [a, b, one] = [bits(), bits(), bits(1)];
    const common = { a: 0, blocks, positions, steps };
    const { read } = runSerial({
      chip,
      words: [spike(0, a), spike(map, b), spike(2 * map, one)],
      instructions: [
        instruction("and", { ...common, b: map, bStride: blocks, output: 3 * map }),
        instruction("and", { ...common, b: 2 * map, bStride: 0, output: 4 * map }),
      ],
      read: [
        { memory: "spike", address: 3 * map, words: map },
        { memory: "spike", address: 4 * map, words: map },
      ],
    });
    const and = (x: number[][][], hold: boolean) =>
      a.map((s, t) => s.map((p, n) => p.map((v, c) => v & x[t]![hold ? 0 : n]![c]!)));
    expect(spikeMap(chip, read[0]!, steps, positions, channels)).toEqual(and(b, false));
    expect(spikeMap(chip, read[1]!, steps, positions, channels)).toEqual(and(one, true));
  });

  it("add-planes adds counts of different widths", () => {
    const [aPlanes, bPlanes] = [1 + r(3), 1 + r(3)];
    const a = Array.from({ length: aPlanes }, () => bits());
    const b = Array.from({ length: bPlanes }, () => bits());
    const planes = Math.max(aPlanes, bPlanes) + 1;
    const from = (aPlanes + bPlanes) * map;
    const { read } = runSerial({
      chip,
      words: [...a, ...b].map((plane, i) => spike(i * map, plane)),
      instructions: [
        instruction("add-planes", {
          a: 0,
          aPlanes,
          aPlaneStride: map,
          b: aPlanes * map,
          bPlanes,
          bPlaneStride: map,
          words: map,
          output: from,
          outputPlaneStride: map,
          steps,
        }),
      ],
      read: Array.from({ length: planes }, (_, i) => ({
        memory: "spike" as const,
        address: from + i * map,
        words: map,
      })),
    });
    const out = read.map((bytes) => spikeMap(chip, bytes, steps, positions, channels));
    const count = (m: number[][][][]) =>
      tensor(steps, positions, channels, (t, p, c) => m.reduce((sum, plane, i) => sum + plane[t]![p]![c]! * 2 ** i, 0));
    const [x, y] = [count(a), count(b)];
    expect(count(out)).toEqual(tensor(steps, positions, channels, (t, p, c) => x[t]![p]![c]! + y[t]![p]![c]!));
  });

  it.each([1, 3, 5])("pool-plane over a window of %i", (kernel) => {
    const heads = 1 + r(3);
    const headDim = 1 + r(chip.lanes);
    const all = heads * headDim;
    const x = tensor(steps, positions, all, () => Number(r(8) === 0));
    const wide = Math.ceil(all / chip.lanes);
    const words = positions * wide;
    const { read } = runSerial({
      chip,
      words: [spike(0, x)],
      instructions: [
        instruction("pool-plane", { positions, blocks: wide, channels: all, headDim, kernel, output: words, steps }),
      ],
      read: [{ memory: "spike", address: words, words }],
    });
    const reach = (kernel - 1) / 2;
    const expected = tensor(steps, positions, all, (t, n, c) => {
      const head = Math.floor(c / headDim);
      let any = 0;
      for (let m = n - reach; m <= n + reach; m++) {
        for (let e = c - reach; e <= c + reach; e++) if (Math.floor(e / headDim) === head) any |= x[t]![m]?.[e] ?? 0;
      }
      return any;
    });
    expect(spikeMap(chip, read[0]!, steps, positions, all)).toEqual(expected);
  });

  it("sum-positions, mean-positions and mean-steps", () => {
    const [s, x] = [bits(), real()];
    const at = steps * map;
    const sums = { positions, blocks, outputStepStride: blocks, steps };
    const { read, result } = runSerial({
      chip,
      words: [spike(0, s), data(0, x)],
      instructions: [
        instruction("sum-positions", { ...sums, output: at, format: 1 }),
        instruction("sum-positions", { ...sums, output: at + steps * blocks }),
        instruction("mean-positions", { ...sums, inputStepStride: map, output: at + 2 * steps * blocks }),
        instruction("mean-steps", { inputStepStride: map, meanOf: steps, words: map, output: at + 3 * steps * blocks }),
      ],
      read: [
        { memory: "data", address: at, words: steps * blocks },
        { memory: "data", address: at + steps * blocks, words: 2 * steps * blocks },
        { memory: "data", address: at + 3 * steps * blocks, words: map },
      ],
    });
    const total = (m: number[][][], t: number, c: number): number => m[t]!.reduce((sum, p) => sum + p[c]!, 0);
    const counts = tensor(steps, 1, channels, (t, _, c) => total(s, t, c));
    expect(dataMap(chip, read[0]!, steps, 1, channels, "int")).toEqual(counts);
    const means = tensor(steps, 1, channels, (t, _, c) => f(total(x, t, c) / positions));
    expect(dataMap(chip, read[1]!, 2 * steps, 1, channels, "real")).toEqual([...counts, ...means]);
    const overSteps = tensor(1, positions, channels, (_, p, c) =>
      f(x.reduce((sum, step) => sum + step[p]![c]!, 0) / steps),
    );
    expect(dataMap(chip, read[2]!, 1, positions, channels, "real")).toEqual(overSteps);
    const adds = 3 * steps * map + map * steps;
    expect(result.layers[0]!.events.add.reduce((a, b) => a + b)).toBe(adds * chip.lanes);
  });
});
