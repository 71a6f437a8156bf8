import type { InstructionFor } from "../../../backends/program/instruction.js";
import { laneInts, loadBits } from "./bits.js";
import type { Hardware } from "./hardware.js";
import { Window } from "./window.js";

/** Scan words on their way from scanner to adder: a ring of `depth` entries. */
export class Fifo {
  readonly ints: number;
  /** Entry i: OR over the timesteps at i * ints; bits of timestep s at (i * timesteps + s) * ints. */
  readonly or: Int32Array;
  readonly bits: Int32Array;
  /** Weight row of lane 0, value of a bit (2^plane), and whether it is the last word of its position. */
  readonly row: Float64Array;
  readonly scale: Float64Array;
  readonly last: Uint8Array;
  head = 0;
  count = 0;

  constructor(
    readonly depth: number,
    lanes: number,
    readonly timesteps: number,
  ) {
    this.ints = laneInts(lanes);
    this.or = new Int32Array(depth * this.ints);
    this.bits = new Int32Array(depth * timesteps * this.ints);
    this.row = new Float64Array(depth);
    this.scale = new Float64Array(depth);
    this.last = new Uint8Array(depth);
  }

  pop(): void {
    this.head = this.head + 1 === this.depth ? 0 : this.head + 1;
    this.count--;
  }
}

/** Reads one scan word per cycle and pushes those that hold a spike; runs ahead of the adder over positions. */
export class Scanner {
  private readonly window = new Window();
  private layer = 0;
  private channels = 0;
  private weights = 0;
  private steps = 0;
  private planes = 0;
  private planeStride = 0;
  private positions = 0;
  /** The next scan word: position, plane, tap, block. */
  private position = 0;
  private plane = 0;
  private scale = 1;
  private ky = 0;
  private kx = 0;
  private block = 0;
  private address = 0;
  private reads = false;

  constructor(
    private readonly hardware: Hardware,
    private readonly fifo: Fifo,
  ) {}

  start({ layer, fields: f }: InstructionFor<"accumulate">): void {
    this.window.start(f);
    this.layer = layer;
    this.channels = f.channels;
    this.weights = f.weights;
    this.steps = f.steps;
    this.planes = f.planes;
    this.planeStride = f.planeStride;
    this.positions = f.outRows * f.outWidth;
    this.position = 0;
    this.place();
  }

  private place(): void {
    this.window.place(this.position);
    this.plane = 0;
    this.scale = 1;
    this.ky = this.window.kyFrom;
    this.kx = this.window.kxFrom;
    this.block = 0;
  }

  /** Asks for the next scan word, if the FIFO has room. Returns whether it wanted one; see `granted`. */
  request(): boolean {
    this.reads = false;
    if (this.position === this.positions || this.fifo.count === this.fifo.depth) return false;
    this.address = this.window.word(this.ky, this.kx) + this.block + this.plane * this.planeStride;
    this.reads = this.hardware.memories.spike.askRead(this.address, this.layer);
    return true;
  }

  get granted(): boolean {
    return this.reads;
  }

  commit(): void {
    if (!this.reads) return;
    const { fifo, window } = this;
    let slot = fifo.head + fifo.count;
    if (slot >= fifo.depth) slot -= fifo.depth;
    const any = this.take(slot);
    const row = (this.ky * window.kernel + this.kx) * this.channels + this.block * this.hardware.lanes;
    const { scale } = this;
    const last = this.advance();
    if (!any && !last) return;
    fifo.row[slot] = this.weights + row;
    fifo.scale[slot] = scale;
    fifo.last[slot] = last ? 1 : 0;
    fifo.count++;
  }

  /** Puts the word into a free entry of the FIFO; whether it has a bit. Lanes beyond the channels do not count. */
  private take(slot: number): boolean {
    const { fifo } = this;
    const { ints } = fifo;
    const { spike } = this.hardware.memories;
    const at = slot * fifo.timesteps * ints;
    loadBits(spike.u8, spike.i32, this.address * spike.wordBytes, this.hardware.lanes, this.steps, fifo.bits, at);
    const limit = this.channels - this.block * this.hardware.lanes;
    let any = 0;
    for (let i = 0; i < ints; i++) {
      let or = 0;
      for (let s = 0; s < this.steps; s++) or |= fifo.bits[at + s * ints + i]!;
      const left = limit - 32 * i;
      if (left < 32) or &= left <= 0 ? 0 : (1 << left) - 1;
      fifo.or[slot * ints + i] = or;
      any |= or;
    }
    return any !== 0;
  }

  /** Turns to the next scan word; whether the one before was the last of its position. */
  private advance(): boolean {
    const { window } = this;
    if (++this.block < window.blocks) return false;
    this.block = 0;
    if (++this.kx < window.kxTo) return false;
    this.kx = window.kxFrom;
    if (++this.ky < window.kyTo) return false;
    this.ky = window.kyFrom;
    this.scale *= 2;
    if (++this.plane < this.planes) return false;
    this.position++;
    if (this.position < this.positions) this.place();
    return true;
  }
}
