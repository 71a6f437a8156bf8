import type { LayerwiseChip } from "../../../chips/layerwise.js";
import { ENGINES, engineOf, type Instruction } from "../../program/instruction.js";
import type { Work } from "./work.js";

/**
 * When instructions begin and end, given how long each takes: the latest of what it waits for, in program order. Engines take
 * instructions one at a time and in order, from queues that the dispatcher fills in program order; waits are for tokens.
 * One pass over the instructions; nothing of a chip's state is followed.
 */
export interface Timeline {
  readonly cycles: number;
  /** Cycle in which each instruction is issued, and in which it ends. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

export function timelineOf(
  instructions: readonly Instruction[],
  works: readonly Work[],
  tokens: number,
  chip: LayerwiseChip,
): Timeline {
  const starts = new Float64Array(instructions.length);
  const ends = new Float64Array(instructions.length);
  /** Per engine: the cycle in which its last instruction ended, and those in which instructions left its queue. */
  const free = ENGINES.map(() => -1);
  const issued: number[][] = ENGINES.map(() => []);
  /** Cycles in which each token was signalled, in order, and how many of these are consumed. */
  const signals: number[][] = Array.from({ length: tokens }, () => []);
  const consumed = new Int32Array(tokens);
  let dispatched = -1;
  let last = -1;
  for (const [i, instruction] of instructions.entries()) {
    const engine = ENGINES.indexOf(engineOf(instruction.op));
    const queue = issued[engine] ?? [];
    const room = queue[queue.length - chip.queueDepth] ?? -1;
    dispatched = Math.max(dispatched, room) + 1;
    let start = Math.max(dispatched, free[engine] ?? -1);
    for (const { token, count } of instruction.waits) {
      const at = (consumed[token] ?? 0) + count;
      consumed[token] = at;
      start = Math.max(start, signals[token]?.[at - 1] ?? -1);
    }
    const issue = start + 1;
    const end = issue + (works[i]?.cycles ?? 0);
    queue.push(issue);
    free[engine] = end;
    starts[i] = issue;
    ends[i] = end;
    last = Math.max(last, end);
    for (const { token, count } of instruction.signals) for (let n = 0; n < count; n++) signals[token]?.push(end);
  }
  return { cycles: last + 1, starts, ends };
}
