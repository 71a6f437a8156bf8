/* How a call of a kernel is divided among threads: the call lies on a board in their memory, and whoever has time takes a piece. */
import { Bell } from "../bell.js";
import type { WasmMemory } from "./webassembly.js";

/** Kernels whose calls can be divided: each is called with the address of a record and a number. */
export const CALLS = ["sum32", "sum8", "fireReal", "fireInt", "buildLists", "multiply", "attendQueries"] as const;
export type DividedCall = (typeof CALLS)[number];
export type Calls = Readonly<Record<DividedCall, (record: number, argument: number) => void>>;

/** A call over units that do not depend on each other: positions, or rows of a tile. */
export interface Division {
  readonly call: DividedCall;
  /** The second argument of the kernel. */
  readonly argument: number;
  /** The record of all units (records.ts), as 32-bit numbers. */
  readonly record: readonly number[];
  /** Number of units, the field of the record that holds it, and the units of one piece. */
  readonly units: number;
  readonly unitsField: number;
  readonly piece: number;
  /** Fields that depend on the first unit, and how much they grow from one unit to the next. */
  readonly moves: readonly (readonly [field: number, perUnit: number])[];
  /** Fields with the address of each thread's own scratch room and counts; -1 where there is none. */
  readonly scratchField: number;
  readonly countsField: number;
}

/** Of the board, as i32 but for ARGUMENT, an f64. Pieces that nobody has taken, and those that are not done. */
const LEFT = 0;
const UNDONE = 1;
const FAILED = 2;
const CALL = 3;
const ARGUMENT = 2;
const PIECES = 6;
const PIECE = 7;
const UNITS = 8;
const UNITS_FIELD = 9;
const SCRATCH_FIELD = 10;
const COUNTS_FIELD = 11;
const MOVES = 12;
const FIRST_MOVE = 13;
const RECORD = 32;
const RECORD_WORDS = 64;

export const BOARD_BYTES = 4 * (RECORD + RECORD_WORDS);

/** Room of one thread: a record, counts per timestep, and scratch. */
const RECORD_BYTES = 4 * RECORD_WORDS;
export const COUNT_BYTES = 8 * 64;
export const SCRATCH_BYTES = 16384;
export const HAND_BYTES = RECORD_BYTES + COUNT_BYTES + SCRATCH_BYTES;

/** What a thread needs to help: can be posted to it. */
export interface HandStart {
  readonly module: object;
  readonly memory: WasmMemory;
  /** Addresses of the board and of the thread's room of {@link HAND_BYTES}. */
  readonly board: number;
  readonly room: number;
  /** Rung when a call may be done: the bell of the thread that makes the calls. */
  readonly caller: SharedArrayBuffer;
}

/** One of the threads at the board. */
export class Hand {
  readonly counts: number;
  readonly scratch: number;
  private readonly board: number;
  private readonly record: number;
  private readonly i32: Int32Array;
  private readonly f64: Float64Array;
  private readonly caller: Bell;

  constructor(
    { memory, board, room, caller }: Omit<HandStart, "module">,
    private readonly calls: Calls,
  ) {
    this.i32 = new Int32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    this.board = board >>> 2;
    this.record = room;
    this.counts = room + RECORD_BYTES;
    this.scratch = this.counts + COUNT_BYTES;
    this.caller = new Bell(caller);
  }

  /** Puts a call on the board; the one before it must be done. */
  post(division: Division): void {
    const { i32, board } = this;
    const { record, moves, units, piece } = division;
    const pieces = Math.ceil(units / piece);
    i32[board + CALL] = CALLS.indexOf(division.call);
    this.f64[(board >>> 1) + ARGUMENT] = division.argument;
    i32.set([pieces, piece, units, division.unitsField, division.scratchField, division.countsField], board + PIECES);
    i32[board + MOVES] = moves.length;
    i32.set(moves.flat(), board + FIRST_MOVE);
    i32.set(record, board + RECORD);
    Atomics.store(i32, board + UNDONE, pieces);
    // Whoever takes a piece sees all that was written before.
    Atomics.store(i32, board + LEFT, pieces);
  }

  /** Whether the call on the board is done. Where a piece of it failed, every later answer of {@link failed} is true. */
  get done(): boolean {
    return Atomics.load(this.i32, this.board + UNDONE) === 0;
  }

  get failed(): boolean {
    return Atomics.load(this.i32, this.board + FAILED) !== 0;
  }

  /** Takes a piece of the call on the board and computes it; false if there is none left. */
  help(): boolean {
    const { i32, board } = this;
    let left: number;
    do {
      left = Atomics.load(i32, board + LEFT);
      if (left === 0) return false;
    } while (Atomics.compareExchange(i32, board + LEFT, left, left - 1) !== left);
    // The call stays on the board until this piece is done.
    const number = i32[board + PIECES]! - left;
    try {
      this.compute(number * i32[board + PIECE]!);
    } catch {
      Atomics.store(i32, board + FAILED, 1);
    }
    if (Atomics.sub(i32, board + UNDONE, 1) === 1) this.caller.ring();
    return true;
  }

  /** The piece that begins with unit `first`. */
  private compute(first: number): void {
    const { i32, board } = this;
    const to = this.record >>> 2;
    i32.copyWithin(to, board + RECORD, board + RECORD + RECORD_WORDS);
    for (let m = 0; m < i32[board + MOVES]!; m++) {
      const move = board + FIRST_MOVE + 2 * m;
      const field = to + i32[move]!;
      i32[field] = i32[field]! + first * i32[move + 1]!;
    }
    i32[to + i32[board + UNITS_FIELD]!] = Math.min(i32[board + PIECE]!, i32[board + UNITS]! - first);
    const [scratch, counts] = [i32[board + SCRATCH_FIELD]!, i32[board + COUNTS_FIELD]!];
    if (scratch >= 0) i32[to + scratch] = this.scratch;
    if (counts >= 0) i32[to + counts] = this.counts;
    this.calls[CALLS[i32[board + CALL]!]!](this.record, this.f64[(board >>> 1) + ARGUMENT]!);
  }
}
