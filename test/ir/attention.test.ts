import { describe, expect, it } from "vitest";
import { evaluate, everyStep, flatten, NetBuilder, retime, SPIKE, type Slot } from "../../src/ir/index.js";
import { Random } from "../support/random.js";

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function bits(random: Random, n: number, density = 0.5): number[] {
  return Array.from({ length: n }, () => (random.chance(density) ? 1 : 0));
}

interface Attention {
  readonly timesteps: number;
  readonly tokens: number;
  readonly channels: number;
  readonly heads: number;
  readonly chunk: number;
  readonly scale: number;
}

function statten(a: Attention, inputs: ReadonlyMap<string, readonly number[]>): Slot {
  const builder = new NetBuilder("statten");
  const type = { number: SPIKE, time: everyStep(a.timesteps), shape: [a.tokens, a.channels] };
  for (const name of ["q", "k", "v"]) builder.input(name, type);
  const attrs = { heads: a.heads, chunk: a.chunk, scale: a.scale };
  builder.output("out", builder.op("attention.statten", ["q", "k", "v"], { attrs }));
  return flatten(evaluate(builder.finish(), inputs).outputs.get("out") ?? []);
}

/** (Q K^T) V over the joined tokens of a chunk: the other order of the same product, one number at a time. */
function plainAttention(a: Attention, inputs: ReadonlyMap<string, readonly number[]>): number[] {
  const d = a.channels / a.heads;
  const at = (name: string, t: number, n: number, c: number): number =>
    inputs.get(name)?.[(t * a.tokens + n) * a.channels + c] ?? 0;
  const result: number[] = [];
  for (let t = 0; t < a.timesteps; t++) {
    const begin = Math.floor(t / a.chunk) * a.chunk;
    for (let n = 0; n < a.tokens; n++) {
      for (let c = 0; c < a.channels; c++) {
        const head = Math.floor(c / d) * d;
        let sum = 0;
        for (let s = begin; s < begin + a.chunk; s++) {
          for (let m = 0; m < a.tokens; m++) {
            let score = 0;
            for (let e = head; e < head + d; e++) score += at("q", t, n, e) * at("k", s, m, e);
            sum += score * at("v", s, m, c);
          }
        }
        result.push(sum * a.scale);
      }
    }
  }
  return result;
}

describe.each(SEEDS)("attention.statten, seed %i", (seed) => {
  const random = new Random(seed);
  const heads = random.int(1, 2);
  const chunk = random.pick([1, 2, 3]);
  const a: Attention = {
    timesteps: chunk * random.int(1, 3),
    tokens: random.int(1, 4),
    channels: heads * random.int(1, 3),
    heads,
    chunk,
    scale: 0.125,
  };
  const n = a.timesteps * a.tokens * a.channels;
  const inputs = new Map(["q", "k", "v"].map((name) => [name, bits(random, n)] as const));

  it("is (Q K^T) V over the tokens of its chunk", () => {
    expect([...statten(a, inputs)]).toEqual(plainAttention(a, inputs));
  });

  it("with chunk 1 is attention of every timestep alone", () => {
    const slot = a.tokens * a.channels;
    const alone = Array.from({ length: a.timesteps }, (_, t) => {
      const step = new Map([...inputs].map(([name, data]) => [name, data.slice(t * slot, (t + 1) * slot)] as const));
      return [...statten({ ...a, timesteps: 1, chunk: 1 }, step)];
    });
    expect([...statten({ ...a, chunk: 1 }, inputs)]).toEqual(alone.flat());
  });

  it("equals its two lowered halves, the scale applied after", () => {
    const builder = new NetBuilder("lowered");
    for (const name of ["q", "k", "v"]) {
      builder.input(name, { number: SPIKE, time: everyStep(a.timesteps), shape: [a.tokens, a.channels] });
    }
    const kv = builder.op("attention.kv", ["k", "v"], { attrs: { heads: a.heads, chunk: a.chunk } });
    expect(builder.typeOf(kv).time).toEqual({ count: a.timesteps / a.chunk, period: a.chunk });
    builder.output("out", builder.op("attention.q", ["q", kv]));
    const sums = flatten(evaluate(builder.finish(), inputs).outputs.get("out") ?? []);
    expect([...sums].map((s) => s * a.scale)).toEqual([...statten(a, inputs)]);
  });
});

describe("attention.q", () => {
  it("takes the faster of its two time axes, and signed counters", () => {
    const builder = new NetBuilder("axes");
    builder.input("q", { number: SPIKE, time: { count: 1, period: 2 }, shape: [1, 2] });
    builder.input("a", { number: { kind: "int", lo: -2, hi: 2, exp: 0 }, time: everyStep(2), shape: [1, 2, 2] });
    const o = builder.op("attention.q", ["q", "a"]);
    builder.output("out", o);
    expect(builder.typeOf(o)).toMatchObject({ number: { lo: -4, hi: 4 }, time: { count: 2, period: 1 } });
    const inputs = new Map([
      ["q", [1, 1]],
      ["a", [-2, 1, -2, 0, 1, 1, 1, 1]],
    ]);
    const out = flatten(evaluate(builder.finish(), inputs).outputs.get("out") ?? []);
    expect([...out]).toEqual([-4, 1, 2, 2]);
    expect(retime(builder.finish(), 4).net?.ops[0]?.type.time).toEqual({ count: 4, period: 1 });
  });
});

describe.each(SEEDS)("spike-driven attention on event data, seed %i", (seed) => {
  it("fires a channel iff a token has k AND v there or one channel beside it in the head", () => {
    const random = new Random(seed);
    const heads = random.int(1, 3);
    const [d, tokens] = [random.int(1, 4), random.int(1, 6)];
    const channels = heads * d;
    const [k, v] = [bits(random, tokens * channels, 0.25), bits(random, tokens * channels, 0.4)];
    const builder = new NetBuilder("sdt");
    for (const name of ["k", "v"]) {
      builder.input(name, { number: SPIKE, time: everyStep(1), shape: [tokens, channels] });
    }
    const both = builder.op("mask.and", ["k", "v"]);
    const pooled = builder.op("pool.plane", [both], { attrs: { heads } });
    builder.output("out", builder.op("reduce.sum-positions", [pooled]));
    const inputs = new Map([
      ["k", k],
      ["v", v],
    ]);
    const counts = flatten(evaluate(builder.finish(), inputs).outputs.get("out") ?? []);
    const expected = Array.from({ length: channels }, (_, c) => {
      const head = Math.floor(c / d) * d;
      const near = [c - 1, c, c + 1].filter((j) => j >= head && j < head + d);
      return Array.from({ length: tokens }, (_unused, n) => n).some((n) =>
        near.some((j) => k[n * channels + j] === 1 && v[n * channels + j] === 1),
      );
    });
    expect([...counts].map((count) => count > 0)).toEqual(expected);
  });
});
