import { valueTypes, viewOf, type Net } from "../../ir/index.js";
import type { Report } from "../../diagnostics/index.js";
import { layerwiseDiagnostics } from "./diagnostics.js";

/** Up to P timesteps that share a spike word; never across a time block. */
export interface Group {
  /** Position among all groups of the sample. */
  readonly index: number;
  readonly first: number;
  readonly steps: number;
}

/** One walk over the stages: a time block, or the whole sample for what comes after a sequence op. */
export interface Pass {
  readonly first: number;
  readonly steps: number;
  readonly groups: readonly Group[];
}

export interface Timing {
  readonly timesteps: number;
  /** Timesteps of a full time block. */
  readonly block: number;
  readonly blocks: readonly Pass[];
  /** The whole sample. */
  readonly final: Pass;
  /** Timesteps of the longest group. */
  readonly groupSteps: number;
}

export function timingOf(timesteps: number, block: number, parallel: number): Timing {
  const blocks: Pass[] = [];
  const all: Group[] = [];
  for (let first = 0; first < timesteps; first += block) {
    const steps = Math.min(block, timesteps - first);
    const groups: Group[] = [];
    for (let t = first; t < first + steps; t += parallel) {
      groups.push({ index: all.length + groups.length, first: t, steps: Math.min(parallel, first + steps - t) });
    }
    blocks.push({ first, steps, groups });
    all.push(...groups);
  }
  const final = { first: 0, steps: timesteps, groups: all };
  return { timesteps, block, blocks, final, groupSteps: Math.min(parallel, block) };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Chunks of all chunked ops of a net. */
export function chunksOf(net: Net): readonly number[] {
  const chunks = new Set<number>();
  const types = valueTypes(net);
  for (const op of net.ops) {
    const view = viewOf(net, op, types);
    const temporal = view.definition.temporal(view);
    if (temporal.kind === "chunked") chunks.add(temporal.chunk);
  }
  return [...chunks].sort((a, b) => a - b);
}

/** The smallest legal time block: the least common multiple of the chunks. */
export function smallestBlock(chunks: readonly number[]): number {
  return chunks.reduce((a, b) => (a * b) / greatestCommonDivisor(a, b), 1);
}

/** Checks the wanted time block (default: all timesteps). */
export function chooseBlock(
  timesteps: number,
  chunks: readonly number[],
  wanted: number | undefined,
  report: Report,
): number | undefined {
  const block = wanted ?? timesteps;
  const smallest = smallestBlock(chunks);
  const legal = Array.from({ length: timesteps }, (_, i) => i + 1).filter((b) => b % smallest === 0 || b === timesteps);
  if (legal.includes(block)) return block;
  const chunk = chunks.find((c) => block % c !== 0);
  const message =
    chunk === undefined || block > timesteps || block < 1
      ? `time block ${block} is not in 1..${timesteps}`
      : `time block ${block} is not a multiple of chunk ${chunk}`;
  return report.add(layerwiseDiagnostics.make("time-block", message, { hint: `use ${legal.join(", ")}` }));
}
