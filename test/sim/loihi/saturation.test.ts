import { describe, expect, it } from "vitest";
import { saturations } from "../../../src/sim/loihi/saturation.js";
import { createBoth } from "./both.js";
import { chip, group, neuroCore, program } from "./build.js";

/** Two neurons whose biases add up for two timesteps, in core 1; core 0 holds a silent population. */
function warningWith(bias: number, vMax: number) {
  const silent = neuroCore({ tile: 0, slot: 0, groups: [group(0, 0, [0])], axons: [], lists: [], routes: [[]] });
  const driven = neuroCore({
    tile: 1,
    slot: 0,
    groups: [group(1, 0, [0, 1], { bias: [bias, 0], threshold: [2 ** 22, 2 ** 22], vMax })],
    axons: [],
    lists: [],
    routes: [[], []],
  });
  const simulated = program({
    chip: chip({}),
    timesteps: 2,
    populations: [
      [1, 0],
      [2, 0],
    ],
    cores: [silent, driven],
  });
  const { layers } = createBoth(simulated).run(new Map());
  return { warning: saturations(simulated, layers), layer: simulated.layers[1]!.name };
}

describe("numbers that states do not hold", () => {
  it("are counted by layer, with its cores and what they hold", () => {
    // v is 100, then 200.
    expect(warningWith(100, 200).warning).toBeUndefined();
    const { warning, layer } = warningWith(100, 199);
    expect(warning).toMatchObject({ code: "sim/saturation", severity: "warning" });
    expect(warning!.message).toMatch(/^sums or potentials .*: 1$/);
    expect(warning!.notes.map(({ message }) => message)).toEqual([
      `${layer}: 1 in 2 updates, core 1; v holds -8388607..199`,
    ]);
    expect(warning!.hint).toBeTruthy();
  });
});
