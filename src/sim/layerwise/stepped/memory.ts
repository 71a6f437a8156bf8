import { ENGINES } from "../../../backends/program/instruction.js";
import { internalError } from "../../../diagnostics/index.js";

/** One banked SRAM: its words, and the ports that engines compete for in each cycle. */
export class Memory {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  /** Accesses by layer. */
  readonly reads: Float64Array;
  readonly writes: Float64Array;
  /** Accesses denied, by engine; and the engine that asks at present, set by the machine. */
  readonly denied = new Float64Array(ENGINES.length);
  asking = 0;
  /** The cycle whose grants are counted; the machine advances it. */
  now = 0;
  /** Per bank: the last cycle with a grant, and the number of its grants. */
  private readonly stamp: Float64Array;
  private readonly used: Int32Array;
  private readonly words: number;

  constructor(
    bytes: number,
    readonly wordBytes: number,
    private readonly banks: number,
    private readonly ports: number,
    layers: number,
  ) {
    const buffer = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.words = bytes / wordBytes;
    this.reads = new Float64Array(layers);
    this.writes = new Float64Array(layers);
    this.stamp = new Float64Array(banks).fill(-1);
    this.used = new Int32Array(banks);
  }

  clear(): void {
    this.u8.fill(0);
    this.reads.fill(0);
    this.writes.fill(0);
    this.denied.fill(0);
    this.stamp.fill(-1);
    this.now = 0;
  }

  /** Takes a port of the word's bank for this cycle, if one is left. A word outside the memory is a fault of the program. */
  private port(address: number): boolean {
    if (!(address >= 0 && address < this.words)) throw internalError(`word ${address} of ${this.words}`);
    const bank = address % this.banks;
    if (this.stamp[bank] !== this.now) {
      this.stamp[bank] = this.now;
      this.used[bank] = 1;
      return true;
    }
    if (this.used[bank]! >= this.ports) {
      this.denied[this.asking] = this.denied[this.asking]! + 1;
      return false;
    }
    this.used[bank] = this.used[bank]! + 1;
    return true;
  }

  /** Asks for a read in this cycle. */
  askRead(address: number, layer: number): boolean {
    if (!this.port(address)) return false;
    this.reads[layer] = this.reads[layer]! + 1;
    return true;
  }

  /** Asks for a write in this cycle. */
  askWrite(address: number, layer: number): boolean {
    if (!this.port(address)) return false;
    this.writes[layer] = this.writes[layer]! + 1;
    return true;
  }
}
