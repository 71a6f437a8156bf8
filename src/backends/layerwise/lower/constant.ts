import { isSpike, type Op } from "../../../ir/index.js";
import type { LowerContext } from "./context.js";

/** A constant does no work: its map lies in DRAM from the start, and what reads it loads it like an input. */
export function constantMap(context: LowerContext, op: Op): void {
  const port = { kind: "constant", name: op.result } as const;
  const { type } = op;
  const spikes = isSpike(type) && !context.facts.isStatic(type);
  const map = spikes
    ? context.spikeMap(op.result, type, 1, 1, port)
    : context.dataMap(op.result, type, type.number.kind, port);
  context.constants.push({ map, values: context.view(op).values(0) });
}
