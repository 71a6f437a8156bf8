import { describe, expect, it } from "vitest";
import type { MemoryRegion, Program } from "../../../src/backends/program/program.js";
import { wordBytes } from "../../../src/chips/layerwise.js";
import { outputsOf, type Net } from "../../../src/ir/index.js";
import { layerwiseMemory, type Held } from "../../../src/report/memory/layerwise.js";
import {
  largeChip,
  Layers,
  mixedNet,
  Random,
  real,
  sdtNet,
  smallChip,
  stattenNet,
} from "../../backends/layerwise/nets.js";
import { compiled } from "../../backends/layerwise/support.js";

const SMALL = smallChip({ data: 4096, weight: 8192, spike: 512 });
const statten = (seed: number, held = true): Net =>
  stattenNet(new Random(seed), { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2, held });

function* programs(): Generator<{ net: Net; program: Program }> {
  for (const seed of [1, 2, 3]) {
    const sdt = sdtNet(new Random(seed), { timesteps: 4, tokens: 5, channels: 16, heads: 2 });
    for (const [net, chip] of [
      [statten(seed), SMALL],
      [statten(seed), largeChip()],
      [sdt, SMALL],
      [mixedNet(new Random(seed), 4), largeChip()],
    ] as const) {
      for (const timeBlock of [2, 4]) yield { net, program: compiled(net, chip, { timeBlock }) };
    }
  }
}

const bytesOf = ({ chip }: Program, { place, size }: MemoryRegion): number =>
  place === "dram" ? size : size * wordBytes(chip, place);

/** Instruction by instruction: what lives, added up. */
function walked(program: Program, regions: readonly MemoryRegion[]): { peak: number; instruction: number } {
  let [peak, instruction] = [0, 0];
  for (let i = 0; i < program.instructions.length; i++) {
    let now = 0;
    for (const region of regions) if (region.first <= i && i <= region.last) now += bytesOf(program, region);
    if (now > peak) [peak, instruction] = [now, i];
  }
  return { peak, instruction };
}

const total = (held: Held): number => Object.values(held).reduce((sum, bytes) => sum + bytes, 0);

describe("the memory of a program", () => {
  it("peaks where a walk over its instructions finds most, of each memory, all of them, and each layer", () => {
    let spilled = 0;
    for (const { program } of programs()) {
      const { regions, layers, chip } = program;
      const memory = layerwiseMemory(program);
      for (const { place, peak, instruction, held, end, capacity } of memory.places) {
        const own = regions.filter((region) => region.place === place);
        expect({ peak, instruction }).toEqual(walked(program, own));
        expect(total(held)).toBe(peak);
        expect(peak).toBeLessThanOrEqual(end);
        expect(end).toBeLessThanOrEqual(capacity ?? program.dramBytes);
        if (place !== "dram") expect(capacity).toBe(chip.memories[place].bytes);
      }
      const onChip = regions.filter(({ place }) => place !== "dram");
      expect(memory.onChip).toMatchObject(walked(program, onChip));
      expect(total(memory.onChip.held)).toBe(memory.onChip.peak);
      for (const row of memory.layers) {
        const own = regions.filter(({ layer }) => layers[layer]?.name === row.layer);
        const [there, here] = [own.filter((r) => r.place === "dram"), own.filter((r) => r.place !== "dram")];
        expect(row.onChip).toBe(walked(program, here).peak);
        expect(row.dram).toBe(walked(program, there).peak);
        for (const [kind, bytes] of Object.entries(row.kinds)) {
          expect(bytes).toBe(
            walked(
              program,
              here.filter((r) => r.kind === kind),
            ).peak,
          );
        }
      }
      const dram = memory.places.find(({ place }) => place === "dram")!;
      expect(memory.layers.reduce((sum, row) => sum + row.dram, 0)).toBe(dram.peak);
      if (dram.held.spikes !== undefined || dram.held.streams !== undefined) spilled++;
    }
    expect(spilled).toBeGreaterThan(3);
  });

  it("counts weights and biases of the net once, and its neurons", () => {
    for (const { net, program } of programs()) {
      let [parameters, neurons] = [0, 0];
      for (const constant of net.constants.values()) {
        if (constant.kind === "weights") parameters += constant.mantissa.length + outputsOf(constant);
      }
      for (const op of net.ops) if (op.layer !== undefined) neurons += op.type.shape.reduce((a, b) => a * b, 1);
      expect(layerwiseMemory(program).table).toEqual({
        parameters,
        activations: neurons,
        m32: 4 * (parameters + neurons),
        m32Weights: 4 * parameters + neurons,
        m8: parameters + neurons,
      });
    }
  });
});

describe("time blocks in the memory of a program", () => {
  // T = P = 4: with all timesteps at once potentials never leave their registers, and a spike word is shared by all of them.
  const net = statten(1, false);
  const [two, four] = [2, 4].map((timeBlock) => compiled(net, largeChip(), { timeBlock })) as [Program, Program];
  const sizes = (program: Program, kind: MemoryRegion["kind"]): ReadonlyMap<string, number> =>
    new Map(program.regions.filter((r) => r.kind === kind && r.place !== "dram").map((r) => [r.name, r.size]));

  it("give smaller streams, equal weights, and potentials that must be kept", () => {
    const [short, long] = [sizes(two, "streams"), sizes(four, "streams")];
    expect([...short.keys()].sort()).toEqual([...long.keys()].sort());
    const ratios = [...long].map(([name, size]) => size / short.get(name)!);
    // The logits are kept until their mean over time, and that mean holds.
    expect(new Set(ratios)).toEqual(new Set([1, 2]));
    expect(sizes(two, "spikes")).toEqual(sizes(four, "spikes"));
    expect(sizes(two, "weights")).toEqual(sizes(four, "weights"));
    expect(layerwiseMemory(four).places.map(({ held }) => held.potentials)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    const kept = layerwiseMemory(two).layers.flatMap(({ layer, kinds }) =>
      kinds.potentials === undefined ? [] : [[layer, kinds.potentials] as const],
    );
    // A potential of 32 bits for each of the 64 lanes of a word, whatever the layer fills of them.
    const neurons = net.ops.filter((op) => op.layer !== undefined);
    expect(kept.sort()).toEqual(
      neurons
        .map(({ layer, type: { shape } }) => {
          const positions = shape.slice(0, -1).reduce((a, b) => a * b, 1);
          return [layer!.name, 4 * 64 * positions * Math.ceil(shape.at(-1)! / 64)] as const;
        })
        .sort(),
    );
  });
});

describe("attention in the memory of a program", () => {
  it.each([
    // CIFAR 2-512 (64 tokens, chunk 2, d = 64): 8 bits; here its counters with fewer channels.
    { tokens: 64, chunk: 2, headDim: 4, bits: 8 },
    { tokens: 3, chunk: 1, headDim: 8, bits: 2 },
    { tokens: 4, chunk: 1, headDim: 8, bits: 3 },
    { tokens: 4, chunk: 4, headDim: 2, bits: 5 },
  ])("counts d^2 counters up to chunk x tokens: %j", ({ tokens, chunk, headDim, bits }) => {
    const heads = 3;
    const layers = new Layers("attention", new Random(1));
    const x = layers.builder.input("x", real(4, tokens, heads * headDim));
    const [q, k, v] = [0.1, 0.2, 0.3].map((threshold) => layers.lif(x, { v_th: threshold })) as [
      string,
      string,
      string,
    ];
    const net = layers.finish({ o: layers.op("attention.statten", [q, k, v], { heads, chunk, scale: 1 }) });
    const chip = { ...largeChip(), lanes: 8, parallelTimesteps: 4 };
    const { attention } = layerwiseMemory(compiled(net, chip));
    expect(attention).toHaveLength(1);
    // Queries: a bit for each of 4 timesteps, in whole words of 8 channels.
    const queryBytes = (tokens * Math.ceil((heads * headDim) / 8) * 8 * 4) / 8;
    expect(attention[0]).toMatchObject({ heads, headDim, counters: headDim ** 2, counterBits: bits, queryBytes });
  });
});

describe("widths in the memory of a program", () => {
  it("are the chip's weight words, and the widest potential", () => {
    const widths = (integers: boolean): object => {
      const layers = new Layers("widths", new Random(1));
      const x = layers.builder.input("x", real(2, 3, 8));
      const attrs = { charge: { name: "shift", args: [1] }, v_th: 20, state_bits: 12 };
      const spikes = integers
        ? layers.lif(layers.op("to-int", [x], { exp: -4, lo: -100, hi: 100 }), attrs)
        : layers.lif(x);
      return layerwiseMemory(compiled(layers.finish({ y: layers.dense(spikes, 4) }), SMALL)).widths;
    };
    expect(widths(false)).toEqual({ weight: 32, spike: 1, data: 32, potential: 32 });
    expect(widths(true)).toEqual({ weight: 32, spike: 1, data: 32, potential: 12 });
  });
});
