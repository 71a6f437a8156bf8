import { describe, expect, it } from "vitest";
import type { AttentionCore, LoihiInput } from "../../../src/backends/program/loihi/program.js";
import { createBoth } from "./both.js";
import type { LoihiRunResult } from "../../../src/sim/loihi/result.js";
import { chip, group, neuroCore, packRoutes, program } from "./build.js";

/*
 * One token, one head of two channels, two timesteps; lanes 1, so an event costs 2 x attention 10 and clearing 4 x 10.
 *   t = 0: q 1 0, k 1 1, v 1 0      t = 1: q 1 1, k 0 1, v 1 1
 * With a chunk of both, A = [1 0; 2 1], o = [1 0], [3 1]; each timestep for itself, A = [1 0; 1 0], o = [1 0] and A = [0 0; 1 1], o = [1 1].
 */
const OPERANDS = [1, 0, 1, 1, 1, 0, /* t = 1: */ 1, 1, 0, 1, 1, 1];
const TIME = { attention: 10, hostInput: 100, spikeOut: 7, messageOut: 3, messageIn: 4, barrier: { 1: 1000 } };

/** An attention core of population `population`; with routes, each value goes to the axon of its own in core 0. */
function attention(population: number, chunk: number, routed: boolean): AttentionCore {
  const routes = [0, 1].map((axon) => (routed ? [{ core: 0, axon }] : []));
  return {
    kind: "attention",
    tile: 0,
    slot: 1 + population,
    population,
    heads: 1,
    headDim: 2,
    tokens: 1,
    chunk,
    firstChannel: 0,
    routes: packRoutes(routes),
  };
}

/** Two neurons that add up what they get, from step 3 on. */
const reader = neuroCore({
  tile: 0,
  slot: 0,
  groups: [group(0, 0, [0, 1], { threshold: [1000, 1000] })],
  axons: [[{ list: 0, base: 0 }], [{ list: 0, base: 1 }]],
  lists: [{ format: 0, synapses: [{ target: 0, weight: 1, delay: 1 }] }],
  routes: [[], []],
});

function run(mode: "pipelined" | "lockstep", chunks: readonly number[]): LoihiRunResult {
  const routes = Array.from({ length: 6 }, (_, axon) => chunks.map((_, i) => ({ core: 1 + i, axon })));
  const inputs: LoihiInput[] = [
    { name: "qkv", format: "spike", shape: [3, 1, 2], start: 0, routes: packRoutes(routes) },
  ];
  const simulated = program({
    chip: chip({ time: TIME, attention: { lanes: 1, mode, cores: 2 } }),
    timesteps: 2,
    populations: [[2, 3], ...chunks.map((): [number, number] => [2, 0])],
    cores: [reader, ...chunks.map((chunk, i) => attention(1 + i, chunk, i === 0))],
    inputs,
  });
  return createBoth(simulated).run(new Map([["qkv", OPERANDS]]), { states: true });
}

/** The reader keeps sums: o of t = 0, and that plus o of t = 1. */
function expectValues(result: LoihiRunResult): void {
  expect([...result.states!.get("population0")!.v]).toEqual([1, 0, 4, 1]);
}

describe("attention cores", () => {
  it("work off queries while the next chunk is added, pipelined", () => {
    const result = run("pipelined", [2]);
    // Step 0: 4 host values 400, clearing 40, 2 k events 40. Step 1: 5 host values 500, 1 k event 20.
    // Step 2: 1 q event 20, o = 1 0: spikeOut 7 + messageOut 3; the message 4. Step 3: 2 q events 40, o = 3 1: 20; the last message 4.
    expect([...result.stepTimes]).toEqual([1480, 1520, 1034, 1064, 1000]);
    expect([...result.neuronTimes]).toEqual([480, 520, 30, 60, 0]);
    const { events } = result.layers[1]!;
    expect([...events.kv]).toEqual([4, 2, 0, 0, 0]);
    expect([...events.qa]).toEqual([0, 0, 2, 4, 0]);
    expect([...events.spike]).toEqual([0, 0, 1, 2, 0]);
    expectValues(result);
  });

  it("stop the chip behind the last timestep of a chunk, lockstep", () => {
    const result = run("lockstep", [2]);
    // As pipelined; behind step 1 the queries: (20 + barrier 1000) + (40 + 1000). Values leave without them.
    expect([...result.stepTimes]).toEqual([1480, 1520 + 2060, 1014, 1024, 1000]);
    expect([...result.layers[1]!.events.qa]).toEqual([0, 6, 0, 0, 0]);
    expect(result.cores[1]!.neuronTime).toBe(480 + 520 + 60 + 10 + 20);
    expectValues(result);
  });

  it("wait for the longest of those that are at the end of a chunk, lockstep", () => {
    const result = run("lockstep", [2, 1]);
    // The second core attends to each timestep alone. Step 0: 480 in both; its query 20 + 1000.
    // Step 1: 500 + clearing 40 + 1 k event 20 + o = 1 0 without routes 7 = 567; then max(20, 40) + 1000, 40 + 1000.
    // Step 2: the first core's value and message 14, the second one's o = 1 1 14.
    expect([...result.stepTimes]).toEqual([2500, 1567 + 2080, 1014, 1024, 1000]);
    expectValues(result);
  });
});
