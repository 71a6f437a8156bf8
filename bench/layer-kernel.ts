/* One weighted layer on the kernels of the fast simulator: from spike words in memory to outputs written. */
import { packedRowBytes, type Kernels, type SpikeWindow, type WeightedSum } from "../src/sim/kernels/index.js";

/** Outputs per block of weights, and channels per spike word: the lanes of `layerwise-default`. */
export const LANES = 64;
/** Timesteps, all of them in one spike word. */
export const TIMESTEPS = 4;

/** A layer; kernel 1 over N x 1 positions is a dense one. Sizes in positions and channels. */
export interface LayerShape {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outputs: number;
}

/** i32 mantissas, or i8 ones that are packed. */
export type WeightBits = 8 | 32;

/** A layer in the memory of kernels. */
export interface PlacedLayer {
  readonly kernels: Kernels;
  readonly window: SpikeWindow;
  readonly bits: WeightBits;
  readonly rows: number;
  readonly outputs: number;
  /** Blocks of LANES outputs one behind the other, packed where `bits` is 8. */
  readonly weights: number;
  readonly magnitude: number;
  readonly bias: number;
  readonly scales: number;
  readonly output: number;
}

/**
 * Takes memory for a layer and writes its spikes and weights there. `patterns` has one number per position and channel, whose bit
 * t says whether timestep t spikes; `weightOf` is the mantissa of a row ((ky * kernel + kx) * channels + c) and an output.
 */
export function placeLayer(
  kernels: Kernels,
  shape: LayerShape,
  patterns: Uint8Array,
  bits: WeightBits,
  weightOf: (row: number, output: number) => number,
): PlacedLayer {
  const { memory } = kernels;
  const { height, width, channels, kernel, stride, padding } = shape;
  const blocks = Math.ceil(channels / LANES);
  const wordBytes = (LANES * TIMESTEPS) / 8;
  const input = memory.take(height * width * blocks * wordBytes + 8, "spikes");
  memory.u8.fill(0, input, input + height * width * blocks * wordBytes);
  patterns.forEach((pattern, i) => {
    const [position, channel] = [Math.floor(i / channels), i % channels];
    const word = input + (position * blocks + Math.floor(channel / LANES)) * wordBytes;
    for (let t = 0; t < TIMESTEPS; t++) {
      const byte = word + ((t * LANES + (channel % LANES)) >> 3);
      memory.u8[byte] = memory.u8[byte]! | (((pattern >> t) & 1) << (channel & 7));
    }
  });
  const rows = kernel ** 2 * channels;
  const outputBlocks = Math.ceil(shape.outputs / LANES);
  const outputs = outputBlocks * LANES;
  const wide = memory.take(4 * rows * outputs, "weights");
  let magnitude = 0;
  for (let block = 0, at = wide / 4; block < outputBlocks; block++) {
    for (let row = 0; row < rows; row++) {
      for (let lane = 0; lane < LANES; lane++, at++) {
        const o = block * LANES + lane;
        const weight = o < shape.outputs ? weightOf(row, o) : 0;
        memory.i32[at] = weight;
        magnitude = Math.max(magnitude, Math.abs(weight));
      }
    }
  }
  const packed = bits === 32 ? wide : memory.take(outputBlocks * rows * packedRowBytes(LANES), "packed weights");
  if (bits === 8) kernels.pack8(wide, rows * outputBlocks, 4 * LANES, LANES, packed);
  const bias = memory.take(8 * outputs, "bias");
  const scales = memory.take(8 * outputs, "scales");
  memory.f64.fill(0, bias / 8, bias / 8 + outputs);
  memory.f64.fill(2 ** -20, scales / 8, scales / 8 + outputs);
  const side = (size: number): number => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const window: SpikeWindow = {
    input,
    lanes: LANES,
    blocks,
    height,
    width,
    firstRow: 0,
    kernel,
    stride,
    padding,
    outRow: 0,
    outRows: side(height),
    outWidth: side(width),
    timesteps: TIMESTEPS,
    steps: TIMESTEPS,
    channels,
    planes: 1,
    planeBytes: 0,
  };
  const output = memory.take(4 * window.outRows * window.outWidth * outputs * TIMESTEPS, "outputs");
  return { kernels, window, bits, rows, outputs, weights: packed, magnitude, bias, scales, output };
}

/** Spikes times the windows that they lie in, as the chip's scanner counts them: times the fan-out, synaptic operations. */
export function inputEvents({ kernels, window }: PlacedLayer): number {
  const start = kernels.memory.mark;
  const events = kernels.scan(window).spikes.reduce((sum, n) => sum + n, 0);
  kernels.memory.release(start);
  return events;
}

/** The whole layer: lists, then all blocks of outputs. */
export function runLayer(layer: PlacedLayer): void {
  const { kernels, window, bits, rows, outputs, weights, magnitude, bias, scales, output } = layer;
  const { memory } = kernels;
  const start = memory.mark;
  const lists = kernels.buildLists(window);
  const rowBytes = bits === 32 ? 4 * LANES : packedRowBytes(LANES);
  for (let block = 0; block < outputs / LANES; block++) {
    const job: WeightedSum = {
      lists,
      firstPosition: 0,
      positions: lists.positions,
      lanes: LANES,
      weights: weights + block * rows * rowBytes,
      rowBytes,
      rows,
      magnitude,
      bias: bias + 8 * LANES * block,
      scales: scales + 8 * LANES * block,
      output: output + 4 * LANES * block,
      positionBytes: 4 * outputs,
      stepBytes: 4 * outputs * lists.positions,
      format: "real",
      limit: Infinity,
    };
    if (bits === 32) kernels.sum32(job);
    else kernels.sum8(job);
  }
  memory.release(start);
}
