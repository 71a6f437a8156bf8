import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "fflate";
import { describe, expect, it, type TestContext } from "vitest";
import { Report } from "../src/diagnostics/index.js";
import { readNpy } from "../src/frontend/formats/index.js";
import { importNetx, type ImportedNetx, type NetxConv } from "../src/frontend/netx/index.js";
import { evaluate, type Evaluation } from "../src/ir/index.js";
import type { Tensor } from "../src/math/tensor.js";
import { spikec } from "../test/support/command-line.js";
import { needShared } from "./support/shared.js";

/**
 * Networks that lava-dl exported, and what its simulators recorded of them.
 *
 * A recording is late by a constant number of timesteps per layer (`late` below): lava's connections take a timestep, and so
 * do those of lava-dl's training code where `delay_shift` is on. Imported nets have no such delays.
 */

const folder = (context: TestContext): string => join(needShared(context), "data", "lavadl-netx");

async function load(path: string, settings: Record<string, string>): Promise<ImportedNetx> {
  const report = new Report();
  const imported = await importNetx(path, new Map(Object.entries(settings)), report);
  expect(report.diagnostics).toEqual([]);
  return imported!;
}

function array(path: string): Tensor {
  const bytes = readFileSync(path);
  const report = new Report();
  const tensor = readNpy(path.endsWith(".gz") ? gunzipSync(bytes) : bytes, path, report);
  expect(report.diagnostics).toEqual([]);
  return tensor!;
}

/** Elements of a tensor with its axes in another order, row major: axis i of the result is axis `order[i]` of the tensor. */
function permuted({ shape, data }: Tensor, order: readonly number[]): number[] {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  let offsets = [0];
  for (const axis of order) {
    offsets = offsets.flatMap((at) => Array.from({ length: shape[axis]! }, (_, i) => at + i * strides[axis]!));
  }
  return offsets.map((at) => data[at]!);
}

/** A recording as slots: one list per timestep, channels last, in whole numbers. */
function slots(values: readonly number[], timesteps: number): readonly (readonly number[])[] {
  const size = values.length / timesteps;
  return Array.from({ length: timesteps }, (_, t) => values.slice(t * size, (t + 1) * size));
}

/** Events (neuron, polarity, time) as slots; lava-dl rounds times half to even (`numpy.round`). */
function events({ shape, data }: Tensor, neurons: number, timesteps: number): readonly (readonly number[])[] {
  const result = Array.from({ length: timesteps }, () => Array<number>(neurons).fill(0));
  for (let i = 0; i < shape[0]!; i++) {
    const time = data[3 * i + 2]!;
    const down = Math.floor(time);
    const rest = time - down;
    const rounded = rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
    result[rounded]![data[3 * i]!] = 1;
  }
  return result;
}

function run({ net }: ImportedNetx, input: readonly (readonly number[])[]): Evaluation {
  return evaluate(net, new Map([["input", input.flat()]]));
}

/** What a layer emits, slot by slot. */
function spikes({ net }: ImportedNetx, evaluation: Evaluation, layer: string): readonly (readonly number[])[] {
  const op = net.ops.find((each) => each.layer?.name === layer)!;
  return evaluation.values.get(op.result)!.map((slot) => [...slot]);
}

/** Elements in which a recording that is late by `late` timesteps differs from what was computed. */
function differences(
  computed: readonly (readonly number[])[],
  recorded: readonly (readonly number[])[],
  late: number,
): number {
  let count = 0;
  for (const [t, slot] of recorded.entries()) {
    if (t - late >= computed.length) break;
    const ours = computed[t - late] ?? slot.map(() => 0);
    count += slot.filter((value, i) => value !== ours[i]).length;
  }
  return count;
}

const ones = (recorded: readonly (readonly number[])[]): number => recorded.flat().reduce((sum, x) => sum + x, 0);

describe("oxford: two dense layers, 2000 timesteps", () => {
  const T = 2000;

  it("lava's spikes of the first layer, late by one: > and not >=", async (context) => {
    const at = (file: string): string => join(folder(context), "oxford", file);
    const recorded = slots(permuted(array(at("gts/out.npy.gz")), [1, 0]), T);
    const input = slots(permuted(array(at("gts/in.npy.gz")), [1, 0]), T);
    expect(ones(recorded)).toBe(1826);
    const lava = await load(at("network.net"), { timesteps: String(T) });
    const computed = spikes(lava, run(lava, input), "layer.0");
    expect([0, 1, 2].map((late) => differences(computed, recorded, late))).toEqual([3412, 0, 3412]);
    const training = await load(at("network.net"), { timesteps: String(T), fire: "ge" });
    expect(differences(spikes(training, run(training, input), "layer.0"), recorded, 1)).toBe(51);
    const [first] = lava.network.layers;
    expect([...(first as { weight: Int32Array }).weight]).toEqual([...array(at("gts/weight.npy.gz")).data]);
  });

  it("the training code's spikes of the second layer, late by two: >= and not >", async (context) => {
    const at = (file: string): string => join(folder(context), "oxford", file);
    const recorded = events(array(at("ground_truth.npy")), 200, T);
    const input = events(array(at("input.npy")), 200, T);
    expect(ones(recorded)).toBe(10_178);
    const training = await load(at("network.net"), { timesteps: String(T), fire: "ge" });
    const computed = spikes(training, run(training, input), "layer.1");
    expect(differences(computed, recorded, 2)).toBe(0);
    const lava = await load(at("network.net"), { timesteps: String(T) });
    expect(differences(spikes(lava, run(lava, input), "layer.1"), recorded, 2)).toBe(3014);
    // `output.npy` is what the network was trained towards, not what it does.
    const target = events(array(at("output.npy")), 200, T);
    expect(differences(recorded, target, 0)).toBe(17_705);
  });
});

describe("tinynet: input neurons and two convolutions, 15 timesteps after an empty one", () => {
  const T = 15;

  it("input, current, spikes of both convolutions, all late by one", async (context) => {
    const at = (file: string): string => join(folder(context), "tinynet", file);
    const imported = await load(at("tiny.net"), { timesteps: String(T) });
    // lava's arrays are [x, y, channel]; the recordings are [1, channel, y, x, t].
    const bias = permuted(array(at("input_bias.npy")), [1, 0, 2]);
    const evaluation = run(imported, Array<readonly number[]>(T).fill(bias));
    const recording = (file: string) => slots(permuted(array(at(file)), [4, 2, 3, 1, 0]), T + 1);
    for (const [layer, file, total] of [
      ["layer.0", "input.npy", 6783],
      ["layer.1", "layer1.npy", 1633],
      ["layer.2", "output.npy", 92],
    ] as const) {
      const recorded = recording(file);
      expect([file, ones(recorded)]).toEqual([file, total]);
      expect([file, differences(spikes(imported, evaluation, layer), recorded, 1)]).toEqual([file, 0]);
    }
    const synapse = imported.net.ops.find(({ symbols }) => symbols.includes("layer.1.weight"))!;
    const current = evaluation.values.get(synapse.result)!.map((slot) => [...slot]);
    expect(differences(current, recording("current.npy"), 1)).toBe(0);
    expect(differences(current, recording("current.npy"), 0)).toBeGreaterThan(0);
  });

  it("kernel and biases of the first convolution as lava turns them", async (context) => {
    const at = (file: string): string => join(folder(context), "tinynet", file);
    const conv = (await load(at("tiny.net"), {})).network.layers[1] as NetxConv;
    expect([...conv.bias!]).toEqual([...array(at("layer1_bias.npy")).data]);
    // lava: [out, x, y, in], both axes turned round.
    const lava = permuted(array(at("layer1_kernel.npy")), [0, 3, 2, 1]);
    const turned = lava.map((_, i) => lava[i - (i % 25) + (24 - (i % 25))]!);
    expect([...conv.weight]).toEqual(turned);
  });
});

describe("mnist", () => {
  it("three dense layers with a current that lasts are read and inspected", async (context) => {
    const file = join(folder(context), "mnist", "trained_mnist_network.net");
    const { net } = await load(file, { timesteps: "8" });
    expect(net.ops.map((op) => op.type.shape)).toEqual([[128], [128], [64], [64], [10], [10]]);
    const { code, out, err } = await spikec("inspect", file);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("109,184 weights, 0 biases, 202 spiking neurons");
  });
});
