import { describe, expect, it } from "vitest";
import { LayerwiseCosts, measuredActivity, uniformActivity } from "../../../src/backends/layerwise/index.js";
import { readChip, type LayerwiseChip } from "../../../src/chips/index.js";
import { Report } from "../../../src/diagnostics/index.js";
import { builtInTable, estimateEnergy } from "../../../src/energy/index.js";
import type { Net } from "../../../src/ir/index.js";
import { searchTimeBlocks } from "../../../src/passes/block-time.js";
import type { Schedule, ScheduleCost } from "../../../src/passes/cost-model.js";
import { createStepped } from "../../../src/sim/layerwise/index.js";
import { RunTotals } from "../../../src/sim/run-file.js";
import { allSchedules, prices, randomSchedule } from "../../support/schedules.js";
import {
  largeChip,
  Layers,
  mixedNet,
  Random,
  randomChip,
  randomInputs,
  real,
  sdtNet,
  smallChip,
  stattenNet,
} from "./nets.js";
import { compiled } from "./support.js";

function chipNamed(name: string): LayerwiseChip {
  const chip = readChip(name, new Report(), "layerwise");
  if (chip === undefined) throw new Error(`no chip ${name}`);
  return chip;
}

/** Nets and chips of all kinds. Seeds below 1000 were looked at while the model was written, the others were not. */
function subject(seed: number): { readonly net: Net; readonly chip: LayerwiseChip; readonly random: Random } {
  const random = new Random(seed);
  const chips = [
    () => randomChip(random),
    () => chipNamed("layerwise-small"),
    () => chipNamed("layerwise-default"),
    () => smallChip({ data: 16_384, spike: 2048, weight: 65_536 }),
    () => largeChip(),
    () => chipNamed("layerwise-large"),
  ] as const;
  const chip = chips[seed % chips.length]!();
  const chunk = random.pick([1, 2]);
  const timesteps = chunk * random.int(1, 3);
  const channels = 8 * random.int(1, 6);
  const nets = [
    () => stattenNet(random, { timesteps, chunk, side: random.int(2, 4), channels, heads: 2 }),
    () => mixedNet(random, timesteps),
    () => sdtNet(random, { timesteps, tokens: random.int(4, 20), channels, heads: 2 }),
  ] as const;
  return { net: random.pick(nets)(), chip, random };
}

type Inputs = ReadonlyMap<string, Float32Array | Int32Array>;

/** What the simulator measures. */
function simulated(net: Net, chip: LayerwiseChip, schedule: Schedule, inputs: Inputs): Omit<ScheduleCost, "latency"> {
  const program = compiled(net, chip, { schedule });
  const result = createStepped(program).run(inputs);
  const totals = new RunTotals(program);
  totals.add(result, { name: "0", label: undefined });
  const dramBytes = result.layers.reduce((sum, layer) => sum + layer.dramReadBytes + layer.dramWriteBytes, 0);
  const joules = estimateEnergy(totals.finish(), builtInTable()).totals.all;
  return { cycles: result.cycles, joules, dramBytes };
}

/** Ratio of predicted to simulated cycles and energy of some schedules of a subject. */
function predictions(seed: number): { readonly name: string; readonly cycles: number; readonly joules: number }[] {
  const { net, chip, random } = subject(seed);
  const inputs = randomInputs(net, random);
  const costs = new LayerwiseCosts(net, chip, measuredActivity(net, [inputs]), prices(chip));
  const timesteps = net.inputs[0]!.type.time.count * net.inputs[0]!.type.time.period;
  const schedules = [
    [{ from: 0, to: net.ops.length, block: timesteps }],
    randomSchedule(net, costs, () => random.next()),
  ];
  return schedules.flatMap((schedule, i) => {
    const expected = schedule && costs.total(schedule);
    if (schedule === undefined || expected === undefined) return [];
    const actual = simulated(net, chip, schedule, inputs);
    expect(expected.dramBytes, `DRAM bytes of seed ${seed}`).toBe(actual.dramBytes);
    const name = `seed ${seed} on ${chip.name}, schedule ${i}`;
    return [{ name, cycles: expected.cycles / actual.cycles, joules: expected.joules / actual.joules }];
  });
}

describe("predicted cycles and energy", () => {
  it.each([
    ["the nets and chips of development", 1],
    ["nets and chips not seen before", 4001],
  ])("are within 10 % of the simulated ones on %s", (_, first) => {
    const all = Array.from({ length: 30 }, (_unused, i) => predictions(first + i)).flat();
    expect(all.length).toBeGreaterThan(40);
    const far = all.filter(({ cycles, joules }) => Math.abs(cycles - 1) > 0.1 || Math.abs(joules - 1) > 0.1);
    expect(far).toEqual([]);
  });

  it("of the groups add up to at least those of the schedule, and hardly more", () => {
    for (const seed of [2, 3, 4]) {
      const { net, chip, random } = subject(seed);
      const costs = new LayerwiseCosts(net, chip, uniformActivity(0.2), prices(chip));
      const schedule = randomSchedule(net, costs, () => random.next());
      const whole = schedule && costs.total(schedule);
      if (schedule === undefined || whole === undefined) continue;
      const sum = schedule.reduce((total, group) => total + (costs.cost(group)?.cycles ?? NaN), 0);
      expect(sum / whole.cycles).toBeGreaterThan(0.999);
      expect(sum / whole.cycles).toBeLessThan(1.25);
    }
  });
});

describe("latency", () => {
  const latency = (held: boolean, block: number): { latency: number; cycles: number } => {
    const net = stattenNet(new Random(1), { timesteps: 8, chunk: 2, side: 2, channels: 16, heads: 2, held });
    const chip = largeChip();
    const costs = new LayerwiseCosts(net, chip, uniformActivity(0.2), prices(chip));
    return costs.cost({ from: 0, to: net.ops.length, block })!;
  };

  it("is that of the last time block where inputs come timestep by timestep", () => {
    const [short, long, all] = [2, 4, 8].map((block) => latency(false, block));
    expect(short!.latency).toBeLessThan(long!.latency);
    expect(long!.latency).toBeLessThan(all!.latency);
    // Four equal blocks, of which the first also waits for the weights.
    expect(short!.latency).toBeLessThan(short!.cycles / 4);
    expect(all!.latency).toBe(all!.cycles);
  });

  it("is the whole run where a picture comes once", () => {
    for (const block of [2, 4, 8]) expect(latency(true, block).latency).toBe(latency(true, block).cycles);
  });
});

describe("activity", () => {
  it("is counted on the values of the evaluator", () => {
    const layers = new Layers("identity", new Random(1));
    const x = layers.builder.input("x", real(3, 2, 4));
    const spikes = layers.lif(x, { charge: { name: "integrate", args: [] }, v_th: 1 });
    const net = layers.finish({ y: layers.dense(spikes, 2) });
    const name = net.ops[0]!.result;
    // Position 0 never fires; of position 1, channel 0 fires at t = 0 and 2, channel 1 at t = 1.
    const input = new Float32Array(24);
    for (const at of [4, 13, 20]) input[at] = 1;
    const activity = measuredActivity(net, [new Map([["x", input]])]);
    expect(activity.any(name, 0, 0, 1)).toEqual([0, 0.25]);
    expect(activity.any(name, 0, 0, 3)).toEqual([0, 0.5]);
    expect(activity.sum(name, 0, 0, 3)).toBeCloseTo(3 / 8, 12);
    expect(activity.nonZero("x", 1)).toBe(1 / 8);
    expect(uniformActivity(0.5).any(name, 0, 0, 2)).toEqual([0.75]);
  });
});

describe("the chosen schedule", () => {
  /** A convolution on a large map, then small layers with many weights: different blocks suit them. */
  function tapered(seed: number, timesteps: number): Net {
    const random = new Random(seed);
    const layers = new Layers("tapered", random);
    const x = layers.builder.input("x", real(timesteps, 6, 6, 2));
    const s = layers.lif(layers.conv(x, 16, { kernel: 3, padding: 1 }));
    const t = layers.lif(
      layers.conv(layers.op("pool.or", [s], { kernel: 2, stride: 2, padding: 0 }), 24, { kernel: 3 }),
    );
    return layers.finish({ y: layers.conv(t, 16, { kernel: 1 }) });
  }

  it.each([
    ["seen", 1],
    ["unseen", 1001],
  ])("takes at most a twentieth more cycles than the best simulated one (%s)", (_, seed) => {
    const inputs = (net: Net) => randomInputs(net, new Random(seed + 7));
    for (const data of [2048, 4096]) {
      const net = tapered(seed, 4);
      const chip = smallChip({ data, spike: 256, weight: 16_384 });
      const given = inputs(net);
      const costs = new LayerwiseCosts(net, chip, measuredActivity(net, [given]), prices(chip));
      const result = searchTimeBlocks(net, costs, { objective: "cycles" }, new Report());
      expect(result).toBeDefined();
      const cycles = (schedule: Schedule): number => simulated(net, chip, schedule, given).cycles;
      const all = [...allSchedules(net, costs)].filter((schedule) =>
        schedule.every((g) => costs.cost(g) !== undefined),
      );
      expect(all.length).toBeGreaterThan(20);
      const best = Math.min(...all.map(cycles));
      expect(cycles(result!.chosen.schedule)).toBeLessThanOrEqual(1.05 * best);
    }
  });
});
