/** The fields of a window over a map of which rows from `firstRow` on are present at `input`. */
export interface WindowFields {
  readonly input: number;
  readonly height: number;
  readonly width: number;
  readonly firstRow: number;
  readonly blocks: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly outRow: number;
  readonly outWidth: number;
}

/** A window at one output position of a tile. */
export class Window {
  /** Taps inside the map: ky from kyFrom up to but not kyTo, kx alike. */
  kyFrom = 0;
  kyTo = 0;
  kxFrom = 0;
  kxTo = 0;
  /** Word of block 0 under tap (0, 0), which may lie outside the map. */
  private origin = 0;
  private readonly rowWords: number;

  constructor(private readonly f: WindowFields) {
    this.rowWords = f.width * f.blocks;
  }

  place(position: number): void {
    const { f } = this;
    const row = Math.floor(position / f.outWidth);
    const top = (f.outRow + row) * f.stride - f.padding;
    const left = (position - row * f.outWidth) * f.stride - f.padding;
    this.kyFrom = Math.max(0, -top);
    this.kxFrom = Math.max(0, -left);
    this.kyTo = Math.min(f.kernel, f.height - top);
    this.kxTo = Math.min(f.kernel, f.width - left);
    this.origin = f.input + (top - f.firstRow) * this.rowWords + left * f.blocks;
  }

  /** Number of taps inside the map. */
  get taps(): number {
    return (this.kyTo - this.kyFrom) * (this.kxTo - this.kxFrom);
  }

  /** Word of block 0 under a tap inside the map. */
  word(ky: number, kx: number): number {
    return this.origin + ky * this.rowWords + kx * this.f.blocks;
  }
}

/** Operands of the pooled words of a tile, but for the first of each: what a pooling combines, per channel block. */
export function tapsBehindTheFirst(f: WindowFields & { readonly outRows: number }): number {
  const window = new Window(f);
  let taps = 0;
  for (let p = 0; p < f.outRows * f.outWidth; p++) {
    window.place(p);
    taps += window.taps - 1;
  }
  return taps;
}
