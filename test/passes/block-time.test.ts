import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { uniformActivity } from "../../src/backends/layerwise/cost/activity.js";
import { LayerwiseCosts } from "../../src/backends/layerwise/cost/model.js";
import { Report } from "../../src/diagnostics/index.js";
import type { Net } from "../../src/ir/index.js";
import { passDiagnostics } from "../../src/passes/index.js";
import {
  candidateBlocks,
  OBJECTIVES,
  possibleBorders,
  searchTimeBlocks,
  type Objective,
} from "../../src/passes/block-time.js";
import type { CostModel, ScheduleCost, ScheduleGroup } from "../../src/passes/cost-model.js";
import { Layers, Random, real, smallChip, stattenNet } from "../backends/layerwise/nets.js";
import { allSchedules, costOf, prices } from "../support/schedules.js";

/** `layers` weighted layers with a neuron each. */
function chain(layers: number, timesteps: number): Net {
  const build = new Layers("chain", new Random(layers));
  let x = build.builder.input("x", real(timesteps, 4, 8));
  for (let i = 0; i < layers; i++) x = build.lif(build.dense(x, 8));
  return build.finish({ y: build.dense(x, 3) });
}

/** A number that looks random, the same for the same question. */
function chance(seed: number, ...of: readonly number[]): number {
  return new Random(of.reduce((hash, n) => Math.imul(hash ^ n, 0x9e3779b1) + n, seed)).next();
}

/** Costs without sense: any group may cost anything, some cannot run, some neighbours cannot be joined. */
function senselessCosts(seed: number): CostModel {
  const whole = (x: number): number => Math.floor(x * 20);
  return {
    // Behind neurons, so that a piece is a layer.
    canCut: (at) => at % 2 === 0 && chance(seed, 1, at) < 0.8,
    canJoin: (at, before, after) => chance(seed, 2, at, before, after) < 0.7,
    cost({ from, to, block }: ScheduleGroup): ScheduleCost | undefined {
      if (chance(seed, 3, from, to, block) < 0.15) return undefined;
      const at = (i: number): number => whole(chance(seed, i, from, to, block));
      const cycles = 1 + at(4) + 2 * (to - from);
      return { cycles, joules: at(5), dramBytes: at(6), latency: Math.min(cycles, at(7)) };
    },
    explain: (_, report) => void report.add(passDiagnostics.make("no-schedule", "cannot run")),
  };
}

const measure = (cost: ScheduleCost, objective: Objective): number =>
  objective === "energy" ? cost.joules : cost[objective];

const asText = (cost: ScheduleCost): string => OBJECTIVES.map((o) => measure(cost, o)).join(" ");

/** Costs in thousands, each saving of cycles paid in energy: few schedules beat others. */
function tradedCosts(seed: number): CostModel {
  return {
    ...senselessCosts(seed),
    canCut: (at) => at % 2 === 0,
    cost({ from, to, block }) {
      const most = 1000 * (to - from);
      const part = (i: number): number => Math.floor(most * chance(seed, i, from, to, block));
      const cycles = 1 + part(4);
      const joules = most - cycles + Math.floor(part(5) / 8);
      return { cycles, joules, dramBytes: 0, latency: Math.min(cycles, part(6)) };
    },
  };
}

/** The least of one measure alone: per border and time block of the last group, one number says all. */
function least(net: Net, costs: CostModel, objective: Objective): number {
  const borders = possibleBorders(net, costs);
  const reached = borders.map(() => new Map<number, number>());
  borders.forEach((end, to) => {
    for (const [from, start] of borders.slice(0, to).entries()) {
      for (const block of candidateBlocks(net, { from: start, to: end })) {
        const cost = costs.cost({ from: start, to: end, block });
        if (cost === undefined) continue;
        // Only the first group's latency counts: the others wait for it.
        const own = from === 0 || objective === "energy" ? measure(cost, objective) : cost.cycles;
        const before = [...reached[from]!].flatMap(([b, sum]) => (costs.canJoin(start, b, block) ? [sum] : []));
        for (const sum of from === 0 ? [0] : before) {
          reached[to]!.set(block, Math.min(reached[to]!.get(block) ?? Infinity, sum + own));
        }
      }
    }
  });
  return Math.min(...reached.at(-1)!.values());
}

/** What the search should find, by trying everything. */
function byForce(net: Net, costs: CostModel) {
  const all = [...allSchedules(net, costs)].flatMap((schedule) => costOf(schedule, costs) ?? []);
  const beaten = (a: ScheduleCost): boolean =>
    all.some(
      (b) =>
        OBJECTIVES.every((o) => measure(b, o) <= measure(a, o)) &&
        OBJECTIVES.some((o) => measure(b, o) < measure(a, o)),
    );
  const front = new Set(all.filter((a) => !beaten(a)).map(asText));
  return { all, front };
}

describe("the search for time blocks", () => {
  it("finds what trying every schedule finds, for any costs", () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        (seed, layers, timesteps) => {
          const net = chain(layers, timesteps);
          const costs = senselessCosts(seed);
          const { all, front } = byForce(net, costs);
          for (const objective of OBJECTIVES) {
            const result = searchTimeBlocks(net, costs, { objective }, new Report());
            expect(result === undefined).toBe(all.length === 0);
            if (result === undefined) continue;
            found++;
            expect(measure(result.chosen.cost, objective)).toBe(
              Math.min(...all.map((cost) => measure(cost, objective))),
            );
            expect(new Set(result.front.map(({ cost }) => asText(cost)))).toEqual(front);
            for (const { schedule, cost } of [result.chosen, ...result.front, ...result.uniform]) {
              expect(costOf(schedule, costs)).toEqual(cost);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
    expect(found).toBeGreaterThan(30);
  });

  it("finds the best by each measure where it keeps only some of the schedules that none beats", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const net = chain(11, 3);
      const costs = tradedCosts(seed);
      for (const objective of OBJECTIVES) {
        const { chosen, front } = searchTimeBlocks(net, costs, { objective }, new Report())!;
        expect(front.length).toBeGreaterThan(64);
        expect(measure(chosen.cost, objective)).toBe(least(net, costs, objective));
      }
    }
  });

  it("finds it with the costs of a chip, too", () => {
    for (const seed of [1, 2, 3]) {
      const net = chain(3, 4);
      const chip = smallChip({ data: 1024 * seed, spike: 256, weight: 4096 });
      const costs = new LayerwiseCosts(net, chip, uniformActivity(0.1 * seed), prices(chip));
      const { all } = byForce(net, costs);
      expect(all.length).toBeGreaterThan(50);
      for (const objective of OBJECTIVES) {
        const result = searchTimeBlocks(net, costs, { objective }, new Report());
        const best = Math.min(...all.map((cost) => measure(cost, objective)));
        expect(result && measure(result.chosen.cost, objective)).toBeCloseTo(best, 12);
      }
    }
  });

  it("says what cannot run where nothing can", () => {
    const report = new Report();
    const costs = { ...senselessCosts(1), cost: () => undefined };
    expect(searchTimeBlocks(chain(2, 2), costs, { objective: "cycles" }, report)).toBeUndefined();
    expect(report.errors.map((d) => d.message)).toEqual(["cannot run"]);
    const tiny = smallChip({ weight: 256 });
    const model = new LayerwiseCosts(chain(2, 2), tiny, uniformActivity(0.1), prices(tiny));
    const fit = new Report();
    expect(searchTimeBlocks(chain(2, 2), model, { objective: "cycles" }, fit)).toBeUndefined();
    const [error] = fit.errors;
    expect(error?.message).toMatch(/needs \d+ bytes of weight memory .* the chip has 256/);
    expect(error?.hint).toMatch(/memories\.weight\.bytes/);
  });
});

describe("groups of a net", () => {
  const net = stattenNet(new Random(1), { timesteps: 8, chunk: 2, side: 2, channels: 16, heads: 2 });
  const chip = smallChip();
  const costs = new LayerwiseCosts(net, chip, uniformActivity(0.2), prices(chip));
  const attention = net.ops.findIndex((op) => op.name === "attention.statten");
  const time = net.ops.findIndex((op) => op.name === "reduce.mean-time");

  it("have time blocks that are multiples of the chunks inside", () => {
    expect(candidateBlocks(net, { from: attention, to: attention + 1 })).toEqual([2, 4, 6, 8]);
    expect(candidateBlocks(net, { from: attention + 1, to: attention + 2 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("may hold a sequence op behind their time blocks", () => {
    expect(candidateBlocks(net, { from: attention, to: net.ops.length })).toEqual([2, 4, 6, 8]);
    expect(candidateBlocks(net, { from: time, to: time + 1 })).toEqual([8]);
  });

  it("end where everything that crosses lies in memory", () => {
    const borders = possibleBorders(net, costs);
    expect(borders[0]).toBe(0);
    expect(borders.at(-1)).toBe(net.ops.length);
    for (const at of borders.slice(1, -1)) {
      const [before, behind] = [net.ops[at - 1], net.ops[at]];
      // A sum of weights exists only inside the stage of its neuron.
      expect([before?.name, behind?.name]).not.toEqual(["synapse.dense", "neuron.lif"]);
    }
    expect(borders.length).toBeGreaterThan(10);
  });
});
