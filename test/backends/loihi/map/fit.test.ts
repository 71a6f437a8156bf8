import { describe, expect, it } from "vitest";
import type { LegalNet } from "../../../../src/backends/loihi/index.js";
import { readChip, type LoihiChip } from "../../../../src/chips/index.js";
import { Report } from "../../../../src/diagnostics/index.js";
import { everyStep, NetBuilder, SPIKE } from "../../../../src/ir/index.js";
import { Random, stattenNet } from "../../layerwise/nets.js";
import { ATTENTION, testChip } from "../chips.js";
import { legal, net, quantised } from "../support.js";
import { mapped, mapReport } from "./support.js";

const teaching = readChip("loihi-teaching", new Report(), "loihi")!;
/** As few cores as are found. */
const few = { objective: "cores" } as const;

describe("a net that does not fit", () => {
  const dense = (inputs: number, neurons: number): LegalNet => {
    const builder = new NetBuilder("n");
    const x = builder.input("x", { number: SPIKE, time: everyStep(2), shape: [inputs] });
    builder.constant("w", {
      kind: "weights",
      shape: [inputs, neurons],
      mantissa: Int32Array.from({ length: inputs * neurons }, (_, i) => 64 * ((i % 5) + 1)),
      exponent: new Int32Array(neurons),
      bias: new Float64Array(neurons),
    });
    const y = builder.op("synapse.dense", [x], { symbols: ["w"], attrs: { result: "int" } });
    const attrs = { decay_u: 4095, decay_v: 4095, v_th: 3 };
    builder.output("s", builder.op("neuron.loihi", [y], { attrs, layer: "a" }));
    return legal(builder.finish(), teaching);
  };
  const chipWith = (core: Partial<LoihiChip["core"]>, mesh: Partial<LoihiChip["mesh"]> = {}): LoihiChip => ({
    ...teaching,
    core: { ...teaching.core, ...core },
    mesh: { ...teaching.mesh, ...mesh },
  });

  it("says which layers need how many cores, filled by what, and what would help", () => {
    const [error] = mapReport(
      dense(4, 40),
      chipWith({ compartments: 16 }, { tilesX: 1, tilesY: 1, coresPerTile: 2 }),
    ).errors;
    expect(error?.code).toBe("loihi/too-large");
    expect(error?.message).toBe("the network needs 3 neuro-cores, the chip has 2");
    expect(error?.notes.map(({ message }) => message)).toEqual(["a: 3 cores, fullest in compartments (16 of 16)"]);
    expect(error?.hint).toContain("2 such chips");
    expect(error?.hint).toContain("the chip `loihi");
    expect(error?.hint).not.toContain("weight bits");
  });

  it("wants fewer weight bits where synapse memory is what is full", () => {
    const one = { tilesX: 1, tilesY: 1, coresPerTile: 1 };
    const [error] = mapReport(dense(4, 8), chipWith({ synapseBits: 256 }, one)).errors;
    expect(error?.notes.map(({ message }) => message)).toEqual([
      "a: 2 cores, fullest in bits of synapse memory (256 of 256)",
    ]);
    expect(error?.hint).toContain("fewer weight bits");
  });

  it("counts attention cores beside neuro-cores, and as many chips as both need", () => {
    const heads = 4;
    const attention = { ...ATTENTION, cores: 1, counters: 9 };
    const chips = testChip({}, attention);
    const roomy: LoihiChip = { ...chips, mesh: { ...chips.mesh, chipsX: 1 } };
    const source = stattenNet(new Random(3), { timesteps: 2, chunk: 2, side: 2, channels: 3 * heads, heads });
    const found = legal(quantised(source, roomy)!, roomy);
    const [error] = mapReport(found, roomy).errors;
    expect(error?.code).toBe("loihi/too-large");
    expect(error?.message).toBe("the network needs 4 attention cores, the chip has 1");
    expect(error?.notes.map(({ message }) => message)).toEqual([expect.stringMatching(/: 4 cores for 4 heads$/)]);
    expect(error?.hint).toContain("4 such chips");
    expect(mapReport(found, { ...roomy, attention: { ...attention, cores: heads } }).errors).toEqual([]);
    // Two cores, one of them an attention core.
    const tiny: LoihiChip = {
      ...roomy,
      core: { ...roomy.core, compartments: 1 },
      mesh: { ...roomy.mesh, tilesX: 1, tilesY: 1, coresPerTile: 2 },
    };
    const [both] = mapReport(found, tiny).errors;
    expect(both?.message).toMatch(/^the network needs (\d+) neuro-cores, the chip has 1; and 4 attention cores, /);
    const [, neuro] = /needs (\d+)/.exec(both?.message ?? "")!;
    expect(both?.hint).toContain(`${neuro} such chips`);
    expect(both?.notes.some(({ message }) => message.includes("fullest in compartments (1 of 1)"))).toBe(true);
  });

  it("names a neuron that more cores hear than it has output axons, and the number that is enough", () => {
    const found = legal(
      net(`net @n(%x: spike<2t, 1>) -> spike<2t, 3> {
  const @w : weights<1x3> = [64, 64, 64]
  %a = synapse.one-to-one %x {weight = 64} : int<2t, 1, 0..64>
  %s = neuron.loihi %a {decay_u = 4095, decay_v = 4095, v_th = 0} : spike<2t, 1>  layer("a")
  %b = synapse.dense %s, @w {result = fixed} : int<2t, 3, -64..64>
  %t = neuron.loihi %b {decay_u = 4095, decay_v = 4095, v_th = 0} : spike<2t, 3>  layer("b")
  return %t
}`),
      teaching,
    );
    const [error] = mapReport(found, chipWith({ compartments: 1, outputAxons: 2 })).errors;
    expect(error?.code).toBe("loihi/core-limit");
    expect(error?.message).toBe("`a`: a single neuron needs 3 output axons, a core has 2");
    expect(error?.hint).toBeTruthy();
    expect(mapReport(found, chipWith({ compartments: 1, outputAxons: 3 })).errors).toEqual([]);
  });

  it("names a chip with more cores of the same kind first", () => {
    const one = chipWith({}, { tilesX: 1, tilesY: 1, coresPerTile: 1 });
    const [error] = mapReport(dense(1, teaching.core.compartments + 1), { ...one, name: "one" }).errors;
    expect(error?.message).toBe("the network needs 2 neuro-cores, the chip has 1");
    expect(error?.hint).toContain("the chip `loihi-teaching`, on which it takes 2 cores");
  });

  it.each<[what: string, core: Partial<LoihiChip["core"]>, says: string]>([
    ["input axons", { inputAxons: 3 }, "a single neuron needs 4 input axons, a core has 3"],
    ["synapse memory", { synapseBits: 96 }, "a single neuron needs 128 bits of synapse memory, a core has 96"],
  ])("names a neuron that needs more %s than a core has, and the number that is enough", (_what, core, says) => {
    const [key] = Object.keys(core) as [keyof LoihiChip["core"]];
    const short = mapReport(dense(4, 4), chipWith(core)).errors;
    expect(short.map(({ code, message }) => [code, message])).toEqual([["loihi/core-limit", `\`a\`: ${says}`]]);
    expect(short[0]?.hint).toBeTruthy();
    const enough = key === "inputAxons" ? 4 : 128;
    expect(mapReport(dense(4, 4), chipWith({ [key]: enough })).errors).toEqual([]);
  });

  it("stores one list for senders that do the same, even in formats whose lists no two axons share", () => {
    const unshared: LoihiChip = {
      ...teaching,
      synapseFormats: teaching.synapseFormats.map((format) => ({ ...format, shared: false })),
    };
    const [inputs, neurons] = [4, 6];
    const lists = (last: number): readonly number[] => {
      const builder = new NetBuilder("alike");
      const x = builder.input("x", { number: SPIKE, time: everyStep(2), shape: [inputs] });
      const mantissa = Int32Array.from({ length: inputs * neurons }, (_, i) => 64 * ((i % neurons) + 1));
      mantissa[mantissa.length - 1] = last;
      const [exponent, bias] = [new Int32Array(neurons), new Float64Array(neurons)];
      builder.constant("w", { kind: "weights", shape: [inputs, neurons], mantissa, exponent, bias });
      const y = builder.op("synapse.dense", [x], { symbols: ["w"], attrs: { result: "int" } });
      const attrs = { decay_u: 4095, decay_v: 4095, v_th: 3 };
      builder.output("s", builder.op("neuron.loihi", [y], { attrs, layer: "a" }));
      const program = mapped(legal(builder.finish(), unshared), unshared, few)!;
      return program.cores.map((core) => (core.kind === "neuro" ? core.lists.start.length - 1 : 0));
    };
    expect(lists(64 * neurons)).toEqual([1]);
    expect(lists(64 * (neurons + 1))).toEqual([2]);
  });

  it("fills a core's gaps with pieces of neurons that hear one source each", () => {
    // Two cores of eight compartments hold layers of six, six and four only where one of them is cut.
    const layer = (
      name: string,
      size: number,
    ): string => `  %y${name} = synapse.one-to-one %${name} {weight = 64} : int<2t, ${size}, 0..64>
  %s${name} = neuron.loihi %y${name} {decay_u = 4095, decay_v = 4095, v_th = 3} : spike<2t, ${size}>  layer("${name}")`;
    const found = legal(
      net(`net @n(%a: spike<2t, 6>, %b: spike<2t, 6>, %c: spike<2t, 4>) -> (p: spike<2t, 6>, q: spike<2t, 6>, r: spike<2t, 4>) {
${layer("a", 6)}
${layer("b", 6)}
${layer("c", 4)}
  return %sa, %sb, %sc
}`),
      teaching,
    );
    const chip = chipWith({ compartments: 8 });
    expect(mapped(found, chip, few)!.cores).toHaveLength(2);
    expect(mapped(found, chip, { ...few, pack: false })!.cores).toHaveLength(3);
  });

  it("splits weights that no format holds over synapses that arrive together", () => {
    const wide = (weight: number): LegalNet =>
      legal(
        net(`net @n(%x: spike<2t, 2>) -> spike<2t, 2> {
  %y = synapse.one-to-one %x {weight = ${weight}} : int<2t, 2, ${Math.min(0, weight)}..${Math.max(0, weight)}>
  %s = neuron.loihi %y {decay_u = 4095, decay_v = 4095, v_th = 3} : spike<2t, 2>  layer("a")
  return %s
}`),
        teaching,
      );
    const synapses = (weight: number): number =>
      mapped(wide(weight), teaching, few)!.cores.reduce(
        (sum, core) => sum + (core.kind === "neuro" ? core.lists.weight.length : 0),
        0,
      );
    expect(synapses(64 * 255)).toBe(1);
    expect(synapses(64 * 257)).toBe(2);
    expect(synapses(-64 * 257)).toBe(2);
  });
});
