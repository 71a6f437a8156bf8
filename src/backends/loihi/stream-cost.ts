import type { LoihiChip } from "../../chips/loihi.js";
import { evaluate, slotSize, SPIKE, valueTypes, type Net, type Op, type Weights } from "../../ir/index.js";
import { Emitter } from "./emitter.js";
import type { LegalPopulation } from "./legal-net.js";
import { Graph } from "./local-time.js";

/** What a way to carry streams costs, before anything is placed. */
export interface StreamCost {
  /** One for each pair of a source and a weight on a way from it; lists that cores may share are counted as often as they are used. */
  readonly synapses: number;
  readonly synapseBits: number;
  readonly compartments: number;
  /** Per timestep, if all fire: one for each source element and population that hears it. */
  readonly messages: number;
}

function ones(weights: Weights): Weights {
  const { shape, mantissa, exponent, bias } = weights;
  return {
    kind: "weights",
    shape,
    mantissa: mantissa.map((m) => (m === 0 ? 0 : 1)),
    exponent: new Int32Array(exponent.length),
    bias: new Float64Array(bias.length),
  };
}

/**
 * Synapses of each population: the linear ops count them themselves when all weights and all sources are 1. One timestep of the
 * evaluator's own arithmetic, no second reading of the ops.
 */
export function synapsesOf(net: Net, populations: readonly LegalPopulation[]): ReadonlyMap<string, number> {
  const types = valueTypes(net);
  const graph = new Graph(net, populations);
  const sources = [...types].filter(([name]) => graph.isSource(name));
  const once = { count: 1, period: 1 };
  const emit = new Emitter(
    sources.map(([name, type]) => ({ name, type: { number: SPIKE, time: once, shape: type.shape } })),
  );
  const alias = new Map<string, string>();
  const named = (value: string): string => alias.get(value) ?? value;
  const linear = (op: Op): boolean => !graph.isSource(op.result) && op.name !== "attention.kv";
  for (const op of net.ops.filter(linear)) {
    const operands = op.operands.map(named);
    if (op.name === "delay") alias.set(op.result, operands[0] ?? "");
    else if (op.name === "synapse.one-to-one") alias.set(op.result, operands[0] ?? "");
    else {
      const symbols = op.symbols.map((symbol) => {
        const constant = net.constants.get(symbol);
        return constant?.kind === "weights" ? emit.constant(symbol, ones(constant)) : symbol;
      });
      emit.define(op.result, op.name, operands, { attrs: op.attrs, symbols });
    }
  }
  const neurons = populations.filter(({ kind }) => kind !== "attention");
  const operandOf = (value: string): string => named(graph.producer(value).operands[0] ?? "");
  const outputs = neurons.map(({ value }) => ({ name: value, value: operandOf(value) }));
  const counted = evaluate(
    emit.finish("synapses", outputs),
    new Map(sources.map(([name, type]) => [name, new Int32Array(slotSize(type)).fill(1)])),
  );
  return new Map(
    neurons.map(({ value }) => {
      const [slot = []] = counted.values.get(operandOf(value)) ?? [];
      let sum = 0;
      for (const count of slot) sum += count;
      return [value, sum];
    }),
  );
}

export function streamCost(net: Net, populations: readonly LegalPopulation[], chip: LoihiChip): StreamCost {
  const types = valueTypes(net);
  const graph = new Graph(net, populations);
  const synapses = [...synapsesOf(net, populations).values()].reduce((a, b) => a + b, 0);
  const least = Math.min(...chip.synapseFormats.map(({ weightBits, indexBits }) => weightBits + indexBits));
  let messages = 0;
  for (const population of populations) {
    const heard = new Set(graph.connectionsTo(population).map(({ from }) => from));
    for (const from of heard) messages += slotSize(types.get(from)!);
  }
  const compartments = populations.reduce((sum, { kind, elements }) => sum + (kind === "attention" ? 0 : elements), 0);
  return { synapses, synapseBits: synapses * least, compartments, messages };
}

/** What of a chip is short, in words; nothing where it may fit. */
export function shortage(
  { synapseBits, compartments }: StreamCost,
  { mesh, core, attention }: LoihiChip,
): readonly string[] {
  const all = mesh.tilesX * mesh.tilesY * mesh.coresPerTile;
  const cores = (all - (attention?.cores ?? 0)) * mesh.chipsX * mesh.chipsY;
  return [
    synapseBits > cores * core.synapseBits ? `synapse memory ${synapseBits} of ${cores * core.synapseBits} bits` : "",
    compartments > cores * core.compartments ? `compartments ${compartments} of ${cores * core.compartments}` : "",
  ].filter((text) => text !== "");
}
