import type { FieldsOf } from "../../../../backends/program/instruction.js";
import { internalError } from "../../../../diagnostics/index.js";
import { Window } from "../window.js";
import type { ScanWork } from "../work.js";

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
  /** By pushed word: its place among the scan words; its bits, that is, weight rows; its position in the tile; 1 for the last of a position. */
  readonly word: Int32Array;
  readonly bits: Int32Array;
  readonly position: Int32Array;
  readonly last: Uint8Array;
  readonly push: Int32Array;
  readonly start: Int32Array;
  /** By position: its first scan word. */
  private readonly firstWord: Int32Array;
  private readonly window: Window;
  /** Rows of the scan word looked at last, counted from the row of tap 0 and channel 0. */
  private readonly rows: Int32Array;
  private rowsOf = -1;

  constructor(
    private readonly f: FieldsOf<"accumulate">,
    private readonly work: ScanWork,
    private readonly lanes: number,
    private readonly parallel: number,
    depth: number,
  ) {
    const { words } = work;
    const positions = f.outRows * f.outWidth;
    this.window = new Window(f);
    this.rows = new Int32Array(lanes);
    this.firstWord = new Int32Array(positions + 1);
    let pushes = positions;
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) pushes++;
    const word = new Int32Array(pushes);
    const bits = new Int32Array(pushes);
    const position = new Int32Array(pushes);
    const last = new Uint8Array(pushes);
    let n = 0;
    let at = 0;
    for (let p = 0; p < positions; p++) {
      this.window.place(p);
      const end = at + this.window.taps * f.planes * f.blocks;
      for (; at < end; at++) {
        if (words[at] === 0 && at < end - 1) continue;
        word[n] = at;
        bits[n] = words[at]!;
        position[n++] = p;
      }
      last[n - 1] = 1;
      this.firstWord[p + 1] = end;
    }
    this.pushes = n;
    this.word = word;
    this.bits = bits;
    this.position = position;
    this.last = last;
    this.push = new Int32Array(n);
    this.start = new Int32Array(n);
    this.run(depth);
  }

  private run(depth: number): void {
    const { pushes, word, bits, last, push, start, f } = this;
    let [lastPush, free, before] = [-1, 0, -1];
    for (let i = 0; i < pushes; i++) {
      const old = i - depth;
      const room = old < 0 ? 0 : start[old]! + (bits[old]! > 1 ? bits[old]! : 1);
      const from = lastPush + 1 > room ? lastPush + 1 : room;
      lastPush = from + word[i]! - before - 1;
      before = word[i]!;
      const begin = free > lastPush + 1 ? free : lastPush + 1;
      push[i] = lastPush;
      start[i] = begin;
      free = begin + bits[i]! + (last[i] === 1 ? f.steps : 0);
    }
  }

  /** The spike word of a scan word: one of those from behind pushed word i - 1 up to i, which belong to one position. */
  address(word: number, i: number): number {
    const { ky, kx, plane, block } = this.place(word, this.position[i]!);
    return this.window.word(ky, kx) + plane * this.f.planeStride + block;
  }

  /** The weight row of bit `bit` of pushed word `i`. */
  row(i: number, bit: number): number {
    if (this.rowsOf !== i) this.findRows(i);
    return this.rows[bit]!;
  }

  private findRows(i: number): void {
    const { f, lanes, parallel, work } = this;
    const { ky, kx, plane, block } = this.place(this.word[i]!, this.position[i]!);
    const address = this.window.word(ky, kx) + plane * f.planeStride + block;
    const stepBytes = lanes / 8;
    const from = (address - work.first) * stepBytes * parallel;
    const first = (ky * f.kernel + kx) * f.channels + block * lanes;
    const channels = Math.min(lanes, f.channels - block * lanes);
    let n = 0;
    for (let byte = 0; 8 * byte < channels; byte++) {
      let or = 0;
      for (let s = 0; s < f.steps; s++) or |= work.spikes[from + s * stepBytes + byte]!;
      const left = channels - 8 * byte;
      if (left < 8) or &= (1 << left) - 1;
      for (; or !== 0; or &= or - 1) this.rows[n++] = first + 8 * byte + 31 - Math.clz32(or & -or);
    }
    if (n !== this.bits[i])
      throw internalError(`scan word ${this.word[i]} has ${n} rows, ${this.bits[i]} were counted`);
    this.rowsOf = i;
  }

  /** Which tap, plane and block a scan word of a position is. */
  private place(word: number, position: number): { ky: number; kx: number; plane: number; block: number } {
    const { window, f } = this;
    window.place(position);
    const inPosition = word - this.firstWord[position]!;
    const block = inPosition % f.blocks;
    const tapAndPlane = (inPosition - block) / f.blocks;
    const tap = tapAndPlane % window.taps;
    const columns = window.kxTo - window.kxFrom;
    const column = tap % columns;
    return {
      ky: window.kyFrom + (tap - column) / columns,
      kx: window.kxFrom + column,
      plane: (tapAndPlane - tap) / window.taps,
      block,
    };
  }
}
