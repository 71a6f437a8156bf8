import type { LoihiChip } from "../../../../src/chips/loihi.js";
import { Random } from "../../../support/random.js";
import { chip, group, neuroCore, packRoutes, program } from "../build.js";
import type { LoihiCase } from "../random-programs.js";

const COMPARTMENTS = 6;
const TIMESTEPS = 9;

/**
 * Compartments of one core at the borders of their arithmetic: the host puts in what takes sums and states to where they wrap and
 * are clipped, or nothing for some timesteps, so that a compartment rests unused.
 */
export function randomBorderCase(seed: number): LoihiCase {
  const random = new Random(seed);
  const profile = random.pick<LoihiChip["numerics"]["profile"]>(["loihi", "nengo", "lava", "brian2"]);
  const limit = 2 ** 23 - 1;
  const signed = (value: number): number => (random.chance(0.5) ? value : -value);
  const border = (): number => signed(2 ** random.pick([12, 20, 21, 22, 23]) + random.int(-1, 1));
  const groups = Array.from({ length: COMPARTMENTS }, (_, i) =>
    group(0, i, [i], {
      decayU: random.pick([0, 1, 2048, 4095]),
      decayV: random.pick([0, 1, 4095]),
      refractory: profile === "lava" ? 1 : random.int(1, 5),
      vMin: -limit,
      vMax: limit,
      currentShift: profile === "lava" ? random.pick([-7, -6, -6, -5]) : 0,
      threshold: [random.pick([0, 64, 2 ** 22, limit - 1, limit])],
      bias: [profile === "brian2" ? 0 : random.pick([0, 0, border()])],
    }),
  );
  const each = Array.from({ length: COMPARTMENTS }, (_, i) => i);
  const core = neuroCore({
    tile: 0,
    slot: 0,
    groups,
    axons: each.map((base) => [{ list: 0, base }]),
    lists: [{ format: 0, synapses: [{ target: 0, weight: 1, delay: 1 }] }],
    routes: each.map(() => []),
  });
  const routes = packRoutes(each.map((axon) => [{ core: 0, axon }]));
  const inputs = [{ name: "x", format: "graded" as const, shape: [COMPARTMENTS], start: 0, routes }];
  const values = Int32Array.from({ length: TIMESTEPS * COMPARTMENTS }, () => (random.chance(0.5) ? border() : 0));
  return {
    program: program({
      chip: chip({ numerics: { profile, gradedBits: 32 }, time: { neuronUpdate: 1 } }),
      timesteps: TIMESTEPS,
      populations: [[COMPARTMENTS, 0]],
      cores: [core],
      inputs,
    }),
    inputs: new Map([["x", values]]),
  };
}
