import type { LayerwiseChip } from "../../chips/layerwise.js";
import { ENGINES, engineOf, type Instruction, type TokenUse } from "../program/instruction.js";
import { accessesOf, type Access, type Space } from "./accesses.js";
import type { Draft } from "./stage.js";

/**
 * Derives the tokens of a list of instructions from what they read and write. Every conflict with an earlier instruction of
 * another engine is a dependency; those that follow from others are dropped. There is one token per pair of engines: an
 * engine's instructions end in order and each dependency of a pair is later than the one before on both sides, so the n-th
 * wait is for the n-th signal.
 */

/** A stretch of a memory with one history. */
interface Segment {
  readonly from: number;
  readonly end: number;
  /** Last instruction that wrote it, or -1. */
  readonly writer: number;
  /** Last instruction of each engine that read it since, or -1. */
  readonly readers: readonly number[];
}

const UNREAD: readonly number[] = ENGINES.map(() => -1);

/** Sorted segments of one memory. */
class History {
  private segments: Segment[] = [];

  /** Index of the first segment that ends behind `at`. */
  private find(at: number): number {
    let [low, high] = [0, this.segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.segments[middle]?.end ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The segments that a range meets, cut to it. */
  meets({ from, end }: Access): readonly Segment[] {
    const met: Segment[] = [];
    for (let i = this.find(from); i < this.segments.length; i++) {
      const segment = this.segments[i];
      if (segment === undefined || segment.from >= end) break;
      met.push(segment);
    }
    return met;
  }

  record({ from, end, write }: Access, instruction: number, engine: number): void {
    const first = this.find(from);
    const met = this.meets({ space: "data", from, end, write });
    const next: Segment[] = [];
    const [head, tail] = [met[0], met.at(-1)];
    if (head !== undefined && head.from < from) next.push({ ...head, end: from });
    if (write) next.push({ from, end, writer: instruction, readers: UNREAD });
    else this.addReader(next, met, from, end, instruction, engine);
    if (tail !== undefined && tail.end > end) next.push({ ...tail, from: end });
    this.segments.splice(first, met.length, ...next);
  }

  private addReader(
    next: Segment[],
    met: readonly Segment[],
    from: number,
    end: number,
    instruction: number,
    engine: number,
  ): void {
    let at = from;
    const push = (to: number, writer: number, readers: readonly number[]): void => {
      if (to > at) next.push({ from: at, end: to, writer, readers: readers.with(engine, instruction) });
      at = Math.max(at, to);
    };
    for (const segment of met) {
      push(Math.max(at, segment.from), -1, UNREAD);
      push(Math.min(end, segment.end), segment.writer, segment.readers);
    }
    push(end, -1, UNREAD);
  }
}

/** Finds, for each instruction, the latest earlier instruction of each engine that it conflicts with. */
class Hazards {
  private readonly spaces: Readonly<Record<Space, History>> = {
    spike: new History(),
    weight: new History(),
    data: new History(),
    dram: new History(),
  };

  constructor(private readonly engineOfIndex: readonly number[]) {}

  /** Latest conflicting instruction by engine, -1 where none; then takes the accesses into the history. */
  next(instruction: number, accesses: readonly Access[]): number[] {
    const latest = ENGINES.map(() => -1);
    const need = (other: number): void => {
      const engine = this.engineOfIndex[other];
      if (engine !== undefined && other > (latest[engine] ?? -1)) latest[engine] = other;
    };
    for (const access of accesses) {
      for (const segment of this.spaces[access.space].meets(access)) {
        need(segment.writer);
        if (access.write) segment.readers.forEach(need);
      }
    }
    const engine = this.engineOfIndex[instruction] ?? 0;
    // Reads first: an instruction that reads and writes a range is its writer.
    for (const write of [false, true]) {
      for (const access of accesses) {
        if (access.write === write) this.spaces[access.space].record(access, instruction, engine);
      }
    }
    return latest;
  }
}

export interface Synchronised {
  readonly instructions: readonly Instruction[];
  readonly tokens: number;
}

export function assignTokens(drafts: readonly Draft[], chip: LayerwiseChip): Synchronised {
  const engines = drafts.map((draft) => ENGINES.indexOf(engineOf(draft.op)));
  const hazards = new Hazards(engines);
  /** For each instruction, the last instruction of each engine that has ended when it starts. */
  const known: number[][] = [];
  const lastOf = ENGINES.map(() => -1);
  const numbers = new Map<number, number>();
  const tokenOf = (from: number, to: number): number => {
    const pair = from * ENGINES.length + to;
    const token = numbers.get(pair) ?? numbers.size;
    numbers.set(pair, token);
    return token;
  };
  const waits: TokenUse[][] = drafts.map(() => []);
  const signals: TokenUse[][] = drafts.map(() => []);
  for (const [i, draft] of drafts.entries()) {
    const engine = engines[i] ?? 0;
    const previous = lastOf[engine] ?? -1;
    const clock = previous < 0 ? ENGINES.map(() => -1) : [...(known[previous] ?? [])];
    clock[engine] = previous;
    const latest = hazards.next(i, accessesOf(draft, chip));
    for (const other of latest.toSorted((a, b) => b - a)) {
      const from = engines[other];
      if (other < 0 || from === undefined || from === engine || other <= (clock[from] ?? -1)) continue;
      const token = tokenOf(from, engine);
      waits[i]?.push({ token, count: 1 });
      signals[other]?.push({ token, count: 1 });
      for (const [e, seen] of (known[other] ?? []).entries()) clock[e] = Math.max(clock[e] ?? -1, seen);
      clock[from] = other;
    }
    known[i] = clock;
    lastOf[engine] = i;
  }
  const instructions = drafts.map((draft, i): Instruction => withTokens(draft, waits[i] ?? [], signals[i] ?? []));
  return { instructions, tokens: numbers.size };
}

function withTokens(draft: Draft, waits: readonly TokenUse[], signals: readonly TokenUse[]): Instruction {
  const { region: _region, sources: _sources, epoch: _epoch, stage: _stage, ...instruction } = draft;
  return { ...instruction, waits, signals };
}
