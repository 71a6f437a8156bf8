import type { LayerwiseChip } from "../../chips/layerwise.js";
import type { Instruction, MemoryName } from "./instruction.js";

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

/**
 * What a region holds: weight rows; what stands beside them in the weight memory (exponents, biases, thresholds, gains); potentials
 * between groups of timesteps; maps of spikes, counts and masks; maps of data words (streams, currents that several layers or a
 * later one read, logits, scores); what a layer has for itself while it runs (rows on their way from or to DRAM, currents of
 * its neurons); maps whose values the compiler knows; and the ports.
 */
export const REGION_KINDS = [
  "weights",
  "parameters",
  "potentials",
  "spikes",
  "streams",
  "buffers",
  "constants",
  "inputs",
  "outputs",
] as const;
export type RegionKind = (typeof REGION_KINDS)[number];

/** Where regions lie: in an on-chip memory, or in DRAM. */
export const REGION_PLACES = ["spike", "weight", "data", "dram"] as const satisfies readonly (MemoryName | "dram")[];
export type RegionPlace = (typeof REGION_PLACES)[number];

/**
 * A stretch of a memory and the time for which it holds one thing. What lives at the same time in a memory does not overlap, and
 * an instruction touches nothing but regions that live when it runs.
 */
export interface MemoryRegion {
  /** What it holds: a value of the net such as `%12`, or the number of a piece of weights, the same on chip and in DRAM. */
  readonly name: string;
  readonly kind: RegionKind;
  /** Index into the program's layers; -1: of no layer, as ports. */
  readonly layer: number;
  readonly place: RegionPlace;
  /** First word of the memory; first byte of DRAM. */
  readonly address: number;
  /** Words, all copies of a buffer together; bytes of DRAM, what fills bursts up included. */
  readonly size: number;
  /** First and last instruction of its life, in program order. DRAM is not used again: what lies there lives all the time. */
  readonly first: number;
  readonly last: number;
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
  /** What lies where, and when: no simulator needs it. */
  readonly regions: readonly MemoryRegion[];
  /** Weights, parameters and constant maps as they lie at DRAM address 0. */
  readonly weights: Uint8Array;
  /** Facts of the compilation for people: time blocks, tiles, bytes per buffer. */
  readonly notes: readonly string[];
}
