import { describe, expect, it } from "vitest";
import { visitWords } from "../../../src/backends/layerwise/word-accesses.js";
import type { MemoryRegion, Program } from "../../../src/backends/program/program.js";
import { wordBytes, type LayerwiseChip } from "../../../src/chips/layerwise.js";
import { outputsOf, type Net } from "../../../src/ir/index.js";
import { regionFaults } from "./check-regions.js";
import { largeChip, Layers, mixedNet, Random, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { compiled } from "./support.js";

// `compiled` holds every program of these folders to its own table: what lives together is apart, what is touched lives.

const small = smallChip({ data: 2048, weight: 8192, spike: 512 });
const blocks = compiled(stattenNet(new Random(1), { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2 }), small, {
  timeBlock: 2,
});

const withRegions = (program: Program, regions: readonly MemoryRegion[]): Program => ({ ...program, regions });

describe("the table of regions", () => {
  it("is missed wherever a region is missing", () => {
    for (const missing of blocks.regions) {
      const left = withRegions(
        blocks,
        blocks.regions.filter((region) => region !== missing),
      );
      expect(regionFaults(left).join()).toContain("which is nobody's");
    }
  });

  it("is missed where a life ends an instruction too early or too late", () => {
    const onChip = blocks.regions.filter(({ place }) => place !== "dram");
    let [early, late] = [0, 0];
    for (const region of onChip) {
      const change = (last: number): readonly string[] =>
        regionFaults(
          withRegions(
            blocks,
            blocks.regions.map((r) => (r === region ? { ...r, last } : r)),
          ),
        );
      if (region.last > region.first && change(region.last - 1).length > 0) early++;
      if (change(blocks.instructions.length - 1).length > 0) late++;
    }
    // A map may lie idle when its last reader has begun, and nothing may come to where it lay.
    expect(early / onChip.length).toBeGreaterThan(0.5);
    expect(late / onChip.length).toBeGreaterThan(0.5);
  });

  it("holds nothing that no instruction touches", () => {
    const touched = new Set<MemoryRegion>();
    const burst = small.dram.burstBytes;
    for (const [i, instruction] of blocks.instructions.entries()) {
      const living = blocks.regions.filter(({ first, last }) => first <= i && i <= last);
      visitWords(instruction, small, (space, word) => {
        const at = space === "dram" ? word * burst : word;
        for (const region of living) {
          if (region.place === space && region.address <= at && at < region.address + region.size) touched.add(region);
        }
      });
    }
    expect(blocks.regions.filter((region) => !touched.has(region))).toEqual([]);
  });
});

/** Weight words of a net: a row per input of a weighted op, for each of its channel blocks. */
function weightRows(net: Net, { lanes }: LayerwiseChip): number {
  let rows = 0;
  for (const constant of net.constants.values()) {
    if (constant.kind !== "weights") continue;
    const outputs = outputsOf(constant);
    rows += (constant.mantissa.length / outputs) * Math.ceil(outputs / lanes);
  }
  return rows;
}

describe("weights in the table", () => {
  it.each([
    ["small", smallChip({ data: 8192, spike: 1024, weight: 16_384 })],
    ["large", largeChip()],
  ])("are the rows of the net, in DRAM once and on chip whenever they are loaded, on a %s chip", (_, chip) => {
    for (const seed of [1, 2, 3, 4]) {
      const random = new Random(seed);
      for (const net of [
        stattenNet(random, { timesteps: 4, chunk: 2, side: 2, channels: 16, heads: 2 }),
        mixedNet(random, 3),
        sdtNet(random, { timesteps: 2, tokens: 5, channels: 16, heads: 2 }),
      ]) {
        const { regions } = compiled(net, chip);
        const weights = regions.filter(({ kind }) => kind === "weights");
        const inDram = weights.filter(({ place }) => place === "dram");
        const word = wordBytes(chip, "weight");
        expect(inDram.reduce((sum, { size }) => sum + size, 0)).toBe(weightRows(net, chip) * word);
        const sizes = new Map(inDram.map(({ name, size }) => [name, size / word]));
        expect(sizes.size).toBe(inDram.length);
        const onChip = weights.filter(({ place }) => place === "weight");
        expect(new Set(onChip.map(({ name }) => name)).size).toBe(inDram.length);
        for (const { name, size } of onChip) expect(size).toBe(sizes.get(name));
      }
    }
  });
});

describe("a net that can be seen whole", () => {
  // 3 tokens x 8 channels, two timesteps that share a word: dense to 16 channels, a stream, a neuron, dense to 8.
  const layers = new Layers("seen", new Random(1));
  const x = layers.builder.input("x", real(2, 3, 8));
  const spikes = layers.lif(x);
  const current = layers.dense(spikes, 16);
  const stream = layers.op("stream.add", [current, current]);
  const net = layers.finish({ y: layers.dense(layers.lif(stream), 8) });
  const { regions, instructions } = compiled(net, smallChip());
  const sizes = (kind: MemoryRegion["kind"]): readonly (readonly [string, string, number])[] =>
    regions.filter((region) => region.kind === kind).map(({ name, place, size }) => [name, place, size]);

  it("has the regions that one counts by hand", () => {
    // 8 lanes: a word of data or weights has 32 bytes, one of spikes 2.
    expect(sizes("weights")).toEqual([
      ["#0", "weight", 8],
      ["#1", "weight", 8],
      ["#2", "weight", 16],
      ["#0", "dram", 256],
      ["#1", "dram", 256],
      ["#2", "dram", 512],
    ]);
    // One word of exponents and two of biases; in DRAM up to the next burst of 64 bytes.
    expect(sizes("parameters")).toEqual([
      ["#0", "weight", 3],
      ["#1", "weight", 3],
      ["#2", "weight", 3],
      ["#0", "dram", 128],
      ["#1", "dram", 128],
      ["#2", "dram", 128],
    ]);
    // One spike word per token and channel block holds both timesteps; no potential leaves its register.
    expect(sizes("spikes").map(([, , size]) => size)).toEqual([3, 6]);
    expect(sizes("potentials")).toEqual([]);
    // The current, the stream that doubles it, and the result on its way to DRAM.
    expect(sizes("streams").map(([, , size]) => size)).toEqual([12, 12, 6]);
    expect(sizes("inputs")).toEqual([["x", "dram", 2 * 128]]);
    expect(sizes("outputs")).toEqual([["y", "dram", 2 * 128]]);
  });

  it("lets the stream take over when the current has been read", () => {
    const [made, summed] = regions.filter(({ kind }) => kind === "streams");
    const add = instructions.findIndex(({ op }) => op === "add");
    expect(made!.last).toBe(add);
    expect(summed!.first).toBe(add);
  });
});
