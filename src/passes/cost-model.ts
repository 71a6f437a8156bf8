import type { Report } from "../diagnostics/index.js";

/**
 * Block-wise temporal scheduling, as far as a backend sees it: what a schedule is, and what the search asks about its costs.
 */

/** Ops `from..to` of a net (positions in its list), which run `block` timesteps at a time. */
export interface ScheduleGroup {
  readonly from: number;
  readonly to: number;
  readonly block: number;
}

/**
 * Groups in order, together all ops of a net. Each group runs over all timesteps, block by block, before the next one starts;
 * values that cross a border between groups exist for the whole sample.
 */
export type Schedule = readonly ScheduleGroup[];

/** What a group, or a whole schedule, is expected to cost per sample. */
export interface ScheduleCost {
  readonly cycles: number;
  /** J by the model's energy table. */
  readonly joules: number;
  /** Bytes to and from DRAM, whole bursts. */
  readonly dramBytes: number;
  /** Cycles from the last input to the last result: inputs per timestep come no faster than the chip takes their time blocks. */
  readonly latency: number;
}

/** Supplied by a backend. Costs of groups add up: nothing of a group overlaps with the next one. */
export interface CostModel {
  /** Whether a group may end before op `at`: every value that crosses can lie in memory there. */
  canCut(at: number): boolean;
  /** Whether values that cross before op `at` mean the same to groups of these time blocks. */
  canJoin(at: number, before: number, after: number): boolean;
  /**
   * The cost of a group, or undefined where it cannot run. `latency` counts for the group that the inputs enter; of later ones all
   * cycles lie behind the last input.
   */
  cost(group: ScheduleGroup): ScheduleCost | undefined;
  /** Reports why a group cannot run: which buffer, how many bytes, what would help. */
  explain(group: ScheduleGroup, report: Report): void;
}
