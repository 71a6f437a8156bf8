import type { FieldsOf, InstructionFor } from "../../../../backends/program/instruction.js";
import { counterBytes, counterRowBytes } from "../../../kernels/index.js";
import type { AttendWork } from "../work.js";
import type { Chip } from "./chip.js";
import { formatOf } from "./parameters.js";

/** K^T V into counters, and Q times the counters, of one head. The counters stay from one instruction to the next. */
export class Attend {
  /** Channels per head for which the kernels' counters are laid out at present. */
  private d = 0;
  /** The registers of the chip: counter (i, j) of a head of d channels is number i * d + j. Valid where `d` is another. */
  private readonly registers: Int32Array;

  constructor(
    private readonly chip: Chip,
    registers: number,
  ) {
    this.registers = new Int32Array(registers);
  }

  clear(): void {
    this.registers.fill(0);
    this.d = 0;
  }

  keysAndValues({ layer, fields: f }: InstructionFor<"attend-kv">): AttendWork {
    const { kernels } = this.chip;
    const events = kernels.attendKeys({
      ...this.head(f),
      keys: this.spikeWord(f.keys),
      values: this.spikeWord(f.values),
      clear: f.clear === 1,
    });
    this.count(layer, "kv", f, events);
    return { events };
  }

  queries({ layer, fields: f }: InstructionFor<"attend-q">): AttendWork {
    const { kernels, memories } = this.chip;
    const { data } = memories;
    const events = kernels.attendQueries({
      ...this.head(f),
      queries: this.spikeWord(f.queries),
      scale: f.scale,
      sequential: f.sequential === 1,
      format: formatOf(f),
      output: data.from + f.output * data.wordBytes,
      positionBytes: f.outputStride * data.wordBytes,
      stepBytes: f.outputStepStride * data.wordBytes,
    });
    this.count(layer, "qa", f, events);
    return { events };
  }

  private head(f: FieldsOf<"attend-kv"> | FieldsOf<"attend-q">) {
    const { lanes, parallel, attention } = this.chip;
    this.layOut(f.headDim);
    return {
      lanes,
      timesteps: parallel,
      blocks: f.blocks,
      positions: f.positions,
      channel: f.head * f.headDim,
      d: f.headDim,
      bit: f.bit,
      steps: f.steps,
      counters: attention,
    };
  }

  /** Arranges the counters for heads of d channels. */
  private layOut(d: number): void {
    if (d === this.d) return;
    const { chip, registers } = this;
    const counters = chip.attention / 4;
    const { i32 } = chip.kernels.memory;
    const [oldRow, row] = [this.d, d].map((channels) => counterRowBytes(channels) / 4) as [number, number];
    for (let i = 0; i < this.d; i++) {
      registers.set(i32.subarray(counters + i * oldRow, counters + i * oldRow + this.d), i * this.d);
    }
    i32.fill(0, counters, counters + counterBytes(d) / 4);
    for (let i = 0; i < d; i++) i32.set(registers.subarray(i * d, (i + 1) * d), counters + i * row);
    this.d = d;
  }

  private spikeWord(word: number): number {
    const { from, wordBytes } = this.chip.memories.spike;
    return from + word * wordBytes;
  }

  private count(
    layer: number,
    event: "kv" | "qa",
    f: FieldsOf<"attend-kv"> | FieldsOf<"attend-q">,
    events: Int32Array,
  ): void {
    const sums = new Float64Array(f.steps);
    for (let i = 0; i < events.length; i++) sums[i % f.steps]! += events[i]!;
    sums.forEach((n, s) => this.chip.counters.add(layer, event, f.firstStep + s, n * f.headDim));
  }
}
