import { BUSY, PORT, type Hardware } from "./hardware.js";

/** The parameter words of a weighted sum: exponents, then two words of biases, one weight access each. */
export class Parameters {
  readonly scales: Float64Array;
  readonly bias: Float64Array;
  private address = 0;
  private layer = 0;
  /** Words read so far. */
  private words = 3;

  constructor(private readonly hardware: Hardware) {
    this.scales = new Float64Array(hardware.lanes);
    this.bias = new Float64Array(hardware.lanes);
  }

  start(address: number, layer: number): void {
    this.address = address;
    this.layer = layer;
    this.words = 0;
  }

  get ready(): boolean {
    return this.words === 3;
  }

  request(): number {
    return this.hardware.memories.weight.askRead(this.address + this.words, this.layer) ? BUSY : PORT;
  }

  commit(): void {
    const { weight } = this.hardware.memories;
    const { lanes } = this.hardware;
    const word = this.address + this.words;
    if (this.words === 0) {
      for (let l = 0; l < lanes; l++) this.scales[l] = 2 ** -weight.i32[word * lanes + l]!;
    } else {
      const half = lanes / 2;
      for (let l = 0; l < half; l++) this.bias[(this.words - 1) * half + l] = weight.f64[word * half + l]!;
    }
    this.words++;
  }
}
