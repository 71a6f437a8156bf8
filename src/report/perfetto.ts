import { engineOf, ENGINES, type EngineName } from "../backends/program/instruction.js";
import type { Program } from "../backends/program/program.js";

/**
 * One sample as a trace in Chrome's JSON trace event format, which Perfetto (ui.perfetto.dev) opens: one process for the chip, one
 * track per engine, a slice per instruction, and a flow for each token from the instruction that signals it to the one that waits.
 * Format: "Trace Event Format", Google, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
 */

/** Cycle of the issue and of the last work of each instruction, by its index. */
export interface TraceTimes {
  readonly issued: Float64Array;
  readonly ended: Float64Array;
}

/** Collects {@link TraceTimes}; what `onInstruction` of a run reports. */
export class Timeline implements TraceTimes {
  readonly issued: Float64Array;
  readonly ended: Float64Array;

  constructor(instructions: number) {
    this.issued = new Float64Array(instructions);
    this.ended = new Float64Array(instructions);
  }

  /** An instruction that ran from cycle `issued` to the end of cycle `ended`. */
  readonly note = (_engine: EngineName, instruction: number, issued: number, ended: number): void => {
    this.issued[instruction] = issued;
    this.ended[instruction] = ended;
  };
}

/** Tokens that one instruction signalled and another consumed. */
export interface TokenFlow {
  readonly token: number;
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Who consumed whose tokens. Tokens of one counter are alike; those signalled first are taken first. A signal is visible in the
 * cycle after its instruction's last; of engines that take tokens in one cycle, the chip's priority decides (docs/layerwise-chip.md).
 */
export function* tokenFlows(program: Program, { issued, ended }: TraceTimes): Generator<TokenFlow> {
  const { instructions, chip } = program;
  const rank = (i: number): number => chip.priority.indexOf(engineOf(instructions[i]!.op));
  const order = (at: Float64Array): Uint32Array =>
    Uint32Array.from(instructions, (_, i) => i).sort((a, b) => at[a]! - at[b]! || rank(a) - rank(b));
  const signallers = order(ended);
  const supply = Array.from({ length: program.tokens }, () => ({
    from: [] as number[],
    left: [] as number[],
    head: 0,
  }));
  let next = 0;
  for (const to of order(issued)) {
    for (; next < signallers.length && ended[signallers[next]!]! < issued[to]!; next++) {
      const from = signallers[next]!;
      for (const { token, count } of instructions[from]!.signals) {
        supply[token]!.from.push(from);
        supply[token]!.left.push(count);
      }
    }
    for (const { token, count } of instructions[to]!.waits) {
      const queue = supply[token]!;
      for (let wanted = count; wanted > 0 && queue.head < queue.from.length;) {
        const taken = Math.min(wanted, queue.left[queue.head]!);
        yield { token, count: taken, from: queue.from[queue.head]!, to };
        wanted -= taken;
        queue.left[queue.head]! -= taken;
        if (queue.left[queue.head] === 0) queue.head++;
      }
    }
  }
}

/** Instructions' fields that say how much work they are, as far as they have them. */
const SIZES = ["firstStep", "steps", "positions", "outRow", "outRows", "outWidth", "words", "chunks"];

/** Chip cycles as microseconds, the unit of the format; rounded to picoseconds, so that no digits of binary fractions are printed. */
function microseconds(cycles: number, clockHz: number): number {
  return Math.round((cycles / clockHz) * 1e12) / 1e6;
}

function* events(program: Program, timeline: TraceTimes, sample: string): Generator<object> {
  const { chip, instructions, layers } = program;
  const { issued, ended } = timeline;
  const us = (cycles: number): number => microseconds(cycles, chip.clockHz);
  yield* trackEvents(`${chip.name}: ${program.name}, sample ${sample}`, ENGINES);
  const track = (i: number): number => ENGINES.indexOf(engineOf(instructions[i]!.op)) + 1;
  const freeSince = new Float64Array(ENGINES.length + 1);
  for (const [i, { op, layer, fields }] of instructions.entries()) {
    const tid = track(i);
    const [from, to] = [issued[i]!, ended[i]! + 1];
    const name = `${op} ${layers[layer]?.name ?? layer}`;
    const sizes = Object.fromEntries(Object.entries(fields).filter(([field]) => SIZES.includes(field)));
    const args = { instruction: i, cycle: from, cycles: to - from, waited: from - freeSince[tid]!, ...sizes };
    yield { ph: "X", pid: 1, tid, cat: op, name, ts: us(from), dur: us(to - from), args };
    freeSince[tid] = to;
  }
  let id = 0;
  for (const { token, count, from, to } of tokenFlows(program, timeline)) {
    const common = { pid: 1, cat: "token", name: `token ${token}`, id: id++ };
    yield { ph: "s", ...common, tid: track(from), ts: us(ended[from]!), args: { count, from } };
    yield { ph: "f", bp: "e", ...common, tid: track(to), ts: us(issued[to]!), args: { count, to } };
  }
}

/** A trace as pieces of text, to be written one after the other: events can be millions. `about` is shown with the trace. */
export function* tracePieces(about: object, events: Iterable<object>): Generator<string> {
  yield `{"displayTimeUnit":"ns","otherData":${JSON.stringify(about)},"traceEvents":[`;
  let separator = "\n";
  for (const event of events) {
    yield separator + JSON.stringify(event);
    separator = ",\n";
  }
  yield "\n]}\n";
}

/** The process of a trace with its tracks, which are numbered from 1. */
export function* trackEvents(title: string, tracks: readonly string[]): Generator<object> {
  yield { ph: "M", pid: 1, name: "process_name", args: { name: title } };
  for (const [i, name] of tracks.entries()) {
    yield { ph: "M", pid: 1, tid: i + 1, name: "thread_name", args: { name } };
    yield { ph: "M", pid: 1, tid: i + 1, name: "thread_sort_index", args: { sort_index: i } };
  }
}

/**
 * The trace of a layer-by-layer chip. Slices last from the issue to the end of the last cycle of work, times are microseconds at the
 * chip's clock; `waited` are the cycles since the engine's last instruction ended.
 */
export function perfettoTrace(program: Program, timeline: TraceTimes, sample: string): Generator<string> {
  const about = { program: program.name, chip: program.chip.name, clockHz: program.chip.clockHz, sample };
  return tracePieces(about, events(program, timeline, sample));
}
