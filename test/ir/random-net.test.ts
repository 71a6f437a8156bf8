import { describe, expect, it } from "vitest";
import {
  checkResumable,
  evaluate,
  flatten,
  netTimesteps,
  OPS,
  parseNet,
  printNet,
  retime,
  verifyNet,
  type Net,
} from "../../src/ir/index.js";
import { hasCycle, randomInputs, randomNet } from "../support/random-net.js";

const SEEDS = Array.from({ length: 120 }, (_, i) => i + 1);

/** All outputs, flat, of a run. */
function outputs(net: Net, seed: number): Record<string, ArrayLike<number>> {
  const { outputs: values } = evaluate(net, randomInputs(net, seed));
  return Object.fromEntries([...values].map(([name, value]) => [name, flatten(value)]));
}

describe("the random net generator", () => {
  const nets = SEEDS.map((seed) => randomNet(seed));

  it("covers every op, cycles and nets without a cycle", () => {
    const used = new Set(nets.flatMap((net) => net.ops.map((op) => op.name)));
    expect(OPS.map((op) => op.name).filter((name) => !used.has(name))).toEqual([]);
    expect(nets.some(hasCycle)).toBe(true);
    expect(nets.some((net) => !hasCycle(net))).toBe(true);
  });

  it("gives the same net for the same seed", () => {
    expect(randomNet(7)).toEqual(randomNet(7));
  });
});

describe.each(SEEDS)("random net %i", (seed) => {
  const net = randomNet(seed);

  it("is accepted by the verifier", () => {
    expect(verifyNet(net), printNet(net)).toEqual([]);
  });

  it("survives printing and parsing, and prints the same again", () => {
    const text = printNet(net);
    const { net: parsed, diagnostics } = parseNet(text, "random.snn", net.constants);
    expect(diagnostics, text).toEqual([]);
    expect(parsed).toEqual(net);
    expect(parsed === undefined ? "" : printNet(parsed)).toBe(text);
  });

  it("gives values inside the ranges of their types", () => {
    const { values } = evaluate(net, randomInputs(net, seed));
    for (const op of net.ops) {
      const { number, time } = op.type;
      const value = values.get(op.result) ?? [];
      expect(value.length, `moments of %${op.result}\n${printNet(net)}`).toBe(time.count);
      if (number.kind === "real") continue;
      const outside = [...flatten(value)].filter((v) => v < number.lo || v > number.hi);
      expect(outside, `%${op.result}\n${printNet(net)}`).toEqual([]);
    }
  });
});

describe.each(SEEDS.slice(0, 60))("resumable random net %i", (seed) => {
  it("gives the same in two runs with state handed over as in one", () => {
    const whole = randomNet(seed, { timesteps: 6, chunkOf: 2, resumable: true });
    expect(checkResumable(whole)).toEqual([]);
    const first = retime(whole, 4).net;
    const second = retime(whole, 2).net;
    expect(first && netTimesteps(first)).toBe(4);
    if (first === undefined || second === undefined) throw new Error(printNet(whole));
    const inputs = randomInputs(whole, seed);
    const part = (net: Net, from: number): ReadonlyMap<string, number[]> =>
      new Map(
        net.inputs.map(({ name, type }, i) => {
          const data = inputs.get(name) ?? [];
          const held = whole.inputs[i]?.type.time.period !== 1;
          const slot = data.length / (held ? 1 : 6);
          return [name, held ? data : data.slice(from * slot, (from + type.time.count) * slot)];
        }),
      );
    const one = evaluate(whole, inputs);
    const a = evaluate(first, part(first, 0));
    const b = evaluate(second, part(second, 4), { state: a.state });
    for (const [name, value] of one.values) {
      const type = [...whole.ops, ...whole.inputs.map((i) => ({ result: i.name, type: i.type }))].find(
        (v) => v.result === name,
      )?.type;
      const joined =
        type !== undefined && type.time.period === 6 && type.time.count === 1
          ? a.values.get(name)
          : [...(a.values.get(name) ?? []), ...(b.values.get(name) ?? [])];
      expect(joined, `%${name}\n${printNet(whole)}`).toEqual(value);
    }
    for (const [name, state] of one.state) expect(b.state.get(name), `state of %${name}`).toEqual(state);
  });

  it("comes back when re-timed there and back", () => {
    const net = randomNet(seed, { timesteps: 4, chunkOf: 2, resumable: true });
    const there = retime(net, 6);
    expect(there.diagnostics, printNet(net)).toEqual([]);
    const back = there.net && retime(there.net, 4);
    expect(back?.net).toEqual(net);
    expect(back?.net && outputs(back.net, seed)).toEqual(outputs(net, seed));
  });
});
