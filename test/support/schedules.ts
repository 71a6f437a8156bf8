import { addCost, candidateBlocks, possibleBorders } from "../../src/passes/block-time.js";
import type { CostModel, Schedule, ScheduleCost, ScheduleGroup } from "../../src/passes/cost-model.js";
import type { Net } from "../../src/ir/index.js";
import type { LayerwiseChip } from "../../src/chips/layerwise.js";
import type { Prices } from "../../src/backends/backend.js";
import { builtInTables, pricesOf } from "../../src/energy/index.js";

/** Prices of the built-in table. */
export function prices(chip: LayerwiseChip): Prices {
  const [table] = builtInTables();
  if (table === undefined) throw new Error("no energy table");
  return pricesOf(table, chip);
}

/** Every schedule of a net: all choices of borders, all time blocks, in the plainest way. */
export function* allSchedules(net: Net, costs: CostModel): Generator<Schedule> {
  const borders = possibleBorders(net, costs);
  function* from(at: number, groups: readonly ScheduleGroup[]): Generator<Schedule> {
    if (at === borders.length - 1) {
      yield groups;
      return;
    }
    for (let to = at + 1; to < borders.length; to++) {
      const range = { from: borders[at] ?? 0, to: borders[to] ?? 0 };
      for (const block of candidateBlocks(net, range)) {
        const last = groups.at(-1);
        if (last !== undefined && !costs.canJoin(range.from, last.block, block)) continue;
        yield* from(to, [...groups, { ...range, block }]);
      }
    }
  }
  yield* from(0, []);
}

/** The sum of a schedule's groups, or undefined where one cannot run. */
export function costOf(schedule: Schedule, costs: CostModel): ScheduleCost | undefined {
  let total: ScheduleCost | undefined;
  for (const group of schedule) {
    const cost = costs.cost(group);
    if (cost === undefined) return undefined;
    total = total === undefined ? cost : addCost(total, cost);
  }
  return total;
}

/** One of all schedules that the costs allow, without walking over the others. */
export function randomSchedule(net: Net, costs: CostModel, next: () => number): Schedule | undefined {
  const borders = possibleBorders(net, costs);
  const groups: ScheduleGroup[] = [];
  let at = 0;
  while (at < borders.length - 1) {
    const to = at + 1 + Math.floor(next() * Math.min(4, borders.length - 1 - at));
    const range = { from: borders[at] ?? 0, to: borders[to] ?? 0 };
    const before = groups.at(-1)?.block;
    const blocks = candidateBlocks(net, range).filter(
      (block) => before === undefined || costs.canJoin(range.from, before, block),
    );
    const block = blocks[Math.floor(next() * blocks.length)];
    if (block === undefined) return undefined;
    groups.push({ ...range, block });
    at = to;
  }
  return groups;
}
