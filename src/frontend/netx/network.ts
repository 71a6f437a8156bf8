/**
 * A NetX network: what lava-dl (`lava.lib.dl.netx`, `slayer.block.*.export_hdf5`) writes into an HDF5 file, as a plain value.
 * Layers form a chain. Arrays keep the file's order: shapes are [C, H, W] or [N], weights [out, in] or [out, in, kh, kw].
 */

/** The current-based neuron of Loihi, called CUBA or LOIHI; its unit is 2^6 per unit of a weight. */
export interface NetxNeuron {
  readonly type: "CUBA" | "LOIHI";
  /** Lost per timestep by the current, of 4096: the register plus 1. */
  readonly iDecay: number;
  /** Lost per timestep by the potential, of 4096. */
  readonly vDecay: number;
  /** Threshold mantissa; compared is vThMant * 2^6. */
  readonly vThMant: number;
}

interface LayerBase {
  /** Its number in the file. */
  readonly index: number;
  /** Of the layer's output: [C, H, W] or [N]. */
  readonly shape: readonly number[];
}

/** The entry of the network: spikes as they come, or neurons that are driven by a bias each. */
export interface NetxInput extends LayerBase {
  readonly type: "input";
  readonly neuron: NetxNeuron | undefined;
  /** How lava-dl's training code turns an input x into a bias: x * weight + bias; for information. */
  readonly transform: { readonly weight: number; readonly bias: number } | undefined;
}

interface WeightedLayer extends LayerBase {
  readonly neuron: NetxNeuron;
  readonly weight: Int32Array;
  /** One per output channel, in mantissas: 2^6 of the potential's units each. */
  readonly bias: Float64Array | undefined;
  /** Timesteps by which spikes of the layer are held back, the same for all of its neurons; 0 for none. */
  readonly delay: number;
}

export interface NetxDense extends WeightedLayer {
  readonly type: "dense";
  /** Weights are [outputs, inputs]. */
  readonly inputs: number;
  readonly outputs: number;
}

export interface NetxConv extends WeightedLayer {
  readonly type: "conv";
  /** Weights are [outChannels, inChannels / groups, kernel, kernel], a cross-correlation as in PyTorch. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
}

/** [C, H, W] to [N], n = (c * H + y) * W + x. */
export interface NetxFlatten extends LayerBase {
  readonly type: "flatten";
}

export type NetxLayer = NetxInput | NetxDense | NetxConv | NetxFlatten;

export interface NetxNetwork {
  readonly layers: readonly NetxLayer[];
  /** Timesteps of a sample, where the file says so (`/simulation/tSample` over `Ts`). */
  readonly timesteps: number | undefined;
}

export const LAYER_TYPES: readonly NetxLayer["type"][] = ["input", "dense", "conv", "flatten"];
