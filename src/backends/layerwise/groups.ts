import { valueTypes, type Net, type Op } from "../../ir/index.js";
import type { Schedule, ScheduleGroup } from "../../passes/cost-model.js";
import type { FeatureMap } from "./stage.js";

/**
 * A group of a schedule is a net of its own: what it reads from other groups are inputs, what others read of it are outputs.
 * Both lie in DRAM, for all timesteps. Constants lie there anyway, so each group that reads one has it.
 */

/** The whole net as one group. */
export function oneGroup(net: Net, block: number): Schedule {
  return [{ from: 0, to: net.ops.length, block }];
}

const isConstant = (op: Op): boolean => op.name === "constant";

/** Values that are made before op `at` and read, or returned, from there on. */
export function crossingValues(net: Net, at: number): readonly string[] {
  const made = new Set(net.ops.slice(0, at).flatMap((op) => (isConstant(op) ? [] : op.result)));
  const read = new Set(net.ops.slice(at).flatMap((op) => op.operands));
  return [...made].filter((value) => read.has(value));
}

/** The ops of a group with what enters and leaves them; the net itself where the group is all of it. */
export function groupNet(net: Net, { from, to }: Pick<ScheduleGroup, "from" | "to">): Net {
  if (from === 0 && to === net.ops.length) return net;
  const types = valueTypes(net);
  const own = net.ops.slice(from, to);
  const needed = new Set(own.flatMap((op) => op.operands));
  const foreign = net.ops.filter((op) => isConstant(op) && needed.has(op.result) && !own.includes(op));
  const ops = [...foreign, ...own];
  const made = new Set(ops.map((op) => op.result));
  const read = new Set(ops.flatMap((op) => op.operands).filter((value) => !made.has(value)));
  // All inputs of the net enter its first group, those that nobody reads too: the host brings them.
  const entering = from === 0 ? new Set([...net.inputs.map(({ name }) => name), ...read]) : read;
  const inputs = [...entering].flatMap((name) => {
    const type = types.get(name);
    return type === undefined ? [] : [{ name, type }];
  });
  const wanted = new Set([
    ...net.ops.slice(to).flatMap((op) => op.operands),
    ...net.outputs.map((output) => output.value),
  ]);
  const outputs = own
    .flatMap((op) => (wanted.has(op.result) && !isConstant(op) ? [op.result] : []))
    .map((value) => ({ name: value, value }));
  return { ...net, inputs, outputs, ops };
}

/** How many timesteps the words of a group's spike maps hold, one after the other: equal for all blocks that fill words. */
export function wordLayout(block: number, timesteps: number, parallel: number): number {
  return block === timesteps || block % parallel === 0 ? timesteps : block;
}

/** Whether a value lies the same in memory for groups of both time blocks. */
export function sameLayout(
  map: FeatureMap,
  [a, b]: readonly [number, number],
  timesteps: number,
  parallel: number,
): boolean {
  const perGroup = map.memory === "spike" && map.span !== "static";
  return !perGroup || wordLayout(a, timesteps, parallel) === wordLayout(b, timesteps, parallel);
}
