import type { Report } from "../diagnostics/index.js";
import { components, legalTimeBlocks, netTimesteps, valueTypes, viewOf, type Net, type Op } from "../ir/index.js";
import type { CostModel, Schedule, ScheduleCost, ScheduleGroup } from "./cost-model.js";
import { passDiagnostics } from "./diagnostics.js";

/**
 * Block-wise temporal scheduling: divides a net into groups of ops, each with a time block. The search walks over the places where a
 * group may end, and keeps at each, per time block of the group that ends there, the schedules that no other one beats in cycles, energy
 * and latency together. Of what it tries (LONGEST_GROUP, MOST_MULTIPLES) the chosen schedule is the best by the objective; the front of
 * all three measures may be thinned (MOST_KEPT). It returns a schedule and not a net, so it is no entry of `PASSES`: the IR says what is
 * computed, a schedule says when, and belongs to one chip.
 */

export const OBJECTIVES = ["cycles", "energy", "latency"] as const;
export type Objective = (typeof OBJECTIVES)[number];

export interface BlockTimeOptions {
  readonly objective: Objective;
  /** Most pieces that a group may join, apart from the whole net; a piece is what lies between two possible borders. */
  readonly longestGroup?: number;
}

/** A schedule with its expected cost: the sum over its groups. */
export interface CostedSchedule {
  readonly schedule: Schedule;
  readonly cost: ScheduleCost;
}

export interface BlockTimeResult {
  readonly chosen: CostedSchedule;
  /** Schedules that no other found one beats in cycles, energy and latency together, fastest first. */
  readonly front: readonly CostedSchedule[];
  /** The whole net as one group, per time block with which it can run. */
  readonly uniform: readonly CostedSchedule[];
}

/**
 * Most pieces of a group by the number of pieces of the net: longer groups save little more traffic, and the time of the search grows
 * with the square of their length. In small nets groups of any length are tried.
 */
const LONGEST_GROUP = [
  { pieces: 16, group: 16 },
  { pieces: 32, group: 8 },
  { pieces: Infinity, group: 4 },
] as const;

/** Beginnings of schedules that are kept per border and time block, and the best by each measure; see {@link thin}. */
const MOST_KEPT = 64;

/** More time blocks than these are not tried: all multiples of the chunks up to here, then their doubles, and all timesteps. */
const MOST_MULTIPLES = 8;

/** Places where a group may begin or end, 0 and the number of ops included. */
export function possibleBorders(net: Net, costs: Pick<CostModel, "canCut">): readonly number[] {
  const order = new Map(net.ops.map((op, i) => [op.result, i]));
  /** Ops from which a cycle leads back to an earlier one lie in its group. */
  const closed = new Set<number>();
  for (const { ops, cyclic } of components(net)) {
    if (!cyclic) continue;
    const indices = ops.map((op) => order.get(op.result) ?? 0);
    for (let at = Math.min(...indices) + 1; at <= Math.max(...indices); at++) closed.add(at);
  }
  const inside = Array.from({ length: Math.max(0, net.ops.length - 1) }, (_, i) => i + 1);
  return [0, ...inside.filter((at) => !closed.has(at) && costs.canCut(at)), net.ops.length];
}

/**
 * Time blocks that a group may have: multiples of every chunk inside, all T timesteps, 1 in a cycle. What waits for a sequence op inside
 * the group runs once, after its last time block, and so does not limit it. Values that hold for the sample have one time block.
 */
export function candidateBlocks(net: Net, { from, to }: Pick<ScheduleGroup, "from" | "to">): readonly number[] {
  const ops = net.ops.slice(from, to);
  const timesteps = netTimesteps(net);
  if (ops.every((op) => op.type.time.count === 1)) return [timesteps];
  const types = valueTypes(net);
  const late = new Set<string>();
  const isLate = (op: Op): boolean => {
    const view = viewOf(net, op, types);
    return view.definition.temporal(view).kind === "sequence" || op.operands.some((value) => late.has(value));
  };
  for (const op of ops) if (isLate(op)) late.add(op.result);
  const legal = legalTimeBlocks(
    net,
    ops.filter((op) => !late.has(op.result)),
  );
  const [smallest = 1] = legal;
  const tried = (block: number): boolean => {
    const multiple = block / smallest;
    return multiple <= MOST_MULTIPLES || block === timesteps || Number.isInteger(Math.log2(multiple));
  };
  return legal.filter(tried);
}

/** Part of a schedule, from the first op to a border; a list from its last group backwards. */
interface Prefix {
  readonly cost: ScheduleCost;
  readonly group: ScheduleGroup;
  readonly before: Prefix | undefined;
}

function after(before: Prefix | undefined, group: ScheduleGroup, cost: ScheduleCost): Prefix {
  return { cost: before === undefined ? cost : addCost(before.cost, cost), group, before };
}

/** Costs of groups one after the other. */
export function addCost(before: ScheduleCost, next: ScheduleCost): ScheduleCost {
  return {
    cycles: before.cycles + next.cycles,
    joules: before.joules + next.joules,
    dramBytes: before.dramBytes + next.dramBytes,
    latency: before.latency + next.cycles,
  };
}

const MEASURES = {
  cycles: (cost: ScheduleCost) => cost.cycles,
  energy: (cost: ScheduleCost) => cost.joules,
  latency: (cost: ScheduleCost) => cost.latency,
} as const satisfies Record<Objective, (cost: ScheduleCost) => number>;

/** At least as good in everything. */
function beats(a: ScheduleCost, b: ScheduleCost): boolean {
  return OBJECTIVES.every((objective) => MEASURES[objective](a) <= MEASURES[objective](b));
}

/** Adds a candidate unless another one is at least as good; removes those that it beats. */
function keep(kept: Prefix[], candidate: Prefix): void {
  if (kept.some((other) => beats(other.cost, candidate.cost))) return;
  const left = kept.filter((other) => !beats(candidate.cost, other.cost));
  kept.length = 0;
  kept.push(...left, candidate);
}

/** The best schedule by a measure; of equal ones the fastest, then the one with fewest groups. */
export function bestOf(schedules: readonly CostedSchedule[], objective: Objective): CostedSchedule | undefined {
  const measure = MEASURES[objective];
  const order = (a: CostedSchedule, b: CostedSchedule): number =>
    measure(a.cost) - measure(b.cost) || a.cost.cycles - b.cost.cycles || a.schedule.length - b.schedule.length;
  return schedules.toSorted(order)[0];
}

/** Leaves the best ones by each measure, so that no optimum is lost, and others evenly from fast to slow. */
function thin(prefixes: Prefix[]): void {
  if (prefixes.length <= MOST_KEPT) return;
  const byCycles = prefixes.toSorted((a, b) => a.cost.cycles - b.cost.cycles);
  const best = OBJECTIVES.map((objective) =>
    byCycles.reduce((a, b) => (MEASURES[objective](b.cost) < MEASURES[objective](a.cost) ? b : a)),
  );
  const spread = Array.from({ length: MOST_KEPT }, (_, i) => byCycles[Math.floor((i * byCycles.length) / MOST_KEPT)]!);
  prefixes.length = 0;
  prefixes.push(...new Set([...best, ...spread]));
}

/** All schedules worth having, and the best one; undefined, with reports, where some part of the net cannot run. */
export function searchTimeBlocks(
  net: Net,
  costs: CostModel,
  options: BlockTimeOptions,
  report: Report,
): BlockTimeResult | undefined {
  const borders = possibleBorders(net, costs);
  const last = borders.length - 1;
  const { objective, longestGroup = LONGEST_GROUP.find(({ pieces }) => last <= pieces)?.group ?? 1 } = options;
  /** By border and time block of the group that ends there. */
  const kept = borders.map(() => new Map<number, Prefix[]>());
  const uniform: CostedSchedule[] = [];
  for (let from = 0; from < last; from++) {
    if (from > 0 && kept[from]?.size === 0) continue;
    for (const prefixes of kept[from]?.values() ?? []) thin(prefixes);
    for (let to = from + 1; to <= last; to++) {
      const wholeNet = from === 0 && to === last;
      if (to - from > longestGroup && !wholeNet) continue;
      const range = { from: borders[from] ?? 0, to: borders[to] ?? 0 };
      for (const block of candidateBlocks(net, range)) {
        const reached = from === 0 ? [undefined] : joined(costs, range.from, kept[from] ?? new Map(), block);
        if (reached.length === 0) continue;
        const group = { ...range, block };
        const cost = costs.cost(group);
        if (cost === undefined) continue;
        if (wholeNet) uniform.push({ schedule: [group], cost });
        const here = kept[to]?.get(block) ?? [];
        for (const before of reached) keep(here, after(before, group, cost));
        kept[to]?.set(block, here);
      }
    }
  }
  const complete: Prefix[] = [];
  for (const partials of kept[last]?.values() ?? []) for (const partial of partials) keep(complete, partial);
  const front = complete
    .map((partial): CostedSchedule => ({ schedule: groupsOf(partial), cost: partial.cost }))
    .sort((a, b) => a.cost.cycles - b.cost.cycles || a.cost.joules - b.cost.joules);
  const chosen = bestOf(front, objective);
  if (chosen === undefined) {
    explainFailure(net, costs, borders, report);
    return undefined;
  }
  return { chosen, front, uniform };
}

/** Prefix schedules that end at a border with a group whose values the next group can read. */
function joined(
  costs: CostModel,
  at: number,
  kept: ReadonlyMap<number, readonly Prefix[]>,
  block: number,
): readonly Prefix[] {
  return [...kept].flatMap(([before, partials]) => (costs.canJoin(at, before, block) ? partials : []));
}

function groupsOf(last: Prefix): Schedule {
  const groups: ScheduleGroup[] = [];
  for (let part: Prefix | undefined = last; part !== undefined; part = part.before) groups.unshift(part.group);
  return groups;
}

/** Says which piece of the net cannot run with any time block, and why not with its smallest. */
function explainFailure(net: Net, costs: CostModel, borders: readonly number[], report: Report): void {
  for (let i = 0; i + 1 < borders.length; i++) {
    const range = { from: borders[i] ?? 0, to: borders[i + 1] ?? 0 };
    const blocks = candidateBlocks(net, range);
    if (blocks.some((block) => costs.cost({ ...range, block }) !== undefined)) continue;
    const [block] = blocks;
    if (block !== undefined) costs.explain({ ...range, block }, report);
    if (report.failed) return;
  }
  const message = "no division into groups fits the chip, though every layer does alone";
  report.add(passDiagnostics.make("no-schedule", message, { hint: "say a time block instead of `auto`" }));
}
