import type { Diagnostic } from "../diagnostics/index.js";
import { gcd } from "../math/numbers.js";
import { irDiagnostics } from "./diagnostics.js";
import { viewOf } from "./evaluate.js";
import { components, netTimesteps } from "./graph.js";
import { valueTypes, type Net, type Op } from "./net.js";

/**
 * Time blocks: how many timesteps a group of ops runs before the next group starts. What the ops look at decides which
 * sizes are legal; costs decide between them elsewhere.
 */

/** What limits the time block of a group of ops. */
interface Limits {
  /** Least common multiple of all chunks inside; 1 without any. */
  readonly chunk: number;
  readonly chunkedOp: Op | undefined;
  readonly sequenceOp: Op | undefined;
  readonly cycleOp: Op | undefined;
}

function limitsOf(net: Net, ops: readonly Op[]): Limits {
  const types = valueTypes(net);
  const inCycle = new Set(components(net).flatMap((component) => (component.cyclic ? component.ops : [])));
  let limits: Limits = { chunk: 1, chunkedOp: undefined, sequenceOp: undefined, cycleOp: undefined };
  for (const op of ops) {
    const view = viewOf(net, op, types);
    const temporal = view.definition.temporal(view);
    if (inCycle.has(op)) limits = { ...limits, cycleOp: limits.cycleOp ?? op };
    if (temporal.kind === "sequence") limits = { ...limits, sequenceOp: limits.sequenceOp ?? op };
    if (temporal.kind !== "chunked" || limits.chunk % temporal.chunk === 0) continue;
    limits = { ...limits, chunk: (limits.chunk * temporal.chunk) / gcd(limits.chunk, temporal.chunk), chunkedOp: op };
  }
  return limits;
}

function legal(limits: Limits, timesteps: number): readonly number[] {
  const sizes: number[] = [];
  for (let block = limits.chunk; block <= timesteps; block += limits.chunk) {
    if (limits.sequenceOp !== undefined && block !== timesteps) continue;
    if (limits.cycleOp !== undefined && block !== 1) continue;
    sizes.push(block);
  }
  return sizes;
}

/**
 * The legal time blocks of a group of ops, ascending: multiples of every chunk inside, all T timesteps if a sequence op is
 * inside, 1 inside a cycle. A block that does not divide T leaves a shorter last block. Empty when the ops exclude each
 * other and must be in different groups.
 */
export function legalTimeBlocks(net: Net, ops: readonly Op[] = net.ops): readonly number[] {
  return legal(limitsOf(net, ops), netTimesteps(net));
}

function reason({ chunk, chunkedOp, sequenceOp, cycleOp }: Limits, timesteps: number): string {
  if (cycleOp !== undefined) return `\`%${cycleOp.result}\` lies in a cycle, which runs step by step`;
  if (sequenceOp !== undefined) return `\`%${sequenceOp.result}\` needs all ${timesteps} timesteps`;
  if (chunkedOp !== undefined) return `\`%${chunkedOp.result}\` needs whole chunks of ${chunk} timesteps`;
  return `the net has ${timesteps} timesteps`;
}

/** Says why a time block is illegal for a group of ops and which sizes are legal, or nothing. */
export function checkTimeBlock(net: Net, block: number, ops: readonly Op[] = net.ops): Diagnostic | undefined {
  const timesteps = netTimesteps(net);
  const limits = limitsOf(net, ops);
  const sizes = legal(limits, timesteps);
  if (sizes.includes(block)) return undefined;
  const hint = sizes.length === 0 ? "no time block fits all of them: split the group" : `use ${sizes.join(", ")}`;
  return irDiagnostics.make("time-block", `time block ${block} does not fit: ${reason(limits, timesteps)}`, { hint });
}
