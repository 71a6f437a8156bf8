import { describe, expect, it } from "vitest";
import { createBoth } from "./both.js";
import type { LoihiRunResult } from "../../../src/sim/loihi/result.js";
import { chip, DENSE, group, neuroCore, program, type ChipParts, type Route } from "./build.js";

/** Small programs whose times can be worked out on paper, to the picosecond. The comments are the working. */

/** A core whose neurons all fire in every step: their bias is above their threshold. Neuron i sends along routes[i]. */
function firing(population: number, tile: number, routes: readonly (readonly Route[])[], slot = 0) {
  const neurons = routes.map((_, i) => i);
  const groups = [group(population, 0, neurons, { bias: neurons.map(() => 1) })];
  return neuroCore({ tile, slot, groups, axons: [], lists: [], routes });
}

/** A core with one silent neuron and `axons` axons, each of `synapses` synapses of weight 0. */
function silent(population: number, tile: number, axons: number, synapses = 1, slot = 0) {
  const list = { format: 0, synapses: Array.from({ length: synapses }, () => ({ target: 0, weight: 0, delay: 1 })) };
  return neuroCore({
    tile,
    slot,
    groups: [group(population, 0, [0])],
    axons: Array.from({ length: axons }, () => [{ list: 0, base: 0 }]),
    lists: [list],
    routes: [[]],
  });
}

const run = (
  parts: ChipParts,
  populations: readonly (readonly [number, number])[],
  cores: Parameters<typeof program>[0]["cores"],
  { timesteps = 1 } = {},
): LoihiRunResult => createBoth(program({ chip: chip(parts), timesteps, populations, cores })).run(new Map());

describe("a step", () => {
  it("ends with the neurons where nothing is sent", () => {
    // Three neurons fire without a route: 3 x (access 10 + update 3 + spikeOut 5) = 54; barrier 100.
    const time = { neuronAccess: 10, neuronUpdate: 3, spikeOut: 5, messageOut: 1000, barrier: { 1: 100 } };
    const result = run({ time }, [[3, 0]], [firing(0, 0, [[], [], []])]);
    expect([...result.stepTimes]).toEqual([154]);
    expect([...result.neuronTimes]).toEqual([54]);
    expect(result.cores[0]).toMatchObject({ neuronTime: 54, ingressTime: 0, sent: 0, received: 0 });
  });

  it("costs accesses alone outside of a population's window, and updates where something is not zero", () => {
    // Population 1 starts in step 1. Step 0: 1 x (10 + 3 + 5) + 10 = 28; step 1: 10 + (10 + 3 + 5) = 28.
    const core = neuroCore({
      tile: 0,
      slot: 0,
      groups: [group(0, 0, [0], { bias: [1] }), group(1, 1, [0], { bias: [1] })],
      axons: [],
      lists: [],
      routes: [[], []],
    });
    const result = run(
      { time: { neuronAccess: 10, neuronUpdate: 3, spikeOut: 5 } },
      [
        [1, 0],
        [1, 1],
      ],
      [core],
    );
    expect([...result.stepTimes]).toEqual([28, 28]);
    expect([...result.layers[0]!.events.update]).toEqual([1, 0]);
    expect([...result.layers[1]!.events.update]).toEqual([0, 1]);
    expect([...result.layers[1]!.events.access]).toEqual([1, 1]);
  });

  it.each([
    [1, 11],
    [2, 11],
    [3, 300],
    [4, 300],
    [5, 7],
  ])("with cores at %i tiles has a barrier of %i", (tiles, barrier) => {
    const cores = Array.from({ length: tiles }, (_, tile) => silent(tile, tile, 0));
    const populations = cores.map(() => [1, 0] as const);
    const result = run({ time: { barrier: { 1: 11, 3: 300, 5: 7 } } }, populations, cores);
    expect([...result.stepTimes]).toEqual([barrier]);
  });

  it("counts tiles, not cores, for the barrier", () => {
    const result = run(
      { time: { barrier: { 1: 11, 2: 300 } } },
      [
        [1, 0],
        [1, 0],
      ],
      [silent(0, 5, 0), silent(1, 5, 0, 1, 1)],
    );
    expect([...result.stepTimes]).toEqual([11]);
  });
});

describe("messages", () => {
  it("wait for each other at one link", () => {
    // Four neurons fire at 5, 10, 15, 20 (messageOut 5). Injection serves 1 and is never busy; the way to the router takes 2,
    // so they are at the link at 7, 12, 17, 22. The link serves 20 each: starts 7, 27, 47, 67; the hop takes 30: at the
    // ingress at 37, 57, 77, 97. It serves messageIn 4 + synapse 3 = 7: the last is done at 104. Barrier 50.
    // Queue of the link: at 22 the messages of 12, 17 and 22 are there.
    const time = {
      messageOut: 5,
      injection: 1,
      injectionHop: 2,
      link: 20,
      hopX: 30,
      hopY: 999,
      messageIn: 4,
      synapse: { dense: 3 },
      barrier: { 1: 50 },
    };
    const routes = [0, 1, 2, 3].map((axon) => [{ core: 1, axon }]);
    const result = run(
      { time },
      [
        [4, 0],
        [1, 0],
      ],
      [firing(0, 0, routes), silent(1, 1, 4)],
    );
    expect([...result.stepTimes]).toEqual([154]);
    expect([...result.neuronTimes]).toEqual([20]);
    expect(result.links).toEqual([{ from: 0, to: 1, messages: 4, peak: 3 }]);
    expect(result.cores[1]).toMatchObject({ ingressTime: 28, received: 4, ingressPeak: 1 });
  });

  it("arrive while others are in service, and queues count what waits behind", () => {
    // All four leave at 0 and are at the link at once: 4 in its queue (the first starts at once), served at 0, 20, 40, 60.
    // Injection serves in no time; its queue had the four, too.
    const time = { link: 20, hopX: 30 };
    const routes = [0, 1, 2, 3].map((axon) => [{ core: 1, axon }]);
    const result = run(
      { time },
      [
        [4, 0],
        [1, 0],
      ],
      [firing(0, 0, routes), silent(1, 1, 4)],
    );
    expect([...result.stepTimes]).toEqual([90]);
    expect(result.links[0]!.peak).toBe(4);
    expect(result.cores[0]!.injectionPeak).toBe(4);
  });

  it("do not count any more at the instant of their start", () => {
    // messageOut 10, injection 10: sent at 10, 20, 30 and each starts at once, when its predecessor's service ends.
    const exact = run(
      { time: { messageOut: 10, injection: 10 } },
      [
        [3, 0],
        [1, 0],
      ],
      [
        firing(
          0,
          0,
          [0, 1, 2].map((axon) => [{ core: 1, axon }]),
        ),
        silent(1, 0, 3, 1, 1),
      ],
    );
    expect(exact.cores[0]!.injectionPeak).toBe(1);
    // injection 15: sent at 10, 20, 30, 40; starts 10, 25, 40, 55. At 40 the third starts and the fourth arrives: 1 waits.
    const waiting = run(
      { time: { messageOut: 10, injection: 15 } },
      [
        [4, 0],
        [1, 0],
      ],
      [
        firing(
          0,
          0,
          [0, 1, 2, 3].map((axon) => [{ core: 1, axon }]),
        ),
        silent(1, 0, 4, 1, 1),
      ],
    );
    expect(waiting.cores[0]!.injectionPeak).toBe(1);
    expect([...waiting.stepTimes]).toEqual([55]);
  });

  it("merge by arrival, then by core", () => {
    // Cores A (tile 0) and B (tile 1) both go over link 1 -> 2. A sends a0 at 10, a1 at 20, a2 at 30; its first link takes
    // 0 + hop 10: at router 1 at 20, 30, 40. B sends b0 at 10, b1 at 20, b2 at 30 and is at router 1 then.
    // At link 1 -> 2 (service 7): b0 10; a0, b1 20; a1, b2 30; a2 40. Core order A = 0, B = 1, so a before b:
    // b0 10..17, a0 20..27, b1 27..34, a1 34..41 (30), b2 41..48, a2 48..55. Arrivals at 2: +10.
    // messageIn 1 and the synapses of the receivers, C for A's and D for B's messages, 100 each and 3 each:
    // C: a0 at 30..131, a1 131..232, a2 232..333. D: b0 20.., b1 37.., b2 51..55.
    const time = { messageOut: 10, link: 7, hopX: 10, messageIn: 1 };
    const formats = [DENSE, { ...DENSE, name: "slow" }];
    const to = (core: number) => [0, 1, 2].map((axon) => [{ core, axon }]);
    const slow = { ...silent(2, 2, 3) };
    const slowCore = { ...slow, lists: { ...slow.lists, format: Uint8Array.of(1) } };
    const populations = [
      [3, 0],
      [3, 0],
      [1, 0],
      [1, 0],
    ] as const;
    const parts = { time: { ...time, synapse: { dense: 3, slow: 100 } }, synapseFormats: formats };
    const result = run(parts, populations, [firing(0, 0, to(2)), firing(1, 1, to(3)), slowCore, silent(3, 2, 3, 1, 1)]);
    expect([...result.stepTimes]).toEqual([333]);
    expect(result.links).toEqual([
      { from: 0, to: 1, messages: 3, peak: 1 },
      { from: 1, to: 2, messages: 6, peak: 2 },
    ]);

    // With the cores in the other order in the program, b goes before a: b1 20..27, a0 27..34, b2 34..41, a1 41..48, a2 48..55.
    // C: a0 at 37..138, a1 138..239, a2 239..340.
    const swapped = run(parts, populations, [
      firing(0, 1, to(3)),
      firing(1, 0, to(2)),
      slowCore,
      silent(3, 2, 3, 1, 1),
    ]);
    expect([...swapped.stepTimes]).toEqual([340]);
  });

  it.each([
    [2, 1, 150],
    [1, 2, 130],
  ])("of one core go in the order of their sending (first to core %i, then %i)", (first, second, time) => {
    // Both leave at 0. The link serves 20, the hop is 30: the first is there at 30, the second at 50. Core 1 takes 100, core 2 nothing.
    const slow = { time: { link: 20, hopX: 30, synapse: { dense: 100 } } };
    const routes = [[{ core: first, axon: 0 }], [{ core: second, axon: 0 }]];
    const cores = [firing(0, 0, routes), silent(1, 1, 1), silent(2, 1, 1, 0, 1)];
    const result = run(
      slow,
      [
        [2, 0],
        [1, 0],
        [1, 0],
      ],
      cores,
    );
    expect([...result.stepTimes]).toEqual([time]);
  });

  it("to cores of the same tile take no link", () => {
    // messageOut 10, then injectionHop 2, messageIn 4, synapse 3: 19. The port is in service until 510, but free in the next step.
    const time = {
      messageOut: 10,
      injection: 500,
      injectionHop: 2,
      link: 999,
      hopX: 999,
      hopY: 999,
      messageIn: 4,
      synapse: { dense: 3 },
    };
    const result = run(
      { time },
      [
        [1, 0],
        [1, 0],
      ],
      [firing(0, 3, [[{ core: 1, axon: 0 }]]), silent(1, 3, 1, 1, 2)],
      { timesteps: 2 },
    );
    expect([...result.stepTimes]).toEqual([19, 19]);
    expect(result.links).toEqual([]);
    expect([...result.layers[0]!.events.withinTile]).toEqual([1, 1]);
  });

  it("go along X first, then Y, and over the borders of chips", () => {
    // 2 x 2 routers on each of 2 x 2 chips: a mesh of 4 x 4. From tile 13 (1, 3) to tile 2 (2, 0): 13 -> 14 to the next chip 1000,
    // 14 -> 10 hopY 7, 10 -> 6 to the next chip 1000, 6 -> 2 hopY 7: 2014, then messageIn 4.
    const mesh = { tilesX: 2, tilesY: 2, chipsX: 2, chipsY: 2 };
    const time = { link: 3, hopX: 30, hopY: 7, chipLink: 5, chipHop: 1000, messageIn: 4 };
    const result = run(
      { mesh, time },
      [
        [1, 0],
        [1, 0],
      ],
      [firing(0, 13, [[{ core: 1, axon: 0 }]]), silent(1, 2, 1)],
    );
    expect([...result.stepTimes]).toEqual([2018]);
    expect(result.links.map(({ from, to }) => [from, to])).toEqual([
      [6, 2],
      [10, 6],
      [13, 14],
      [14, 10],
    ]);
    const { events } = result.layers[0]!;
    expect([events.hopX[0], events.hopY[0], events.chipHop[0]]).toEqual([0, 2, 2]);
  });

  it("between chips occupy the link for chipLink", () => {
    // Two messages at 0 over 0 -> 1 between chips: the second starts at 40, arrives at 140.
    const mesh = { tilesX: 1, tilesY: 1, chipsX: 2 };
    const routes = [0, 1].map((axon) => [{ core: 1, axon }]);
    const time = { link: 1, hopX: 1, chipLink: 40, chipHop: 100 };
    expect([
      ...run(
        { mesh, time },
        [
          [2, 0],
          [1, 0],
        ],
        [firing(0, 0, routes), silent(1, 1, 2)],
      ).stepTimes,
    ]).toEqual([140]);
  });

  it("can be bound by an ingress", () => {
    // Two cores send 2 messages each at 10 and 20; all to one core of the same tile. Ingress: messageIn 5 + 3 synapses x 9 = 32
    // each: 10..42, 42..74, 74..106, 106..138. At 20 (two more arrive) one waits since 10: 3.
    const to = [0, 1].map((axon) => [{ core: 2, axon }]);
    const time = { messageOut: 10, messageIn: 5, synapse: { dense: 9 }, barrier: { 1: 2 } };
    const cores = [firing(0, 0, to, 0), firing(1, 0, to, 1), silent(2, 0, 2, 3, 2)];
    const result = run(
      { time },
      [
        [2, 0],
        [2, 0],
        [1, 0],
      ],
      cores,
    );
    expect([...result.stepTimes]).toEqual([140]);
    expect(result.cores[2]).toMatchObject({ ingressTime: 128, received: 4, ingressPeak: 3 });
    expect([...result.layers[2]!.synapses[0]!]).toEqual([12]);
  });
});
