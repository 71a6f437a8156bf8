import { describe, expect, it } from "vitest";
import { planFire, planMultiply, planQueries, planSum } from "../../../src/sim/kernels/divide.js";
import type { AttendQueries, FireJob, Multiplication, WeightedSum } from "../../../src/sim/kernels/index.js";

/* Which calls may be divided: a plan without cost is done in one piece. Each limit with its two sides. */

const LANES = 8;
const WORD = 4 * LANES;
const POSITIONS = 5;
const STEPS = 3;

const isDivided = ({ cost }: { readonly cost: number }): boolean => cost > 0;

describe("results that lie apart", () => {
  const sum = (positionBytes: number, stepBytes: number, steps = STEPS): boolean => {
    const lists = { headers: 0, positions: POSITIONS, steps, planes: 1, rows: 100 };
    const job = { lists, positions: POSITIONS, lanes: LANES, positionBytes, stepBytes } as WeightedSum;
    return isDivided(planSum(job, 32));
  };

  it("position by position within a timestep", () => {
    expect(sum(WORD, POSITIONS * WORD)).toBe(true);
    expect(sum(WORD, POSITIONS * WORD - 4)).toBe(false);
    expect(sum(WORD - 4, 100 * WORD)).toBe(false);
    expect(sum(WORD, 0, 1)).toBe(true);
  });

  it("timestep by timestep within a position", () => {
    expect(sum(STEPS * WORD, WORD)).toBe(true);
    expect(sum(STEPS * WORD - 4, WORD)).toBe(false);
  });
});

describe("multiplications", () => {
  const window = { lanes: LANES, blocks: 2, height: 6, width: 3, firstRow: 1, kernel: 1, stride: 1, padding: 0 };
  const tile = { outRow: 1, outRows: POSITIONS, outWidth: 1 };
  const inputBytes = 5 * 3 * 2 * WORD;
  const base = { ...window, ...tile, channels: 16, slots: 2, slotBytes: inputBytes, positionBytes: WORD };
  const plan = (input: number, output: number, scratch = 16 * 16): boolean => {
    const job = { ...base, stepBytes: POSITIONS * WORD, input, output } as Multiplication;
    return isDivided(planMultiply(job, scratch));
  };

  it("write nothing that they read later", () => {
    expect(plan(0, 2 * inputBytes)).toBe(true);
    expect(plan(0, 2 * inputBytes - 4)).toBe(false);
    const outputBytes = 2 * POSITIONS * WORD;
    expect(plan(outputBytes, 0)).toBe(true);
    expect(plan(outputBytes - 4, 0)).toBe(false);
  });

  it("gather a window in the scratch room of a thread", () => {
    expect(plan(0, 2 * inputBytes, 16 * 16 - 1)).toBe(false);
  });
});

describe("neurons", () => {
  const states = POSITIONS * WORD;
  const base = { positions: POSITIONS, lanes: LANES, steps: STEPS, timesteps: 8, write: true } as FireJob;
  const strides = { currentPositionBytes: STEPS * WORD, currentStepBytes: WORD, statePositionBytes: WORD };
  const plan = (given: Partial<FireJob>): boolean =>
    isDivided(planFire({ ...base, ...strides, state: 0, current: states, outputPositionBytes: LANES, ...given }));

  it("keep potentials apart from currents, and spike words from each other", () => {
    expect(plan({})).toBe(true);
    expect(plan({ current: states - 4 })).toBe(false);
    expect(plan({ current: states - 4, write: false })).toBe(true);
    expect(plan({ current: 0, state: POSITIONS * STEPS * WORD })).toBe(true);
    expect(plan({ current: 0, state: POSITIONS * STEPS * WORD - 4 })).toBe(false);
    expect(plan({ statePositionBytes: WORD - 4 })).toBe(false);
    expect(plan({ outputPositionBytes: LANES - 1 })).toBe(false);
  });
});

it("queries list the rows of a head in the scratch room of a thread", () => {
  const job = { positions: POSITIONS, steps: 1, d: 32, lanes: LANES, blocks: 4, timesteps: 1 } as AttendQueries;
  const placed = { ...job, positionBytes: 4 * 32, stepBytes: 0 };
  expect(isDivided(planQueries(placed, 4 * 32))).toBe(true);
  expect(isDivided(planQueries(placed, 4 * 32 - 1))).toBe(false);
  expect(isDivided(planQueries({ ...placed, positionBytes: 4 * 32 - 4 }, 4 * 32))).toBe(false);
});
