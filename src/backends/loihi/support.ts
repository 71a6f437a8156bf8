import { isSpike, type Op, type ValueType } from "../../ir/index.js";

/** What the step-by-step chip does with an op of the IR. */
export type Support =
  /** Between populations: synapses. */
  | { readonly synapses: string }
  /** A population of its own. */
  | { readonly population: string }
  /** On the host, in front of the chip's first layer or behind its last spikes. */
  | { readonly host: string }
  | { readonly reason: string; readonly hint: string };

const pass = (name: string): string => `run the pass \`${name}\` first`;
const ranked = {
  reason: "the rank of a token has no form as neurons",
  hint: "leave out `sparsify-top-k`, or compile for a layer-by-layer chip",
};

/** Every op of the IR takes a stand here; a test compares the keys with `OPS`. */
export const supportMatrix = {
  "synapse.conv": { synapses: "weights, replicated where no list can be shared; biases in the neurons that read them" },
  "synapse.dense": { synapses: "weights; biases in the neurons that read them" },
  "synapse.one-to-one": { synapses: "one per element" },
  "norm.batch": { reason: "the chip has no batch norm", hint: pass("fold-batchnorm") },
  "neuron.lif": { population: "on integers: neuron.loihi with a scale of the potential at which it is exact" },
  "neuron.loihi": { population: "as it is" },
  "neuron.threshold": { population: "neuron.loihi that forgets its potential" },
  "pool.max": { population: "on spikes an OR; on integers the host, as the end of its part in front of the chip" },
  "pool.or": { population: "neurons that fire above 0" },
  "pool.plane": { population: "neurons that fire above 0" },
  "pool.sum": { synapses: "one per element of a window" },
  "pool.sum-plane": { synapses: "one per element of a window" },
  "stream.add": { synapses: "those of both summands, or relays" },
  "stream.relay": { population: "relays" },
  "mask.and": { population: "neurons that fire at two spikes" },
  "mask.tokens": { population: "on spikes: neurons that fire at two spikes" },
  "reduce.sum-positions": { synapses: "from all positions" },
  "reduce.mean-positions": { synapses: "the sum, in finer units; 2^k positions" },
  "reduce.mean-time": { host: "behind the last spikes" },
  "attention.statten": { reason: "it is on real numbers", hint: pass("quantize") },
  "attention.kv": { population: "an attention core, with the attention.q that reads it" },
  "attention.q": { population: "an attention core" },
  "channels.slice": { synapses: "those of the channels that are left" },
  "repeat.positions": { synapses: "one per position" },
  "repeat.channels": { synapses: "one per channel" },
  "tokens.score": ranked,
  "tokens.relevance": ranked,
  "tokens.top-k": ranked,
  "tokens.top-share": ranked,
  "to-real": { host: "behind the last spikes" },
  "to-int": { host: "the end of its part in front of the chip" },
  constant: { synapses: "a bias, where it is the same at all positions and timesteps" },
  delay: { synapses: "a delay of the synapses; chains of neurons beyond the chip's longest" },
} satisfies Readonly<Record<string, Support>>;

/** The stand for an op, or a refusal for ops that nobody has looked at. */
export function supportOf(name: string): Support {
  const table: Readonly<Record<string, Support>> = supportMatrix;
  return table[name] ?? { reason: "the op has no lowering", hint: "`spikec targets` lists what is supported" };
}

/** Ops whose results are spikes of a population. */
const SPIKING = new Set([
  "neuron.lif",
  "neuron.loihi",
  "neuron.threshold",
  "pool.or",
  "pool.plane",
  "mask.and",
  "mask.tokens",
]);

export type TypeOf = (value: string) => ValueType;

/** Whether the result of an op is spikes that a population fires, where it stands on the chip. */
export function isSpiking(op: Op, typeOf: TypeOf): boolean {
  if (SPIKING.has(op.name)) return isSpike(op.type);
  return op.name === "pool.max" && isSpike(typeOf(op.operands[0] ?? ""));
}

/** Ops that end the host's part in front of the chip: what they compute has no exact form as neurons. */
export function endsPrefix(op: Op, typeOf: TypeOf): boolean {
  return op.name === "to-int" || (op.name === "pool.max" && !isSpike(typeOf(op.operands[0] ?? "")));
}
