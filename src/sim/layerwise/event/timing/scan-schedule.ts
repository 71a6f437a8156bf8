import type { FieldsOf } from "../../../../backends/program/instruction.js";
import { internalError } from "../../../../diagnostics/index.js";
import { Window } from "../window.js";
import type { ScanWork } from "../work.js";
import { accessOf, bankOf, WEIGHT } from "./script.js";

/**
 * Scanner, FIFO and adder of one tile, undisturbed, as a recurrence over the words that enter the FIFO: those with a bit, and the
 * last one of each position. Cycles count from the first one behind the parameters. For pushed word i:
 *
 *   push(i)  = max(push(i-1) + 1, pop(i - depth) + 1) + gap(i) - 1     the scanner reads `gap` words, the last one is pushed
 *   start(i) = max(free(i-1), push(i) + 1)                             a push is visible in the next cycle
 *   pop(i)   = start(i) + max(bits(i), 1) - 1                          with its last bit, or with the first write
 *   free(i)  = start(i) + bits(i) + (last(i) ? steps : 0)              one cycle per bit, then the write phase
 *
 * The scanner reads a word only while fewer than `depth` words were in the FIFO at the end of the cycle before.
 */
export class ScanSchedule {
  /** Number of words that enter the FIFO. */
  readonly pushes: number;
  /** By pushed word: its place among the scan words; its bits, that is, weight rows; its position in the tile. */
  readonly word: Int32Array;
  readonly bits: Int32Array;
  readonly position: Int32Array;
  readonly push: Int32Array;
  readonly start: Int32Array;
  readonly free: Int32Array;
  /** By pushed word: its place among the spike words of the tile, and the weight row of its lane 0. */
  private readonly spikeWord: Int32Array;
  private readonly firstRow: Int32Array;
  private readonly window: Window;
  /** The spike words in units of so many lanes. */
  private readonly spikes: Int32Array | Uint8Array;
  private readonly unit: number;
  /** By position of the tile: its first scan word. */
  private readonly firstWord: Int32Array;
  /**
   * By cycle before `known`: the weight access of the adder as if row 0 lay in bank 0; 0 where it has none. Four bytes a cycle, of
   * which a tile has at most a row per bit of its scan words, one of waiting per scan word, and the writes.
   */
  reads = new Int32Array(0);
  known = 0;
  /** The first pushed word whose rows do not stand in `reads`. */
  private unlisted = 0;
  /** All arrays, which a later schedule may take over. They may be longer than they are used. */
  readonly arrays: Int32Array[] = [];

  constructor(
    private readonly f: FieldsOf<"accumulate">,
    readonly work: ScanWork,
    private readonly lanes: number,
    private readonly parallel: number,
    depth: number,
    /** Banks of the weight memory. */
    private readonly banks: number,
    /** The arrays of a schedule that nobody looks at any more. */
    private readonly spare: readonly Int32Array[],
  ) {
    const { words } = work;
    const positions = f.outRows * f.outWidth;
    this.window = new Window(f);
    this.firstWord = this.array(positions);
    this.unit = lanes % 32 === 0 ? 32 : 8;
    this.spikes = this.unit === 32 ? new Int32Array(work.spikes.buffer) : work.spikes;
    let pushes = positions;
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) pushes++;
    const [word, bits, position] = [this.array(pushes), this.array(pushes), this.array(pushes)];
    const [address, row] = [this.array(pushes), this.array(pushes)];
    let n = 0;
    let at = 0;
    for (let p = 0; p < positions; p++) {
      this.window.place(p);
      this.firstWord[p] = at;
      const { kyFrom, kyTo, kxFrom, kxTo } = this.window;
      const last = at + this.window.taps * f.planes * f.blocks - 1;
      for (let plane = 0; plane < f.planes; plane++) {
        for (let ky = kyFrom; ky < kyTo; ky++) {
          for (let kx = kxFrom; kx < kxTo; kx++) {
            const from = this.window.word(ky, kx) + plane * f.planeStride - work.first;
            for (let block = 0; block < f.blocks; block++, at++) {
              if (words[at] === 0 && at < last) continue;
              word[n] = at;
              bits[n] = words[at]!;
              address[n] = from + block;
              row[n] = (ky * f.kernel + kx) * f.channels + block * lanes;
              position[n++] = p;
            }
          }
        }
      }
    }
    this.pushes = n;
    this.word = word;
    this.bits = bits;
    this.position = position;
    this.spikeWord = address;
    this.firstRow = row;
    this.push = this.array(pushes);
    this.start = this.array(pushes);
    this.free = this.array(pushes);
    this.run(depth);
  }

  /** An array of at least so many numbers: tiles are many, and mostly alike. */
  private array(length: number): Int32Array {
    const old = this.spare[this.arrays.length];
    const array = old !== undefined && old.length >= length ? old : new Int32Array(length);
    this.arrays.push(array);
    return array;
  }

  /** Whether a pushed word is the last of its position. */
  isLast(i: number): boolean {
    return i === this.pushes - 1 || this.position[i] !== this.position[i + 1];
  }

  private run(depth: number): void {
    const { pushes, word, bits, push, start, free, f } = this;
    let [lastPush, done, before] = [-1, 0, -1];
    for (let i = 0; i < pushes; i++) {
      const old = i - depth;
      const room = old < 0 ? 0 : start[old]! + (bits[old]! > 1 ? bits[old]! : 1);
      const from = lastPush + 1 > room ? lastPush + 1 : room;
      lastPush = from + word[i]! - before - 1;
      before = word[i]!;
      const begin = done > lastPush + 1 ? done : lastPush + 1;
      push[i] = lastPush;
      start[i] = begin;
      free[i] = done = begin + bits[i]! + (this.isLast(i) ? f.steps : 0);
    }
  }

  /** Sees to it that `reads` is known before cycle `until`: no further, as mostly only the first cycles of a tile matter. */
  list(until: number): void {
    const { pushes, bits, start, free } = this;
    const end = Math.min(until, free[pushes - 1]!);
    if (end <= this.known) return;
    let last = this.unlisted;
    while (free[last]! < end) last++;
    if (this.reads.length < free[last]!) {
      const longer = new Int32Array(Math.min(2 * free[last]!, free[pushes - 1]!));
      longer.set(this.reads);
      this.reads = longer;
    }
    for (let i = this.unlisted; i <= last; i++) if (bits[i]! > 0) this.listWord(i, start[i]!);
    this.unlisted = last + 1;
    this.known = free[last]!;
  }

  /** Lists the rows of a pushed word that the adder reads from `cycle` on: those of the lanes with a bit in any timestep. */
  private listWord(i: number, cycle: number): void {
    const { f, spikes, unit, reads, banks } = this;
    const stepUnits = this.lanes / unit;
    const first = this.spikeWord[i]! * stepUnits * this.parallel;
    const end = cycle + this.bits[i]!;
    let row = this.firstRow[i]!;
    let at = cycle;
    for (let u = first; at < end; u++, row += unit) {
      if (u === first + stepUnits) throw internalError(`pushed word ${i} has ${at - cycle} rows, not ${this.bits[i]}`);
      let left = 0;
      for (let s = 0; s < f.steps; s++) left |= spikes[u + s * stepUnits]!;
      for (; left !== 0 && at < end; left &= left - 1) {
        reads[at++] = accessOf(WEIGHT, bankOf(row + 31 - Math.clz32(left & -left), banks));
      }
    }
  }

  /**
   * The spike word that is scanned `before` words before the pushed word `i`, no further back than the one pushed before it. Found
   * for a single word, because only who may meet the scanner at a bank asks.
   */
  address(i: number, before: number): number {
    const { f, window } = this;
    const position = this.position[i]!;
    window.place(position);
    // Scan order: plane, ky, kx, block.
    const n = this.word[i]! - before - this.firstWord[position]!;
    const tap = Math.floor(n / f.blocks);
    const [columns, lines] = [window.kxTo - window.kxFrom, window.kyTo - window.kyFrom];
    const line = Math.floor(tap / columns);
    const kx = window.kxFrom + tap - line * columns;
    const plane = Math.floor(line / lines);
    const ky = window.kyFrom + line - plane * lines;
    return window.word(ky, kx) + plane * f.planeStride + n - tap * f.blocks;
  }
}
