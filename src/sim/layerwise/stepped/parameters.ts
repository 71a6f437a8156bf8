import { BUSY, PORT, type Hardware } from "./hardware.js";
import { ParameterRegister } from "./weight-words.js";

/** The parameters of a weighted sum: the words of the exponents, then those of the biases, one weight access each. */
export class Parameters {
  /** 2^-exponent, and the bias, of each lane. */
  readonly scales: Float64Array;
  readonly bias: Float64Array;
  private readonly exponents: ParameterRegister;
  private readonly biases: ParameterRegister;
  private address = 0;
  private layer = 0;
  /** Words read so far, and in all. */
  private read: number;
  private readonly words: number;

  constructor(private readonly hardware: Hardware) {
    this.scales = new Float64Array(hardware.lanes);
    this.exponents = new ParameterRegister(hardware, 32);
    this.biases = new ParameterRegister(hardware, 64);
    this.bias = this.biases.f64;
    this.read = this.words = this.exponents.words + this.biases.words;
  }

  start(address: number, layer: number): void {
    this.address = address;
    this.layer = layer;
    this.read = 0;
  }

  get ready(): boolean {
    return this.read === this.words;
  }

  request(): number {
    return this.hardware.memories.weight.askRead(this.address + this.read, this.layer) ? BUSY : PORT;
  }

  commit(): void {
    const { exponents, biases, read } = this;
    const address = this.address + read;
    if (read < exponents.words) exponents.take(read, address);
    else biases.take(read - exponents.words, address);
    this.read++;
    if (!this.ready) return;
    for (let l = 0; l < this.hardware.lanes; l++) this.scales[l] = 2 ** -exponents.i32[l]!;
  }
}
