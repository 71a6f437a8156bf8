import type { InstructionFor } from "../../../backends/program/instruction.js";
import { addScaledRow, writeInt, writeReal } from "./rows.js";
import { MAC, ROW } from "./counts.js";
import { BUSY, PORT, type Hardware } from "./hardware.js";
import type { Parameters } from "./parameters.js";
import { WeightRow } from "./weight-words.js";
import { Window } from "./window.js";

const PATCH = 0;
const MACS = 1;
const WRITE = 2;

/** Weighted sums of real or integer values: patch registers, one multiply-accumulate row per non-zero value. */
export class Multiply {
  ended = false;
  private readonly window = new Window();
  /** The patch: values in the order (c, ky, kx), and which of them the map has. */
  private readonly patch: Float64Array;
  private readonly sums: Float64Array;
  private readonly weightRow: WeightRow;
  private layer = 0;
  private channels = 0;
  private weights = 0;
  private firstStep = 0;
  private lanesUsed = 0;
  private inputStepStride = 0;
  private slots = 0;
  private output = 0;
  private outputStride = 0;
  private outputStepStride = 0;
  private int = false;
  private limit = 0;
  private intInput = false;
  private positions = 0;
  private position = 0;
  private slot = 0;
  private phase = PATCH;
  private granted = false;
  /** Next word of the patch. */
  private ky = 0;
  private kx = 0;
  private block = 0;
  /** Next non-zero value of the patch. */
  private value = 0;

  constructor(
    private readonly hardware: Hardware,
    private readonly parameters: Parameters,
    patchValues: number,
  ) {
    this.patch = new Float64Array(patchValues);
    this.sums = new Float64Array(hardware.lanes);
    this.weightRow = new WeightRow(hardware);
  }

  start({ layer, fields: f }: InstructionFor<"multiply">): void {
    this.ended = false;
    this.window.start(f);
    this.layer = layer;
    this.channels = f.channels;
    this.weights = f.weights;
    this.firstStep = f.firstStep;
    this.lanesUsed = f.lanesUsed;
    this.inputStepStride = f.inputStepStride;
    this.slots = f.slots;
    this.output = f.output;
    this.outputStride = f.outputStride;
    this.outputStepStride = f.outputStepStride;
    this.int = f.format === 1;
    this.limit = f.resultBits === 0 ? Infinity : 2 ** (f.resultBits - 1) - 1;
    this.intInput = f.inputFormat === 1;
    this.positions = f.outRows * f.outWidth;
    this.position = this.slot = 0;
    this.parameters.start(f.parameters, layer);
    this.place();
  }

  private place(): void {
    this.window.place(this.position);
    this.phase = PATCH;
    this.ky = this.window.kyFrom;
    this.kx = this.window.kxFrom;
    this.block = 0;
    this.value = 0;
    this.patch.fill(0, 0, this.channels * this.window.kernel ** 2);
    this.sums.fill(0);
  }

  request(): number {
    this.granted = this.parameters.ready ? this.ask() : this.parameters.request() === BUSY;
    return this.granted ? BUSY : PORT;
  }

  private ask(): boolean {
    const { data, weight } = this.hardware.memories;
    if (this.phase === PATCH) return data.askRead(this.patchWord(), this.layer);
    if (this.phase === MACS) return weight.askRead(this.row(), this.layer);
    return data.askWrite(this.outputWord(), this.layer);
  }

  private patchWord(): number {
    return this.window.word(this.ky, this.kx) + this.block + this.slot * this.inputStepStride;
  }

  /** Weight word of the current value: rows lie in the order (ky, kx, c), values in the order (c, ky, kx). */
  private row(): number {
    const taps = this.window.kernel ** 2;
    const c = Math.floor(this.value / taps);
    return this.weights + (this.value - c * taps) * this.channels + c;
  }

  private outputWord(): number {
    return this.output + this.position * this.outputStride + this.slot * this.outputStepStride;
  }

  /** Second phase, but for writes. */
  commit(): void {
    if (!this.granted) return;
    if (!this.parameters.ready) this.parameters.commit();
    else if (this.phase === PATCH) this.readPatch();
    else if (this.phase === MACS) this.multiplyRow();
    else return;
    this.granted = false;
  }

  private readPatch(): void {
    const { window } = this;
    const { lanes, memories } = this.hardware;
    const from = this.patchWord() * lanes;
    const n = Math.min(lanes, this.channels - this.block * lanes);
    const tap = this.ky * window.kernel + this.kx;
    const taps = window.kernel ** 2;
    for (let l = 0; l < n; l++) {
      const x = this.intInput ? memories.data.i32[from + l]! : memories.data.f32[from + l]!;
      this.patch[(this.block * lanes + l) * taps + tap] = x;
    }
    if (++this.block < window.blocks) return;
    this.block = 0;
    if (++this.kx < window.kxTo) return;
    this.kx = window.kxFrom;
    if (++this.ky < window.kyTo) return;
    this.nextValue(0);
  }

  /** Turns to the next value that is not zero, or to the write phase. */
  private nextValue(from: number): void {
    const values = this.channels * this.window.kernel ** 2;
    this.value = from;
    while (this.value < values && this.patch[this.value] === 0) this.value++;
    this.phase = this.value < values ? MACS : WRITE;
  }

  private multiplyRow(): void {
    const { lanes, counts } = this.hardware;
    const { weightRow } = this;
    weightRow.fetch(this.row());
    addScaledRow(this.sums, weightRow.values, weightRow.from, lanes, this.patch[this.value]!);
    counts.add(this.layer, ROW, this.firstStep + this.slot, 1);
    counts.add(this.layer, MAC, this.firstStep + this.slot, this.lanesUsed);
    this.nextValue(this.value + 1);
  }

  /** Second phase of a write. */
  write(): void {
    if (!this.granted) return;
    const { lanes, memories } = this.hardware;
    const { bias, scales } = this.parameters;
    const to = this.outputWord() * lanes;
    if (this.int) writeInt(this.sums, 0, bias, scales, lanes, memories.data.i32, to, this.limit);
    else writeReal(this.sums, 0, bias, scales, lanes, memories.data.f32, to);
    this.slot++;
    if (this.slot === this.slots) {
      this.slot = 0;
      this.position++;
    }
    this.ended = this.position === this.positions;
    if (!this.ended) this.place();
  }
}
