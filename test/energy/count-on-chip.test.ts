import { describe, expect, it } from "vitest";
import { countEvents } from "../../src/energy/network.js";
import { NET_EVENTS, type NetEvent } from "../../src/energy/op-events.js";
import { evaluate, everyStep, int, type Net } from "../../src/ir/index.js";
import { createEvent } from "../../src/sim/layerwise/index.js";
import { netInputs } from "../../src/validate/replay.js";
import type { LayerwiseChip } from "../../src/chips/layerwise.js";
import { Layers, largeChip, Random, real, smallChip } from "../backends/layerwise/nets.js";
import { compiled } from "../backends/layerwise/support.js";
import { digitsArray, digitsModel, folded } from "../support/digits.js";
import { randomInputs } from "../support/random-net.js";

/** What both count; `bias` and `sop` are no events of the chip. */
const SHARED = NET_EVENTS.filter((event) => event !== "bias" && event !== "sop");
type Totals = Record<(typeof SHARED)[number], number[]>;

const eightLanes: LayerwiseChip = { ...largeChip(), name: "eight-lanes", lanes: 8 };

/** Events of all layers together, per timestep: of the net, and of the chip that runs it. */
function both(net: Net, chip: LayerwiseChip, inputs: ReadonlyMap<string, ArrayLike<number>>): [Totals, Totals] {
  const counted = countEvents(net, evaluate(net, inputs), "bits");
  const integers = net.inputs.some(({ type }) => type.number.kind === "int");
  const ports = new Map([...inputs].map(([name, x]) => [name, integers ? Int32Array.from(x) : Float32Array.from(x)]));
  const run = createEvent(compiled(net, chip)).run(ports);
  const totals = (layers: readonly Readonly<Partial<Record<NetEvent, Float64Array>>>[]): Totals =>
    Object.fromEntries(
      SHARED.map((event) => [
        event,
        Array.from({ length: counted.timesteps }, (_, t) => layers.reduce((sum, l) => sum + (l[event]?.[t] ?? 0), 0)),
      ]),
    ) as Totals;
  return [totals([...counted.layers.values()]), totals(run.layers.map(({ events }) => events))];
}

/** Spikes on the chip: inputs lie in its data memory, so a neuron has to make them. */
function spikes(layers: Layers, timesteps: number, ...shape: number[]): string {
  return layers.lif(layers.builder.input("x", real(timesteps, ...shape)), { v_th: 0.3 });
}

describe("the event counter and the layer-by-layer chip", () => {
  it("agree in every event of a trained transformer, timestep by timestep, where channels fill the lanes", () => {
    const net = folded(digitsModel({ tet: "true" }).net);
    const [counted, chip] = both(net, eightLanes, netInputs(net, digitsArray("test-images.npy"), 3));
    expect(counted).toEqual(chip);
    for (const event of ["mac", "ac", "kv", "qa", "add", "update", "compare"] as const)
      expect(Math.min(...counted[event].slice(0, 1)), event).toBeGreaterThan(0);
  });

  it("agree on masks and pools of spikes", () => {
    const layers = new Layers("pools", new Random(3));
    const x = spikes(layers, 3, 5, 6, 8);
    const pooled = layers.op("pool.or", [x], { kernel: 3, stride: 2, padding: 1 });
    const s = layers.lif(layers.conv(pooled, 8, { kernel: 3, padding: 1 }));
    const net = layers.finish({ y: layers.dense(layers.op("mask.and", [s, pooled]), 8) });
    const [counted, chip] = both(net, smallChip({ spike: 4096 }), randomInputs(net, 1));
    expect(counted).toEqual(chip);
    expect(counted.bit[0]).toBeGreaterThan(0);
  });

  // The differences that there are, each with its reason.

  it("differ where channels do not fill the lanes: vector instructions work whole words", () => {
    const layers = new Layers("narrow", new Random(4));
    const x = spikes(layers, 2, 4, 8);
    const [a, b] = [layers.dense(x, 5), layers.dense(x, 5)];
    const net = layers.finish({ y: layers.op("stream.add", [a, b]) });
    const [counted, chip] = both(net, smallChip(), randomInputs(net, 2));
    expect(counted.add).toEqual([20, 20]);
    expect(chip.add).toEqual([32, 32]);
    expect({ ...counted, add: 0 }).toEqual({ ...chip, add: 0 });
  });

  it("differ in a mean over time, which the chip counts in the first timestep", () => {
    const layers = new Layers("mean", new Random(5));
    const x = spikes(layers, 4, 8);
    const net = layers.finish({ y: layers.op("reduce.mean-time", [layers.dense(x, 8)]) });
    const [counted, chip] = both(net, smallChip(), randomInputs(net, 3));
    expect(counted.add).toEqual([8, 8, 8, 8]);
    expect(chip.add).toEqual([32, 0, 0, 0]);
  });

  it("differ in sums of spikes, which the chip adds in bit planes", () => {
    const layers = new Layers("planes", new Random(6));
    const x = spikes(layers, 2, 4, 8);
    const s = layers.lif(layers.dense(x, 8));
    const net = layers.finish({ y: layers.dense(layers.op("stream.add", [s, x]), 8) });
    const [counted, chip] = both(net, smallChip(), randomInputs(net, 4));
    expect([counted.add, counted.bit]).toEqual([
      [32, 32],
      [0, 0],
    ]);
    expect([chip.add, chip.bit]).toEqual([
      [0, 0],
      [32, 32],
    ]);
    // The sum, 0 to 2, meets the weights as bits of planes on both.
    expect(counted.ac).toEqual(chip.ac);
  });

  it("differ in integers that lie as data on the chip, which multiplies them", () => {
    const layers = new Layers("data", new Random(7));
    const x = layers.builder.input("x", { number: int(0, 5), time: everyStep(1), shape: [4, 8] });
    const net = layers.finish({ y: layers.dense(x, 8) });
    const [counted, chip] = both(net, smallChip(), new Map([["x", new Int32Array(32).fill(1)]]));
    expect([counted.ac, counted.mac]).toEqual([[256], [0]]);
    expect([chip.ac, chip.mac]).toEqual([[0], [256]]);
  });
});
