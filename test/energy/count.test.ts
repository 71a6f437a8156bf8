import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countEvents } from "../../src/energy/network.js";
import { NET_EVENTS, OP_WORK, type IntegerRule, type NetEvent } from "../../src/energy/op-events.js";
import {
  channelsOf,
  evaluate,
  everyStep,
  int,
  NetBuilder,
  netTimesteps,
  OPS,
  positionsOf,
  REAL,
  slotSize,
  SPIKE,
  toWeights,
  usersOf,
  valueTypes,
  viewOf,
  type Net,
  type OpView,
  type Slot,
  type ValueType,
} from "../../src/ir/index.js";
import { randomInputs, randomNet } from "../support/random-net.js";

type Tally = Record<NetEvent, number>;

/** Visits every tap of every output of a window, inside the map: output channel, input element. */
function taps(view: OpView, type: ValueType, visit: (input: number, outputs: number) => void): void {
  const { kernel, stride, padding } = view.window();
  const [h = 0, w = 0, c = 0] = view.operand(0).shape;
  const [oh = 0, ow = 0, out = 0] = type.shape;
  for (let oy = 0; oy < oh; oy++)
    for (let ox = 0; ox < ow; ox++)
      for (let ky = 0; ky < kernel; ky++)
        for (let kx = 0; kx < kernel; kx++) {
          const [y, x] = [oy * stride - padding + ky, ox * stride - padding + kx];
          if (y < 0 || y >= h || x < 0 || x >= w) continue;
          for (let i = 0; i < c; i++) visit((y * w + x) * c + i, out);
        }
}

/** One weight met by one input. */
function meet(tally: Tally, x: number, { number }: ValueType, rule: IntegerRule): void {
  tally.sop += x;
  if (number.kind === "real" || number.lo < 0) tally.mac += x === 0 ? 0 : 1;
  else tally.ac += rule === "counts" ? x : [...x.toString(2)].filter((bit) => bit === "1").length;
}

/** K^T V or Q A: every pair of channels of a head, token by token. */
function pairs(x: Slot, channels: number, heads: number): number {
  let n = 0;
  for (let p = 0; p < x.length / channels; p++)
    for (let e = 0; e < channels; e++)
      for (let j = 0; j < channels; j++)
        if (Math.floor((e * heads) / channels) === Math.floor((j * heads) / channels)) n += x[p * channels + e]!;
  return n;
}

/** The count by loops over every tap of every neuron, one op at one moment. */
function reference(
  name: string,
  view: OpView,
  type: ValueType,
  operands: readonly Slot[],
  rule: IntegerRule,
  joined: boolean,
): Tally {
  const tally = Object.fromEntries(NET_EVENTS.map((event) => [event, 0])) as Tally;
  const [x = new Int32Array(0), y = new Int32Array(0)] = operands;
  const input = view.operandTypes[0] ?? type;
  const weighted = name === "synapse.conv" || name === "synapse.dense";
  if (weighted && !joined && Array.from(view.weights().bias).some((b) => b !== 0)) tally.bias += slotSize(type);
  let windowTaps = 0;
  switch (name) {
    case "synapse.conv":
      taps(view, type, (i, outputs) => {
        for (let o = 0; o < outputs; o++) meet(tally, x[i]!, input, rule);
      });
      break;
    case "synapse.dense":
      for (let i = 0; i < x.length; i++) for (let o = 0; o < channelsOf(type); o++) meet(tally, x[i]!, input, rule);
      break;
    case "synapse.one-to-one":
      tally.ac = x.filter((v: number) => v !== 0).length;
      break;
    case "norm.batch":
      tally.bias = slotSize(type);
      break;
    case "neuron.lif":
    case "neuron.loihi":
    case "neuron.threshold":
      tally.update = slotSize(type);
      break;
    case "pool.max":
    case "pool.or":
    case "pool.sum": {
      taps(view, type, () => windowTaps++);
      const event = { "pool.max": "compare", "pool.or": "bit", "pool.sum": "add" }[name] as NetEvent;
      tally[event] = windowTaps - slotSize(type);
      break;
    }
    case "pool.plane":
    case "pool.sum-plane": {
      const [heads, r] = [view.number("heads"), (view.number("kernel") - 1) / 2];
      const [channels, tokens] = [channelsOf(type), positionsOf(type)];
      const head = (c: number): number => Math.floor((c * heads) / channels);
      for (let n = 0; n < tokens; n++)
        for (let c = 0; c < channels; c++)
          for (let m = 0; m < tokens; m++)
            for (let e = 0; e < channels; e++)
              if (Math.abs(m - n) <= r && Math.abs(e - c) <= r && head(e) === head(c)) windowTaps++;
      tally[name === "pool.plane" ? "bit" : "add"] = windowTaps - slotSize(type);
      break;
    }
    case "stream.add":
      tally.add = slotSize(type);
      break;
    case "mask.and":
    case "mask.tokens":
      tally.bit = slotSize(type);
      break;
    case "reduce.sum-positions":
    case "reduce.mean-positions":
    case "reduce.mean-time":
      tally.add = x.length;
      break;
    case "attention.statten":
      tally.kv = pairs(y, channelsOf(input), view.number("heads"));
      tally.qa = pairs(x, channelsOf(input), view.number("heads"));
      tally.sop = tally.kv + tally.qa;
      break;
    case "attention.kv":
      tally.sop = tally.kv = pairs(x, channelsOf(input), view.number("heads"));
      break;
    case "attention.q":
      tally.sop = tally.qa = pairs(x, channelsOf(input), view.operand(1).shape[0] ?? 1);
      break;
  }
  return tally;
}

function expectCounts(net: Net, seed: number, rule: IntegerRule): void {
  const evaluation = evaluate(net, randomInputs(net, seed));
  const counted = countEvents(net, evaluation, rule);
  const [types, users] = [valueTypes(net), usersOf(net)];
  const timesteps = netTimesteps(net);
  for (const op of net.ops) {
    if (op.name.startsWith("tokens.")) {
      expect(counted.uncounted).toContain(op.name);
      continue;
    }
    const view = viewOf(net, op, types);
    const mine = users.get(op.result) ?? [];
    const joined = mine.length > 0 && mine.every(({ name }) => name === "norm.batch");
    const step = Math.min(op.type.time.period, ...view.operandTypes.map((type) => type.time.period));
    for (let t = 0; t < timesteps; t++) {
      const operands = op.operands.map(
        (name, i) => evaluation.values.get(name)![Math.floor(t / view.operand(i).time.period)]!,
      );
      const expected = t % step === 0 ? reference(op.name, view, op.type, operands, rule, joined) : undefined;
      for (const event of NET_EVENTS) {
        const [got, want] = [counted.layers.get(op.result)?.[event][t] ?? 0, expected?.[event] ?? 0];
        // Sums of reals are taken in another order.
        expect(Math.abs(got - want), `${op.name} %${op.result} ${event} t${t}`).toBeLessThanOrEqual(
          1e-9 * Math.abs(want) + 1e-12,
        );
      }
    }
  }
}

describe("the event counter", () => {
  it("has a stand for every op of the IR", () => {
    expect(Object.keys(OP_WORK).sort()).toEqual(OPS.map((op) => op.name).sort());
  });

  it("counts what loops over every tap of every neuron count, on random nets", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.constantFrom<IntegerRule>("counts", "bits"), (seed, rule) =>
        expectCounts(randomNet(seed, { ops: 16 }), seed, rule),
      ),
      { numRuns: 80 },
    );
  });

  it("knows borders, strides and kernels of any size", () => {
    const window = fc.record({
      height: fc.integer({ min: 1, max: 7 }),
      width: fc.integer({ min: 1, max: 7 }),
      kernel: fc.integer({ min: 1, max: 5 }),
      stride: fc.integer({ min: 1, max: 4 }),
      number: fc.constantFrom(REAL, SPIKE, int(0, 9), int(-3, 3)),
      seed: fc.integer({ min: 1, max: 1e6 }),
    });
    let seen = 0;
    fc.assert(
      fc.property(window, ({ height, width, kernel, stride, number, seed }) => {
        const builder = new NetBuilder("window");
        const x = builder.input("x", { number, time: everyStep(2), shape: [height, width, 2] });
        const weights = toWeights([kernel, kernel, 2, 3], new Float32Array(kernel * kernel * 6).fill(0.5));
        const padding = Math.min(kernel - 1, seed % 3);
        if (Math.min(height, width) + 2 * padding < kernel) return;
        const attrs = { kernel, stride, padding };
        builder.output("y", builder.op("synapse.conv", [x], { symbols: [builder.constant("w", weights)], attrs }));
        seen++;
        expectCounts(builder.finish(), seed, "bits");
      }),
      { numRuns: 200 },
    );
    expect(seen).toBeGreaterThan(50);
  });

  it("tells counts from bits: 5 is five additions, or two", () => {
    const builder = new NetBuilder("five");
    const x = builder.input("x", { number: int(0, 7), time: everyStep(1), shape: [1] });
    const weights = toWeights([1, 3], [1, 2, 3]);
    const y = builder.op("synapse.dense", [x], { symbols: [builder.constant("w", weights)] });
    builder.output("y", y);
    const net = builder.finish();
    const evaluation = evaluate(net, new Map([["x", [5]]]));
    expect(countEvents(net, evaluation, "counts").layers.get(y)?.ac[0]).toBe(15);
    expect(countEvents(net, evaluation, "bits").layers.get(y)?.ac[0]).toBe(6);
  });
});
