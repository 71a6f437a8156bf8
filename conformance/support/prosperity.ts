import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Report, renderDiagnostic } from "../../src/diagnostics/index.js";
import { readNpz } from "../../src/frontend/formats/index.js";
import { everyStep, NetBuilder, SPIKE, type Net, type Weights } from "../../src/ir/index.js";

/**
 * LeNet5 on MNIST as Prosperity's simulator runs it (HPCA 2025, repository dubcyfor3/Prosperity, 6ee1c6f): its spike maps, and
 * what its published rules charge for them in bit-sparse mode. A layer is a matrix product of M = T x output positions
 * rows, K inputs and N outputs; rows are ordered pixel by pixel, timesteps innermost, which counts of ones do not see.
 */

/** Timesteps, from the network list: the file does not say which dimension is time. */
export const TIMESTEPS = 32;

export interface PublishedLayer {
  readonly name: string;
  /** Array of the file: [T, C, H, W] for the convolution, [T, C] for dense layers, whose T rows are the timesteps. */
  readonly array: string;
  /** Side of input and output map (1 for dense layers), and of the window. */
  readonly side: number;
  readonly outSide: number;
  readonly kernel: number;
  readonly channels: number;
  readonly outputs: number;
  /** The input was left on chip by the layer before: its map has fewer than 4096 bits. */
  readonly inputOnChip: boolean;
}

export const LENET5: readonly PublishedLayer[] = [
  { name: "conv2", array: "conv2d_1", side: 16, outSide: 12, kernel: 5, channels: 6, outputs: 16, inputOnChip: false },
  { name: "fc0", array: "fc_0", side: 1, outSide: 1, kernel: 1, channels: 576, outputs: 120, inputOnChip: false },
  { name: "fc1", array: "fc_1", side: 1, outSide: 1, kernel: 1, channels: 120, outputs: 84, inputOnChip: true },
];

/** A recorded spike map as [T, position, channel]. */
export interface SpikeMap {
  readonly values: Int32Array;
  at(t: number, y: number, x: number, c: number): number;
}

export function readSpikeMaps(shared: string): ReadonlyMap<string, SpikeMap> {
  const file = join(shared, "data", "prosperity", "lenet5_mnist.npz");
  const report = new Report();
  const arrays = readNpz(readFileSync(file), file, report);
  if (arrays === undefined) throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  return new Map(
    LENET5.map((layer) => {
      const { side, channels } = layer;
      const array = arrays.get(layer.array);
      const shape = layer.kernel === 1 ? [TIMESTEPS, channels] : [TIMESTEPS, channels, side, side];
      if (array === undefined || array.shape.join() !== shape.join())
        throw new Error(`${file}: ${layer.array} is ${array?.shape.join("x") ?? "missing"}, not ${shape.join("x")}`);
      const positions = side * side;
      const values = new Int32Array(TIMESTEPS * positions * channels);
      for (let t = 0; t < TIMESTEPS; t++)
        for (let c = 0; c < channels; c++)
          for (let p = 0; p < positions; p++)
            values[(t * positions + p) * channels + c] = Number(array.data[(t * channels + c) * positions + p]);
      const at = (t: number, y: number, x: number, c: number): number =>
        values[(t * positions + y * side + x) * channels + c]!;
      return [layer.name, { values, at }];
    }),
  );
}

/**
 * The layer as a net: the recorded spikes come in as integers, are turned into spikes, and go through the weighted op and
 * a neuron; the number of spikes per channel is returned. Weights do not matter to any count here.
 */
export function netOf({ name, side, kernel, channels, outputs }: PublishedLayer): Net {
  const dense = kernel === 1;
  const shape = dense ? [channels, outputs] : [kernel, kernel, channels, outputs];
  const weights: Weights = {
    kind: "weights",
    shape,
    mantissa: Int32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i % 5) - 2),
    exponent: new Int32Array(outputs),
    bias: new Float64Array(outputs),
  };
  const net = new NetBuilder(name);
  net.constant("w", weights);
  const type = { number: SPIKE, time: everyStep(TIMESTEPS), shape: dense ? [1, channels] : [side, side, channels] };
  const spikes = net.op("neuron.threshold", [net.input("x", type)], { attrs: { v_th: 1 }, layer: "input" });
  const window = dense ? {} : { kernel };
  const op = dense ? "synapse.dense" : "synapse.conv";
  const sums = net.op(op, [spikes], { symbols: ["w"], attrs: { ...window, result: "int" } });
  const charge = { name: "integrate", args: [] };
  const fired = net.op("neuron.lif", [sums], { attrs: { charge, v_th: 2 }, layer: name });
  net.output("spikes", net.op("reduce.sum-positions", [fired]));
  return net.finish();
}

/** Spikes that windows see, timestep by timestep and output position by output position: ones of the matrix. */
export function onesOf({ outSide, kernel, channels }: PublishedLayer, map: SpikeMap): number {
  let ones = 0;
  for (let t = 0; t < TIMESTEPS; t++)
    for (let y = 0; y < outSide; y++)
      for (let x = 0; x < outSide; x++)
        for (let ky = 0; ky < kernel; ky++)
          for (let kx = 0; kx < kernel; kx++) for (let c = 0; c < channels; c++) ones += map.at(t, y + ky, x + kx, c);
  return ones;
}

/** Tile of the published machine: rows, inputs, outputs; bits per weight; bits that DRAM moves per cycle. */
export const TILE = { m: 256, k: 16, n: 128 };
export const WEIGHT_BITS = 8;
const DRAM_BITS_PER_CYCLE = 1024;
/** Sizes that its traffic rules compare with: one tile of spikes, one of weights. */
const SPIKE_TILE_BITS = TILE.m * TILE.k;
const WEIGHT_TILE_BITS = TILE.k * TILE.n * WEIGHT_BITS;
const LIF_UNITS = 32;
const LIF_CYCLES_PER_STEP = 2;

export interface PublishedFigures {
  readonly tiles: { readonly m: number; readonly k: number; readonly n: number };
  readonly additions: number;
  /** Bits moved between DRAM and chip. */
  readonly dram: { readonly weights: number; readonly spikesIn: number; readonly spikesOut: number };
  readonly cycles: { readonly compute: number; readonly stall: number; readonly lifTail: number };
}

function sizes(total: number, tile: number): readonly number[] {
  return Array.from({ length: Math.ceil(total / tile) }, (_, i) => Math.min(tile, total - i * tile));
}

/** What the published simulator charges in bit-sparse mode (simulator.py, CPU path; energy-hardware sheet, section 3.2). */
export function publishedFigures(layer: PublishedLayer, ones: number): PublishedFigures {
  const { outSide, kernel, channels, outputs, inputOnChip } = layer;
  const m = TIMESTEPS * outSide * outSide;
  const k = kernel * kernel * channels;
  const rows = sizes(m, TILE.m);
  const inputs = sizes(k, TILE.k);
  const columns = sizes(outputs, TILE.n);
  const spikesOnce = m * k <= SPIKE_TILE_BITS;
  const weightsOnce = k * outputs * WEIGHT_BITS <= WEIGHT_TILE_BITS;
  let weights = 0;
  let spikesIn = 0;
  for (const [i, r] of rows.entries())
    for (const [j, c] of columns.entries())
      for (const d of inputs) {
        if (!inputOnChip && (j === 0 || !spikesOnce)) spikesIn += Math.floor((r * d) / kernel ** 2);
        if (i === 0 || !weightsOnce) weights += d * c * WEIGHT_BITS;
      }
  const neurons = outSide * outSide * outputs;
  const spikesOut = neurons * TIMESTEPS < SPIKE_TILE_BITS ? 0 : neurons * TIMESTEPS;
  const compute = ones * columns.length;
  const firstTile = (inputOnChip ? 0 : rows[0]! * inputs[0]!) + inputs[0]! * columns[0]! * WEIGHT_BITS;
  const stall =
    Math.floor(firstTile / DRAM_BITS_PER_CYCLE) +
    Math.max(0, Math.floor((weights + spikesIn) / DRAM_BITS_PER_CYCLE) - compute);
  // Neurons of one tile of outputs, all timesteps of each; tiles before the last overlap with additions.
  const lastTile = Math.min(neurons, Math.floor((TILE.m * TILE.n) / TIMESTEPS));
  return {
    tiles: { m: rows.length, k: inputs.length, n: columns.length },
    additions: ones * outputs,
    dram: { weights, spikesIn, spikesOut },
    cycles: { compute, stall, lifTail: Math.ceil(lastTile / LIF_UNITS) * TIMESTEPS * LIF_CYCLES_PER_STEP },
  };
}
