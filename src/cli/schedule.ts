import { InvalidArgumentError, type Command } from "commander";
import { LAYERWISE, type OnChipMemory } from "../backends/index.js";
import type { MapObjective } from "../backends/loihi/index.js";
import type { Program } from "../backends/program/index.js";
import type { Report } from "../diagnostics/index.js";
import { pricesOf, type EnergyTable } from "../energy/index.js";
import type { Net } from "../ir/index.js";
import {
  bestOf,
  OBJECTIVES,
  searchTimeBlocks,
  type BlockTimeResult,
  type CostedSchedule,
  type Objective,
} from "../passes/block-time.js";
import type { CostModel, Schedule, ScheduleGroup } from "../passes/cost-model.js";
import type { Calibration } from "../passes/index.js";
import { positiveInteger } from "./command.js";
import { compileNet, findLayerwiseChip, type TargetOptions } from "./compile-net.js";
import { isGiven, onlyWith, refuseWithoutEffect } from "./no-effect.js";
import { readCalibration, type PassOptions } from "./pass-options.js";
import { count, si, table } from "./text.js";

/** Time blocks on the command line: one for the whole net, or groups of layers with a time block each. */

export interface ScheduleOptions {
  readonly timeBlock?: number | "auto";
  /** Of a search of time blocks; what the mapper of a step-by-step chip is told is none of it. */
  readonly objective?: Objective | MapObjective;
  readonly activity: number;
}

/** Fraction of timesteps in which neurons fire where nothing was measured: between the rates of shallow and deep STAtten layers. */
const ASSUMED_ACTIVITY = 0.2;

/** Calibration inputs on which activity is measured; their mean hardly changes with more. */
const ACTIVITY_SAMPLES = 4;

/** Schedules printed by `--explain`. */
const ROWS = 12;

function timeBlock(text: string): number | "auto" {
  return text === "auto" ? "auto" : positiveInteger(text);
}

const DEFAULT_OBJECTIVE: Objective = "cycles";

function isObjective(name: Objective | MapObjective): name is Objective {
  return OBJECTIVES.some((each) => each === name);
}

function objectiveAmong(names: readonly (Objective | MapObjective)[]): (text: string) => Objective | MapObjective {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new InvalidArgumentError(`expected ${names.join(", ")}`);
    return found;
  };
}

function rate(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !(n >= 0 && n <= 1)) throw new InvalidArgumentError("expected a firing rate in 0..1");
  return n;
}

/** `--time-block`. */
export function withTimeBlock(command: Command): Command {
  return command.option(
    "--time-block <timesteps>",
    "timesteps a layer runs before the next one starts; `auto` finds groups of layers with a time block each; default all",
    timeBlock,
  );
}

/** What `--objective` may say on layer-by-layer chips alone. */
export const LAYERWISE_OBJECTIVES = OBJECTIVES.map((name) => `--objective ${name}`);

/**
 * `--time-block`, and what a search of time blocks goes by; `mapped`: what `--objective` may say besides, for the mapper of
 * step-by-step chips.
 */
export function withScheduleOptions(command: Command, mapped: readonly MapObjective[] = []): Command {
  const others = mapped.length === 0 ? "" : `; step-by-step chips: ${mapped.join(" or ")}, default ${mapped[0]}`;
  withTimeBlock(command)
    .option(
      "--objective <name>",
      `what --time-block auto minimises: ${OBJECTIVES.join(", ")}, default ${DEFAULT_OBJECTIVE}${others}`,
      objectiveAmong([...OBJECTIVES, ...mapped]),
    )
    .option(
      "--activity <rate>",
      "firing rate that --time-block auto assumes; measured instead where --calibrate gives inputs",
      rate,
      ASSUMED_ACTIVITY,
    );
  onlyWith(command, [...LAYERWISE_OBJECTIVES, "--activity"], ["--time-block auto"]);
  return refuseWithoutEffect(command, ["--activity"], (called) =>
    isGiven(called, "--calibrate")
      ? { why: "beside --calibrate: activity is measured on its inputs", hint: "leave one of the two out" }
      : undefined,
  );
}

/** What decides how a command compiles a net. */
export type CompilingOptions = ScheduleOptions & TargetOptions & PassOptions;

/**
 * Compiles with the time blocks of the options; `auto` searches for them by expected costs, of which `explain` gets the tables.
 * Undefined with reports where that fails.
 */
export function compileScheduled(
  net: Net,
  options: CompilingOptions,
  energy: EnergyTable,
  report: Report,
  explain?: (text: string) => void,
): Program | undefined {
  const { target, chip, timeBlock: block } = options;
  if (block !== "auto") return compileNet(net, { target, chip, timeBlock: block }, report);
  const calibration = readCalibration(net, options, report);
  if (report.failed) return undefined;
  const schedule = findSchedule(net, options, energy, calibration, report, explain);
  return schedule && compileNet(net, { target, chip, schedule }, report);
}

/** Searches a schedule by expected costs; `explain` gets the table that it was chosen from. */
function findSchedule(
  net: Net,
  options: ScheduleOptions & TargetOptions,
  energy: EnergyTable,
  calibration: Calibration | undefined,
  report: Report,
  explain: ((text: string) => void) | undefined,
): Schedule | undefined {
  const chip = findLayerwiseChip(options, report);
  if (chip === undefined) return undefined;
  const activity = calibration?.samples.slice(0, ACTIVITY_SAMPLES) ?? options.activity;
  const { objective: named = DEFAULT_OBJECTIVE } = options;
  const objective = isObjective(named) ? named : DEFAULT_OBJECTIVE;
  const costs = LAYERWISE.costModel(net, chip, { activity, prices: pricesOf(energy, chip) });
  const result = searchTimeBlocks(net, costs, { objective }, report);
  if (result === undefined) return undefined;
  if (explain === undefined) return result.chosen.schedule;
  const how = typeof activity === "number" ? `a firing rate of ${activity}` : `${activity.length} calibration inputs`;
  explain(`expected costs with ${how}\n${schedulesTable(result, costs)}\n`);
  explain(`groups of the chosen schedule\n${groupsTable(net, result.chosen, costs)}\n`);
  return result.chosen.schedule;
}

/** As many rows of a list, evenly, with the first and the last. */
function evenly<T>(rows: readonly T[], n: number): readonly T[] {
  if (rows.length <= n) return rows;
  return Array.from({ length: n }, (_, i) => rows[Math.round((i * (rows.length - 1)) / (n - 1))]!);
}

function schedulesTable({ chosen, front, uniform }: BlockTimeResult, memory: OnChipMemory): string {
  const onChip = (schedule: Schedule): string => {
    const bytes = memory.mostOnChip(schedule);
    return bytes === undefined ? "-" : count(bytes);
  };
  const row = (name: string, { schedule, cost }: CostedSchedule): string[] => [
    name,
    String(schedule.length),
    blocksText(schedule),
    count(Math.round(cost.cycles)),
    count(cost.dramBytes),
    si(cost.joules, "J"),
    count(Math.round(cost.latency)),
    onChip(schedule),
  ];
  const best = OBJECTIVES.flatMap((name) => {
    const found = bestOf(front, name);
    return found === undefined || found === chosen ? [] : [row(`least ${name}`, found)];
  });
  const others = front.filter((other) => other !== chosen && OBJECTIVES.every((name) => bestOf(front, name) !== other));
  return table([
    ["schedule", "groups", "time blocks", "cycles", "DRAM bytes", "energy", "latency", "most bytes on chip"],
    row("chosen", chosen),
    ...best,
    ...evenly(others, ROWS).map((other) => row("not beaten", other)),
    ...uniform.map((other) => row("one group", other)),
  ]);
}

/** Time blocks of the groups in order, repeated ones once: `4, 1, 4`. */
function blocksText(schedule: Schedule): string {
  return schedule.flatMap(({ block }, i) => (block === schedule[i - 1]?.block ? [] : [block])).join(", ");
}

function groupsTable(net: Net, { schedule }: CostedSchedule, costs: CostModel): string {
  const name = (at: number): string => {
    const op = net.ops[at];
    return op?.layer?.name ?? op?.origin ?? `%${op?.result}`;
  };
  const rows = schedule.map((group: ScheduleGroup) => {
    const cost = costs.cost(group);
    return [
      name(group.from),
      name(group.to - 1),
      String(group.block),
      count(Math.round(cost?.cycles ?? 0)),
      count(cost?.dramBytes ?? 0),
      si(cost?.joules ?? 0, "J"),
    ];
  });
  return table([["from", "to", "time block", "cycles", "DRAM bytes", "energy"], ...rows]);
}
