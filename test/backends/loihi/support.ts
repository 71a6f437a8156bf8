import { expect } from "vitest";
import { Graph, legalize, loihiPipeline, runLegal, synapticDelay } from "../../../src/backends/loihi/index.js";
import type { LegalNet, LegalizeOptions } from "../../../src/backends/loihi/index.js";
import type { LoihiChip } from "../../../src/chips/loihi.js";
import { Report, type Diagnostic } from "../../../src/diagnostics/index.js";
import {
  evaluate,
  flatten,
  isSpike,
  netTimesteps,
  parseNet,
  verifyNet,
  type Net,
  type Slot,
} from "../../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../../src/passes/index.js";

export function net(text: string): Net {
  const { net: parsed, diagnostics } = parseNet(text, "test.snn");
  expect(diagnostics).toEqual([]);
  if (parsed === undefined) throw new Error("no net");
  return parsed;
}

/** The net in integers for this chip; undefined where `quantize` refuses it. */
export function quantised(source: Net, chip: LoihiChip, pipeline = loihiPipeline(chip, netTimesteps(source))) {
  return runPipeline(source, parsePipeline(pipeline).steps ?? []).result;
}

export function legal(source: Net, chip: LoihiChip, options: LegalizeOptions = {}): LegalNet {
  const report = new Report();
  const found = legalize(source, chip, options, report);
  expect(report.diagnostics.map(({ message }) => message)).toEqual([]);
  if (found === undefined) throw new Error("no legal net and no reason");
  return found;
}

export function refused(source: Net, chip: LoihiChip, options: LegalizeOptions = {}): readonly Diagnostic[] {
  const report = new Report();
  expect(legalize(source, chip, options, report)).toBeUndefined();
  expect(report.failed).toBe(true);
  return report.diagnostics;
}

const LEGAL_OPS = new Set([
  "synapse.conv",
  "synapse.dense",
  "synapse.one-to-one",
  "pool.sum",
  "pool.sum-plane",
  "reduce.sum-positions",
  "stream.add",
  "stream.relay",
  "channels.slice",
  "repeat.positions",
  "repeat.channels",
  "delay",
  "neuron.loihi",
  "attention.kv",
  "attention.q",
]);

/** What `LegalNet` promises to those that map it. */
export function expectLegal(found: LegalNet, chip: LoihiChip): void {
  for (const part of [found.net, found.prefix, found.suffix])
    if (part !== undefined) expect(verifyNet(part)).toEqual([]);
  const { ops, inputs, outputs, constants } = found.net;
  expect(ops.map(({ name }) => name).filter((name) => !LEGAL_OPS.has(name))).toEqual([]);
  for (const { type } of [...inputs, ...ops]) expect(type.number).toMatchObject({ kind: "int", exp: 0 });
  for (const constant of constants.values()) {
    if (constant.kind !== "weights") continue;
    expect(constant.bias.every((b) => b === 0) && constant.exponent.every((e) => e === 0)).toBe(true);
  }
  const producers = new Map(ops.map((op) => [op.result, op]));
  for (const { value } of outputs) expect(producers.get(value)?.name).toBe("neuron.loihi");
  expect(found.inputs.map(({ name }) => name)).toEqual(inputs.map(({ name }) => name));
  const kinds = { neuron: "neuron.loihi", relay: "stream.relay", attention: "attention.q" };
  const order = new Map(ops.map((op, i) => [op.result, i]));
  expect(found.populations.map(({ value }) => order.get(value))).toEqual(
    ops.flatMap(({ name }, i) => (Object.values(kinds).includes(name) ? [i] : [])),
  );
  const graph = new Graph(found.net, found.populations);
  for (const population of found.populations) {
    expect(producers.get(population.value)?.name).toBe(kinds[population.kind]);
    for (const connection of graph.connectionsTo(population)) {
      const delay = synapticDelay(graph, found.starts, connection);
      expect(delay).toBeGreaterThanOrEqual(1);
      expect(delay).toBeLessThanOrEqual(population.kind === "attention" ? 1 : chip.numerics.maxDelay);
    }
  }
}

/** Outputs and all spikes that both nets have are equal; returns how many spikes there were. */
export function expectSameSpikes(source: Net, found: LegalNet, inputs: ReadonlyMap<string, ArrayLike<number>>): number {
  const { values, outputs } = evaluate(source, inputs);
  const compared = new Set<string>();
  let spikes = 0;
  const computed = runLegal(found, inputs, (op, slot: Slot, moment) => {
    const expected = values.get(op.result);
    if (expected === undefined || !isSpike(op.type)) return slot;
    compared.add(op.result);
    // A held value is the same at all its timesteps.
    const at = expected[Math.floor((moment * expected.length) / op.type.time.count)] ?? [];
    for (let i = 0; i < slot.length; i++) {
      spikes += slot[i]!;
      if (slot[i] !== at[i]) throw new Error(`%${op.result} of moment ${moment}: ${i} is ${slot[i]}, not ${at[i]}`);
    }
    return slot;
  });
  const layers = source.ops.filter(({ layer }) => layer !== undefined).map(({ result }) => result);
  expect(layers.filter((layer) => !compared.has(layer))).toEqual([]);
  for (const [name, value] of outputs) expect([...(computed.get(name) ?? [])]).toEqual([...flatten(value)]);
  return spikes;
}
