/*
 * What the fast simulator asks of its kernels. Two implementations give the same bits: `simd` (WebAssembly built from
 * assembly/) and `plain` (TypeScript). All addresses are bytes in the one memory of the kernels.
 */
import type { AttendKeys, AttendQueries } from "./attend.js";
import type { FireJob } from "./fire.js";
import type { KernelMemory } from "./memory.js";
import type { Multiplication, Multiplied } from "./multiply.js";
import type { HelperStart } from "./team.js";
import type { Addition, Conversion, MaxPool, OrPool } from "./vector.js";

export const KERNELS = ["simd", "plain"] as const;
export type KernelsName = (typeof KERNELS)[number];

/**
 * The windows of a tile over a map, of which the rows from `firstRow` on are present; a dense layer has kernel 1. The fields of
 * instructions with a window (src/backends/program/instruction.ts), but for the addresses.
 */
export interface MapWindow {
  /** Address of (firstRow, column 0, block 0). */
  readonly input: number;
  /** Lanes per word, a multiple of 8; words per position. */
  readonly lanes: number;
  readonly blocks: number;
  /** Rows and columns of the whole map. */
  readonly height: number;
  readonly width: number;
  readonly firstRow: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** The tile: `outRows` rows of `outWidth` positions, from row `outRow` on. */
  readonly outRow: number;
  readonly outRows: number;
  readonly outWidth: number;
}

/** Windows over a spike or count map. */
export interface SpikeWindow extends MapWindow {
  /** Timesteps per spike word, of which `steps` are read. */
  readonly timesteps: number;
  readonly steps: number;
  /** Channels, which may end within the last word. */
  readonly channels: number;
  /** Bit planes, and bytes from one to the next; 1 for spikes. */
  readonly planes: number;
  readonly planeBytes: number;
}

/** How a sum becomes an output: (sum + bias) * scale, rounded once. */
export interface Result {
  /** Addresses of one f64 per lane: bias mantissas, and 2^-exponent. */
  readonly bias: number;
  readonly scales: number;
  /** Address of the f32 or i32 of lane 0 at the first position and timestep; bytes to the next position and timestep. */
  readonly output: number;
  readonly positionBytes: number;
  readonly stepBytes: number;
  /** `real`: f32. `int`: i32, rounded half to even, then brought into -limit..limit. */
  readonly format: "real" | "int";
  /** `int` only; Infinity: never saturates. */
  readonly limit: number;
}

/** What the scanner of the chip sees. */
export interface Scan {
  /** Per scan word of the tile, in the scanner's order (position, plane, ky, kx, block): channels with any spike. */
  readonly words: Int32Array;
  /** Spikes per timestep, all scan words together. */
  readonly spikes: Float64Array;
}

/** Rows of weights by position and pattern of timesteps, in the memory of the kernels. */
export interface Lists {
  readonly headers: number;
  readonly positions: number;
  readonly steps: number;
  readonly planes: number;
  /** Number of rows in all lists together. */
  readonly rows: number;
}

/** Weighted sums of one block of outputs. */
export interface WeightedSum extends Result {
  readonly lists: Lists;
  /** Positions of the lists: `positions` of them from `firstPosition` on. */
  readonly firstPosition: number;
  readonly positions: number;
  /** Outputs, a multiple of 8. */
  readonly lanes: number;
  /** Address of row 0, and bytes from one row to the next. Rows are (ky * kernel + kx) * channels + c. */
  readonly weights: number;
  readonly rowBytes: number;
  /** Rows of the block, and the largest magnitude of its weights ({@link Kernels.magnitude}). */
  readonly rows: number;
  readonly magnitude: number;
}

export interface Kernels {
  readonly name: KernelsName;
  readonly memory: KernelMemory;

  /** Counts what the scanner sees; the result lies in the memory until it is released. */
  scan(window: SpikeWindow): Scan;

  /** Sorts the rows of each position by pattern; the lists lie in the memory until it is released. */
  buildLists(window: SpikeWindow): Lists;

  /** The largest magnitude in a block of `rows` rows of `lanes` i32 weights. */
  magnitude(weights: number, rows: number, rowBytes: number, lanes: number): number;

  /**
   * Weighted sums of i32 weights, exact and rounded once: with the bias they stay below 2^53 by the compiler's proof. Blocks with
   * rows * magnitude * (2^planes - 1) >= 2^51 are summed row by row in doubles (large-sums.ts), slowly.
   */
  sum32(job: WeightedSum): void;

  /** Packs i32 weights of magnitude up to 127 for {@link sum8}, at `to`: `rows` * {@link packedRowBytes} bytes. */
  pack8(weights: number, rows: number, rowBytes: number, lanes: number, to: number): void;

  /** As sum32 on packed weights; `weights` and `rowBytes` are those of the packed rows. Wants rows * 128 * (2^planes - 1) < 2^31. */
  sum8(job: WeightedSum): void;

  /** Charges, compares and resets a block of neurons; writes spike words and potentials. Returns the spikes per timestep. */
  fire(job: FireJob): Int32Array;

  /** Weighted sums of real or integer inputs in their order. Returns which inputs were not zero. */
  multiply(job: Multiplication): Multiplied;

  /** Sum of two runs of data words. */
  add(job: Addition): void;

  /** A run of data words in the other format. */
  convert(job: Conversion): void;

  poolOr(job: OrPool): void;
  poolMax(job: MaxPool): void;

  /** Adds K^T V of one head to its counters. Returns the spikes of k per position and timestep. */
  attendKeys(job: AttendKeys): Int32Array;

  /** Q times the counters of one head. Returns the spikes of q per position and timestep. */
  attendQueries(job: AttendQueries): Int32Array;

  /**
   * What the `guest`-th of the caller's own threads needs to help with calls; undefined where no call is divided. A guest that does
   * not help costs nothing.
   */
  invite(guest: number): HelperStart | undefined;

  /** Ends the threads, if there are any; nothing can be computed afterwards. */
  close(): void;
}

/** Bytes of a packed row of `lanes` weights. */
export function packedRowBytes(lanes: number): number {
  return Math.ceil(lanes / 16) * 16;
}

/** Patterns of a quad of timesteps, and the bytes of a list's header: where each pattern begins, and the end. */
export const QUAD = 4;
export const HEADER_BYTES = 64;

/** Positions of a tile. */
export function positionsOf(window: MapWindow): number {
  return window.outRows * window.outWidth;
}

/** Scan words of a tile, if no tap were outside the map. */
export function mostScanWords(window: SpikeWindow): number {
  return positionsOf(window) * window.planes * window.kernel ** 2 * window.blocks;
}

/** Headers of a tile's lists. */
export function headersOf(window: SpikeWindow): number {
  return positionsOf(window) * Math.ceil(window.steps / QUAD) * window.planes;
}

/** Bytes that the lists of a tile take at most. */
export function mostListBytes(window: SpikeWindow): number {
  return headersOf(window) * (HEADER_BYTES + 4 * window.kernel ** 2 * window.channels) + HEADER_BYTES;
}
