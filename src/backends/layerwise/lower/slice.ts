import { type Op } from "../../../ir/index.js";
import { nameOf } from "../values.js";
import type { LowerContext } from "./context.js";

/**
 * A slice of channels does no work: the neurons behind it read the channel blocks of the whole map in place. That needs a
 * border between blocks at its start, and readers that can start inside a map.
 */
export function sliceStage(context: LowerContext, op: Op): void {
  const map = context.operand(op, 0, "data");
  if (map === undefined) return;
  const hint = "leave merge-projections out for this chip";
  const { lanes } = context.chip;
  const from = context.view(op).number("from");
  if (from % lanes !== 0) {
    context.refuse(op, `starts at channel ${from}, inside a block of ${lanes} lanes`, hint);
    return;
  }
  const users = context.facts.usersOf(op.result);
  const stray = users.find((user) => user.name !== "neuron.lif");
  if (stray !== undefined || context.facts.isOutput(op.result)) {
    const by = stray === undefined ? "leaves the net" : `is read by \`${nameOf(stray)}\` (${stray.name})`;
    context.refuse(op, `is read in place, but it ${by}; supported: neuron.lif`, hint);
    return;
  }
  context.slice(op.result, map, from / lanes);
}
