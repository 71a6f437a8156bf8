import { describe, expect, it } from "vitest";
import { Emitter } from "../../../src/backends/loihi/emitter.js";
import { Graph, synapticDelay, type LegalNet } from "../../../src/backends/loihi/index.js";
import { evaluate, everyStep, slotSize, type Net, type Op } from "../../../src/ir/index.js";
import { randomInputs } from "../../support/random-net.js";
import { Random, sdtNet } from "../layerwise/nets.js";
import { testChip } from "./chips.js";
import { expectLegal, legal, net, quantised, refused } from "./support.js";

/** Biases act in the window of local time alone, which a net in chip steps has not: without them nothing happens outside it. */
function withoutBiases(found: LegalNet): Net {
  const ops = found.net.ops.map((op): Op => {
    const { bias: _, ...attrs } = op.attrs;
    return op.name === "neuron.loihi" ? { ...op, attrs } : op;
  });
  return { ...found.net, ops };
}

/** The net in chip steps: each connection has its synaptic delay, written out, instead of local time. */
function inChipSteps(found: LegalNet, source: Net, steps: number): Net {
  const graph = new Graph(source, found.populations);
  const emit = new Emitter(
    source.inputs.map(({ name, type }) => ({ name, type: { ...type, time: everyStep(steps) } })),
  );
  for (const [name, constant] of source.constants) emit.constant(name, constant);
  for (const op of source.ops) emit.declare(op.result, { ...op.type, time: everyStep(steps) });
  for (const population of found.populations) {
    const arriving = new Map<string, string>();
    for (const connection of graph.connectionsTo(population)) {
      const { from, delay } = connection;
      // The delays of the net stay where they are; what the host puts in acts without a step between.
      const rest = synapticDelay(graph, found.starts, connection) - delay - (graph.isInput(from) ? 1 : 0);
      if (rest === 0) arriving.set(from, from);
      else if (!arriving.has(from))
        arriving.set(from, emit.add(`${from}.sent`, "delay", [from], { attrs: { timesteps: rest } }));
    }
    const clone = (value: string): string => {
      const sent = arriving.get(value);
      if (sent !== undefined) return sent;
      const op = graph.producer(value);
      return emit.add(`${value}.of`, op.name, op.operands.map(clone), op);
    };
    const op = graph.producer(population.value);
    emit.define(op.result, op.name, op.operands.map(clone), op);
  }
  return emit.finish("steps", source.outputs);
}

/** Runs a legal net in chip steps and compares each population's window with its local time; returns the spikes. */
function expectSameInSteps(found: LegalNet, seed: number): number {
  const source = withoutBiases(found);
  const T = found.timesteps;
  const steps = Math.max(...found.starts.values()) + T;
  const local = randomInputs(source, seed);
  const placed = new Map(
    source.inputs.map(({ name, type }) => {
      const size = slotSize(type);
      const values = new Int32Array(steps * size);
      values.set(Int32Array.from(local.get(name) ?? []), (found.starts.get(name) ?? 0) * size);
      return [name, values];
    }),
  );
  const expected = evaluate(source, local).values;
  const computed = evaluate(inChipSteps(found, source, steps), placed).values;
  let spikes = 0;
  for (const { value } of found.populations) {
    const start = found.starts.get(value) ?? 0;
    for (let step = 0; step < steps; step++) {
      const slot = computed.get(value)?.[step] ?? [];
      const at = step - start;
      const want = at >= 0 && at < T ? expected.get(value)?.[at] : undefined;
      for (let i = 0; i < slot.length; i++) {
        spikes += Math.abs(slot[i]!);
        if (slot[i] !== (want?.[i] ?? 0))
          throw new Error(`%${value}, step ${step}, ${i}: ${slot[i]}, not ${want?.[i]}`);
      }
    }
  }
  return spikes;
}

describe("local time", () => {
  it.each(Array.from({ length: 12 }, (_, i) => i + 1))("gives each population its timesteps (seed %i)", (seed) => {
    const random = new Random(seed * 31);
    const chip = testChip({ maxDelay: random.pick([1, 2, 3, 62]) });
    const options = {
      timesteps: random.int(2, 5),
      tokens: random.int(1, 5),
      channels: 6,
      heads: 3,
      dvs: seed % 2 === 0,
    };
    const integers = quantised(sdtNet(random, { ...options }), chip);
    if (integers === undefined) throw new Error("not quantised");
    for (const streams of ["unroll", "relay"] as const) {
      const found = legal(integers, chip, { streams });
      expect(expectSameInSteps(found, seed)).toBeGreaterThan(0);
    }
  });

  it("carries delays of the network, as far as all ways from a source can share a copy", () => {
    const source = net(`net @n(%x: spike<6t, 2>) -> spike<6t, 2> {
  %a = neuron.lif %x {charge = integrate, v_th = 1} : spike<6t, 2> layer("a")
  %old = delay %a {timesteps = 4} : spike<6t, 2>
  %in = stream.add %a, %old : count<6t, 2, max 2>
  %b = neuron.lif %in {charge = integrate, v_th = 2} : spike<6t, 2> layer("b")
  return %b
}`);
    // 1 step and 1 + 4 steps from a to b.
    const found = legal(source, testChip({ maxDelay: 5 }));
    expectLegal(found, testChip({ maxDelay: 5 }));
    for (let seed = 1; seed < 10; seed++) expectSameInSteps(found, seed);
    const [first] = refused(source, testChip({ maxDelay: 4 }));
    expect(first).toMatchObject({ code: "loihi/local-time" });
    expect(first?.message).toContain("synapses delay by 1..4");
  });

  it("hears the longest ways of a deep net through shared copies", () => {
    const deep = (depth: number): string => {
      const layer = (i: number): string =>
        `  %${i} = neuron.lif %${i - 1} {charge = integrate, v_th = 1} : spike<4t, 2>`;
      return `net @n(%x: spike<4t, 2>) -> spike<4t, 2> {
  %0 = neuron.lif %x {charge = integrate, v_th = 1} : spike<4t, 2>
${Array.from({ length: depth }, (_, i) => layer(i + 1)).join("\n")}
  %sum = stream.add %0, %${depth} : count<4t, 2, max 2>
  %y = neuron.lif %sum {charge = integrate, v_th = 1} : spike<4t, 2>
  return %y
}`;
    };
    // %0 is heard after depth + 1 steps: one copy for each whole delay in front of the last part.
    for (const [depth, copies] of [
      [2, 0],
      [3, 1],
      [5, 1],
      [6, 2],
    ] as const) {
      const chip = testChip({ maxDelay: 3 });
      const found = legal(net(deep(depth)), chip);
      expectLegal(found, chip);
      expect(found.populations.length - depth - 2).toBe(copies);
      for (let seed = 1; seed < 5; seed++) expect(expectSameInSteps(found, seed)).toBeGreaterThan(0);
    }
  });
});
