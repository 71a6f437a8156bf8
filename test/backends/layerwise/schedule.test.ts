import { describe, expect, it } from "vitest";
import { uniformActivity } from "../../../src/backends/layerwise/cost/activity.js";
import { LayerwiseCosts } from "../../../src/backends/layerwise/cost/model.js";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import type { Net } from "../../../src/ir/index.js";
import type { Schedule } from "../../../src/passes/cost-model.js";
import { layerwiseMemory } from "../../../src/report/memory/layerwise.js";
import { randomSchedule, prices } from "../../support/schedules.js";
import { largeChip, mixedNet, Random, randomChip, sdtNet, smallChip, stattenNet } from "./nets.js";
import { compiled, expectSame } from "./support.js";

const costsOf = (net: Net, chip: LayerwiseChip) => new LayerwiseCosts(net, chip, uniformActivity(0.2), prices(chip));

/** Schedules of a net on a chip, without those that cannot run. */
function* schedules(net: Net, chip: LayerwiseChip, random: Random, n: number): Generator<Schedule> {
  const costs = costsOf(net, chip);
  for (let i = 0; i < n; i++) {
    const schedule = randomSchedule(net, costs, () => random.next());
    if (schedule !== undefined && costs.total(schedule) !== undefined) yield schedule;
  }
}

describe("a schedule of groups", () => {
  it.each([
    ["small", smallChip({ data: 8192, spike: 1024, weight: 65_536 })],
    ["large", largeChip()],
  ])("computes what the net computes, on a %s chip", (_, chip) => {
    let groups = 0;
    let spikes = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Random(seed);
      const chunk = random.pick([1, 2]);
      const timesteps = chunk * random.int(2, 4);
      const held = random.int(0, 1) === 1;
      const nets = [
        stattenNet(random, { timesteps, chunk, side: 2, channels: 16, heads: 2, held, lowered: seed % 3 === 0 }),
        mixedNet(random, timesteps),
        sdtNet(random, { timesteps, tokens: 5, channels: 16, heads: 2, dvs: seed % 2 === 0 }),
      ];
      for (const net of nets) {
        for (const schedule of schedules(net, chip, random, 2)) {
          const program = compiled(net, chip, { schedule });
          spikes += expectSame(net, program, seed).spikes;
          expect(costsOf(net, chip).mostOnChip(schedule)).toBe(layerwiseMemory(program).onChip.peak);
          groups += schedule.length;
        }
      }
    }
    expect(groups).toBeGreaterThan(200);
    expect(spikes).toBeGreaterThan(1000);
  });

  it("runs on chips with odd lanes, words and bursts", () => {
    let ran = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const random = new Random(seed);
      const chip = randomChip(random);
      const net = stattenNet(random, { timesteps: 4, chunk: 2, side: 2, channels: 8 * random.int(1, 3), heads: 2 });
      for (const schedule of schedules(net, chip, random, 1)) {
        expectSame(net, compiled(net, chip, { schedule }), seed);
        ran++;
      }
    }
    expect(ran).toBeGreaterThan(15);
  });

  it("of one group is the program of its time block", () => {
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const net = stattenNet(random, { timesteps: 4, chunk: 2, side: 2, channels: 16, heads: 2 });
      const schedule = [{ from: 0, to: net.ops.length, block: 2 }];
      expect(compiled(net, smallChip({ data: 8192 }), { schedule })).toEqual(
        compiled(net, smallChip({ data: 8192 }), { timeBlock: 2 }),
      );
    }
  });

  it("lets spikes cross between groups only if their words hold the same timesteps", () => {
    const chip = smallChip();
    const net = sdtNet(new Random(1), { timesteps: 6, tokens: 5, channels: 16, heads: 2 });
    const costs = costsOf(net, chip);
    const behindNeuron = net.ops.findIndex((op) => op.name === "neuron.lif") + 1;
    expect(costs.canCut(behindNeuron)).toBe(true);
    // Words of two timesteps: blocks of 2, 4 and 6 fill them, blocks of 1, 3 and 5 leave gaps of their own.
    const joined = [1, 2, 3, 4, 5, 6].map((a) => [1, 2, 3, 4, 5, 6].filter((b) => costs.canJoin(behindNeuron, a, b)));
    expect(joined).toEqual([[1], [2, 4, 6], [3], [2, 4, 6], [5], [2, 4, 6]]);
  });
});
