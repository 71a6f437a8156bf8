import type { FieldsOf } from "../../../../backends/program/instruction.js";
import type { LayerwiseChip } from "../../../../chips/layerwise.js";
import { weightedWords } from "../parameter-words.js";
import type { ScanWork } from "../work.js";
import { ScanSchedule } from "./scan-schedule.js";
import { accessOf, bankOf, DATA, SPIKE, turned, WEIGHT, type Access } from "./script.js";
import { Stretch, UNKNOWN } from "./stretch.js";

/** Where a walk through the schedule stands: the word of the adder and that of the scanner. It moves forward only. */
export interface Cursor {
  adder: number;
  scanner: number;
  /** When the adder starts with its word, and when it is done with it: who asks mostly asks about the same word again. */
  start: number;
  free: number;
  /** The adder writes no result before this cycle. */
  write: number;
}

/** Cycles for which the rows of the adder are listed at least, as who meets it at a bank in one cycle may do so in the next ones. */
const LISTED = 1024;

/** Schedules kept: a layer works on one or two tiles at a time. */
const SCHEDULES = 3;

/**
 * The accumulate engine during one `accumulate`: a function of time, as long as nobody takes a port from it (scan-schedule.ts). A denied access
 * moves what comes behind it: the schedule is computed anew from there until it runs parallel to the undisturbed one.
 */
export class AccumulateTiming {
  private fields!: FieldsOf<"accumulate">;
  private schedule!: ScanSchedule;
  private steps = 0;
  /** First cycle of the parameter words. */
  private base = 0;
  /** The bank of weight row 0. */
  private turn = 0;
  /** Words before `moved` are scheduled here, those from there on by `schedule`, `shift` cycles later. */
  private moved = 0;
  private shift = 0;
  private push: Int32Array = new Int32Array(0);
  private start: Int32Array = new Int32Array(0);
  private readonly here: Cursor = { adder: 0, scanner: 0, start: 0, free: 0, write: 0 };
  /** Undisturbed schedules of the tiles seen last, shared by all blocks of outputs of a tile; the latest first. */
  private schedules: readonly ScanSchedule[] = [];
  private readonly depth: number;
  private readonly parameterWords: number;

  constructor(
    private readonly chip: Pick<LayerwiseChip, "lanes" | "parallelTimesteps" | "fifoDepth" | "weightBits">,
    private readonly banks: readonly number[],
  ) {
    this.depth = chip.fifoDepth;
    this.parameterWords = weightedWords(chip);
  }

  /** Starts an instruction whose first parameter word is read in `cycle`. */
  begin(fields: FieldsOf<"accumulate">, work: ScanWork, cycle: number): void {
    this.fields = fields;
    this.steps = fields.steps;
    this.base = cycle;
    this.turn = bankOf(fields.weights, this.banks[WEIGHT]!);
    this.moved = this.shift = 0;
    this.here.adder = this.here.scanner = this.here.start = this.here.free = this.here.write = 0;
    this.schedule = this.schedules.find((one) => one.work === work) ?? this.newSchedule(fields, work);
    this.schedules = [this.schedule, ...this.schedules.filter((one) => one !== this.schedule)].slice(0, SCHEDULES);
  }

  private newSchedule(fields: FieldsOf<"accumulate">, work: ScanWork): ScanSchedule {
    const { lanes, parallelTimesteps } = this.chip;
    const spare = this.schedules.length < SCHEDULES ? [] : this.schedules.at(-1)!.arrays;
    return new ScanSchedule(fields, work, lanes, parallelTimesteps, this.depth, this.banks[WEIGHT]!, spare);
  }

  /** The cycle of the last write, if nobody takes a port from now on. */
  get last(): number {
    const last = this.schedule.pushes - 1;
    return this.base + this.parameterWords + this.freeAt(last) - 1;
  }

  /** A cursor for looking ahead, from where the engine is. */
  cursor(): Cursor {
    return { ...this.here };
  }

  /** What the adder asks for in a cycle. */
  adderAccess(cycle: number, cursor: Cursor = this.here): Access {
    const { fields, schedule } = this;
    const parameter = cycle - this.base;
    if (parameter < this.parameterWords) return this.access(WEIGHT, fields.parameters + parameter);
    const time = parameter - this.parameterWords;
    const i = this.adderAt(time, cursor);
    const step = time - cursor.start;
    if (step < 0) return 0;
    const bits = schedule.bits[i]!;
    if (step < bits) {
      const undisturbed = schedule.start[i]! + step;
      if (undisturbed >= schedule.known) schedule.list(undisturbed + 1);
      return turned(schedule.reads[undisturbed]!, this.turn, this.banks[WEIGHT]!);
    }
    const word = fields.output + schedule.position[i]! * fields.outputStride + (step - bits) * fields.outputStepStride;
    return this.access(DATA, word);
  }

  /** What the adder asks of the weight memory from `cycle` on; nothing is known before it follows the undisturbed schedule. */
  rows(cycle: number): Stretch {
    const { schedule, moved } = this;
    const base = this.base + this.parameterWords + this.shift;
    const follows = moved < schedule.pushes && cycle >= base + (moved === 0 ? 0 : schedule.start[moved]!);
    if (!follows) return UNKNOWN;
    schedule.list(cycle - base + LISTED);
    return new Stretch(base + schedule.known, schedule.reads, base, this.turn, this.banks[WEIGHT]!);
  }

  /** The first cycle from `cycle` on in which the adder may write a result. */
  nextWrite(cycle: number, cursor: Cursor = this.here): number {
    if (cycle < cursor.write) return cursor.write;
    const first = this.base + this.parameterWords;
    const i = this.adderAt(cycle - first, cursor);
    cursor.write = Math.max(cycle, first + cursor.start + this.schedule.bits[i]!);
    return cursor.write;
  }

  /** What the scanner asks for in a cycle. */
  scannerAccess(cycle: number, cursor: Cursor = this.here): Access {
    const time = cycle - this.base - this.parameterWords;
    if (time < 0) return 0;
    const i = this.scannerAt(time, cursor);
    if (i === this.schedule.pushes) return 0;
    const before = this.pushAt(i) - time;
    if (before >= this.gap(i)) return 0;
    return this.access(SPIKE, this.schedule.address(i, before));
  }

  /** Notes which accesses were denied in this cycle, and puts off what depends on them. */
  deny(cycle: number, adder: boolean, scanner: boolean): void {
    this.here.write = 0;
    const time = cycle - this.base - this.parameterWords;
    if (time < 0) {
      this.base++;
      return;
    }
    const i = this.adderAt(time, this.here);
    const g = this.scannerAt(time, this.here);
    const started = this.startAt(i) <= time;
    const begun = g < this.schedule.pushes && time > this.pushAt(g) - this.gap(g);
    this.keep(g);
    // A word that is being worked on goes on as if it had started a cycle later: its past is not looked at again.
    if (adder) this.start[i]!++;
    if (scanner) this.push[g]!++;
    this.reschedule(i, begun ? g + 1 : g, started);
    this.here.free = 0;
  }

  /** Makes all words up to `last` part of the moved ones, as they are scheduled now. */
  private keep(last: number): void {
    const { pushes } = this.schedule;
    if (this.push.length < pushes) {
      this.push = grown(this.push, pushes);
      this.start = grown(this.start, pushes);
    }
    for (; this.moved <= last && this.moved < pushes; this.moved++) {
      this.push[this.moved] = this.schedule.push[this.moved]! + this.shift;
      this.start[this.moved] = this.schedule.start[this.moved]! + this.shift;
    }
  }

  /**
   * The recurrence from word `from` of the adder on. Pushes before `fixed` stay; so does the start of word `from` where it has
   * `started`. Ends where the last `depth` words, which all later ones depend on, are off the undisturbed schedule by one and the
   * same number of cycles.
   */
  private reschedule(from: number, fixed: number, started: boolean): void {
    const { schedule, push, start, depth } = this;
    const { pushes } = schedule;
    let parallel = 0;
    let shift = NaN;
    for (let i = from; i < pushes; i++) {
      if (i >= fixed) push[i] = this.nextPush(i);
      if (i > from || !started) start[i] = Math.max(this.freeAt(i - 1), push[i]! + 1);
      this.moved = Math.max(this.moved, i + 1);
      const off = start[i]! - schedule.start[i]!;
      if (push[i]! - schedule.push[i]! !== off) parallel = 0;
      else parallel = off === shift ? parallel + 1 : 1;
      shift = off;
      if (parallel < depth || i < fixed) continue;
      this.moved = i + 1;
      this.shift = shift;
      return;
    }
  }

  private nextPush(i: number): number {
    const room = i < this.depth ? 0 : this.popAt(i - this.depth) + 1;
    return Math.max(this.pushAt(i - 1) + 1, room) + this.gap(i) - 1;
  }

  /** Scan words from the pushed word before `i`, exclusive, to `i`. */
  private gap(i: number): number {
    return this.schedule.word[i]! - (i === 0 ? -1 : this.schedule.word[i - 1]!);
  }

  private pushAt(i: number): number {
    if (i < 0) return -1;
    return i < this.moved ? this.push[i]! : this.schedule.push[i]! + this.shift;
  }

  private startAt(i: number): number {
    return i < this.moved ? this.start[i]! : this.schedule.start[i]! + this.shift;
  }

  private popAt(i: number): number {
    return this.startAt(i) + Math.max(this.schedule.bits[i]!, 1) - 1;
  }

  private freeAt(i: number): number {
    if (i < 0) return 0;
    if (i >= this.moved) return this.schedule.free[i]! + this.shift;
    return this.start[i]! + this.schedule.bits[i]! + (this.schedule.isLast(i) ? this.steps : 0);
  }

  /** The first word that the adder has not done with before `time`. */
  private adderAt(time: number, cursor: Cursor): number {
    if (time >= cursor.free) {
      cursor.adder = this.nextAdder(time, cursor.adder);
      cursor.start = this.startAt(cursor.adder);
      cursor.free = this.freeAt(cursor.adder);
    }
    return cursor.adder;
  }

  /** The first word from `adder` on that the adder has not done with before `time`. */
  private nextAdder(time: number, adder: number): number {
    const end = this.schedule.pushes - 1;
    if (adder === end || this.freeAt(adder) > time) return adder;
    // Mostly the next one, but far ahead where nobody has asked for long: steps that double, then halves.
    let from = adder;
    let reach = 1;
    for (; from + reach < end && this.freeAt(from + reach) <= time; reach *= 2) from += reach;
    let high = Math.min(from + reach, end);
    while (high - from > 1) {
      const middle = (from + high) >> 1;
      if (this.freeAt(middle) <= time) from = middle;
      else high = middle;
    }
    return high;
  }

  /** The first word that is not pushed before `time`; `pushes` where all are. */
  private scannerAt(time: number, cursor: Cursor): number {
    const end = this.schedule.pushes;
    let { scanner } = cursor;
    if (scanner === end || this.pushAt(scanner) >= time) return scanner;
    let reach = 1;
    for (; scanner + reach < end && this.pushAt(scanner + reach) < time; reach *= 2) scanner += reach;
    let high = Math.min(scanner + reach, end);
    while (high - scanner > 1) {
      const middle = (scanner + high) >> 1;
      if (this.pushAt(middle) < time) scanner = middle;
      else high = middle;
    }
    return (cursor.scanner = high);
  }

  private access(memory: number, address: number): Access {
    return accessOf(memory, bankOf(address, this.banks[memory]!));
  }
}

function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(Math.max(length, 2 * array.length));
  larger.set(array);
  return larger;
}
