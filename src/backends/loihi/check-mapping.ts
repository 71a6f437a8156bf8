import {
  channelsOf,
  evaluate,
  NetBuilder,
  positionsOf,
  slotSize,
  valueTypes,
  viewOf,
  type ValueType,
} from "../../ir/index.js";
import { checkLimits } from "../program/loihi/limits.js";
import { checkStructure } from "../program/loihi/check.js";
import type { LoihiProgram, Routes } from "../program/loihi/program.js";
import type { LegalNet, LegalPopulation } from "./legal-net.js";

/*
 * Whether a program is the mapping of a net. It knows nothing of how programs are made: configurations are read off the net, and
 * synapses are compared by what they do to random values, which the evaluator's own ops say.
 */

/** Random values that are sent through both: a wrong synapse is missed with a probability of 2^-VECTORS at most. */
const VECTORS = 24;

/** One sentence per fault. */
export function checkMapping(program: LoihiProgram, legal: LegalNet): readonly string[] {
  const structure = checkStructure(program);
  if (structure.length > 0) return structure;
  const names = nameFaults(program, legal);
  if (names.length > 0) return names;
  return [
    ...checkLimits(program),
    ...configurationFaults(program, legal),
    ...attentionFaults(program, legal),
    ...synapseFaults(program, legal),
  ];
}

function nameFaults(program: LoihiProgram, legal: LegalNet): readonly string[] {
  const types = valueTypes(legal.net);
  const startOf = (value: string): number | undefined => legal.starts.get(value);
  const faults: string[] = [];
  const compare = (what: string, found: unknown, expected: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(expected))
      faults.push(`${what}: ${JSON.stringify(found)}, the net has ${JSON.stringify(expected)}`);
  };
  compare("timesteps", program.timesteps, legal.timesteps);
  compare(
    "steps",
    program.steps,
    Math.max(...legal.populations.map(({ value, latency }) => startOf(value)! + latency + legal.timesteps)),
  );
  compare(
    "populations",
    program.populations.map(({ name, neurons, start }) => [name, neurons, start]),
    legal.populations.map(({ value, elements }) => [value, elements, startOf(value)]),
  );
  compare(
    "layers",
    program.populations.map(({ layer }) => program.layers[layer]!.name),
    legal.populations.map(({ layer }) => layer),
  );
  compare(
    "inputs",
    program.inputs.map(({ name, format, shape, start }) => [name, format, shape, start]),
    legal.inputs.map(({ name, format }) => [name, format, types.get(name)!.shape, startOf(name)]),
  );
  compare(
    "outputs",
    program.outputs.map(({ name, population, shape }) => [name, program.populations[population]!.name, shape]),
    legal.net.outputs.map(({ name, value }) => [name, value, types.get(value)!.shape]),
  );
  return faults;
}

function configurationFaults(program: LoihiProgram, { net, populations }: LegalNet): readonly string[] {
  const types = valueTypes(net);
  const ops = new Map(net.ops.map((op) => [op.result, op]));
  return program.cores.flatMap((core, i) => {
    if (core.kind === "attention") return [];
    return core.groups.flatMap((group) => {
      const { value, kind } = populations[group.population]!;
      const fault = [`core ${i}: a group of \`${value}\` is not configured as the net says`];
      if (group.kind !== kind) return fault;
      if (kind === "relay") return [];
      const view = viewOf(net, ops.get(value)!, types);
      const channels = channelsOf(types.get(value)!);
      const [threshold, bias] = [view.perChannel("v_th", channels), view.perChannel("bias", channels)];
      const registers =
        group.decayU === view.number("decay_u") &&
        group.decayV === view.number("decay_v") &&
        group.refractory === view.number("refractory") &&
        group.vMin === view.number("v_min") &&
        group.vMax === view.number("v_max") &&
        group.currentShift === view.number("current_shift");
      const own = [...group.neurons].every((neuron, c) => {
        const channel = neuron % channels;
        return group.threshold[c] === 64 * threshold[channel]! && group.bias[c] === bias[channel];
      });
      return registers && own ? [] : fault;
    });
  });
}

/** Calls `visit` with every sender of the program: an element of an input or population, and its routes. */
function eachSender(
  program: LoihiProgram,
  visit: (value: string, element: number, routes: Routes, row: number) => void,
): void {
  for (const { name, routes } of program.inputs) {
    for (let i = 0; i + 1 < routes.start.length; i++) visit(name, i, routes, i);
  }
  for (const core of program.cores) {
    if (core.kind === "neuro") {
      for (const { population, first, neurons } of core.groups) {
        neurons.forEach((neuron, c) => visit(program.populations[population]!.name, neuron, core.routes, first + c));
      }
      continue;
    }
    const { population, tokens, heads, headDim, firstChannel, routes } = core;
    const { name, neurons } = program.populations[population]!;
    const own = heads * headDim;
    for (let o = 0; o < tokens * own; o++) {
      visit(name, Math.floor(o / own) * (neurons / tokens) + firstChannel + (o % own), routes, o);
    }
  }
}

/** Every operand bit of an attention arrives at the axon that is its own, and nothing else does. */
function attentionFaults(program: LoihiProgram, { net, populations }: LegalNet): readonly string[] {
  const ops = new Map(net.ops.map((op) => [op.result, op]));
  const found = new Map<string, string>();
  const faults: string[] = [];
  eachSender(program, (value, element, routes, row) => {
    for (let r = routes.start[row]!; r < routes.start[row + 1]!; r++) {
      if (program.cores[routes.core[r]!]!.kind !== "attention") continue;
      const place = `axon ${routes.axon[r]} of core ${routes.core[r]}`;
      if (found.has(place)) faults.push(`${place} hears two senders`);
      found.set(place, `${value} ${element}`);
    }
  });
  program.cores.forEach((core, i) => {
    if (core.kind === "neuro") return;
    const { value } = populations[core.population]!;
    const reader = ops.get(value);
    const counters = ops.get(reader?.operands[1] ?? "");
    if (reader?.name !== "attention.q" || counters === undefined)
      return void faults.push(`core ${i} computes \`${value}\`, no attention`);
    const [tokens, channels] = [positionsOf(reader.type), channelsOf(reader.type)];
    const right =
      core.tokens === tokens &&
      core.chunk === counters.attrs["chunk"] &&
      core.headDim === channels / Number(counters.attrs["heads"]) &&
      core.firstChannel % core.headDim === 0;
    if (!right) return void faults.push(`core ${i} is not configured as \`${value}\` says`);
    const own = core.heads * core.headDim;
    [reader.operands[0], ...counters.operands].forEach((operand, which) => {
      for (let n = 0; n < tokens; n++) {
        for (let c = 0; c < own; c++) {
          const place = `axon ${(which * tokens + n) * own + c} of core ${i}`;
          const expected = `${operand} ${n * channels + core.firstChannel + c}`;
          if (found.get(place) !== expected)
            faults.push(`${place} hears ${found.get(place) ?? "nobody"}, not ${expected}`);
          found.delete(place);
        }
      }
    });
  });
  for (const [place, sender] of found) faults.push(`${place} hears ${sender}, which it should not`);
  return faults.slice(0, 20);
}

/** mulberry32 */
function randomBits(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Random values of every source, [times, elements], in the ranges of their types. */
function randomValues(sources: ReadonlyMap<string, ValueType>, times: number): ReadonlyMap<string, Int32Array> {
  const random = randomBits(1);
  return new Map(
    [...sources].map(([name, type]) => {
      const { lo, hi } = type.number.kind === "int" ? type.number : { lo: 0, hi: 1 };
      const values = new Int32Array(times * slotSize(type));
      for (let i = 0; i < values.length; i++) values[i] = lo + Math.floor(random() * (hi - lo + 1));
      return [name, values];
    }),
  );
}

/** What arrives at every neuron when sources send these values: the net's linear ops, evaluated. */
function netSums(
  { net }: LegalNet,
  readers: readonly LegalPopulation[],
  sources: ReadonlyMap<string, ValueType>,
  values: ReadonlyMap<string, Int32Array>,
  times: number,
): ReadonlyMap<string, ArrayLike<number>> {
  const builder = new NetBuilder("sums");
  for (const [name, type] of sources) builder.input(name, { ...type, time: { count: times, period: 1 } });
  for (const [name, constant] of net.constants) builder.constant(name, constant);
  for (const { name, result, operands, symbols, attrs } of net.ops) {
    if (!sources.has(result) && name !== "attention.kv") builder.op(name, operands, { result, symbols, attrs });
  }
  const ops = new Map(net.ops.map((op) => [op.result, op]));
  const operandOf = (value: string): string => ops.get(value)!.operands[0]!;
  for (const { value } of readers) builder.output(value, operandOf(value));
  const { outputs } = evaluate(builder.finish(), values);
  return new Map(readers.map(({ value }) => [value, (outputs.get(value) ?? []).flatMap((slot) => [...slot])]));
}

/**
 * What a program adds up when sources send these values: its messages, followed to their synapses. Sums are [neurons, times], for
 * every synapse walks through all times of one neuron.
 */
function programSums(
  program: LoihiProgram,
  legal: LegalNet,
  values: ReadonlyMap<string, Int32Array>,
  times: number,
): { readonly sums: ReadonlyMap<string, Float64Array>; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const sums = new Map(program.populations.map(({ name, neurons }) => [name, new Float64Array(neurons * times)]));
  const latency = new Map(legal.populations.map((population) => [population.value, population.latency]));
  // A neuron's message leaves in the step in which it fires, a host value counts as one step earlier.
  const sent = new Map([
    ...program.inputs.map(({ name, start }) => [name, start - 1] as const),
    ...program.populations.map(({ name, start }) => [name, start + latency.get(name)!] as const),
  ]);
  const owners = program.cores.map((core) => {
    if (core.kind === "attention") return [];
    return core.groups.flatMap(({ population, neurons }) => {
      const { name, start } = program.populations[population]!;
      const rows = sums.get(name)!;
      return Array.from(neurons, (neuron) => ({ row: rows.subarray(neuron * times, (neuron + 1) * times), start }));
    });
  });
  eachSender(program, (value, element, routes, row) => {
    const given = columnOf(values.get(value)!, element, times);
    for (let r = routes.start[row]!; r < routes.start[row + 1]!; r++) {
      const core = program.cores[routes.core[r]!]!;
      if (core.kind === "attention") continue;
      const { axons, lists } = core;
      const axon = routes.axon[r]!;
      for (let e = axons.start[axon]!; e < axons.start[axon + 1]!; e++) {
        const list = axons.list[e]!;
        for (let k = lists.start[list]!; k < lists.start[list + 1]!; k++) {
          const [weight, delay] = [lists.weight[k]!, lists.delay[k]!];
          if (weight === 0) continue;
          const compartment = axons.base[e]! + lists.target[k]!;
          const { row: target, start } = owners[routes.core[r]!]![compartment]!;
          const later = sent.get(value)! + delay - start;
          if (later < 0) {
            faults.push(`\`${value}\` ${element} would be heard ${-later} timesteps before it fires`);
            continue;
          }
          for (let t = 0; t + later < times; t++) target[t + later]! += weight * given[t]!;
        }
      }
    }
  });
  return { sums, faults: faults.slice(0, 20) };
}

/** The longest synaptic delay of a program: so many timesteps behind the first a wrong synapse shows at the latest. */
function longestDelay({ cores }: LoihiProgram): number {
  return cores.reduce((longest, core) => {
    if (core.kind === "attention") return longest;
    return core.lists.delay.reduce((most, delay) => Math.max(most, delay), longest);
  }, 0);
}

/** What one element sends at all times. */
function columnOf(values: Int32Array, element: number, times: number): Int32Array {
  const size = values.length / times;
  return Int32Array.from({ length: times }, (_, t) => values[t * size + element]!);
}

function synapseFaults(program: LoihiProgram, legal: LegalNet): readonly string[] {
  const types = valueTypes(legal.net);
  const names = [...legal.net.inputs.map(({ name }) => name), ...legal.populations.map(({ value }) => value)];
  const sources = new Map(names.map((name) => [name, types.get(name)!]));
  const readers = legal.populations.filter(({ kind }) => kind !== "attention");
  const longest = legal.net.ops.reduce(
    (sum, { name, attrs }) => sum + (name === "delay" ? Number(attrs["timesteps"] ?? 1) : 0),
    0,
  );
  const times = VECTORS + Math.max(longest, longestDelay(program));
  const values = randomValues(sources, times);
  const expected = netSums(legal, readers, sources, values, times);
  const { sums, faults } = programSums(program, legal, values, times);
  const wrong = readers.flatMap(({ value, elements }) => {
    const [found, right] = [sums.get(value)!, expected.get(value)!];
    const rightOf = (i: number): number => right[(i % times) * elements + Math.floor(i / times)]!;
    const at = found.findIndex((sum, i) => sum !== rightOf(i));
    if (at === -1) return [];
    const place = `neuron ${Math.floor(at / times)} of \`${value}\``;
    return [`the synapses of ${place} are not those of the net: ${found[at]} arrives, not ${rightOf(at)}`];
  });
  return [...faults, ...wrong];
}
