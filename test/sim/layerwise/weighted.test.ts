import { roundHalfEven } from "../../../src/math/grid.js";
import { describe, expect, it } from "vitest";
import { ENGINES } from "../../../src/backends/program/instruction.js";
import { wordBytes, type LayerwiseChip } from "../../../src/chips/index.js";
import type { RunResult } from "../../../src/sim/layerwise/index.js";
import {
  builtIn,
  dataMap,
  dataWords,
  instruction,
  joined,
  narrow,
  parameterBytes,
  random,
  runSerial,
  SMALL,
  spikeWords,
  tensor,
  weightRows,
} from "../support.js";

const WIDE = builtIn("layerwise-default");
/** Lanes that are no multiple of 32, and several ports. */
const ODD: LayerwiseChip = {
  ...SMALL,
  lanes: 40,
  parallelTimesteps: 3,
  memories: {
    spike: { bytes: 15 * 2 * 200, banks: 2, ports: 2 },
    weight: { bytes: 160 * 4 * 200, banks: 4, ports: 1 },
    data: { bytes: 160 * 200, banks: 1, ports: 3 },
  },
  dram: { ...SMALL.dram, burstBytes: 96, outstanding: 5, bandwidth: { bytes: 7, cycles: 2 } },
};
const CHIPS = {
  SMALL,
  WIDE,
  ODD,
  EIGHT: narrow(SMALL, 8),
  SIXTEEN: narrow(ODD, 16),
  SEVEN: narrow(ODD, 7),
  TWENTY_FIVE: narrow(ODD, 25),
};
const CASES = Object.keys(CHIPS).flatMap((chip) =>
  [1, 2, 3, 4].map((seed) => [chip as keyof typeof CHIPS, seed] as const),
);

/** The word behind the exponents and biases. */
const behindParameters = (chip: LayerwiseChip): number =>
  Math.ceil(32 / chip.weightBits) + Math.ceil(64 / chip.weightBits);

/** The parameters take an access per word, and each row one. */
function expectWeightReads({ layers }: RunResult, chip: LayerwiseChip): void {
  const rows = layers[0]!.events.row.reduce((a, b) => a + b);
  expect(layers[0]!.accesses.weight.reads).toBe(behindParameters(chip) + rows);
}

/** Exponents (i32), biases (f64) and weight rows of `rows` inputs, as words of the weight memory. */
function weightWords(chip: LayerwiseChip, exponents: number[], bias: number[], rows: number[][]): Uint8Array {
  return joined(
    parameterBytes(chip, Int32Array.from(exponents)),
    parameterBytes(chip, Float64Array.from(bias)),
    weightRows(chip, rows),
  );
}

function randomLayer(chip: LayerwiseChip, seed: number) {
  const r = random(seed);
  const height = 2 + r(4);
  const width = 2 + r(4);
  const kernel = 1 + r(Math.min(3, height, width));
  const padding = r(kernel);
  const stride = 1 + r(2);
  const channels = 1 + r(chip.lanes + 10);
  const steps = 1 + r(chip.parallelTimesteps);
  const planes = 1 + r(2);
  const outHeight = Math.floor((height + 2 * padding - kernel) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernel) / stride) + 1;
  const outRow = r(outHeight);
  const outRows = 1 + r(outHeight - outRow);
  const firstRow = Math.max(0, outRow * stride - padding);
  const lanesUsed = 1 + r(chip.lanes);
  const lane = <T>(value: () => T, rest: T): T[] =>
    Array.from({ length: chip.lanes }, (_, l) => (l < lanesUsed ? value() : rest));
  const exponents = lane(() => r(30), 0);
  const bias = lane(() => (r(2001) - 1000) * 2 ** 20, 0);
  const range = 2 ** Math.min(25, chip.weightBits);
  const rows = Array.from({ length: kernel * kernel * channels }, () => lane(() => r(range) - range / 2, 0));
  const blocks = Math.ceil(channels / chip.lanes);
  const window = { height, width, firstRow, blocks, kernel, stride, padding, outRow, outRows, outWidth };
  const weighted = { ...window, channels, weights: behindParameters(chip), parameters: 0, lanesUsed, steps };
  return {
    r,
    weighted,
    channels,
    planes,
    exponents,
    bias,
    rows,
    positions: outRows * outWidth,
    inputRows: height - firstRow,
  };
}

/** Sums of one output position by definition: the value of each input times its row, in the order (c, ky, kx). */
function reference(
  layer: ReturnType<typeof randomLayer>,
  chip: LayerwiseChip,
  position: number,
  value: (row: number, column: number, c: number) => number,
): number[] {
  const { height, width, kernel, stride, padding, outRow, outWidth, channels } = layer.weighted;
  const y0 = (outRow + Math.floor(position / outWidth)) * stride - padding;
  const x0 = (position % outWidth) * stride - padding;
  const sums = Array.from({ length: chip.lanes }, () => 0);
  for (let c = 0; c < channels; c++) {
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const [y, x] = [y0 + ky, x0 + kx];
        if (y < 0 || x < 0 || y >= height || x >= width) continue;
        const input = value(y, x, c);
        const row = layer.rows[(ky * kernel + kx) * channels + c]!;
        if (input !== 0) row.forEach((w, l) => (sums[l]! += input * w));
      }
    }
  }
  return sums;
}

describe.each(CASES)("on chip %s, seed %i", (name, seed) => {
  const chip = CHIPS[name];

  it.each(["real", "int"] as const)("accumulate gives exact sums, rounded once (%s)", (format) => {
    const layer = randomLayer(chip, seed);
    const { r, weighted, channels, planes, positions, inputRows, exponents, bias, rows } = layer;
    const { steps, width, firstRow } = weighted;
    const maps = Array.from({ length: planes }, () =>
      tensor(steps, inputRows * width, channels, () => Number(r(4) === 0)),
    );
    const planeStride = spikeWords(chip, maps[0]!).length / wordBytes(chip, "spike") + 1;
    const small = format === "int" ? rows.map((row) => row.map((w) => w >> 12)) : rows;
    const small2 = { ...layer, rows: small };
    const { read, result } = runSerial({
      chip,
      words: [
        { memory: "weight", address: 0, bytes: weightWords(chip, exponents, bias, small) },
        ...maps.map((map, p) => ({
          memory: "spike" as const,
          address: 1 + p * planeStride,
          bytes: spikeWords(chip, map),
        })),
      ],
      instructions: [
        instruction("accumulate", {
          ...weighted,
          input: 1,
          planes,
          planeStride,
          output: 2,
          outputStepStride: positions,
          format: format === "int" ? 1 : 0,
        }),
      ],
      read: [{ memory: "data", address: 2, words: positions * steps }],
    });
    const out = dataMap(chip, read[0]!, steps, positions, chip.lanes, format);
    let ac = 0;
    for (let t = 0; t < steps; t++) {
      for (let p = 0; p < positions; p++) {
        const sums = reference(small2, chip, p, (y, x, c) => {
          let count = 0;
          maps.forEach((map, plane) => (count += map[t]![(y - firstRow) * width + x]![c]! * 2 ** plane));
          for (const map of maps) ac += map[t]![(y - firstRow) * width + x]![c]! * weighted.lanesUsed;
          return count;
        });
        const expected = sums.map((s, l) => {
          const exact = s + bias[l]!;
          const scaled = exact * 2 ** -exponents[l]!;
          return format === "int" ? roundHalfEven(scaled) | 0 : Math.fround(scaled);
        });
        expect(out[t]![p]).toEqual(expected.map((x) => x));
      }
    }
    expect(result.layers[0]!.events.ac.reduce((a, b) => a + b)).toBe(ac);
    expectWeightReads(result, chip);
    for (const engine of ENGINES) {
      expect(Object.values(result.engines[engine]).reduce((a, b) => a + b)).toBe(result.cycles);
    }
  });

  it("multiply sums in double precision in the declared order", () => {
    const layer = randomLayer(chip, seed + 100);
    const { r, weighted, channels, positions, inputRows, exponents, bias, rows } = layer;
    const { steps, width, firstRow, kernel } = weighted;
    const slots = r(2) === 0 ? 1 : steps;
    const map = tensor(slots, inputRows * width, channels, () =>
      r(3) === 0 ? 0 : Math.fround((r(20001) - 10000) / 77),
    );
    const inputStepStride = inputRows * width * weighted.blocks;
    const { read, result } = runSerial({
      chip: { ...chip, patchValues: kernel * kernel * channels },
      words: [
        { memory: "weight", address: 0, bytes: weightWords(chip, exponents, bias, rows) },
        { memory: "data", address: 0, bytes: dataWords(chip, map, "real") },
      ],
      instructions: [
        instruction("multiply", {
          ...weighted,
          input: 0,
          inputStepStride,
          slots,
          output: slots * inputStepStride,
          outputStride: 1,
          outputStepStride: positions,
        }),
      ],
      read: [{ memory: "data", address: slots * inputStepStride, words: positions * slots }],
    });
    const out = dataMap(chip, read[0]!, slots, positions, chip.lanes, "real");
    let macs = 0;
    for (let s = 0; s < slots; s++) {
      for (let p = 0; p < positions; p++) {
        const sums = reference(layer, chip, p, (y, x, c) => {
          const value = map[s]![(y - firstRow) * width + x]![c]!;
          if (value !== 0) macs += weighted.lanesUsed;
          return value;
        });
        expect(out[s]![p]).toEqual(sums.map((sum, l) => Math.fround((sum + bias[l]!) * 2 ** -exponents[l]!)));
      }
    }
    expect(result.layers[0]!.events.mac.reduce((a, b) => a + b)).toBe(macs);
    expectWeightReads(result, chip);
  });
});

describe("accumulate of 24 bit planes", () => {
  /** 16 inputs of 2^24 - 1 each; with weights of 2^23 the sum is 2^51 - 2^27. */
  it.each([
    ["below 2^51", 2 ** 23, 0],
    ["above 2^51", 2 ** 23 + 1, 3],
    ["just below 2^53", 2 ** 25 - 1, -7],
    ["above -2^53", -(2 ** 25) + 1, 7],
  ])("adds sums %s exactly", (_, weight, bias) => {
    const [planes, channels] = [24, 16];
    const ones = spikeWords(
      WIDE,
      tensor(1, 1, channels, () => 1),
    );
    const lane = (value: number): number[] => Array.from({ length: WIDE.lanes }, () => value);
    const rows = Array.from({ length: channels }, () => lane(weight));
    const { read } = runSerial({
      chip: WIDE,
      words: [
        { memory: "weight", address: 0, bytes: weightWords(WIDE, lane(22), lane(bias), rows) },
        ...Array.from({ length: planes }, (_p, p) => ({ memory: "spike" as const, address: p, bytes: ones })),
      ],
      instructions: [
        instruction("accumulate", {
          height: 1,
          width: 1,
          firstRow: 0,
          blocks: 1,
          kernel: 1,
          stride: 1,
          padding: 0,
          outRow: 0,
          outRows: 1,
          outWidth: 1,
          channels,
          weights: 3,
          parameters: 0,
          lanesUsed: WIDE.lanes,
          steps: 1,
          input: 0,
          planes,
          planeStride: 1,
          output: 0,
          outputStepStride: 1,
          format: 0,
        }),
      ],
      read: [{ memory: "data", address: 0, words: 1 }],
    });
    const sum = (2n ** 24n - 1n) * 16n * BigInt(weight) + BigInt(bias);
    expect(dataMap(WIDE, read[0]!, 1, 1, WIDE.lanes, "real")[0]![0]).toEqual(lane(Math.fround(Number(sum) * 2 ** -22)));
  });
});
