import { describe, expect, it } from "vitest";
import { checkHazards, supportMatrix } from "../../../src/backends/layerwise/index.js";
import type { Program } from "../../../src/backends/program/program.js";
import { everyStep, OPS, realTensor, SPIKE } from "../../../src/ir/index.js";
import { held, largeChip, Layers, Random, real, sdtNet, smallChip, stattenNet } from "./nets.js";
import { compiled, refused } from "./support.js";

const statten = (timesteps = 4, chunk = 2) =>
  stattenNet(new Random(1), { timesteps, chunk, side: 2, channels: 12, heads: 2 });

describe("time blocks", () => {
  it("names the legal ones", () => {
    const [diagnostic] = refused(statten(8, 2), largeChip(), { timeBlock: 3 });
    expect(diagnostic).toMatchObject({
      code: "layerwise/time-block",
      message: "time block 3 is not a multiple of chunk 2",
      hint: "use 2, 4, 6, 8",
    });
    const [long] = refused(statten(), largeChip(), { timeBlock: 5 });
    expect(long?.message).toBe("time block 5 is not in 1..4");
  });

  it("cut groups at their borders", () => {
    const program = compiled(statten(6, 3), largeChip(), { timeBlock: 3 });
    const spans = new Set(
      program.instructions.flatMap((i) => (i.op === "fire" ? [`${i.fields.firstStep}+${i.fields.steps}`] : [])),
    );
    expect([...spans].sort()).toEqual(["0+3", "3+3"]);
  });
});

describe("tokens", () => {
  const programs = [
    compiled(
      sdtNet(new Random(2), { timesteps: 4, tokens: 9, channels: 24, heads: 2 }),
      smallChip({ data: 8192, weight: 4096, spike: 512 }),
    ),
    compiled(
      stattenNet(new Random(1), { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2 }),
      smallChip({ data: 2048, weight: 8192, spike: 512 }),
      { timeBlock: 2 },
    ),
  ];

  // Ranges with holes are taken whole, so a few dependencies order what never meets.
  it.each(programs)("are missed when a dependency is removed ($name)", (program) => {
    const all = dependencies(program);
    expect(all.length).toBeGreaterThan(20);
    const problems = all.map((dependency) => checkHazards(without(program, dependency))[0]);
    const missed = problems.filter((problem) => problem?.includes("is not ordered after") === true);
    expect(missed.length / all.length).toBeGreaterThan(0.95);
  });

  it("must balance", () => {
    const [program] = programs;
    const dependency = program === undefined ? undefined : dependencies(program)[3];
    if (program === undefined || dependency === undefined) throw new Error("no dependency");
    const { from, to, token } = dependency;
    expect(checkHazards(without(program, { from: -1, to, token })).join()).toContain("is left over");
    expect(checkHazards(without(program, { from, to: -1, token })).join()).toMatch(/which nothing before it sends/);
  });
});

interface Dependency {
  readonly from: number;
  readonly to: number;
  readonly token: number;
}

/** The n-th wait for a token belongs to its n-th signal. */
function dependencies(program: Program): readonly Dependency[] {
  const ends = (side: "waits" | "signals", token: number): number[] =>
    program.instructions.flatMap((instruction, i) =>
      instruction[side].filter((use) => use.token === token).map(() => i),
    );
  return Array.from({ length: program.tokens }, (_, token) => token).flatMap((token) => {
    const signals = ends("signals", token);
    return ends("waits", token).map((to, n) => ({ from: signals[n] ?? -1, to, token }));
  });
}

function without(program: Program, { from, to, token }: Dependency): Program {
  const instructions = program.instructions.map((instruction, i) => ({
    ...instruction,
    waits: i === to ? instruction.waits.filter((use) => use.token !== token) : instruction.waits,
    signals: i === from ? instruction.signals.filter((use) => use.token !== token) : instruction.signals,
  }));
  return { ...program, instructions };
}

describe("programs", () => {
  it("are deterministic", () => {
    expect(compiled(statten(), largeChip())).toEqual(compiled(statten(), largeChip()));
  });

  it("load each weight region once where all of them fit, and again per time block where not", () => {
    const loads = (program: Program) =>
      program.instructions.filter((i) => i.op === "load" && i.fields.memory === 1).length;
    const once = loads(compiled(statten(), largeChip(), { timeBlock: 2 }));
    expect(loads(compiled(statten(), largeChip()))).toBe(once);
    const small = smallChip({ spike: 1024, weight: 8192, data: 16_384 });
    expect(loads(compiled(statten(), small, { timeBlock: 2 }))).toBeGreaterThan(loads(compiled(statten(), small)));
  });

  it("load the next channel block while the present one computes", () => {
    const layers = new Layers("blocks", new Random(1));
    const x = layers.builder.input("x", real(2, 4, 16));
    const net = layers.finish({ y: layers.dense(layers.lif(x), 32) });
    const ops = compiled(net, smallChip({ weight: 2048 })).instructions.filter(
      (i) => i.op === "accumulate" || (i.op === "load" && i.fields.memory === 1),
    );
    expect(ops.map((i) => i.op).slice(0, 4)).toEqual(["load", "load", "accumulate", "load"]);
  });

  it("name weighted layers by origin or constant and neurons by layer", () => {
    const program = compiled(statten(), largeChip());
    const names = program.layers.map((layer) => `${layer.kind} ${layer.name} ${layer.recorded}`);
    expect(names.slice(0, 3)).toEqual(["synapse.conv w0 false", "neuron.lif lif1 true", "pool.or pool.or %2 false"]);
  });
});

describe("refusals", () => {
  const one = (build: (layers: Layers) => string) => {
    const layers = new Layers("one", new Random(1));
    return layers.finish({ y: build(layers) });
  };

  it("take a stand on every op of the IR", () => {
    expect(Object.keys(supportMatrix).sort()).toEqual(OPS.map((op) => op.name).sort());
  });

  it("point a batch-norm at its pass", () => {
    const net = one((l) => {
      const x = l.builder.input("x", real(2, 4));
      const symbols = [1, 0, 0, 1].map((value, i) =>
        l.builder.constant(`b${i}`, realTensor([4], new Float32Array(4).fill(value))),
      );
      const normed = l.builder.op("norm.batch", [x], { symbols });
      return l.builder.op("norm.batch", [normed], { symbols });
    });
    const norms = refused(net, largeChip()).filter(({ code }) => code === "layerwise/unsupported-op");
    expect(norms).toHaveLength(1);
    expect(norms[0]?.message).toContain("and 1 more (norm.batch)");
    expect(norms[0]?.hint).toBe("run the pass `fold-batchnorm` first");
  });

  it("say which operands an op needs", () => {
    const net = one((l) => {
      const x = l.builder.input("x", { number: SPIKE, time: everyStep(2), shape: [1, 3] });
      return l.dense(l.op("mask.and", [x, x]), 2);
    });
    expect(refused(net, largeChip())[0]).toMatchObject({ code: "layerwise/unsupported-op" });
    const delayed = one((l) => l.op("delay", [l.builder.input("x", real(2, 3))]));
    expect(refused(delayed, largeChip())[0]?.notes[0]?.message).toContain("supported: synapse.conv");
  });

  it("say that outputs are data maps", () => {
    const net = one((l) => l.lif(l.builder.input("x", real(2, 3))));
    expect(refused(net, largeChip())[0]?.code).toBe("layerwise/unsupported-value");
  });

  it("name layer, memory, need and capacity of what does not fit", () => {
    const attention = stattenNet(new Random(1), { timesteps: 4, chunk: 2, side: 3, channels: 24, heads: 2 });
    const [data] = refused(attention, smallChip({ data: 512, weight: 65_536 }));
    expect(data).toMatchObject({ code: "layerwise/does-not-fit" });
    expect(data?.message).toMatch(
      /^`.*` needs \d+ bytes of data memory for \d+ of \d+ rows \(((`%\w+`|the result|currents|potentials) \d+(, )?)+\), the chip has 512$/,
    );
    expect(data?.hint).toBe(
      "enlarge `memories.data.bytes` of the chip, or use a smaller time block (down to 2), or let `--time-block auto` divide the net into groups",
    );
    const [weight] = refused(attention, smallChip({ weight: 1024 }));
    expect(weight?.message).toMatch(/needs \d+ bytes of weight memory for 8 output channels, the chip has 1024/);
  });

  it("compare proved widths with the chip", () => {
    const net = one((l) => l.dense(l.lif(l.builder.input("x", real(2, 3))), 2));
    expect(refused(net, { ...largeChip(), weightBits: 8 })[0]?.message).toMatch(
      /needs 25-bit weights .*, the chip has 8$/,
    );
    expect(refused(net, { ...largeChip(), accumulatorBits: 20 })[0]?.code).toBe("layerwise/accumulator-width");
    expect(refused(statten(), { ...largeChip(), patchValues: 26 })[0]?.message).toBe(
      "`w0` needs 27 patch values for one window, the chip has 26",
    );
    const [counters, bits] = refused(statten(), { ...largeChip(), attention: { counters: 35, counterBits: 3 } });
    expect(counters?.message).toContain("needs 36 counters for heads of 6 channels, the chip has 35");
    expect(bits?.message).toContain("needs 4-bit counters to count to 8, the chip has 3");
  });

  it("hold a static convolution against the patch registers once", () => {
    const net = one((l) => l.conv(l.builder.input("x", held(3, 4, 4, 4)), 2, { kernel: 3 }));
    expect(refused(net, { ...largeChip(), patchValues: 8 })).toHaveLength(1);
  });
});
