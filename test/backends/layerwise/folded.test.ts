import { describe, expect, it } from "vitest";
import { MEMORIES } from "../../../src/backends/program/instruction.js";
import type { Program } from "../../../src/backends/program/program.js";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import { everyStep, int, type Net } from "../../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../../src/passes/index.js";
import { createStepped } from "../../../src/sim/layerwise/index.js";
import { largeChip, Layers, Random, randomInputs, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { compiled, expectSame, refused, runs } from "./support.js";

/** What the foldings leave runs on the chip, bit for bit. */

const CHIPS: readonly (readonly [string, LayerwiseChip])[] = [
  ["8 lanes, P = 2", smallChip({ spike: 4096, weight: 65_536, data: 65_536 })],
  ["8 lanes, P = 2, maps in DRAM", smallChip({ spike: 512, weight: 16_384, data: 8192 })],
  ["64 lanes, P = 4", largeChip()],
];

function after(net: Net, pipeline: string): Net {
  const { result } = runPipeline(net, parsePipeline(pipeline).steps ?? []);
  if (result === undefined) throw new Error(`${pipeline} failed`);
  return result;
}

const names = (net: Net): ReadonlySet<string> => new Set(net.ops.map((op) => op.name));

/** Accesses of the data memory without transfers from and to DRAM. */
function dataAccesses(program: Program, net: Net): number {
  const { layers } = createStepped(program).run(randomInputs(net, new Random(1)));
  const dram = program.instructions.reduce((sum, i) => {
    const moves = (i.op === "load" || i.op === "store") && MEMORIES[i.fields.memory] === "data";
    return moves ? sum + i.fields.words * i.fields.chunks : sum;
  }, 0);
  return layers.reduce((sum, { accesses: { data } }) => sum + data.reads + data.writes, -dram);
}

describe.each(CHIPS)("on %s", (_, chip) => {
  it.each([undefined, 1, 2, 3])("thresholds need no potentials (time block %s)", (timeBlock) => {
    const layers = new Layers("thresholds", new Random(11));
    const x = layers.builder.input("x", { number: int(-5, 5), time: everyStep(5), shape: [3, 11] });
    const fires = (attrs: Record<string, number | string>): string =>
      layers.builder.op("neuron.threshold", [x], { attrs, layer: `t${Object.keys(attrs).length}${attrs["v_th"]}` });
    const some = fires({ v_th: 2, fire: "ge" });
    const others = fires({ v_th: 0.5 });
    const uneven = layers.builder.op("neuron.threshold", [x], {
      attrs: { v_th: layers.perChannel(x, -4, 4), fire: "gt" },
      layer: "uneven",
    });
    const both = layers.op("mask.and", [layers.op("mask.and", [some, others]), uneven]);
    const net = layers.finish({ y: layers.dense(both, 9), z: layers.dense(uneven, 9) });
    expect(runs(net, chip, timeBlock === undefined ? {} : { timeBlock }).spikes).toBeGreaterThan(20);
  });

  it("a folded SDT block fires its masks without memory", () => {
    for (const dvs of [false, true]) {
      const block = sdtNet(new Random(5), { timesteps: 4, tokens: 6, channels: 16, heads: 2, dvs });
      const net = after(block, "folded");
      expect(names(net)).toContain("neuron.threshold");
      const program = compiled(net, chip, { timeBlock: 2 });
      expect(expectSame(net, program).spikes).toBeGreaterThan(50);
      const masks = program.layers.findIndex((layer) => layer.kind === "neuron.threshold");
      const fires = program.instructions.flatMap((i) => (i.op === "fire" && i.layer === masks ? [i.fields.state] : []));
      expect(new Set(fires)).toEqual(new Set([-1]));
      // One word of potentials per channel block, written after the first time block and read before the second.
      const saved = dataAccesses(compiled(block, chip, { timeBlock: 2 }), net) - dataAccesses(program, net);
      expect(saved).toBe(2 * Math.ceil(16 / chip.lanes));
    }
  });

  it("a folded STAtten attends with integers", () => {
    const shape = { timesteps: 4, chunk: 2, side: 4, channels: 16, heads: 2 };
    const net = after(stattenNet(new Random(9), shape), "fold-thresholds{non-dyadic=true},drop-dead");
    expect(names(net)).toContain("attention.q");
    expect(names(net)).not.toContain("attention.statten");
    expect(runs(net, chip).spikes).toBeGreaterThan(100);
  });

  it("slices at block borders are read in place", () => {
    const layers = new Layers("slices", new Random(21));
    const x = layers.builder.input("x", real(4, 5, 7));
    const width = chip.lanes;
    const s = layers.lif(x, { v_th: 0.4 });
    const neurons = [width, 2 * width, 5].map((out) => layers.lif(layers.dense(s, out), { v_th: 0.3 }));
    const [q, k, v] = neurons;
    const net = after(
      layers.finish({
        q: layers.dense(q ?? "", 3),
        k: layers.dense(k ?? "", 3),
        v: layers.dense(v ?? "", 3),
      }),
      "merge-projections",
    );
    expect(net.ops.filter((op) => op.name === "channels.slice")).toHaveLength(3);
    for (const timeBlock of [1, 3, 4]) expect(runs(net, chip, { timeBlock }).spikes).toBeGreaterThan(50);
  });

  it("other slices are refused, with a way out", () => {
    const build = (read: (layers: Layers, slice: string) => string, from = 3): Net => {
      const layers = new Layers("slices", new Random(21));
      const x = layers.builder.input("x", real(2, 2, 200));
      return layers.finish({ y: read(layers, layers.op("channels.slice", [x], { from, count: 4 })) });
    };
    const spiking = (layers: Layers, y: string): string => layers.dense(layers.lif(y), 2);
    const [inside] = refused(build(spiking), chip);
    expect(inside?.code).toBe("layerwise/unsupported-op");
    expect(inside?.message).toContain(`starts at channel 3, inside a block of ${chip.lanes} lanes`);
    expect(inside?.hint).toContain("merge-projections");
    const added = build((layers, y) => layers.op("stream.add", [y, y]), 64);
    expect(refused(added, chip)[0]?.message).toContain("is read in place, but it is read by");
    expect(
      refused(
        build((_layers, y) => y, 64),
        chip,
      )[0]?.message,
    ).toContain("is read in place, but it leaves the net");
  });
});
