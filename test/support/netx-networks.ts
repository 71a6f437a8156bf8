/** Random NetX networks, and what such a network computes: a plain reading in channels-first order, element by element. */
import fc from "fast-check";
import type { NetxConv, NetxDense, NetxLayer, NetxNetwork, NetxNeuron } from "../../src/frontend/netx/index.js";

const neuron: fc.Arbitrary<NetxNeuron> = fc.record({
  type: fc.constantFrom("CUBA" as const, "LOIHI" as const),
  iDecay: fc.oneof(fc.constantFrom(1, 4095, 4096), fc.integer({ min: 1, max: 4096 })),
  vDecay: fc.oneof(fc.constantFrom(0, 1, 4095), fc.integer({ min: 0, max: 4095 })),
  // Small, so that neurons fire and potentials hit the threshold exactly.
  vThMant: fc.integer({ min: 0, max: 12 }),
});

/** Steps of 2, as lava-dl quantises them. */
const weights = (length: number): fc.Arbitrary<Int32Array> =>
  fc
    .array(fc.integer({ min: -8, max: 8 }), { minLength: length, maxLength: length })
    .map((list) => Int32Array.from(list, (w) => 2 * w));

const bias = (length: number): fc.Arbitrary<Float64Array | undefined> =>
  fc.option(
    fc
      .array(fc.integer({ min: -20, max: 20 }), { minLength: length, maxLength: length })
      .map((list) => Float64Array.from(list)),
    { nil: undefined },
  );

const delay = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 }));

function conv(index: number, [c, h, w]: readonly number[]): fc.Arbitrary<NetxConv> {
  return fc
    .record({
      groups: fc.constantFrom(...[1, 2].filter((n) => c! % n === 0)),
      perGroup: fc.integer({ min: 1, max: 2 }),
      kernel: fc.integer({ min: 1, max: Math.min(3, h!, w!) }),
      stride: fc.integer({ min: 1, max: 2 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      padding: fc.integer({ min: 0, max: 2 }),
    })
    .map((p) => {
      const side = (p.kernel - 1) * p.dilation + 1;
      const fits = side <= Math.min(h!, w!);
      const dilation = fits ? p.dilation : 1;
      const reach = (p.kernel - 1) * dilation + 1;
      return { ...p, dilation, reach, padding: Math.min(p.padding, reach - 1) };
    })
    .chain(({ groups, perGroup, kernel, stride, dilation, padding, reach }) => {
      const outChannels = groups * perGroup;
      const size = (n: number): number => Math.floor((n + 2 * padding - reach) / stride) + 1;
      return fc.record({
        type: fc.constant("conv" as const),
        index: fc.constant(index),
        shape: fc.constant([outChannels, size(h!), size(w!)]),
        inChannels: fc.constant(c!),
        outChannels: fc.constant(outChannels),
        kernel: fc.constant(kernel),
        stride: fc.constant(stride),
        padding: fc.constant(padding),
        dilation: fc.constant(dilation),
        groups: fc.constant(groups),
        neuron,
        weight: weights(outChannels * (c! / groups) * kernel * kernel),
        bias: bias(outChannels),
        delay,
      });
    });
}

function dense(index: number, inputs: number): fc.Arbitrary<NetxDense> {
  return fc.integer({ min: 1, max: 4 }).chain((outputs) =>
    fc.record({
      type: fc.constant("dense" as const),
      index: fc.constant(index),
      shape: fc.constant([outputs]),
      inputs: fc.constant(inputs),
      outputs: fc.constant(outputs),
      neuron,
      weight: weights(inputs * outputs),
      bias: bias(outputs),
      delay,
    }),
  );
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** An input, perhaps with neurons, up to two convolutions, and perhaps a flatten and a dense layer, or only dense layers. */
export const anyNetwork: fc.Arbitrary<NetxNetwork> = fc
  .record({
    map: fc.boolean(),
    channels: fc.integer({ min: 1, max: 4 }),
    height: fc.integer({ min: 2, max: 4 }),
    width: fc.integer({ min: 2, max: 4 }),
  })
  .chain(({ map, channels, height, width }) => {
    const shape = map ? [channels, height, width] : [channels];
    const transform = { weight: 36, bias: 34 };
    const input = fc
      .option(neuron, { nil: undefined })
      .map((n): NetxLayer => ({ type: "input", index: 0, shape, neuron: n, transform: n && transform }));
    const grow = (
      layers: readonly NetxLayer[],
      convolutions: number,
      ends: boolean,
    ): fc.Arbitrary<readonly NetxLayer[]> => {
      const last = layers[layers.length - 1]!;
      const add = (layer: NetxLayer): readonly NetxLayer[] => [...layers, layer];
      if (map && convolutions > 0) {
        return conv(layers.length, last.shape).chain((layer) => grow(add(layer), convolutions - 1, ends));
      }
      if (!ends) return fc.constant(layers);
      const size = product(last.shape);
      // Only square maps can be flattened.
      if (map && last.shape[1] !== last.shape[2]) return fc.constant(layers);
      if (!map) return dense(layers.length, size).map(add);
      const flat: NetxLayer = { type: "flatten", index: layers.length, shape: [size, 1, 1] };
      return dense(layers.length + 1, size).map((layer) => [...layers, flat, layer]);
    };
    return fc
      .tuple(input, fc.integer({ min: map ? 1 : 0, max: 2 }), fc.boolean())
      .chain(([first, convolutions, ends]) => grow([first], convolutions, ends || !map));
  })
  .chain((layers) =>
    fc.record({
      layers: fc.constant(layers),
      timesteps: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    }),
  );

/** Currents of a weighted layer on one timestep's spikes, all channels first. */
function currents(layer: NetxDense | NetxConv, x: readonly number[], [, h = 1, w = 1]: readonly number[]): number[] {
  if (layer.type === "dense") {
    return Array.from({ length: layer.outputs }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * layer.weight[o * layer.inputs + i]!, 0),
    );
  }
  const { kernel, stride, padding, dilation, groups, inChannels } = layer;
  const [channels = 0, height = 0, width = 0] = layer.shape;
  const perGroup = inChannels / groups;
  const result: number[] = [];
  for (let o = 0; o < channels; o++) {
    const group = Math.floor((o * groups) / channels);
    for (let y = 0; y < height; y++) {
      for (let z = 0; z < width; z++) {
        let sum = 0;
        for (let i = 0; i < perGroup; i++) {
          for (let ky = 0; ky < kernel; ky++) {
            for (let kx = 0; kx < kernel; kx++) {
              const row = y * stride - padding + ky * dilation;
              const column = z * stride - padding + kx * dilation;
              if (row < 0 || row >= h || column < 0 || column >= w) continue;
              const weight = layer.weight[((o * perGroup + i) * kernel + ky) * kernel + kx]!;
              sum += weight * x[((group * perGroup + i) * h + row) * w + column]!;
            }
          }
        }
        result.push(sum);
      }
    }
  }
  return result;
}

const scaled = (x: bigint, kept: number): bigint => (x * BigInt(kept)) / 4096n; // BigInt division cuts toward zero.

/** What the neurons of one layer do, channels first: spikes, one list per timestep, and their states after the last. */
export interface LayerRun {
  readonly spikes: readonly (readonly number[])[];
  readonly u: readonly number[];
  readonly v: readonly number[];
}

/**
 * What the layers with neurons compute, by index. `input` is one list per timestep, channels first:
 * spikes, or bias mantissas where the input layer has neurons. Integers without limits: tests stay far below them.
 */
export function simulateNetx(
  network: NetxNetwork,
  input: readonly (readonly number[])[],
  fire: "gt" | "ge",
): ReadonlyMap<number, LayerRun> {
  const result = new Map<number, LayerRun>();
  let stream = input;
  let shape = network.layers[0]!.shape;
  for (const layer of network.layers) {
    if (layer.type === "flatten" || layer.neuron === undefined) continue;
    const { iDecay, vDecay, vThMant } = layer.neuron;
    const bias = (i: number): bigint =>
      layer.type === "input" ? 0n : BigInt(layer.bias?.[Math.floor(i / (product(layer.shape) / layer.shape[0]!))] ?? 0);
    const u: bigint[] = Array<bigint>(product(layer.shape)).fill(0n);
    const v: bigint[] = [...u];
    const spikes = stream.map((x) => {
      const current = layer.type === "input" ? x : currents(layer, x, shape);
      return current.map((value, i) => {
        // Biases join potentials, and those of input neurons are their input.
        u[i] = layer.type === "input" ? BigInt(value) * 64n : scaled(u[i]!, 4096 - iDecay) + BigInt(value) * 64n;
        v[i] = scaled(v[i]!, 4096 - vDecay) + u[i]! + bias(i) * 64n;
        const threshold = BigInt(vThMant) * 64n;
        if (fire === "gt" ? v[i]! <= threshold : v[i]! < threshold) return 0;
        v[i] = 0n;
        return 1;
      });
    });
    result.set(layer.index, { spikes, u: u.map(Number), v: v.map(Number) });
    const late = layer.type === "input" ? 0 : layer.delay;
    stream = spikes.map((slot, t) => spikes[t - late] ?? slot.map(() => 0));
    shape = layer.shape;
  }
  return result;
}
