import { packedRowBytes, type KernelMemory, type Kernels } from "../../../kernels/index.js";
import type { Dram } from "./dram.js";
import { unpackWeights } from "./mantissas.js";

/** Largest magnitude of a weight that `sum8` takes. */
const LARGEST_8 = 127;

/** Words first..end-1 of the weight memory and the DRAM byte where they lie among the weights. */
interface Piece {
  readonly first: number;
  readonly end: number;
  readonly dram: number;
  /** Whether the words have been copied. */
  readonly fetched: boolean;
}

/** What is known of a block of weights in DRAM. */
interface Block {
  readonly magnitude: number;
  /** Address of the packed rows; undefined where weights are too large, or the room for packed ones is used up. */
  readonly packed: number | undefined;
}

/** A block of weights in a form that a kernel takes. */
export interface WeightBlock {
  /** 8: packed, for `sum8`; 32: mantissas, for `sum32`. */
  readonly bits: 8 | 32;
  readonly address: number;
  readonly rowBytes: number;
  readonly magnitude: number;
}

/** Where the words of the weight memory lie, and the rows of mantissas that they are. */
export interface WeightPlace {
  readonly lanes: number;
  readonly bits: number;
  /** Address of word 0 as the chip has it. */
  readonly words: number;
  /** Address of word 0 as `lanes` mantissas of 32 bits, for the kernels: the same where weights have 32 bits. */
  readonly rows: number;
  /** Bytes of the rows, where they do not lie with the words. */
  readonly rowRoom: number;
}

/**
 * The weight memory. Weights in DRAM never change, so a load only notes where its words come from; they are copied when somebody
 * reads them, and unpacked to 32 bits. Blocks of small weights are packed once in the life of a machine, and then never copied again.
 */
export class WeightMemory {
  private pieces: readonly Piece[] = [];
  /** By DRAM byte and number of rows. */
  private readonly blocks = new Map<string, Block>();
  private readonly wordBytes: number;
  /** Bytes of a row of mantissas. */
  readonly rowBytes: number;

  constructor(
    private readonly kernels: Kernels,
    private readonly dram: Dram,
    private readonly place: WeightPlace,
    /** Room for packed weights. */
    private readonly room: KernelMemory,
  ) {
    this.wordBytes = (place.lanes * place.bits) / 8;
    this.rowBytes = 4 * place.lanes;
  }

  /** Starts a sample with words that somebody has filled with zeros. */
  clear(): void {
    const { rows, rowRoom } = this.place;
    this.kernels.memory.f64.fill(0, rows / 8, (rows + rowRoom) / 8);
    this.pieces = [];
  }

  /** Address of the row that word `first` is, for a kernel; only what has been fetched is there. */
  row(first: number): number {
    return this.place.rows + first * this.rowBytes;
  }

  /** Words first..first+words-1 are those at a DRAM byte from now on. */
  load(first: number, words: number, dram: number): void {
    const bytes = words * this.wordBytes;
    this.pieces = this.pieces.flatMap((piece) => this.without(piece, first, first + words));
    if (this.dram.isConstant(dram, bytes)) {
      this.pieces = [...this.pieces, { first, end: first + words, dram, fetched: false }];
    } else this.copy(first, this.dram.read(dram, bytes));
  }

  /** Copies what has been loaded into these words and not been read yet. */
  fetch(first: number, words: number): void {
    const end = first + words;
    if (!this.pieces.some((piece) => !piece.fetched && piece.first < end && first < piece.end)) return;
    this.pieces = this.pieces.flatMap((piece) => {
      const from = Math.max(first, piece.first);
      const to = Math.min(end, piece.end);
      if (piece.fetched || from >= to) return [piece];
      const dram = piece.dram + (from - piece.first) * this.wordBytes;
      this.copy(from, this.dram.read(dram, (to - from) * this.wordBytes));
      return [...this.without(piece, from, to), { first: from, end: to, dram, fetched: true }];
    });
  }

  /** The rows first..first+rows-1 for sums of values below 2^planes. */
  block(first: number, rows: number, planes: number): WeightBlock {
    const { kernels, rowBytes } = this;
    const { lanes } = this.place;
    const at = this.row(first);
    const dram = this.origin(first, first + rows);
    const key = `${dram} ${rows}`;
    let known = this.blocks.get(key);
    if (known === undefined) {
      this.fetch(first, rows);
      const magnitude = kernels.magnitude(at, rows, rowBytes, lanes);
      known = { magnitude, packed: dram === undefined ? undefined : this.pack(at, rows, magnitude) };
      if (dram !== undefined) this.blocks.set(key, known);
    }
    const { magnitude, packed } = known;
    // sum8 adds in 32 bits.
    if (packed !== undefined && rows * (LARGEST_8 + 1) * (2 ** planes - 1) < 2 ** 31) {
      return { bits: 8, address: packed, rowBytes: packedRowBytes(lanes), magnitude };
    }
    this.fetch(first, rows);
    return { bits: 32, address: at, rowBytes, magnitude };
  }

  private pack(at: number, rows: number, magnitude: number): number | undefined {
    const { lanes } = this.place;
    const bytes = rows * packedRowBytes(lanes);
    if (magnitude > LARGEST_8 || bytes + packedRowBytes(lanes) > this.room.free) return undefined;
    const to = this.room.take(bytes, "packed weights");
    this.kernels.pack8(at, rows, this.rowBytes, lanes, to);
    return to;
  }

  /** Where words first..end-1 come from, if they lie there one behind the other. */
  private origin(first: number, end: number): number | undefined {
    const piece = this.pieces.find((one) => one.first <= first && end <= one.end);
    return piece === undefined ? undefined : piece.dram + (first - piece.first) * this.wordBytes;
  }

  /** The parts of a piece outside of first..end-1. */
  private without(piece: Piece, first: number, end: number): readonly Piece[] {
    if (piece.end <= first || end <= piece.first) return [piece];
    const parts: Piece[] = [];
    if (piece.first < first) parts.push({ ...piece, end: first });
    if (end < piece.end) {
      parts.push({ ...piece, first: end, dram: piece.dram + (end - piece.first) * this.wordBytes });
    }
    return parts;
  }

  private copy(first: number, bytes: Uint8Array): void {
    const { lanes, bits, words, rows } = this.place;
    const { memory } = this.kernels;
    const at = words + first * this.wordBytes;
    memory.u8.set(bytes, at);
    if (rows === words) return;
    unpackWeights(memory, at, (bytes.length / this.wordBytes) * lanes, bits, this.row(first));
  }
}
