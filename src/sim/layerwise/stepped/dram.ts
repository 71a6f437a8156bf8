import type { LayerwiseChip } from "../../../chips/layerwise.js";

/** No burst granted in this cycle. */
export const NOBODY = 0;
export const LOAD = 1;
export const STORE = 2;

/** DRAM: its bytes, the credit that pays for bursts, and whose turn it is. */
export class Dram {
  readonly bytes: Uint8Array;
  readonly latency: number;
  readonly burstBytes: number;
  /** Bytes moved by layer, whole bursts. */
  readonly readBytes: Float64Array;
  readonly writeBytes: Float64Array;
  private readonly income: number;
  private readonly price: number;
  private credit = 0;
  private last = STORE;

  constructor(size: number, layers: number, { dram }: LayerwiseChip) {
    this.bytes = new Uint8Array(Math.ceil(size / 4) * 4);
    this.latency = dram.latencyCycles;
    this.burstBytes = dram.burstBytes;
    this.income = dram.bandwidth.bytes;
    this.price = dram.burstBytes * dram.bandwidth.cycles;
    this.readBytes = new Float64Array(layers);
    this.writeBytes = new Float64Array(layers);
  }

  clear(weights: Uint8Array): void {
    this.bytes.fill(0, weights.length);
    this.bytes.set(weights);
    this.readBytes.fill(0);
    this.writeBytes.fill(0);
    this.credit = 0;
    this.last = STORE;
  }

  /** Ends the first phase: grows the credit and grants at most one burst. */
  grant(load: boolean, store: boolean): number {
    this.credit = Math.min(this.credit + this.income, this.price);
    if (!(load || store) || this.credit < this.price) return NOBODY;
    this.credit -= this.price;
    this.last = load && (!store || this.last === STORE) ? LOAD : STORE;
    return this.last;
  }
}
