import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import {
  everyStep,
  NetBuilder,
  REAL,
  realTensor,
  toWeights,
  type AttrValue,
  type Net,
  type ValueType,
} from "../../../src/ir/index.js";

/** A seeded generator of small integers and reals (mulberry32). */
export class Random {
  constructor(private seed: number) {}

  next(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  int(lo: number, hi: number): number {
    return lo + Math.floor(this.next() * (hi - lo + 1));
  }

  real(scale = 1): number {
    return (this.next() * 2 - 1) * scale;
  }

  pick<T>(of: readonly [T, ...T[]]): T {
    return of[this.int(0, of.length - 1)] ?? of[0];
  }

  reals(n: number, scale = 1): Float32Array {
    return Float32Array.from({ length: n }, () => this.real(scale));
  }
}

export const real = (timesteps: number, ...shape: number[]): ValueType => ({
  number: REAL,
  time: everyStep(timesteps),
  shape,
});

export const held = (timesteps: number, ...shape: number[]): ValueType => ({
  number: REAL,
  time: { count: 1, period: timesteps },
  shape,
});

/** Builds layers with random weights. */
export class Layers {
  readonly builder: NetBuilder;
  private count = 0;

  constructor(
    name: string,
    readonly random: Random,
  ) {
    this.builder = new NetBuilder(name);
  }

  private channels(value: string): number {
    return this.builder.typeOf(value).shape.at(-1) ?? 1;
  }

  private weights(shape: readonly number[], gain: number): string {
    const n = shape.reduce((a, b) => a * b, 1);
    const out = shape.at(-1) ?? 1;
    const constant = toWeights(shape, this.random.reals(n, gain), this.random.reals(out, 0.3));
    return this.builder.constant(`w${this.count++}`, constant);
  }

  dense(x: string, out: number, attrs: Record<string, AttrValue> = {}): string {
    return this.builder.op("synapse.dense", [x], { symbols: [this.weights([this.channels(x), out], 0.9)], attrs });
  }

  conv(
    x: string,
    out: number,
    window: { kernel: number; stride?: number; padding?: number },
    attrs: Record<string, AttrValue> = {},
  ): string {
    const { kernel } = window;
    const symbols = [this.weights([kernel, kernel, this.channels(x), out], 0.6)];
    return this.builder.op("synapse.conv", [x], { symbols, attrs: { ...window, ...attrs } });
  }

  lif(x: string, attrs: Record<string, AttrValue> = {}): string {
    return this.builder.op("neuron.lif", [x], { attrs, layer: `lif${this.count++}` });
  }

  perChannel(x: string, lo: number, hi: number, integers = false): AttrValue {
    const n = this.channels(x);
    const value = (): number => lo + this.random.next() * (hi - lo);
    const data = Float32Array.from({ length: n }, () => (integers ? Math.round(value()) : value()));
    return { symbol: this.builder.constant(`c${this.count++}`, realTensor([n], data)) };
  }

  op(name: string, operands: readonly string[], attrs: Record<string, AttrValue> = {}): string {
    return this.builder.op(name, operands, { attrs });
  }

  finish(outputs: Record<string, string>): Net {
    for (const [name, value] of Object.entries(outputs)) this.builder.output(name, value);
    return this.builder.finish();
  }
}

const CHIP = {
  target: "layerwise",
  description: "a test chip",
  clockHz: 1e9,
  queueDepth: 4,
  fifoDepth: 2,
  weightBits: 32,
  accumulatorBits: 54,
  attention: { counters: 4096, counterBits: 16 },
  patchValues: 2048,
  priority: ["fire", "accumulate", "attend", "vector", "load", "store"],
  sources: {},
} as const;

/** 8 lanes, P = 2, and memories so small that maps go to DRAM in bands. */
export function smallChip(change: { spike?: number; weight?: number; data?: number } = {}): LayerwiseChip {
  return {
    ...CHIP,
    name: "test-small",
    lanes: 8,
    parallelTimesteps: 2,
    priority: [...CHIP.priority],
    memories: {
      spike: { bytes: change.spike ?? 256, banks: 2, ports: 1 },
      weight: { bytes: change.weight ?? 8192, banks: 2, ports: 1 },
      data: { bytes: change.data ?? 4096, banks: 2, ports: 1 },
    },
    dram: { burstBytes: 64, latencyCycles: 3, bandwidth: { bytes: 64, cycles: 2 }, outstanding: 4 },
  };
}

/** 64 lanes, P = 4, room for everything. */
export function largeChip(): LayerwiseChip {
  return {
    ...CHIP,
    name: "test-large",
    lanes: 64,
    parallelTimesteps: 4,
    priority: [...CHIP.priority],
    memories: {
      spike: { bytes: 65_536, banks: 4, ports: 2 },
      weight: { bytes: 1_048_576, banks: 4, ports: 1 },
      data: { bytes: 1_048_576, banks: 8, ports: 1 },
    },
    dram: { burstBytes: 64, latencyCycles: 20, bandwidth: { bytes: 32, cycles: 1 }, outstanding: 16 },
  };
}

/** Any chip: odd lanes, groups and bursts, memories from too small to ample. */
export function randomChip(random: Random): LayerwiseChip {
  const lanes = random.pick([8, 16, 24, 64]);
  const parallelTimesteps = random.int(1, 8);
  const burstBytes = random.pick([16, 32, 64, 128]);
  const weightBits = random.pick([25, 29, 32]);
  const memory = (word: number, words: number) => {
    const banks = random.int(1, 4);
    return { bytes: Math.ceil(words / banks) * banks * word, banks, ports: random.int(1, 2) };
  };
  return {
    ...largeChip(),
    name: "test-random",
    lanes,
    parallelTimesteps,
    weightBits,
    queueDepth: random.int(1, 6),
    fifoDepth: random.int(1, 4),
    memories: {
      spike: memory((lanes * parallelTimesteps) / 8, random.int(20, 400)),
      weight: memory((lanes * weightBits) / 8, random.int(300, 1500)),
      data: memory(lanes * 4, random.int(40, 600)),
    },
    dram: {
      burstBytes,
      latencyCycles: random.int(0, 20),
      bandwidth: { bytes: random.int(1, burstBytes), cycles: random.int(1, 2) },
      outstanding: random.int(20, 40),
    },
  };
}

/** A small convolutional net with counts, cuba neurons, several outputs and values with several users. */
export function mixedNet(random: Random, timesteps: number): Net {
  const layers = new Layers("mixed", random);
  const shape = [random.int(2, 9), random.int(2, 9), random.int(1, 30)] as const;
  const x = layers.builder.input("x", random.int(0, 1) === 1 ? real(timesteps, ...shape) : held(timesteps, ...shape));
  const attrs: Record<string, AttrValue> = random.pick([
    { charge: { name: "cuba", args: [0.3, 0.1] }, v0: 0.3 },
    { charge: { name: "multiply", args: [0.4] }, reset: "soft" },
  ]);
  const s = layers.lif(
    layers.conv(x, random.int(1, 30), { kernel: random.int(1, 2), stride: random.int(1, 2) }),
    attrs,
  );
  const pooled = layers.op("pool.or", [s], { kernel: 3, stride: random.int(1, 2), padding: random.int(1, 2) });
  const counts = layers.op("stream.add", [pooled, pooled]);
  const window = { kernel: 3, stride: random.int(1, 2), padding: random.int(1, 2) };
  const y = layers.conv(counts, random.int(1, 20), window);
  const z = layers.op("pool.max", [y], { kernel: 2, stride: random.int(1, 2), padding: 1 });
  const mean = layers.op("reduce.mean-time", [z]);
  return layers.finish({ y, out: layers.dense(layers.lif(z, attrs), random.int(1, 20)), mean });
}

/** A spiking transformer in the shape of STAtten: stem, blocks with attention and MLP, head; small. */
export function stattenNet(
  random: Random,
  o: {
    timesteps: number;
    chunk: number;
    side: number;
    channels: number;
    heads: number;
    tet?: boolean;
    held?: boolean;
    sum?: string;
    lowered?: boolean;
  },
): Net {
  const layers = new Layers("statten", random);
  const shape = [o.side * 2, o.side * 2, 3] as const;
  const x = layers.builder.input("image", o.held === false ? real(o.timesteps, ...shape) : held(o.timesteps, ...shape));
  const d = o.channels;
  let s = layers.lif(layers.conv(x, Math.max(1, d / 2), { kernel: 3, padding: 1 }));
  s = layers.op("pool.or", [s], { kernel: 3, stride: 1, padding: 1 });
  const f = layers.op("pool.max", [layers.conv(s, d, { kernel: 3, padding: 1 })], { kernel: 3, stride: 2, padding: 1 });
  let stream = layers.op("stream.add", [layers.conv(layers.lif(f), d, { kernel: 3, padding: 1 }), f]);
  const spikes = layers.lif(stream);
  const [q, k, v] = [0, 1, 2].map(() => layers.lif(layers.dense(spikes, d))) as [string, string, string];
  const attended =
    o.lowered === true
      ? lowered(layers, o, q, k, v)
      : layers.op("attention.statten", [q, k, v], {
          heads: o.heads,
          chunk: o.chunk,
          scale: 1 / 6,
          sum: o.sum ?? "exact",
        });
  stream = layers.op("stream.add", [stream, layers.dense(layers.lif(attended, { v_th: 0.5 }), d)]);
  const hidden = layers.lif(layers.dense(layers.lif(stream), 2 * d));
  stream = layers.op("stream.add", [stream, layers.dense(hidden, d)]);
  const logits = layers.dense(layers.lif(layers.op("reduce.mean-positions", [stream]), { v_th: 0.6 }), 5);
  return layers.finish({ logits: o.tet === true ? logits : layers.op("reduce.mean-time", [logits]) });
}

function lowered(layers: Layers, o: { heads: number; chunk: number }, q: string, k: string, v: string): string {
  const a = layers.op("attention.kv", [k, v], { heads: o.heads, chunk: o.chunk });
  return layers.op("to-real", [layers.op("attention.q", [q, a])]);
}

/** The SDT block: masks from sums over tokens, membrane shortcut, and the DVS pooling of planes. */
export function sdtNet(
  random: Random,
  o: { timesteps: number; tokens: number; channels: number; heads: number; dvs?: boolean },
): Net {
  const layers = new Layers("sdt", random);
  const x = layers.builder.input("stream", real(o.timesteps, o.tokens, o.channels));
  const d = o.channels;
  const s = layers.lif(x, { v_th: 0.3 });
  const [q, k, v] = [0, 1, 2].map(() => layers.lif(layers.dense(s, d), { v_th: 0.4 })) as [string, string, string];
  const plane = (value: string): string =>
    o.dvs === true ? layers.op("pool.plane", [value], { heads: o.heads }) : value;
  const kv = plane(layers.op("mask.and", [k, v]));
  const counts = layers.op("to-real", [layers.op("reduce.sum-positions", [kv])]);
  const mask = layers.lif(counts, { v_th: 0.5 });
  const masked = plane(layers.op("mask.and", [q, mask]));
  const a = o.dvs === true ? layers.op("stream.add", [layers.op("mask.and", [masked, s]), s]) : masked;
  const twice = o.dvs === true ? layers.op("stream.add", [a, q]) : a;
  return layers.finish({ y: layers.op("stream.add", [x, layers.dense(twice, d)]) });
}

/** Random values for every input of a net. */
export function randomInputs(net: Net, random: Random): ReadonlyMap<string, Float32Array | Int32Array> {
  return new Map(
    net.inputs.map(({ name, type }) => {
      const n = type.time.count * type.shape.reduce((a, b) => a * b, 1);
      const values =
        type.number.kind === "real" ? random.reals(n, 2) : Int32Array.from({ length: n }, () => random.int(-5, 5));
      return [name, values];
    }),
  );
}
