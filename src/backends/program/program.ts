import type { LayerwiseChip } from "../../chips/layerwise.js";
import type { Instruction } from "./instruction.js";

/** What events are attributed to: a layer of the compiled net. */
export interface ProgramLayer {
  /** The neuron's name in the source model where there is one, else the op and value, for example `reduce.mean-time %12`. */
  readonly name: string;
  /** The op of the compiled net, for example `neuron.lif`. */
  readonly kind: string;
  /** True for spiking layers of the source model: their spikes can be recorded. */
  readonly recorded: boolean;
  /** Positions and channels of the layer's result. */
  readonly positions: number;
  readonly channels: number;
}

/** A named input or output as it lies in DRAM: slot by slot, position by position, blocks of `lanes` 32-bit words. */
export interface Port {
  readonly name: string;
  readonly dram: number;
  /** Bytes from one slot to the next, a multiple of the burst. */
  readonly slotStride: number;
  /** 1 for a static image or time-averaged logits, else the number of timesteps. */
  readonly slots: number;
  /** Shape of one slot, channels last. */
  readonly shape: readonly number[];
  readonly format: "real" | "int";
}

/** A compiled network: everything a simulator may know. */
export interface Program {
  readonly name: string;
  readonly target: "layerwise";
  /** The chip it was compiled for; a simulator runs it on this chip. */
  readonly chip: LayerwiseChip;
  readonly timesteps: number;
  readonly layers: readonly ProgramLayer[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Number of tokens; they are counters that start at zero. */
  readonly tokens: number;
  readonly dramBytes: number;
  readonly instructions: readonly Instruction[];
  /** Weights, parameters and constant maps as they lie at DRAM address 0. */
  readonly weights: Uint8Array;
  /** Facts of the compilation for people: time blocks, tiles, bytes per buffer. */
  readonly notes: readonly string[];
}
