import { log } from "../../math/log.js";

/** FNV-1a over the UTF-16 code units of a text. */
function hash(text: string, start: number): number {
  let h = start;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

/**
 * A seeded random source: sfc32, integers of 32 bits. Same seed and stream, same sequence, on every machine: nothing here
 * calls a function that engines may round differently. Streams of one seed are independent, so what is drawn for one
 * tensor does not depend on which other tensors there are.
 */
export class Generator {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  private spare: number | undefined;

  constructor(seed: number, stream: string) {
    this.a = seed | 0;
    this.b = hash(stream, 0x811c9dc5 | 0);
    this.c = hash(stream, Math.imul(seed | 0, 0x9e3779b1) ^ Math.floor(seed / 2 ** 32));
    for (let i = 0; i < 15; i++) this.next32();
  }

  /** An integer in 0..2^32 - 1. */
  next32(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1), 32 bits. */
  uniform(): number {
    return this.next32() / 2 ** 32;
  }

  /** Normal with mean 0 and deviation 1 (Marsaglia's polar method). */
  normal(): number {
    if (this.spare !== undefined) {
      const { spare } = this;
      this.spare = undefined;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const s = x * x + y * y;
      if (s >= 1 || s === 0) continue;
      const factor = Math.sqrt((-2 * log(s)) / s);
      this.spare = y * factor;
      return x * factor;
    }
  }
}
