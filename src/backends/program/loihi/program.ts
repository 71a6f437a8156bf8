import type { LoihiChip } from "../../../chips/loihi.js";
import type { ProgramLayer } from "../program.js";

/*
 * A network mapped onto the cores of a step-by-step chip: everything that its simulators may know. docs/loihi-chip.md defines
 * what the chip does with it.
 */

/** Neurons of one layer, wherever they lie; they live in local time. */
export interface Population {
  readonly name: string;
  /** Index into `layers`: what its events are attributed to. */
  readonly layer: number;
  readonly neurons: number;
  /** First chip step of its local time; it is updated in the steps [start, start + timesteps) alone and silent outside. */
  readonly start: number;
}

/**
 * What the compartments of a crossbar core (profile `truenorth`) have instead of decays, refractory steps and clips:
 * docs/loihi-chip.md, section 9. Integers within the `stateBits` of the chip.
 */
export interface CrossbarNeuron {
  /** v below this is reset, too, without a spike. */
  readonly negativeThreshold: number;
  /** `absolute`: to `resetPotential`, behind the negative threshold to its negative; `linear`: by the threshold that was passed. */
  readonly reset: "absolute" | "linear";
  readonly resetPotential: number;
}

/** Compartments first..first + neurons.length - 1 of a core, of one population and with one configuration. */
export interface Group {
  readonly population: number;
  readonly first: number;
  /** Which neuron of the population each compartment is. */
  readonly neurons: Int32Array;
  /** `neuron` integrates and fires. `relay` sends what it receives in a step as the payload of a message, and nothing where that is 0. */
  readonly kind: "neuron" | "relay";
  /** Decay registers, 0..4095. */
  readonly decayU: number;
  readonly decayV: number;
  /** Steps after a spike in which v stays at its reset value, plus one; 1 is no refractory step. */
  readonly refractory: number;
  /** What v is clipped to. */
  readonly vMin: number;
  readonly vMax: number;
  /** Profile `lava`, else 0: u grows by floor(sum of the arriving weights * 2^currentShift) * 2^6, -7..7. */
  readonly currentShift: number;
  /** Of each group of a chip with profile `truenorth`, and of no other; `decayU` to `currentShift` have no meaning then. */
  readonly crossbar?: CrossbarNeuron;
  /** By compartment: fires where v is greater than this (mantissa times 2^6 on a Loihi); profile `truenorth`: or equal to it. */
  readonly threshold: Int32Array;
  /** By compartment: added to v in each step of the local time; profile `truenorth`: its leak. */
  readonly bias: Int32Array;
}

/** Weights that arrive together: synapses start[i]..start[i + 1] - 1 are list i. */
export interface SynapseLists {
  readonly start: Int32Array;
  /** Compartment, counted from the base of the axon's entry. */
  readonly target: Int32Array;
  /** As it is added to the sum of a step, exponent applied. */
  readonly weight: Int32Array;
  /** Steps from the message to the step that sees it, at least 1. */
  readonly delay: Uint8Array;
  /** By list: index into the chip's `synapseFormats`. */
  readonly format: Uint8Array;
}

/** What the arrival of a message at an axon does: entries start[a]..start[a + 1] - 1, each a list at a base compartment. */
export interface InputAxons {
  readonly start: Int32Array;
  readonly list: Int32Array;
  readonly base: Int32Array;
}

/** Messages that senders give off: sender i sends to routes start[i]..start[i + 1] - 1. At most one per sender and target core. */
export interface Routes {
  readonly start: Int32Array;
  /** Index into `cores`. */
  readonly core: Int32Array;
  readonly axon: Int32Array;
}

/** A neuro-core with what is stored in it. */
export interface NeuroCore {
  readonly kind: "neuro";
  /** Place: router in the mesh of all chips (row by row, y * width + x), and which of the router's cores. */
  readonly tile: number;
  readonly slot: number;
  /** In the order of their compartments, without gaps. */
  readonly groups: readonly Group[];
  readonly axons: InputAxons;
  readonly lists: SynapseLists;
  /** By compartment. */
  readonly routes: Routes;
}

/**
 * An attention core: one STAtten layer (or some of its heads) of `tokens` x (heads x headDim) channels. Its axons are bits of its
 * operands: axon (operand * tokens + token) * channels + channel, operands q, k, v, channels = heads * headDim.
 */
export interface AttentionCore {
  readonly kind: "attention";
  readonly tile: number;
  readonly slot: number;
  /** The population whose local time it has: messages of the step start + t - 1 are timestep t; t leaves in step start + t + chunk. */
  readonly population: number;
  readonly heads: number;
  readonly headDim: number;
  readonly tokens: number;
  readonly chunk: number;
  /** First channel of the layer that this core computes. */
  readonly firstChannel: number;
  /** By output, token * channels + channel: its value is the payload; 0 is not sent. */
  readonly routes: Routes;
}

export type Core = NeuroCore | AttentionCore;

/**
 * Values that the host puts into the chip in each timestep: spikes (0 or 1) or graded currents. Element i reaches the axons of
 * route i: what is given for timestep t arrives as if a neuron had sent it in step start + t - 1 with a synaptic delay of 1, hence a
 * synapse of delay d acts in step start + t + d - 1.
 */
export interface LoihiInput {
  readonly name: string;
  readonly format: "spike" | "graded";
  /** Shape of one timestep, channels last. */
  readonly shape: readonly number[];
  /** Chip step of its timestep 0. */
  readonly start: number;
  readonly routes: Routes;
}

/** Spikes of a population that the host reads, all timesteps. */
export interface LoihiOutput {
  readonly name: string;
  readonly population: number;
  readonly shape: readonly number[];
}

/** A part of the network that the host computes: the text of a net, and its constants as safetensors. */
export interface HostNet {
  readonly text: string;
  readonly constants: Uint8Array;
}

/** Where a value that a part of the network reads comes from: an input of the network, or an output of another part. */
export interface HostSource {
  /** Name of the input, or output of the network, that it becomes. */
  readonly name: string;
  readonly from: "network" | "prefix" | "chip" | "suffix";
  /** Name of the input or output there. */
  readonly source: string;
  /** Of a value of the chip that holds longer than a timestep, the first of each `every` is taken. */
  readonly every?: number;
}

/** How the parts hang together: inputs of the chip, inputs of the suffix, outputs of the network. */
export interface HostWiring {
  readonly inputs: readonly HostSource[];
  readonly suffix: readonly HostSource[];
  readonly outputs: readonly HostSource[];
}

export interface LoihiProgram {
  readonly name: string;
  readonly target: "loihi";
  readonly chip: LoihiChip;
  /** Timesteps of every population. */
  readonly timesteps: number;
  /** Chip steps of one sample: the last population has done its last timestep. */
  readonly steps: number;
  readonly layers: readonly ProgramLayer[];
  readonly populations: readonly Population[];
  readonly cores: readonly Core[];
  readonly inputs: readonly LoihiInput[];
  readonly outputs: readonly LoihiOutput[];
  /** From the network's inputs to `inputs`; from `outputs` to the network's outputs. Without wiring names are the same on both sides. */
  readonly host: { readonly prefix?: HostNet; readonly suffix?: HostNet; readonly wiring?: HostWiring };
  /** Facts of the mapping for people. */
  readonly notes: readonly string[];
}
