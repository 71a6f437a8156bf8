import type { Net } from "../../ir/index.js";
import type { PassTable } from "../../passes/pass.js";

/**
 * A network in the terms of a step-by-step chip: what legalisation makes and mapping places. The parts that the host computes
 * are nets of their own; `net` is what the chip does, and `evaluate` runs all three.
 *
 * `net` holds populations, whose results are messages (`neuron.loihi`; `stream.relay`; `attention.kv` with the `attention.q` that
 * reads it), and linear ops between them: `synapse.conv`, `synapse.dense`, `synapse.one-to-one`, `pool.sum`, `pool.sum-plane`,
 * `reduce.sum-positions`, `stream.add`, `channels.slice`, `repeat.positions`, `repeat.channels`, and `delay` with init 0. Every integer
 * counts units of 1 (exp 0), weights have exponent 0 and no bias (biases are attributes of the neurons), so the synapses between two populations are
 * the products and sums of the linear ops on the ways between them. Of those, `attention.kv` reads populations or inputs directly.
 */
export interface LegalNet {
  readonly net: Net;
  /** From inputs of the network to values that `net` and `suffix` read. */
  readonly prefix?: Net;
  /** From spikes of populations to outputs of the network. */
  readonly suffix?: Net;
  readonly timesteps: number;
  /** Where each input of `net` comes from; integers are handed over as they are, whatever their unit in the prefix. */
  readonly inputs: readonly LegalInput[];
  /** Where each input of `suffix` comes from. */
  readonly suffixInputs: readonly LegalSource[];
  /** Where each output of the network comes from. */
  readonly outputs: readonly LegalOutput[];
  /** In the order of `net`. */
  readonly populations: readonly LegalPopulation[];
  /** Start of the local time of every population and input of `net`, by value: chip step of its timestep 0. */
  readonly starts: ReadonlyMap<string, number>;
  /** Facts for people. */
  readonly tables: readonly PassTable[];
  readonly notes: readonly string[];
}

/** A value outside of the net that reads it: an input of the network, an output of the prefix, or an output of the chip's net. */
export interface LegalSource {
  /** Input of the reading net. */
  readonly name: string;
  readonly from: "network" | "prefix" | "chip";
  /** Name of the input or output there. */
  readonly source: string;
  /** Populations fire in every timestep; of a value that holds longer in the network, the first of each `every` is taken. Of the chip alone. */
  readonly every?: number;
}

export interface LegalInput extends LegalSource {
  readonly from: "network" | "prefix";
  readonly format: "spike" | "graded";
}

export interface LegalOutput {
  readonly name: string;
  readonly from: "network" | "prefix" | "chip" | "suffix";
  readonly source: string;
  readonly every?: number;
}

export interface LegalPopulation {
  /** Its value in `net`; of an attention the result of `attention.q`. */
  readonly value: string;
  readonly kind: "neuron" | "relay" | "attention";
  /** What its events are attributed to: the layer of the source model, or what the population does. */
  readonly layer: string;
  readonly elements: number;
  /** Steps between a timestep of its local time and its messages: chunk for an attention, else 0. */
  readonly latency: number;
}
