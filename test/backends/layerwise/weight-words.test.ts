import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkHazards,
  compileLayerwise,
  LayerwiseCosts,
  measuredActivity,
} from "../../../src/backends/layerwise/index.js";
import { NO_UNITS, regionLayout, weightRegion } from "../../../src/backends/layerwise/weights.js";
import { checkInstruction } from "../../../src/backends/program/check.js";
import type { Instruction } from "../../../src/backends/program/instruction.js";
import { wordBytes, type LayerwiseChip } from "../../../src/chips/layerwise.js";
import { Report } from "../../../src/diagnostics/index.js";
import type { Net } from "../../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../../src/passes/index.js";
import { createStepped } from "../../../src/sim/layerwise/index.js";
import { prices } from "../../support/schedules.js";
import { instruction, joined, narrow, parameterBytes, serialProgram, SMALL, weightRows } from "../../sim/support.js";
import { largeChip, Layers, Random, randomInputs, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { compiled, runs } from "./support.js";

/* What lies in the weight memory where weights are narrower than the parameters beside them. */

/** The net in integers, with weights of so many bits. */
function quantized(net: Net, bits: number): Net {
  const { steps, diagnostics } = parsePipeline(`quantize{bits=${bits}}`);
  expect(diagnostics).toEqual([]);
  const { result } = runPipeline(net, steps ?? []);
  if (result === undefined) throw new Error(`${net.name} cannot be quantised`);
  return result;
}

describe("a region of weights", () => {
  it("is its rows, and its parameters in as many words as they need", () => {
    const any = fc.record({
      bits: fc.integer({ min: 1, max: 32 }),
      lanes: fc.constantFrom(8, 16, 24, 40),
      rows: fc.nat(5),
      outputs: fc.integer({ min: 1, max: 100 }),
      seed: fc.nat(),
      thresholds: fc.boolean(),
      integer: fc.boolean(),
      gains: fc.boolean(),
    });
    fc.assert(
      fc.property(any, ({ bits, lanes, rows, outputs, seed, integer, ...has }) => {
        const chip = narrow({ ...SMALL, lanes }, bits);
        const random = new Random(seed);
        const numbers = (n: number, value: () => number): number[] => Array.from({ length: n }, value);
        const mantissa = numbers(rows * outputs, () => random.int(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1));
        const exponent = numbers(outputs, () => random.int(-20, 40));
        const bias = numbers(outputs, () => random.int(-(2 ** 40), 2 ** 40) / 8);
        const thresholds = numbers(outputs, () => random.int(1, 1000));
        const gains = numbers(outputs, () => random.int(1, 1000) / 16);
        const weights = {
          kind: "weights" as const,
          shape: [rows, outputs],
          mantissa: Int32Array.from(mantissa),
          exponent: Int32Array.from(exponent),
          bias: Float64Array.from(bias),
        };
        const neuron = {
          thresholds: has.thresholds ? Float32Array.from(thresholds) : undefined,
          integer,
          gains: has.gains ? Float32Array.from(gains) : undefined,
        };
        for (let block = 0; block * lanes < outputs; block++) {
          const region = weightRegion(weights, NO_UNITS, neuron, block, chip, 0);
          const got = new Uint8Array(region.words * wordBytes(chip, "weight"));
          region.write(new DataView(got.buffer));
          // Lanes without an output hold zeros.
          const lane = (values: readonly number[]): number[] =>
            Array.from({ length: lanes }, (_, l) => values[block * lanes + l] ?? 0);
          const Threshold = integer ? Int32Array : Float32Array;
          const parts = [
            weightRows(
              chip,
              Array.from({ length: rows }, (_, r) => lane(mantissa.slice(r * outputs, (r + 1) * outputs))),
            ),
            parameterBytes(chip, Int32Array.from(lane(exponent))),
            parameterBytes(chip, Float64Array.from(lane(bias))),
            ...(has.thresholds ? [parameterBytes(chip, Threshold.from(lane(thresholds)))] : []),
            ...(has.gains ? [parameterBytes(chip, Float32Array.from(lane(gains)))] : []),
          ];
          expect(got).toEqual(joined(...parts));
          const words = (count: number): number => joined(...parts.slice(0, count)).length / wordBytes(chip, "weight");
          expect(regionLayout(rows, neuron, chip)).toEqual({
            words: words(parts.length),
            parameters: rows,
            thresholds: has.thresholds ? words(3) : -1,
            gains: has.gains ? words(has.thresholds ? 4 : 3) : -1,
          });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe.each([5, 8, 16])("quantised nets on chips of %i bits", (bits) => {
  const width = Math.min(bits, 8);
  const nets = [
    quantized(stattenNet(new Random(1), { timesteps: 4, chunk: 2, side: 3, channels: 12, heads: 2 }), width),
    quantized(sdtNet(new Random(2), { timesteps: 3, tokens: 9, channels: 16, heads: 2 }), width),
    quantized(stattenNet(new Random(4), { timesteps: 2, chunk: 1, side: 2, channels: 18, heads: 3 }), width),
  ];
  const chips = [
    narrow(smallChip({ spike: 1024, weight: 65_536, data: 32_768 }), bits),
    narrow(smallChip({ spike: 2048, weight: 8192, data: 32_768 }), bits),
    narrow(largeChip(), bits),
  ];

  it.each(chips)("compute what the evaluator does", (chip) => {
    for (const net of nets) runs(net, chip);
  });

  it("cost what the model expects, to the byte and within a tenth of the cycles", () => {
    for (const [i, net] of nets.entries()) {
      const chip = chips[i % chips.length]!;
      const inputs = randomInputs(net, new Random(5));
      const schedule = [
        { from: 0, to: net.ops.length, block: net.inputs[0]!.type.time.count * net.inputs[0]!.type.time.period },
      ];
      const expected = new LayerwiseCosts(net, chip, measuredActivity(net, [inputs]), prices(chip)).total(schedule)!;
      const { cycles, layers } = createStepped(compiled(net, chip, { schedule })).run(inputs);
      expect(expected.dramBytes).toBe(layers.reduce((sum, l) => sum + l.dramReadBytes + l.dramWriteBytes, 0));
      expect(Math.abs(expected.cycles / cycles - 1), net.name).toBeLessThan(0.1);
    }
  });
});

describe("weights of eight bits", () => {
  const chip: LayerwiseChip = {
    ...narrow(SMALL, 8),
    memories: { ...SMALL.memories, weight: { bytes: 64 * 8, banks: 2, ports: 1 } },
  };
  const program = serialProgram({ chip, instructions: [] });
  const accumulate = (parameters: number): Instruction => instruction("accumulate", { channels: 1, parameters });
  const fire = (fields: { thresholds?: number; gains?: number }): Instruction => instruction("fire", fields);

  it.each([
    // 64 words, of which parameters of sums take 12, thresholds and gains 4 each.
    ["exponents and biases", accumulate(52), accumulate(53), "52"],
    ["thresholds", fire({ thresholds: 60 }), fire({ thresholds: 61 }), "61 to 64"],
    ["gains", fire({ gains: 60 }), fire({ gains: 61 }), "61 to 64"],
  ])("%s must end in the memory", (_, fits, fails) => {
    expect(checkInstruction(fits, program)).toBeUndefined();
    expect(checkInstruction(fails, program)).toMatchObject({ code: "address" });
    expect(checkInstruction(fails, program)?.message).toMatch(/^weight words \d+ to 64, the memory has 64$/);
  });

  it.each([
    ["biases", accumulate(8), 8 + 12],
    ["thresholds", fire({ thresholds: 8 }), 8 + 4],
    ["gains", fire({ gains: 8 }), 8 + 4],
  ])("%s: a load of their last word must be ordered, one behind it need not", (_, reader, end) => {
    const load = (address: number): Instruction => instruction("load", { memory: 1, address, words: 1 });
    const problems = (address: number): readonly string[] =>
      checkHazards({ ...program, dramBytes: 4096, tokens: 0, instructions: [load(address), reader] });
    expect(problems(end - 1).join()).toContain("is not ordered after");
    expect(problems(end)).toEqual([]);
  });

  it("take a quarter of the bytes in DRAM, and of the memory that a channel block needs", () => {
    const layers = new Layers("two layers", new Random(3));
    const x = layers.lif(layers.builder.input("x", real(2, 100)), { v_th: 0.3 });
    const net = quantized(layers.finish({ y: layers.dense(layers.lif(layers.dense(x, 20)), 3) }), 8);
    const image = (bits: number): number =>
      compiled(net, { ...smallChip({ spike: 2048, weight: 65_536, data: 32_768 }), weightBits: bits }).weights.length;
    expect(image(32) / image(8)).toBeGreaterThan(3);
    const tight = (weight: number): LayerwiseChip => ({
      ...smallChip({ spike: 2048, weight, data: 32_768 }),
      weightBits: 8,
    });
    const report = new Report();
    expect(compileLayerwise(net, tight(64), {}, report)).toBeUndefined();
    // 100 rows, 12 words of exponents and biases, and 8 for thresholds and gains, in case there are any.
    const bytes = (100 + 12 + 8) * 8;
    expect(report.errors.map(({ message }) => message).join()).toContain(`needs ${bytes} bytes of weight memory`);
    // Two banks of words of 8 bytes.
    expect(compileLayerwise(net, tight(bytes - 16), {}, new Report())).toBeUndefined();
    compiled(net, tight(bytes));
  });
});
