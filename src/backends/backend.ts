import type { LayerwiseChip } from "../chips/layerwise.js";
import type { LoihiChip } from "../chips/loihi.js";
import type { Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import type { CostModel, Schedule } from "../passes/cost-model.js";
import type { Deployed, DeployOptions } from "./loihi/deploy.js";
import type { Program } from "./program/program.js";

export interface CompileOptions {
  /** Timesteps that a layer runs before the next one starts. Default: all. */
  readonly timeBlock?: number;
  /** Groups of layers with a time block each, instead of one for the whole net. */
  readonly schedule?: Schedule;
}

/** Prices of an energy table for one chip: J per event, per bit of each memory, per bit of DRAM. */
export interface Prices {
  readonly events: Readonly<Record<"ac" | "mac" | "kv" | "qa" | "add", number>>;
  readonly sramBit: Readonly<Record<"spike" | "weight" | "data", number>>;
  readonly dramBit: number;
}

export interface CostOptions {
  /** Inputs on which activity is measured, by name of the input; or the fraction of timesteps in which every neuron fires. */
  readonly activity: readonly ReadonlyMap<string, ArrayLike<number>>[] | number;
  readonly prices: Prices;
}

/** What a schedule takes on chip; no objective of the search, so not part of its costs. */
export interface OnChipMemory {
  /** Most bytes in the on-chip memories together at one time; undefined where the schedule cannot run. */
  mostOnChip(schedule: Schedule): number | undefined;
}

interface Target {
  readonly summary: string;
  /** Passes that a net goes through before `compile`, for people. */
  readonly pipeline: string;
}

/** Compiles nets for layer-by-layer chips. */
export interface LayerwiseBackend extends Target {
  /** As in `--target` and in chip descriptions. */
  readonly name: "layerwise";
  /** The program, or undefined with the reasons in `report`. */
  compile(net: Net, chip: LayerwiseChip, options: CompileOptions, report: Report): Program | undefined;
  /** What groups of a net's ops are expected to cost, for `block-time`. */
  costModel(net: Net, chip: LayerwiseChip, options: CostOptions): CostModel & OnChipMemory;
}

/** Compiles nets for step-by-step chips. */
export interface LoihiBackend extends Target {
  readonly name: "loihi";
  /** The passes whose result `compile` takes: quantisation to the registers of this chip. */
  passesFor(chip: LoihiChip, timesteps: number): string;
  /** The program and the net that it runs, or undefined with the reasons in `report`. */
  compile(net: Net, chip: LoihiChip, options: DeployOptions, report: Report): Deployed | undefined;
}

/** Compiles nets for one family of chips. */
export type Backend = LayerwiseBackend | LoihiBackend;
