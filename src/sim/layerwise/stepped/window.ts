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

/** The taps of a window that lie inside the map, for one output position after the other. */
export class Window {
  input = 0;
  height = 0;
  width = 0;
  firstRow = 0;
  blocks = 0;
  kernel = 0;
  stride = 0;
  padding = 0;
  outRow = 0;
  outWidth = 0;
  /** Input row and column under tap (0, 0); negative in the padding. */
  top = 0;
  left = 0;
  /** Taps inside the map: ky from kyFrom up to but not kyTo, kx alike. */
  kyFrom = 0;
  kyTo = 0;
  kxFrom = 0;
  kxTo = 0;

  start(f: WindowFields): void {
    this.input = f.input;
    this.height = f.height;
    this.width = f.width;
    this.firstRow = f.firstRow;
    this.blocks = f.blocks;
    this.kernel = f.kernel;
    this.stride = f.stride;
    this.padding = f.padding;
    this.outRow = f.outRow;
    this.outWidth = f.outWidth;
  }

  /** Moves to a position of the tile. */
  place(position: number): void {
    const row = Math.floor(position / this.outWidth);
    this.top = (this.outRow + row) * this.stride - this.padding;
    this.left = (position - row * this.outWidth) * this.stride - this.padding;
    this.kyFrom = Math.max(0, -this.top);
    this.kxFrom = Math.max(0, -this.left);
    this.kyTo = Math.min(this.kernel, this.height - this.top);
    this.kxTo = Math.min(this.kernel, this.width - this.left);
  }

  /** Word of block 0 under a tap inside the map. */
  word(ky: number, kx: number): number {
    return this.input + ((this.top + ky - this.firstRow) * this.width + this.left + kx) * this.blocks;
  }

  /** Number of taps inside the map. */
  taps(): number {
    return (this.kyTo - this.kyFrom) * (this.kxTo - this.kxFrom);
  }

  /** Word of block 0 under the i-th tap inside the map (ky, then kx). */
  tapWord(i: number): number {
    const columns = this.kxTo - this.kxFrom;
    const row = Math.floor(i / columns);
    return this.word(this.kyFrom + row, this.kxFrom + i - row * columns);
  }
}
