import type { LayerwiseChip } from "../../../../chips/layerwise.js";

/**
 * When the next burst can be granted. The credit of docs/layerwise-chip.md, section 2, grows by `bandwidth.bytes` a cycle, up to the
 * price of one burst, `burstBytes * bandwidth.cycles`. As it never exceeds the price, nothing is left of it after a grant: it is
 * enough again ceil(price / bandwidth.bytes) cycles later, whatever is asked for in between. So one cycle stands for it.
 */
export class Dram {
  /** Cycles from a grant to the first cycle in which the next one is possible. */
  readonly spacing: number;
  /** Cycles from the grant of a read burst to the first one in which its bytes can be used. */
  readonly latency: number;
  /** The first cycle in which the next burst can be granted. */
  free: number;

  constructor({ burstBytes, bandwidth, latencyCycles }: LayerwiseChip["dram"]) {
    this.spacing = Math.ceil((burstBytes * bandwidth.cycles) / bandwidth.bytes);
    this.latency = 1 + latencyCycles;
    // Cycle 0 is the first one in which the credit grows.
    this.free = this.spacing - 1;
  }
}
